"""The equilibrium is the one of the facts, and no deviation of either side gains, bounds or not."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.equilibrium import demands, interior_price, server_utility_at, solve
from market.mining import mining_utility, shares, success_probability
from market.parameters import Parameters, preset
from market.utilities import delivered_utility, prosumer_utility, server_utility


def games() -> st.SearchStrategy[Parameters]:
    """Games in which any bound may bind, for one prosumer, for all, or for none."""
    return st.builds(
        lambda theta, k, Q, w, p_min, p_width, x_min, x_width: Parameters(
            theta=theta,
            k=k,
            Q=Q,
            w=tuple(w),
            p_min=p_min,
            p_max=p_min + p_width,
            x_min=x_min,
            x_max=x_min + x_width,
        ),
        theta=st.floats(10, 300),
        k=st.floats(0.5, 20),
        Q=st.floats(0.2, 1.5),
        w=st.lists(st.floats(0.02, 0.5), min_size=1, max_size=6),
        p_min=st.floats(0.5, 40),
        p_width=st.floats(0, 60),
        x_min=st.floats(0, 5),
        x_width=st.floats(0, 20),
    )


def test_the_interior_preset_gives_the_anchors_of_the_facts() -> None:
    game = preset("interior")
    equilibrium = solve(game)
    assert equilibrium.price == pytest.approx(27.187914, abs=5e-7)
    assert equilibrium.server_utility - mining_utility(game) == pytest.approx(692.474428, abs=5e-7)
    assert equilibrium.mean_prosumer_utility == pytest.approx(20.397300, abs=5e-7)
    assert equilibrium.demands[0] == pytest.approx(6.6529, abs=5e-5)
    assert equilibrium.demands[-1] == pytest.approx(5.8087, abs=5e-5)
    assert equilibrium.binding == ()


def test_where_nothing_binds_the_solution_is_the_closed_form() -> None:
    game = preset("interior")
    c = math.sqrt(game.k * game.theta * (8 / sum(1 / w for w in game.w)) / game.eta)
    assert solve(game).price == pytest.approx(interior_price(game), rel=1e-12)
    assert solve(game).server_utility - mining_utility(game) == pytest.approx(
        8 * game.theta / game.eta * (1 - game.k / c) ** 2, rel=1e-12
    )


def test_the_mining_utility_at_one_server_is_that_of_the_facts() -> None:
    assert mining_utility(preset("interior")) == pytest.approx(108.27, abs=0.005)


@pytest.mark.parametrize(
    ("change", "binding"),
    [
        ({"p_max": 20.0}, ("p_max",)),
        ({"p_min": 30.0}, ("p_min",)),
        ({"x_max": 4.0}, ("x_max[0]", "x_max[1]", "x_max[2]")),  # those with the greatest w
        ({"x_max": 0.5}, ("p_max", *(f"x_max[{i}]" for i in range(8)))),
        ({"x_min": 8.0}, ("p_max", *(f"x_min[{i}]" for i in range(8)))),
    ],
)
def test_a_bound_that_holds_a_choice_is_named(change: dict[str, Any], binding: tuple[str, ...]) -> None:
    assert solve(dataclasses.replace(preset("interior"), **change)).binding == binding


@settings(max_examples=150, deadline=None)
@given(games())
def test_no_other_price_is_better_for_the_server(game: Parameters) -> None:
    equilibrium = solve(game)
    best = max(server_utility_at(game, float(p)) for p in np.linspace(game.p_min, game.p_max, 2001))
    assert equilibrium.server_utility >= best - 1e-9 * max(1, abs(best))
    assert game.p_min <= equilibrium.price <= game.p_max


@settings(max_examples=150, deadline=None)
@given(games(), st.floats(0, 1))
def test_no_other_demand_is_better_for_a_prosumer(game: Parameters, where: float) -> None:
    price = game.p_min + where * (game.p_max - game.p_min)
    for x, w in zip(demands(game, price), game.w, strict=True):
        own = {"theta": game.theta, "eta": game.eta, "Q": game.Q, "w": w}
        grid = np.linspace(game.x_min, game.x_max, 501)
        best = max(prosumer_utility(float(other), price, **own) for other in grid)
        assert game.x_min <= x <= game.x_max
        assert prosumer_utility(x, price, **own) >= best - 1e-9 * max(1, abs(best))


@settings(max_examples=100, deadline=None)
@given(games())
def test_brute_force_finds_the_same_price_where_the_maximum_is_sharp(game: Parameters) -> None:
    equilibrium = solve(game)
    grid = np.linspace(game.p_min, game.p_max, 4001)
    values = np.array([server_utility_at(game, float(p)) for p in grid])
    near_best = grid[values >= equilibrium.server_utility - 1e-6 * max(1, abs(equilibrium.server_utility))]
    step = grid[1] - grid[0]
    if len(near_best):
        assert near_best.min() - step <= equilibrium.price <= near_best.max() + step


@given(st.floats(0.1, 10))
def test_a_larger_theta_with_smaller_w_only_changes_the_unit_of_demand(scale: float) -> None:
    game = preset("interior")
    scaled = dataclasses.replace(
        game, theta=game.theta * scale, w=tuple(w / scale for w in game.w), x_max=game.x_max * scale
    )
    assert solve(scaled).price == pytest.approx(solve(game).price, rel=1e-9)
    assert solve(scaled).demands == pytest.approx([x * scale for x in solve(game).demands], rel=1e-9)


def test_mining_shares_sum_to_one_and_follow_computing_power() -> None:
    game = dataclasses.replace(preset("interior"), alpha=(3700.0, 6500.0, 1000.0), seller=1)
    assert sum(shares(game)) == pytest.approx(1)
    assert shares(game)[1] == pytest.approx(6500 / 11200)
    assert mining_utility(game) == mining_utility(game, 1) > mining_utility(game, 0)
    assert success_probability(game, 2) == pytest.approx(1000 / 11200 * math.exp(-2))


def test_the_server_utility_is_equation_2() -> None:
    value = server_utility([1.0, 2.0], 10.0, k=8.0, Q=0.5, e_c=1.5, mining_utility=100.0)
    assert value == pytest.approx(100 + 30 - 8 * (3 / 0.5 + 1.5))


def test_a_prosumer_that_received_nothing_still_paid() -> None:
    assert delivered_utility(0.0, 5.0, 20.0, theta=100, eta=0.3, w=0.1) == pytest.approx(-30)
    assert prosumer_utility(0.0, 20.0, theta=100, eta=0.3, Q=0.6, w=0.1) == 0
