"""The closed forms against brute force in any game, and that each holds on one side of its condition only."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from market.equilibrium import Equilibrium, best_response, interior_price, interior_prices, solve
from market.mining import mining_utility
from market.parameters import Parameters
from market.utilities import prosumer_utility, server_utility
from tests.market.games import LOOSE, loose_games


def _trade(game: Parameters, equilibrium: Equilibrium) -> float:
    return equilibrium.server_utility - mining_utility(game) + game.k * game.e_c


def _closed(game: Parameters, w: tuple[float, ...]) -> float:
    """n(θ/η)(1 − k/c)² of a game with these w alone; 0 where c <= k."""
    c = math.sqrt(game.k * game.theta / game.eta * len(w) / math.fsum(1 / each for each in w))
    return len(w) * game.theta / game.eta * max(0.0, 1 - game.k / c) ** 2


def _by_served(game: Parameters) -> list[float]:
    """The closed form of the n who want most, for n = 1 … N."""
    descending = sorted(game.w, reverse=True)
    return [_closed(game, tuple(descending[:n])) for n in range(1, game.prosumers + 1)]


def _income(game: Parameters, price: float) -> float:
    """U_e − U_m + k·e_c at a price, from equation (2) and best responses."""
    own = {"theta": game.theta, "eta": game.eta, "Q": game.Q, "x_min": game.x_min, "x_max": game.x_max}
    answers = [best_response(price, w=w, **own) for w in game.w]
    prices = [price] * game.prosumers
    return server_utility(answers, prices, k=game.k, Q=game.Q, e_c=0.0, mining_utility=0.0)


@settings(max_examples=100, deadline=None)
@given(loose_games(spread=3.0))
def test_the_closed_forms_are_the_solution_and_that_of_brute_force(game: Parameters) -> None:
    *fewer, everybody = _by_served(game)
    assume(everybody > max(fewer, default=0.0) * (1 + 1e-9))
    solved = solve(game)
    # As the facts write them, from the parameters alone.
    H = 1 / float(np.mean([1 / w for w in game.w]))
    c = math.sqrt(game.k * game.theta * H / game.eta)
    price = c / game.Q
    answers = [game.Q * (c / (game.k * H) - 1 / w) for w in game.w]
    trade = game.prosumers * game.theta / game.eta * (1 - game.k / c) ** 2
    assert price == pytest.approx(interior_price(game), rel=1e-12)
    assert solved.price == pytest.approx(price, rel=1e-9)
    assert solved.demands == pytest.approx(answers, rel=1e-9, abs=1e-9 * max(answers))
    assert _trade(game, solved) == pytest.approx(trade, rel=1e-9)
    # Brute force knows none of them: equation (2) over prices, equation (3) over demands.
    prices = price * np.geomspace(1 / 30, 30, 1501)
    incomes = np.array([_income(game, float(p)) for p in prices])
    assert trade >= incomes.max() - 1e-9 * trade
    assert trade <= incomes.max() + 1e-3 * trade
    for x, w in zip(answers, game.w, strict=True):
        own = {"theta": game.theta, "eta": game.eta, "Q": game.Q, "w": w}
        others = np.linspace(0, 3 * x, 301)
        utilities = [prosumer_utility(float(other), price, **own) for other in others]
        assert prosumer_utility(x, price, **own) >= max(utilities) - 1e-9 * game.theta
        assert x == pytest.approx(float(others[int(np.argmax(utilities))]), abs=3 * x / 300 * 1.01)


@settings(max_examples=200, deadline=None)
@given(loose_games())
def test_the_server_serves_those_n_who_want_most_for_the_best_n(game: Parameters) -> None:
    """The closed forms hold while no n < N earns more by itself. Facts and brute force know w_i >= kH/c only,
    which follows, but does not suffice."""
    by_served = _by_served(game)
    best = max(by_served)
    solved = solve(game)
    assert _trade(game, solved) == pytest.approx(best, rel=1e-9)
    close = [n for n, earned in enumerate(by_served, start=1) if earned >= best * (1 - 1e-9)]
    assume(len(close) == 1)
    (served,) = close
    weakest = sorted(game.w, reverse=True)[served - 1]
    for w, x, bound in zip(game.w, solved.demands, range(game.prosumers), strict=True):
        assert (x > 0) == (w >= weakest)
        assert (f"x_min[{bound}]" in solved.binding) == (w < weakest)
    H = served / math.fsum(1 / w for w in game.w if w >= weakest)
    c = math.sqrt(game.k * game.theta * H / game.eta)
    assert solved.price == pytest.approx(c / game.Q, rel=1e-9)
    assert weakest > game.k * H / c


@settings(max_examples=200, deadline=None)
@given(loose_games())
def test_where_w_is_below_kH_over_c_the_closed_form_would_have_somebody_buy_less_than_nothing(
    game: Parameters,
) -> None:
    smallest, threshold = min(game.w), game.k * game.H / game.c
    assume(abs(smallest / threshold - 1) > 1e-6)
    at_c = game.Q * (game.c / (game.k * game.H) - 1 / smallest)
    assert (at_c < 0) == (smallest < threshold)
    price = game.c / game.Q
    if smallest > threshold:  # then c/Q is at least better than the prices beside it
        assert _income(game, price) >= max(_income(game, price * (1 + each)) for each in (-1e-5, 1e-5))
    else:
        assert solve(game).binding != ()
        assert _trade(game, solve(game)) > _closed(game, game.w)


def test_w_above_kH_over_c_does_not_suffice() -> None:
    """Everybody would buy at c/Q, yet one prosumer alone pays more than both together."""
    game = Parameters(theta=1, eta=1, k=0.5, Q=1, w=(1.5, 0.75), **LOOSE)
    assert min(game.w) > game.k * game.H / game.c > game.k * game.eta / game.theta
    solved = solve(game)
    assert solved.binding == ("x_min[1]",)
    assert solved.price == pytest.approx(math.sqrt(0.75))
    assert _trade(game, solved) == pytest.approx((1 - 0.5 / math.sqrt(0.75)) ** 2)
    assert _trade(game, solved) > 2 * (1 - 0.5 / math.sqrt(0.5)) ** 2
    incomes = [_income(game, float(p)) for p in np.linspace(0.5, 1.5, 2001)]
    assert max(incomes) == pytest.approx(_trade(game, solved), rel=1e-5)


@settings(max_examples=150, deadline=None)
@given(loose_games("discriminated"))
def test_discriminated_prices_are_the_closed_form_for_whoever_is_worth_serving(game: Parameters) -> None:
    """Alone, a prosumer's condition w >= kH/c is w >= kη/θ: the price below its choke is above the cost."""
    solved = solve(game)
    formulas = [math.sqrt(game.k * game.theta * w / (game.eta * game.Q**2)) for w in game.w]
    assert interior_prices(game) == pytest.approx(formulas, rel=1e-12)
    for i, w in enumerate(game.w):
        served = w > game.k * game.eta / game.theta * (1 + 1e-6)
        if served:
            demand = game.Q * (math.sqrt(game.theta / (game.eta * game.k * w)) - 1 / w)
            assert solved.prices[i] == pytest.approx(formulas[i], rel=1e-9)
            assert solved.demands[i] == pytest.approx(demand, rel=1e-6, abs=1e-9)
        elif w < game.k * game.eta / game.theta * (1 - 1e-6):
            assert solved.demands[i] == 0
            assert f"x_min[{i}]" in solved.binding


