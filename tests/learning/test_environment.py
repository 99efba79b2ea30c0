"""Any library can train on the environments, and they carry the game."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from pettingzoo.test import api_test, seed_test  # type: ignore[import-untyped]

from errors import TestbedError
from learning.environment import FollowerEnvironment, LeaderEnvironment, MarketEnvironment
from learning.game import Game
from learning.strategies import Strategies, exact, measure, uniform
from market.mining import mining_utility
from market.parameters import PRICINGS, Parameters, Pricing
from market.presets import preset
from market.utilities import prosumer_utility, server_utility

SMALL = Parameters(w=(0.12, 0.08), e_c=0.5, x_min=1.0)
# Advice for environments whose agents are alike, look at pictures, or have none of the testbed's names.
_ADVICE = (
    r"We recommend agents to be named in the format",
    r"Observation is a single number",
    r"Observation numpy array is all zeros",
    r"Observations are different shapes",
    r"Agents have different observation space sizes",
    r"Environment has not defined a render\(\) method",
)


def small(pricing: Pricing = "unified") -> Game:
    return Game(replace(SMALL, pricing=pricing), price_points=8, demand_points=7)


def mixed(game: Game, seed: int = 0) -> Strategies:
    rng, equal = np.random.default_rng(seed), uniform(game)
    return Strategies(
        game,
        rng.dirichlet(np.ones(game.price_points), equal.leader.shape[:-1]),
        rng.dirichlet(np.ones(game.demand_points), equal.followers.shape[:-1]),
    )


@pytest.mark.parametrize("slots", [5, 500])
@pytest.mark.parametrize("pricing", PRICINGS)
def test_it_passes_the_tests_of_pettingzoo(pricing: Pricing, slots: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for advice in _ADVICE:
            warnings.filterwarnings("ignore", advice, UserWarning)
        api_test(MarketEnvironment(small(pricing), slots), num_cycles=50)
        seed_test(lambda: MarketEnvironment(small(pricing), slots), num_cycles=20)


@pytest.mark.parametrize("others", ["exact or uniform", "mixed"])
@pytest.mark.parametrize("pricing", PRICINGS)
def test_the_views_pass_the_checker_of_gymnasium_without_a_warning(pricing: Pricing, others: str) -> None:
    game = small(pricing)
    tables = mixed(game) if others == "mixed" else None
    specs = (
        EnvSpec(
            "leader-v0",
            "learning.environment:LeaderEnvironment",
            kwargs={"game": game, "followers": tables and tables.followers},
        ),
        EnvSpec(
            "follower-v0",
            "learning.environment:FollowerEnvironment",
            kwargs={"game": game, "prosumer": 1, "leader": tables and tables.leader},
        ),
    )
    for spec in specs:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            # Only an environment with a specification is held to determinism.
            check_env(gymnasium.make(spec, disable_env_checker=True).unwrapped)


def slots_of(env: MarketEnvironment, choose: Callable[[str], int]) -> Iterator[dict[str, float]]:
    """Plays an episode; after each slot, what everybody was paid for it."""
    env.reset(seed=0)
    for agent in env.agent_iter():
        *_, truncated, _ = env.last()
        env.step(None if truncated else choose(agent))
        if agent == env.possible_agents[-1] and not truncated:
            yield dict(env.rewards)


@pytest.mark.parametrize("pricing", PRICINGS)
def test_everybody_is_paid_what_the_market_says(pricing: Pricing) -> None:
    game, rng = small(pricing), np.random.default_rng(1)
    g, env = game.parameters, MarketEnvironment(game, slots=30)
    chosen: dict[str, int] = {}

    def choose(agent: str) -> int:
        chosen[agent] = int(rng.integers(env.action_space(agent).n))
        return chosen[agent]

    for paid in slots_of(env, choose):
        leaders = [agent for agent in chosen if agent.startswith("edge-server")]
        p = [float(game.prices[chosen[agent]]) for agent in leaders] * (g.prosumers // len(leaders))
        x = [float(game.demands[chosen[f"prosumer-{i + 1}"]]) for i in range(g.prosumers)]
        for i, w in enumerate(g.w):
            utility = prosumer_utility(x[i], p[i], theta=g.theta, eta=g.eta, Q=g.Q, w=w)
            assert paid[f"prosumer-{i + 1}"] == pytest.approx(utility, rel=1e-12, abs=1e-12)
        utility = server_utility(x, p, k=g.k, Q=g.Q, e_c=g.e_c, mining_utility=mining_utility(g))
        assert sum(paid[agent] for agent in leaders) == pytest.approx(utility, rel=1e-12)
        # Of several leaders none is paid for another's price.
        for i, leader in enumerate(leaders[1:], 1):
            its_own = x[i] * p[i] - g.k * x[i] / g.Q
            assert paid[leader] - paid[leaders[0]] == pytest.approx(
                its_own - (x[0] * p[0] - g.k * x[0] / g.Q), rel=1e-9, abs=1e-9
            )


@pytest.mark.parametrize(
    ("pricing", "order"),
    [
        ("unified", ["edge-server", "prosumer-1", "prosumer-2"]),
        ("discriminated", ["edge-server-1", "edge-server-2", "prosumer-1", "prosumer-2"]),
    ],
)
def test_the_leader_acts_first_and_all_are_paid_when_the_last_prosumer_has_acted(
    pricing: Pricing, order: list[str]
) -> None:
    env = MarketEnvironment(small(pricing), slots=2)
    env.reset()
    for slot in (1, 2):
        for agent in order:
            assert not any(env.truncations.values())
            assert env.agent_selection == agent
            env.step(3)
            assert all(env.rewards.values()) == any(env.rewards.values()) == (agent == order[-1]), slot
    assert all(env.truncations.values())
    assert not any(env.terminations.values())
    assert list(env.agent_iter(1)) == order[:1]
    for _ in order:
        env.step(None)
    assert env.agents == []


@pytest.mark.parametrize("pricing", PRICINGS)
def test_an_agent_sees_this_slots_price_and_the_last_slots_demands(pricing: Pricing) -> None:
    game = small(pricing)
    env = MarketEnvironment(game)
    env.reset()
    leaders = env.possible_agents[:-2]
    assert [env.observe(agent).tolist() for agent in leaders] == [[0.0, 0.0]] * len(leaders)
    assert [env.observe(agent).tolist() for agent in env.possible_agents[-2:]] == [[0.0], [0.0]]
    for price, _ in zip((5, 2), leaders, strict=False):
        env.step(price)
    met = (5, 5) if pricing == "unified" else (5, 2)
    assert [float(env.observe(f"prosumer-{i + 1}")[0]) for i in range(2)] == [game.prices[a] for a in met]
    env.step(1)
    assert env.observe(leaders[0]).tolist() == [0.0, 0.0]
    env.step(6)
    for leader in leaders:
        env.observe(leader).fill(9.0)  # what was seen is the agent's own
        assert env.observe(leader).tolist() == [game.demands[1], game.demands[6]]


def test_nothing_that_one_agent_gets_tells_anothers_intention_or_utility() -> None:
    def seen(w: tuple[float, ...], agents: tuple[str, ...]) -> list[Any]:
        game = Game(replace(SMALL, w=w), 8, 7)
        env, rng, got = MarketEnvironment(game, slots=9), np.random.default_rng(0), []
        env.reset()
        for agent in env.agent_iter():
            observation, reward, _, truncated, info = env.last()
            if agent in agents:
                got.append((observation.tolist(), reward, info))
            env.step(None if truncated else int(rng.integers(7)))
        return got

    others = ("edge-server", "prosumer-1")
    assert seen((0.12, 0.08), others) == seen((0.12, 0.3), others)
    assert seen((0.12, 0.08), ("prosumer-2",)) != seen((0.12, 0.3), ("prosumer-2",))


@pytest.mark.parametrize("pricing", PRICINGS)
@pytest.mark.parametrize("side", ["leader", "follower"])
def test_the_same_seed_gives_the_same_trajectory(side: str, pricing: Pricing) -> None:
    game = small(pricing)
    env: gymnasium.Env[Any, Any] = (
        LeaderEnvironment(game, mixed(game).followers)
        if side == "leader"
        else FollowerEnvironment(game, 0, mixed(game).leader)
    )

    def trajectory(seed: int) -> list[tuple[list[float], float]]:
        observation, _ = env.reset(seed=seed)
        seen = [(observation.tolist(), 0.0)]
        for _ in range(20):
            observation, reward, *_ = env.step(np.full(env.action_space.shape or (), 4))
            seen.append((observation.tolist(), float(reward)))
        return seen

    assert trajectory(7) == trajectory(7) != trajectory(8)


@pytest.mark.parametrize("side", ["leader", "follower"])
def test_a_view_is_truncated_after_its_slots_and_not_before(side: str) -> None:
    env = (
        LeaderEnvironment(small(), slots=3) if side == "leader" else FollowerEnvironment(small(), 0, slots=3)
    )
    for _ in range(2):
        env.reset()
        ends = [env.step(0)[2:4] for _ in range(3)]
        assert ends == [(False, False), (False, False), (False, True)]
        with pytest.raises(TestbedError, match="the episode is over"):
            env.step(0)


class EpsilonGreedy:
    """Values of actions in each state that it has seen, as averages with a recency of 0.1."""

    def __init__(self, actions: int, rng: np.random.Generator) -> None:
        self.actions, self.rng = actions, rng
        self.values: dict[float, Any] = {}

    def act(self, state: float, explore: float) -> int:
        if self.rng.random() < explore:
            return int(self.rng.integers(self.actions))
        return self.best(state)

    def learn(self, state: float, action: int, reward: float) -> None:
        values = self.values.setdefault(state, np.full(self.actions, -np.inf))
        values[action] = (
            reward if np.isinf(values[action]) else values[action] + 0.1 * (reward - values[action])
        )

    def best(self, state: float) -> int:
        return int(np.argmax(self.values.get(state, np.zeros(1))))


def test_a_tabular_learner_finds_the_best_price_of_the_grid() -> None:
    game = Game(preset("interior"))
    env = LeaderEnvironment(game, slots=3000)
    learner = EpsilonGreedy(game.price_points, np.random.default_rng(0))
    env.reset(seed=0)
    truncated = False
    while not truncated:
        price = learner.act(0.0, explore=0.3)
        _, reward, _, truncated, _ = env.step(price)
        learner.learn(0.0, price, reward)
    equilibrium = exact(game)
    assert learner.best(0.0) == equilibrium.leader.argmax()
    assert learner.values[0.0].max() == pytest.approx(measure(equilibrium).server_utility)


def test_under_discriminated_pricing_the_leaders_view_has_every_prosumers_best_price() -> None:
    game = small("discriminated")
    env = LeaderEnvironment(game, slots=64)
    env.reset()
    paid = {each: env.step(np.array(each))[1] for each in np.ndindex(8, 8)}
    best = max(paid, key=lambda each: paid[each])
    assert best == tuple(exact(game).leader.argmax(axis=1))
    assert best[0] != best[1]
    assert paid[best] == pytest.approx(measure(exact(game)).server_utility)


@pytest.mark.parametrize("pricing", PRICINGS)
def test_learners_of_all_agents_come_to_the_equilibrium(pricing: Pricing) -> None:
    game, rng = small(pricing), np.random.default_rng(3)
    slots = 6000
    env = MarketEnvironment(game, slots)
    env.reset()
    learners = {agent: EpsilonGreedy(int(env.action_space(agent).n), rng) for agent in env.agents}
    last: dict[str, tuple[float, int]] = {}
    for turn, agent in enumerate(env.agent_iter()):
        observation, reward, _, truncated, _ = env.last()
        if agent in last:
            learners[agent].learn(*last[agent], reward)
        if truncated:
            env.step(None)
            continue
        follows = agent.startswith("prosumer")
        # Prosumers explore in the first half alone, so that the leaders then meet what they learnt.
        explores = not follows or turn < slots * len(learners) / 2
        state = float(observation[0]) if follows else 0.0
        last[agent] = state, learners[agent].act(state, float(explores))
        env.step(last[agent][1])
    prices = [learners[agent].best(0.0) for agent in learners if agent.startswith("edge-server")]
    assert prices == exact(game).leader.argmax(axis=1).tolist()
    for prosumer in range(2):
        price = prices[prosumer % len(prices)]
        answer = learners[f"prosumer-{prosumer + 1}"].best(float(game.prices[price]))
        assert answer == game.best_responses[prosumer, price]


@pytest.mark.parametrize("pricing", PRICINGS)
def test_a_followers_best_action_is_its_best_response(pricing: Pricing) -> None:
    game = small(pricing)
    for prosumer in range(2):
        env = FollowerEnvironment(game, prosumer, slots=2000)
        paid = np.full((game.price_points, game.demand_points), np.nan)
        seen, _ = env.reset(seed=1)
        for step in range(2000):
            price = int(np.flatnonzero(game.prices == seen[0])[0])
            answer = step % game.demand_points
            seen, paid[price, answer], *_ = env.step(answer)
        assert np.isfinite(paid).all(), "every price of the grid is asked"
        np.testing.assert_array_equal(paid.argmax(axis=1), game.best_responses[prosumer])


def test_each_prosumer_meets_its_own_price_as_often_as_the_leader_asks_it() -> None:
    game = small("discriminated")
    leader = mixed(game).leader
    for prosumer in range(2):
        env = FollowerEnvironment(game, prosumer, leader, slots=4000)
        env.reset(seed=2)
        met = [float(env.step(0)[0][0]) for _ in range(4000)]
        played = [met.count(price) / 4000 for price in game.prices]
        assert played == pytest.approx(leader[prosumer], abs=5 * 0.5 / 4000**0.5)


@pytest.mark.parametrize("pricing", PRICINGS)
def test_given_followers_answer_as_often_as_their_table_says(pricing: Pricing) -> None:
    game = small(pricing)
    followers = mixed(game).followers
    prices = [5, 5] if pricing == "unified" else [5, 2]
    leader = np.eye(game.price_points)[prices[: len(uniform(game).leader)]]
    env = LeaderEnvironment(game, followers, slots=3000)
    env.reset(seed=3)
    paid = [env.step(prices[0] if pricing == "unified" else np.array(prices))[1] for _ in range(3000)]
    expected = measure(Strategies(game, leader, followers)).server_utility
    assert np.mean(paid) == pytest.approx(expected, abs=5 * np.std(paid) / 3000**0.5)
    assert np.std(paid) > 0


@pytest.mark.parametrize("action", [-1, 8, 2.0, "1", None, [1], True])
def test_an_action_that_is_no_index_of_the_grid_is_refused(action: Any) -> None:
    market, leader, follower = (
        MarketEnvironment(small()),
        LeaderEnvironment(small()),
        FollowerEnvironment(small(), 1),
    )
    for env, agent in ((market, "edge-server"), (leader, "edge-server"), (follower, "prosumer-2")):
        env.reset()
        with pytest.raises(TestbedError, match="it must be in Discrete") as refusal:
            env.step(action)
        assert agent in str(refusal.value)
    for own_demand in (7, -1):
        with pytest.raises(TestbedError, match=r"Discrete\(7\)"):
            follower.step(own_demand)


@pytest.mark.parametrize("action", [3, [3], [3, 8], [0.5, 1.0], [1, 2, 3]])
def test_discriminated_prices_are_one_index_for_each_prosumer(action: Any) -> None:
    env = LeaderEnvironment(small("discriminated"))
    env.reset()
    with pytest.raises(TestbedError, match="it must be in MultiDiscrete"):
        env.step(np.array(action))


@pytest.mark.parametrize(
    "make", [MarketEnvironment, LeaderEnvironment, lambda g, **k: FollowerEnvironment(g, 0, **k)]
)
def test_what_no_environment_can_play_is_refused(make: Callable[..., Any]) -> None:
    for slots in (0, -1, 2.5, True):
        with pytest.raises(TestbedError, match=f"slots = {slots} is not allowed"):
            make(small(), slots=slots)
    with pytest.raises(TestbedError, match=r"sellers = 2 is not allowed.*competition"):
        make(Game(SMALL, sellers=2))
    with pytest.raises(TestbedError, match="none has begun"):
        make(small()).step(0)


def test_tables_and_prosumers_of_another_game_are_refused() -> None:
    game, other = small(), Game(replace(SMALL, w=(0.1,) * 3), 8, 7)
    with pytest.raises(TestbedError, match=r"followers' table has the shape \(3, 8, 7\)"):
        LeaderEnvironment(game, uniform(other).followers)
    with pytest.raises(TestbedError, match=r"leader's table has the shape \(2, 8\)"):
        FollowerEnvironment(game, 0, uniform(small("discriminated")).leader)
    with pytest.raises(TestbedError, match="sums to"):
        FollowerEnvironment(game, 0, np.full((1, 8), 0.2))
    for prosumer in (-1, 2, True, 0.0):
        with pytest.raises(TestbedError, match=rf"prosumer = {prosumer} is not allowed.* 0\.\.1"):
            FollowerEnvironment(game, prosumer)  # type: ignore[arg-type]
