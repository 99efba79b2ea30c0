"""What a campaign's policy tells its bots: specs that policies are made of, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from errors import TestbedError
from learning.game import Game
from learning.genetic import corner
from learning.learner import LEARNERS, train
from learning.policy import make_leader, make_policy
from learning.policy_file import save
from market.equilibrium import solve
from market.parameters import PRICINGS, Parameters
from market.presets import preset
from orchestrator import strategy
from orchestrator.strategy import LEARNED, POLICIES, check_policy, strategy_of

GAME = replace(preset("interior"), w=(0.11, 0.09))


@pytest.fixture(autouse=True)
def _short_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy, "_STEPS", 300)
    monkeypatch.setattr(strategy, "_GRID", 5)


def private(game: Parameters, i: int) -> dict[str, Any]:
    keys = ("theta", "eta", "Q", "x_min", "x_max", "p_min", "p_max")
    return {**{key: getattr(game, key) for key in keys}, "w": game.w[i], "loads": [1.0]}


@pytest.mark.parametrize("pricing", PRICINGS)
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_plays_within_the_bounds_under_both_pricings(policy: str, pricing: Any) -> None:
    game = replace(GAME, pricing=pricing)
    made = strategy_of(policy, (game,), 1)
    leader = make_leader(made.leader, private(game, 0), 1, "edge-server-1")
    assert len(leader) == (1 if pricing == "unified" else 2)
    for slot in range(1, 6):
        for i, spec in enumerate(made.followers):
            price = leader[min(i, len(leader) - 1)].act(slot, np.zeros(2))
            demand = make_policy("prosumer", spec, private(game, i), 1, f"prosumer-{i}").act(
                slot, np.array([price])
            )
            assert game.p_min <= price <= game.p_max
            assert game.x_min <= demand <= game.x_max


def test_the_names_are_those_of_the_learners() -> None:
    assert set(LEARNED) == set(LEARNERS)


def test_the_same_seed_gives_the_same_specs_and_another_seed_others() -> None:
    first, again, other = (strategy_of("dma-ubrl", (GAME,), seed) for seed in (1, 1, 2))
    assert (first.leader, first.followers) == (again.leader, again.followers)
    assert first.followers != other.followers


@pytest.mark.parametrize(("policy", "side"), [("ga-prosumer", "prosumer"), ("ga-server", "server")])
def test_a_genetic_policy_is_the_corner_of_its_side(policy: str, side: Any) -> None:
    made, best = strategy_of(policy, (GAME,), 1), corner(GAME, side)
    assert made.leader[0]["action"] == pytest.approx(best.price, rel=1e-3)
    assert [spec["action"] for spec in made.followers] == pytest.approx(best.demands, rel=1e-3)


def test_a_file_is_played_whatever_its_grid_and_the_nodes_speeds(tmp_path: Path) -> None:
    learned = train(Game(GAME, 4, 6), LEARNERS["q"], 3, 200)
    path = tmp_path / "mine.npz"
    save(path, "mine", learned.strategies, learned.origin)
    made = strategy_of(str(path), (replace(GAME, alpha=(0.2, 0.8), seller=1),), 1)
    assert made.name == "mine"
    assert made.leader[0]["probabilities"] == learned.strategies.leader.tolist()
    assert [spec["probabilities"] for spec in made.followers] == learned.strategies.followers.tolist()


def test_a_file_of_competing_sellers_is_refused(tmp_path: Path) -> None:
    learned = train(Game(GAME, 4, 6, sellers=2), LEARNERS["q"], 3, 200)
    path = tmp_path / "two.npz"
    save(path, "two", learned.strategies, learned.origin)
    with pytest.raises(TestbedError, match="2 competing sellers"):
        strategy_of(str(path), (GAME,), 1)


def test_an_unknown_policy_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(TestbedError, match="unknown policy 'dmaubrl'") as refused:
        check_policy("dmaubrl")
    assert refused.value.fix == "Did you mean 'dma-ubrl'?"


def test_the_equilibrium_follows_a_day_and_what_was_made_for_one_w_does_not() -> None:
    games = (GAME, replace(GAME, w=tuple(1.44 * w for w in GAME.w)))
    (leader,) = strategy_of("equilibrium", games, 1).leader
    assert leader["prices"] == [solve(game).price for game in games]
    assert len(strategy_of("random", games, 1).followers) == 2
    for policy in set(POLICIES) - {"equilibrium", "random"} | {"some.npz"}:
        with pytest.raises(TestbedError, match="is made for one w, and market"):
            strategy_of(policy, games, 1)