@settings(max_examples=200, deadline=None)
@given(loose_games("discriminated"), st.floats(1.001, 3), st.booleans())
def test_demand_falls_with_the_price_across_prosumers_just_where_w_is_above_4kη_over_θ(
    game: Parameters, apart: float, above: bool
) -> None:
    threshold = 4 * game.k * game.eta / game.theta
    w = (threshold, threshold * apart) if above else (threshold, max(threshold / apart, threshold / 3.9))
    two = replace(game, w=w)
    assume(two.w[0] != two.w[1])
    low, high = sorted(range(2), key=lambda i: two.w[i])
    solved = solve(two)
    assert solved.prices[high] > solved.prices[low]
    if above:
        assert solved.demands[high] < solved.demands[low]
    else:
        assert solved.demands[high] > solved.demands[low]


def test_at_the_threshold_itself_the_price_is_2k_over_Q_and_demand_is_greatest() -> None:
    game = Parameters(pricing="discriminated", **LOOSE)
    threshold = 4 * game.k * game.eta / game.theta
    assert threshold == pytest.approx(0.096)
    w = tuple(threshold * each for each in (0.5, 0.9, 1.0, 1.1, 2.0))
    solved = solve(replace(game, w=w))
    assert solved.prices[2] == pytest.approx(2 * game.k / game.Q, rel=1e-9)
    assert max(solved.demands) == solved.demands[2]
    assert list(solved.prices) == sorted(solved.prices)
