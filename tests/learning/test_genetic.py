"""The genetic algorithm comes to the corner, and the corner is the optimum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from errors import TestbedError
from learning.genetic import SIDES, Joint, Side, corner, optimise
from market.mining import mining_utility
from market.parameters import Parameters
from market.presets import PRESETS, preset
from market.utilities import prosumer_utility, server_utility


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", PRESETS)
def test_it_comes_to_the_exact_corner(name: str, side: Side) -> None:
    exact, found = corner(preset(name), side), optimise(preset(name), side, seed=1)
    assert found.objective <= exact.objective + 1e-9
    assert found.objective == pytest.approx(exact.objective, rel=1e-4)
    assert found.prices == pytest.approx(exact.prices, rel=0.01)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "game",
    [
        preset("interior"),
        replace(preset("interior"), w=(0.2, 0.05), x_min=1.0),
        replace(preset("interior"), p_max=12.0),  # below the cost, 13.33: selling loses
        replace(preset("discriminated"), x_max=4.0),
    ],
)
def test_no_joint_action_is_better_than_the_corner(game: Parameters, side: Side) -> None:
    rng = np.random.default_rng(0)
    best = corner(game, side).objective
    for _ in range(2000):
        # Half of the draws lie on bounds, where an optimum would be.
        p = np.clip(rng.uniform(game.p_min - 10, game.p_max + 10), game.p_min, game.p_max)
        x = np.clip(rng.uniform(game.x_min - 9, game.x_max + 9, game.prosumers), game.x_min, game.x_max)
        assert _objective(game, side, float(p), list(map(float, x))) <= best + 1e-9


def _objective(g: Parameters, side: Side, p: float, x: list[float]) -> float:
    if side == "server":
        return server_utility(x, [p] * len(x), k=g.k, Q=g.Q, e_c=g.e_c, mining_utility=mining_utility(g))
    pairs = zip(x, g.w, strict=True)
    return sum(prosumer_utility(each, p, theta=g.theta, eta=g.eta, Q=g.Q, w=w) for each, w in pairs)


def test_each_side_pays_for_the_others_optimum() -> None:
    game = preset("interior")
    for_prosumers, for_server = (corner(game, side) for side in SIDES)
    assert for_prosumers.server_utility < 0
    assert for_server.mean_prosumer_utility < 0
    assert (for_prosumers.price, for_server.price) == (game.p_min, game.p_max)


def test_the_same_seed_gives_the_same_actions() -> None:
    def found(seed: int) -> Joint:
        return optimise(preset("interior"), "server", seed, generations=5)

    assert found(3) == found(3) != found(4)


def test_an_unknown_side_and_no_generation_are_refused() -> None:
    with pytest.raises(TestbedError, match="side = 'retailers'"):
        corner(preset("interior"), "retailers")  # type: ignore[arg-type]
    with pytest.raises(TestbedError, match="generations = 0"):
        optimise(preset("interior"), "server", 1, generations=0)
