"""What no values of the parameters can make the model do, how far that goes, and what they can: the report of
the reproduction rests on it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given, reject, settings
from hypothesis import strategies as st

from errors import TestbedError
from market.equilibrium import Equilibrium, solve
from market.mining import mining_utility
from market.parameters import Parameters
from market.presets import preset
from tests.market.games import LOOSE, games, loose_games

WIDE = replace(preset("interior"), **LOOSE)
# θ/(ηk) times w: (c/k)² of a prosumer alone, so 1 is who buys nothing at the cost.
UNIT = WIDE.k * WIDE.eta / WIDE.theta


def _trade(game: Parameters) -> float:
    return solve(game).server_utility - mining_utility(game)


def _sum(equilibrium: Equilibrium) -> float:
    return math.fsum(equilibrium.prosumer_utilities)


def _if_playable(game: Parameters, **change: Any) -> Parameters:
    """The game with other values, or another example where it has c <= k."""
    try:
        return replace(game, **change)
    except TestbedError:
        reject()


def _demands_at_a_bound(*equilibria: Equilibrium) -> bool:
    return any(name.startswith("x_") for each in equilibria for name in each.binding)


# Fig. 4(a): "prosumers compete for elecoins, which raises the price"


@settings(max_examples=60, deadline=None)
@given(games(), st.integers(2, 9))
def test_more_of_the_same_prosumers_change_nobodys_price_demand_or_utility(game: Parameters, n: int) -> None:
    alone, many = (solve(_if_playable(game, w=game.w[:1] * number)) for number in (1, n))
    assert many.price == pytest.approx(alone.price, rel=1e-6)
    assert many.demands == pytest.approx(alone.demands * n, rel=1e-6, abs=1e-9)
    assert many.prosumer_utilities == pytest.approx(alone.prosumer_utilities * n, rel=1e-6, abs=1e-6)


def test_price_and_mean_utility_both_move_as_the_paper_says_by_who_joins() -> None:
    """Joiners between the harmonic and the geometric mean of w raise the one and lower the other."""
    w = (0.07, 0.4, 0.14, 0.145, 0.148, 0.15, 0.15, 0.15)
    prices, utilities = [], []
    for n in range(2, 9):
        game = replace(preset("interior"), w=w[:n])
        solved = solve(game)
        assert solved.binding == ()
        mean_log = math.fsum(map(math.log, game.w)) / n
        # The mean of equation (3) where no bound binds.
        ratio = game.theta / (game.eta * game.k)
        expected = game.theta * (0.5 * math.log(ratio) - 0.5 * math.log(game.H) + mean_log - 1) + math.sqrt(
            game.k * game.theta * game.eta / game.H
        )
        assert solved.mean_prosumer_utility == pytest.approx(expected, rel=1e-9)
        if n < len(w):
            assert game.H < w[n] < math.exp(mean_log)
        prices.append(solved.price)
        utilities.append(solved.mean_prosumer_utility)
    assert prices == sorted(prices)
    assert utilities == sorted(utilities, reverse=True)
    assert (prices[0], prices[-1]) == pytest.approx((29.71, 32.08), abs=0.005)
    assert (utilities[0], utilities[-1]) == pytest.approx((58.96, 38.30), abs=0.005)


# Fig. 4(a) read as the sum of the utilities


@settings(max_examples=300, deadline=None)
@given(loose_games(spread=2.0), st.floats(0.7, 20), st.floats(0.3, 1.1), st.floats(1.0, 1.5))
def test_the_sum_never_falls_when_one_joins_and_no_demand_is_at_a_bound(
    game: Parameters, joins: float, low: float, range_: float
) -> None:
    """Whether the price is free or held by a bound, before or after."""
    price = solve(game).price
    bounded = replace(game, p_min=low * price, p_max=low * range_ * price)
    larger = _if_playable(bounded, w=(*game.w, joins * min(game.w)))
    before, after = solve(bounded), solve(larger)
    assume(not _demands_at_a_bound(before, after))
    assert _sum(after) >= _sum(before) - 1e-7 * abs(_sum(before))


def test_the_sum_falls_where_the_server_turns_to_those_who_want_more() -> None:
    """Demands at x_min: one more who wants much makes it worth while to lose those who want little."""
    w = tuple(UNIT * each for each in (4.0, 4.0, 4.0, 100.0, 100.0, 100.0, 100.0))
    before, after = (solve(replace(WIDE, w=w[:n])) for n in (6, 7))
    assert before.binding == ()
    assert after.binding == ("x_min[0]", "x_min[1]", "x_min[2]")
    assert after.price > 3 * before.price
    assert _sum(after) < 0.75 * _sum(before)


def test_the_sum_falls_where_the_largest_demand_holds_a_price() -> None:
    game = replace(WIDE, w=(0.15, 0.15, 0.11), x_max=2.27)
    before, after = solve(replace(game, w=(0.15, 0.11))), solve(game)
    assert before.binding == ("x_max[0]", "x_max[1]")
    assert "x_min[2]" not in after.binding
    assert _sum(after) < _sum(before)


# Fig. 4(c): "the utility rises with Q because prosumers buy more elecoins"


@settings(max_examples=400, deadline=None)
@given(games())
def test_under_one_price_utility_rises_with_Q_only_at_the_price_cap_and_nobody_buys_more_there(
    game: Parameters,
) -> None:
    here, there = solve(game), solve(replace(game, Q=game.Q * (1 + 1e-7)))
    tolerance = 1e-12 * max(abs(here.server_utility), game.k * game.x_max * game.prosumers / game.Q)
    assume(there.server_utility > here.server_utility + tolerance)
    # Where the price jumps to the cap, it is there only at one end of the step.
    assert "p_max" in here.binding + there.binding
    if here.price == there.price:
        assert all(after <= before for before, after in zip(here.demands, there.demands, strict=True))
    else:
        assert there.price > here.price
        assert math.fsum(there.demands) < math.fsum(here.demands)


def test_over_a_range_that_leaves_the_cap_both_may_end_higher() -> None:
    game = replace(preset("interior"), p_max=35.0)
    low, high = replace(game, Q=0.35), replace(game, Q=0.9)
    assert _trade(low) == pytest.approx(584.45, abs=0.005)
    assert _trade(high) == pytest.approx(692.47, abs=0.005)
    assert solve(low).demands < solve(high).demands
    dip = [math.fsum(solve(replace(game, Q=Q)).demands) for Q in (0.35, 0.4, 0.45)]
    assert dip == sorted(dip, reverse=True)


def test_with_a_price_for_each_both_can_rise() -> None:
    """One prosumer's price is at the cap, and brings more; the other buys more, and brings the same."""
    game = replace(WIDE, w=(0.4, 0.05), p_max=40.0, Q=0.6, pricing="discriminated")
    here, there = solve(game), solve(replace(game, Q=0.61))
    assert here.binding == there.binding == ("p_max[0]",)
    assert there.server_utility > here.server_utility
    assert there.demands[0] < here.demands[0]
    assert there.demands[1] > here.demands[1]


