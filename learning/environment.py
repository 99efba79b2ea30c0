"""The game as environments for any library of learners: PettingZoo for all agents, Gymnasium for one.

Actions are indices into the game's grids, observations what `learning.policy` lets an agent see, float64:
an edge server the demands of the last slot, a prosumer the price that it is asked. Nobody sees another's w or
utility. One step of the game is one slot; an episode has `slots` of them and is then truncated, since
the market does not end.

Rewards are utilities in the paper's units, U_e of equation (2) with U_m and k·e_c, as
`market.utilities.server_utility` has it, and U_p of equation (3).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from pettingzoo import AECEnv  # type: ignore[import-untyped]

from errors import TestbedError
from learning.game import Floats, Game, Indices
from learning.strategies import Strategies, exact, uniform
from market.mining import mining_utility
from market.parameters import refused

_SLOTS = 100
_NOT_BEGUN = "there is no slot to play: the episode is over, or none has begun"


class MarketEnvironment(AECEnv):  # type: ignore[misc]
    """All agents take turns: the edge server posts its price, then prosumer-1 … prosumer-N answer it.

    Under unified pricing the one leader is "edge-server". Under discriminated pricing U_e is a sum over
    prosumers, of which each price enters one term, so nothing is lost by N leaders "edge-server-1" …
    "edge-server-N" that learn one price each: every action is then one number, which tabular learners need as
    well, where one leader's would be one of A^N. Each is paid its prosumer's term of U_e and an N-th of
    U_m − k·e_c; together that is U_e.

    Everybody is paid when the last prosumer has answered. Before the first slot demands and prices are seen
    as 0. Nothing here is drawn at random, so the seed of `reset` changes nothing. Raises TestbedError for
    slots < 1, a game of several sellers, an action out of range, and a step without a reset.
    """

    metadata = {  # noqa: RUF012 - the name and type that PettingZoo asks for
        "name": "elecoin_market_v0",
        "render_modes": [],
        # A prosumer's turn needs the price of the same slot.
        "is_parallelizable": False,
    }
    render_mode = None

    def __init__(self, game: Game, slots: int = _SLOTS) -> None:
        super().__init__()
        _check(game, slots)
        self.game, self.slots = game, slots
        prosumers = [f"prosumer-{i + 1}" for i in range(game.parameters.prosumers)]
        self._leaders = ["edge-server"]
        if game.parameters.pricing == "discriminated":
            self._leaders = [f"edge-server-{i + 1}" for i in range(len(prosumers))]
        self.possible_agents = self._leaders + prosumers
        self.agents: list[str] = []
        self.action_spaces = {
            agent: spaces.Discrete(game.price_points if agent in self._leaders else game.demand_points)
            for agent in self.possible_agents
        }
        self.observation_spaces = {
            agent: _demand_space(game) if agent in self._leaders else _price_space(game)
            for agent in self.possible_agents
        }

    def observation_space(self, agent: str) -> spaces.Box:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Discrete:
        return self.action_spaces[agent]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        prosumers = self.game.parameters.prosumers
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in self.agents}
        self._turn, self._played = 0, 0
        self.agent_selection = self.agents[0]
        # Indices of this slot, and what is seen of it and of the last.
        self._posted, self._answers = np.zeros(prosumers, np.int64), np.zeros(prosumers, np.int64)
        self._prices, self._demands = np.zeros(prosumers), np.zeros(prosumers)

    def observe(self, agent: str) -> Floats:
        """The last slot's demands, shape (N,), elecoins; for a prosumer its price, shape (1,)."""
        if agent in self._leaders:
            return self._demands.copy()
        prosumer = self.possible_agents.index(agent) - len(self._leaders)
        return self._prices[prosumer : prosumer + 1].copy()

    def step(self, action: Any) -> None:
        if not self.agents:
            raise TestbedError(_NOT_BEGUN, fix="Call reset() first.")
        agent = self.agent_selection
        if self.truncations[agent]:
            self._was_dead_step(action)
            return
        chosen = _chosen(action, self.action_spaces[agent], agent)
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        if agent == "edge-server":
            self._posted[:] = chosen
        elif agent in self._leaders:
            self._posted[self._turn] = chosen
        else:
            self._answers[self._turn - len(self._leaders)] = chosen
        self._turn += 1
        if self._turn == len(self._leaders):
            self._prices = self.game.prices[self._posted]
        if self._turn == len(self.possible_agents):
            self._end_slot()
        self.agent_selection = self.possible_agents[self._turn]
        self._accumulate_rewards()

    def _end_slot(self) -> None:
        self._turn = 0
        self._played += 1
        self._demands = self.game.demands[self._answers]
        incomes, utilities = _payments(self.game, self._posted, self._answers)
        if len(self._leaders) == 1:
            incomes = incomes.sum(keepdims=True)
        earned = [*(incomes + _fixed_utility(self.game) / len(self._leaders)), *utilities]
        self.rewards = dict(zip(self.possible_agents, map(float, earned), strict=True))
        self.truncations = dict.fromkeys(self.agents, self._played == self.slots)


class _View(gymnasium.Env[Any, Any], ABC):
    """One agent's side of the game; the others are part of the environment."""

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's name and type
    agent: str

    def __init__(self, game: Game, slots: int) -> None:
        _check(game, slots)
        self.game, self.slots = game, slots
        self._left = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Floats, dict[str, Any]]:
        super().reset(seed=seed)
        self._left = self.slots
        return self._first_observation(), {}

    def step(self, action: Any) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        if not self._left:
            raise TestbedError(_NOT_BEGUN, fix="Call reset() first.")
        reward, observation = self._play(_chosen(action, self.action_space, self.agent))
        self._left -= 1
        return observation, reward, False, self._left == 0, {}

    @abstractmethod
    def _first_observation(self) -> Floats: ...

    @abstractmethod
    def _play(self, chosen: Indices) -> tuple[float, Floats]:
        """The reward of the action and what is seen next."""


