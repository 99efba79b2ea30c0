"""The equilibrium is the one of the facts, and no deviation of either side gains, bounds or not."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.equilibrium import demands, interior_price, interior_prices, server_utility_at, solve
from market.mining import mining_utility, shares, success_probability
from market.parameters import Parameters
from market.presets import preset
from market.utilities import delivered_utility, prosumer_utility, server_utility
from tests.market.games import games


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


@settings(max_examples=100, deadline=None)
@given(games("discriminated"))
def test_no_other_price_for_one_prosumer_is_better(game: Parameters) -> None:
    equilibrium = solve(game)
    grid = np.linspace(game.p_min, game.p_max, 2001)
    for i, (price, x) in enumerate(zip(equilibrium.prices, equilibrium.demands, strict=True)):
        answers = [demands(game, float(p))[i] for p in grid]
        incomes = (grid - game.k / game.Q) * np.array(answers)
        best = float(incomes.max())
        assert (price - game.k / game.Q) * x >= best - 1e-9 * max(1, abs(best))
        assert x == pytest.approx(demands(game, price)[i], rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(games())
def test_a_price_for_each_never_earns_the_server_less(game: Parameters) -> None:
    unified = solve(game)
    own = solve(dataclasses.replace(game, pricing="discriminated"))
    assert own.server_utility >= unified.server_utility - 1e-9 * max(1, abs(unified.server_utility))


def test_discriminated_prices_are_the_closed_form_and_the_anchors_of_the_facts() -> None:
    game = preset("discriminated")
    equilibrium = solve(game)
    assert equilibrium.prices == pytest.approx(interior_prices(game), rel=1e-12)
    for i, w in enumerate(game.w):
        expected = math.sqrt(game.k * game.theta * w / (game.eta * game.Q**2))
        assert equilibrium.prices[i] == pytest.approx(expected, rel=1e-12)
    assert [round(p, 1) for p in (equilibrium.prices[0], equilibrium.prices[-1])] == [38.5, 27.2]
    assert [round(x, 2) for x in (equilibrium.demands[0], equilibrium.demands[-1])] == [5.66, 6.25]
    assert list(equilibrium.demands) == sorted(equilibrium.demands)  # the higher the price, the smaller
    assert equilibrium.price == pytest.approx(np.mean(equilibrium.prices))
    assert equilibrium.binding == ()


def test_bounds_under_discriminated_pricing_are_named_with_the_prosumer() -> None:
    game = dataclasses.replace(preset("discriminated"), p_max=30.0, x_max=6.0)
    assert set(solve(game).binding) >= {"p_max[0]", "p_max[1]"}
    assert "p_max" not in solve(game).binding


@pytest.mark.parametrize(("prosumers", "mean_utility", "income"), [(2, 82.1, 134), (8, 55.2, 469)])
def test_the_trend_preset_gives_the_figures_of_the_facts(
    prosumers: int, mean_utility: float, income: float
) -> None:
    game = preset("trend", prosumers)
    equilibrium = solve(game)
    assert equilibrium.mean_prosumer_utility == pytest.approx(mean_utility, abs=0.05)
    assert equilibrium.server_utility - mining_utility(game) == pytest.approx(income, abs=1)
    assert "p_max" in equilibrium.binding


@pytest.mark.parametrize(("Q", "income"), [(0.45, 2.6), (0.35, -625)])
def test_the_trend_preset_breaks_even_near_a_Q_of_0_45(Q: float, income: float) -> None:
    game = dataclasses.replace(preset("trend"), Q=Q)
    trade = solve(game).server_utility - mining_utility(game)
    assert trade == pytest.approx(income, abs=0.5 if Q < 0.4 else 0.05)


@given(st.floats(0.3, 1.2))
def test_the_price_of_electricity_changes_no_utility_where_nothing_binds(Q: float) -> None:
    wide = dataclasses.replace(preset("interior"), p_min=1e-3, p_max=1e3, x_max=1e3)
    here, there = solve(wide), solve(dataclasses.replace(wide, Q=Q))
    assert there.server_utility == pytest.approx(here.server_utility, rel=1e-9)
    assert there.prosumer_utilities == pytest.approx(here.prosumer_utilities, rel=1e-9)


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
    value = server_utility([1.0, 2.0], [10.0, 10.0], k=8.0, Q=0.5, e_c=1.5, mining_utility=100.0)
    assert value == pytest.approx(100 + 30 - 8 * (3 / 0.5 + 1.5))


def test_a_prosumer_that_received_nothing_still_paid() -> None:
    assert delivered_utility(0.0, 5.0, 20.0, theta=100, eta=0.3, w=0.1) == pytest.approx(-30)
    assert prosumer_utility(0.0, 20.0, theta=100, eta=0.3, Q=0.6, w=0.1) == 0
