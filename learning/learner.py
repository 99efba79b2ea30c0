"""DMA-UBRL and what it is compared with: learners that find the equilibrium from their own rewards alone.

Every agent knows its actions and what each paid it, nothing of the others' parameters. A prosumer's state
is the price. The edge server's is empty: its reward depends on its price and on the answers to that price, so
the paper's state, the last slot's demands, tells it nothing more, and as a table would have 40⁸ cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from errors import TestbedError
from learning.game import Game
from learning.strategies import Strategies

Rule = Literal["wolf-phc", "phc", "giga-wolf", "q"]
RULES: tuple[Rule, ...] = get_args(Rule)


@dataclass(frozen=True)
class Learner:
    """The settings of one learner. Raises TestbedError for a value out of its bounds."""

    rule: Rule = "wolf-phc"
    """wolf-phc and phc: Bowling and Veloso 2002; giga-wolf: Bowling 2005; q: ε-greedy Q-learning."""
    explore_from: float = 1.0
    explore_to: float = 0.0
    """Probability of any action instead of the policy's: linear from the first to the second …"""
    explore_for: float = 0.8
    """… over this part of the steps."""
    sigma: float = 0.05
    """Learning rate at an action's n-th visit in a state: max(sigma, 1/n) with `averages`, else sigma."""
    averages: bool = True
    gamma: float = 0.0
    """Importance of future rewards. The game is played anew in each slot, so 0 loses nothing."""
    win: float = 0.0025
    lose: float = 0.01
    """ε^win and ε^lose of the paper; phc's one step is `win`, and so is giga-wolf's."""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise TestbedError(f"rule = {self.rule!r} is not allowed: it must be one of {', '.join(RULES)}")
        for name, holds, bound in (
            ("explore_from", 0 <= self.explore_from <= 1, "in [0, 1]"),
            ("explore_to", 0 <= self.explore_to <= 1, "in [0, 1]"),
            ("explore_for", 0 < self.explore_for <= 1, "in (0, 1]"),
            ("sigma", 0 < self.sigma <= 1, "in (0, 1]"),
            ("gamma", 0 <= self.gamma < 1, "in [0, 1)"),
            ("win", 0 < self.win <= 1, "in (0, 1]"),
            ("lose", 0 < self.lose <= 1, "in (0, 1]"),
        ):
            if not holds:
                raise TestbedError(f"{name} = {getattr(self, name)!r} is not allowed: it must be {bound}")


_PAPER = Learner(explore_from=0.0, sigma=0.1, averages=False)
LEARNERS: dict[str, Learner] = {
    "dma-ubrl": Learner(),
    "dma-ubrl-paper": _PAPER,
    "phc": Learner(rule="phc"),
    "giga-wolf": Learner(rule="giga-wolf", win=1e-3),
    "q": Learner(rule="q"),
}
"""By name. `dma-ubrl-paper` has the ε's that the paper states and explores no more than its policy does."""


@dataclass(frozen=True)
class Checkpoint:
    step: int
    strategies: Strategies


@dataclass(frozen=True)
class Learned:
    """What a training came to, and all that it takes to train it again."""

    strategies: Strategies
    learner: Learner
    seed: int
    steps: int
    history: tuple[Checkpoint, ...] = ()

    @property
    def origin(self) -> dict[str, Any]:
        return {"learner": asdict(self.learner), "seed": self.seed, "steps": self.steps}


def updates_per_step(game: Game) -> int:
    """Of tables: one for each seller (for each prosumer under discriminated pricing) and each prosumer."""
    prosumers = game.parameters.prosumers
    return prosumers + (game.sellers if game.parameters.pricing == "unified" else prosumers)


def train(
    game: Game,
    learner: Learner,
    seed: int,
    steps: int = 200_000,
    *,
    checkpoints: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Learned:
    """Plays `steps` slots of the game and learns; the same arguments give the same bytes.

    `checkpoints` policies are kept at equally spaced steps, the last at the end; `progress` is told the steps
    done. Raises TestbedError where steps or checkpoints are below 1 or 0.
    """
    for name, value, least in (("steps", steps, 1), ("checkpoints", checkpoints, 0), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise TestbedError(f"{name} = {value!r} is not allowed: it must be a whole number >= {least}")
    state = _State(game, learner, seed, steps)
    history = []
    parts = checkpoints or max(_PARTS, steps // _PART)
    for part in range(parts):
        first, last = steps * part // parts, steps * (part + 1) // parts
        state.play(first, last)
        if checkpoints:
            history.append(Checkpoint(last, state.strategies()))
        if progress:
            progress(last)
    return Learned(state.strategies(), learner, seed, steps, tuple(history))


# Of a training, between which its progress is told and it can be interrupted: how many at least, and how many
# slots each has at most.
_PARTS, _PART = 20, 100_000


def _tables(states: int | tuple[int, ...], actions: int) -> tuple[Any, ...]:
    """Q, π, π̄, visits of actions, greedy actions and visits of states, all before the first step."""
    shape = (states,) if isinstance(states, int) else states
    equal = np.full((*shape, actions), 1.0 / actions)
    return (
        np.zeros((*shape, actions)),
        equal,
        equal.copy(),
        np.zeros((*shape, actions), np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
    )


class _State:
    """The tables of all agents while they learn."""

    def __init__(self, game: Game, learner: Learner, seed: int, steps: int) -> None:
        from learning import kernel  # numba is half a second to import

        self.game, self.learner = game, learner
        self.unified = game.parameters.pricing == "unified"
        prosumers, prices, demands = game.parameters.prosumers, game.price_points, game.demand_points
        self.leader = _tables(game.sellers if self.unified else prosumers, prices)
        self.followers = _tables((prosumers, prices), demands)
        self.kind = RULES.index(learner.rule)
        until = max(1.0, learner.explore_for * steps)
        sigma = -learner.sigma if learner.averages else learner.sigma
        self.schedule = np.array(
            [learner.explore_from, learner.explore_to, until, sigma, learner.gamma, learner.win, learner.lose]
        )
        self.rng = np.random.default_rng(seed)
        self.loop = kernel.play_unified if self.unified else kernel.play_discriminated
        self.posted = self.rng.integers(prices, size=len(self.leader[0]))
        self.chosen = np.empty(prosumers, np.int64)

    def play(self, first: int, last: int) -> None:
        g = self.game
        self.loop(
            self.rng, first, last, self.kind, self.schedule, g.follower_utilities, g.margins, g.demands,
            self.leader, self.followers, self.posted, self.chosen,
        )  # fmt: skip

    def strategies(self) -> Strategies:
        policies = []
        for _, policy, _, _, best, _ in (self.leader, self.followers):
            if self.learner.rule == "q":
                policy = np.eye(policy.shape[-1])[best]
            policies.append(policy.copy())
        return Strategies(self.game, *policies)