class LeaderEnvironment(_View):
    """The edge server's view: it posts a price, is paid U_e, and sees the answers.

    The action is an index into `game.prices`, under discriminated pricing N of them, shape (N,). Prosumers
    answer with their exact best responses, or as the table `followers` of shape (N, A, B) has it, drawn by
    this environment's generator. Raises TestbedError for slots < 1, a game of several sellers, a table that
    does not fit the game, an action out of range, and a step without a reset.
    """

    agent = "edge-server"

    def __init__(self, game: Game, followers: Floats | None = None, slots: int = _SLOTS) -> None:
        super().__init__(game, slots)
        table = exact(game).followers if followers is None else np.asarray(followers, np.float64)
        self._followers = _cumulative(Strategies(game, uniform(game).leader, table).followers)
        self._rows = np.arange(game.parameters.prosumers)
        self._fixed = _fixed_utility(game)
        self.observation_space = _demand_space(game)
        self.action_space = (
            spaces.Discrete(game.price_points)
            if game.parameters.pricing == "unified"
            else spaces.MultiDiscrete([game.price_points] * game.parameters.prosumers)
        )

    def _first_observation(self) -> Floats:
        return np.zeros(len(self._rows))

    def _play(self, chosen: Indices) -> tuple[float, Floats]:
        posted = np.broadcast_to(chosen, self._rows.shape)
        answers = _draw(self.np_random, self._followers[self._rows, posted])
        incomes, _ = _payments(self.game, posted, answers)
        return float(incomes.sum()) + self._fixed, self.game.demands[answers]


class FollowerEnvironment(_View):
    """One prosumer's view: it sees a price, answers it with a demand, and is paid U_p.

    `prosumer` is an index into w: agent "prosumer-1" is 0. The action is an index into `game.demands`. Prices
    are drawn by this environment's generator: from the table `leader`, shape (1, A) or, under discriminated
    pricing, (N, A), and without one from the whole grid uniformly, so that every price is learnt. Raises
    TestbedError for slots < 1, a game of several sellers, a prosumer out of range, a table that does not fit
    the game, an action out of range, and a step without a reset.
    """

    def __init__(self, game: Game, prosumer: int, leader: Floats | None = None, slots: int = _SLOTS) -> None:
        super().__init__(game, slots)
        last = game.parameters.prosumers - 1
        if isinstance(prosumer, bool) or not isinstance(prosumer, int) or not 0 <= prosumer <= last:
            raise refused("prosumer", prosumer, f"a whole number in 0..{last}")
        self.agent, self.prosumer = f"prosumer-{prosumer + 1}", prosumer
        equal = uniform(game)
        table = equal.leader if leader is None else np.asarray(leader, np.float64)
        rows = Strategies(game, table, equal.followers).leader
        self._leader = _cumulative(rows[0 if game.parameters.pricing == "unified" else prosumer])
        self.observation_space = _price_space(game)
        self.action_space = spaces.Discrete(game.demand_points)

    def _first_observation(self) -> Floats:
        self._posted = int(_draw(self.np_random, self._leader))
        return self.game.prices[self._posted : self._posted + 1].copy()

    def _play(self, chosen: Indices) -> tuple[float, Floats]:
        utility = self.game.follower_utilities[self.prosumer, self._posted, int(chosen)]
        return float(utility), self._first_observation()


def _check(game: Game, slots: int) -> None:
    if isinstance(slots, bool) or not isinstance(slots, int) or slots < 1:
        raise refused("slots", slots, "a whole number >= 1")
    if game.sellers != 1:
        raise refused("sellers", game.sellers, "1: competition is not in the environments")


def _chosen(action: Any, space: spaces.Space[Any], agent: str) -> Indices:
    # A MultiDiscrete space contains fractions as well.
    if not (space.contains(action) and np.asarray(action).dtype.kind in "iu"):
        raise TestbedError(f"action = {action!r} is not allowed: it must be in {space}", where=agent)
    return np.asarray(action, np.int64)


def _demand_space(game: Game) -> spaces.Box:
    return spaces.Box(0.0, game.parameters.x_max, (game.parameters.prosumers,), np.float64)


def _price_space(game: Game) -> spaces.Box:
    """From 0, no price yet, in both kinds of environment, so that what was trained in one fits the other."""
    return spaces.Box(0.0, game.parameters.p_max, (1,), np.float64)


def _payments(game: Game, prices: Indices, demands: Indices) -> tuple[Floats, Floats]:
    """From each prosumer's price and demand: what it brings the server, and its own U_p, both (N,)."""
    rows = np.arange(len(prices))
    return game.margins[prices] * game.demands[demands], game.follower_utilities[rows, prices, demands]


def _fixed_utility(game: Game) -> float:
    """The part of U_e that no action changes: U_m − k·e_c."""
    return mining_utility(game.parameters) - game.parameters.k * game.parameters.e_c


def _cumulative(table: Floats) -> Floats:
    sums = table.cumsum(axis=-1)
    # Rows may miss 1 by rounding, and a draw just below 1 must still find an action.
    return np.asarray(sums / sums[..., -1:])


def _draw(rng: np.random.Generator, cumulative: Floats) -> Indices:
    """An action from each row of cumulative probabilities."""
    numbers = rng.random(cumulative.shape[:-1])
    return np.asarray((numbers[..., None] >= cumulative).sum(axis=-1))