# Fig. 3(b) and the break-even of Fig. 4(c) together


@settings(max_examples=200, deadline=None)
@given(games("discriminated", x_min=0.0), st.floats(0.5, 0.999))
@example(replace(preset("discriminated"), Q=0.6, p_max=8 / 0.45), 0.75)
def test_below_twice_the_break_even_demand_does_not_fall_with_price_across_prosumers(
    game: Parameters, part: float
) -> None:
    """With e_c = 0 the server cannot earn at Q₀ or below only where p_max <= k/Q₀. Then no price at
    Q < 2Q₀ is above 2k/Q, and up to there demand rises with price, of those who buy."""
    Q_0 = game.Q / (2 * part)
    p_max = game.k / Q_0
    assume(p_max > game.p_min)
    capped = replace(game, p_max=p_max, e_c=0.0)
    assert _trade(replace(capped, Q=Q_0)) <= 1e-9
    solved = solve(capped)
    pairs = sorted((p, x) for p, x in zip(solved.prices, solved.demands, strict=True) if x > 1e-9)
    for (low, less), (high, more) in pairwise(pairs):
        assert more >= less - 1e-9 or high == pytest.approx(low, rel=1e-9)


def test_an_e_c_of_the_size_of_the_trade_allows_both() -> None:
    """The break-even of the paper is one of the cap only where the server's own electricity costs nothing."""
    game = preset("discriminated")
    e_c = _trade(replace(game, Q=0.45)) / game.k
    costly = replace(game, e_c=e_c)
    assert e_c == pytest.approx(57.87, abs=0.005)
    assert _trade(replace(costly, Q=0.44)) < 0 < _trade(replace(costly, Q=0.46))
    solved = solve(costly)
    assert solved.binding == ()
    assert list(solved.prices) == sorted(solved.prices, reverse=True)
    assert list(solved.demands) == sorted(solved.demands)


# Fig. 4(d), and Q in general


@settings(max_examples=100, deadline=None)
@given(loose_games(), st.floats(0.5, 2))
def test_Q_changes_no_utility_without_a_bound_in_reach(game: Parameters, factor: float) -> None:
    here, there = solve(game), solve(replace(game, Q=game.Q * factor))
    scale: Any = {"rel": 1e-6, "abs": 1e-6 * game.theta}
    assert there.server_utility == pytest.approx(here.server_utility, **scale)
    assert _sum(there) == pytest.approx(_sum(here), **scale)
