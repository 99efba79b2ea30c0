"""What the paper says about Fig. 4(c) and 4(d), dearer electricity, held against what is learnt and exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from experiments.fig4_claims import EXACT, compared, curve, names_of, random_play
from experiments.figure import FLAT, Claim, chosen, means, run_of, trend
from market.equilibrium import solve
from market.mining import mining_utility
from market.presets import preset

BREAK_EVEN = 0.45
"""The Q of the paper's break-even."""
_BEND = 0.005
_EXAMPLE_CAP, _EXAMPLE_Q = 35.0, (0.35, 0.9)


def fig4c_claims(data: pd.DataFrame) -> list[Claim]:
    claims: list[Claim] = []
    for name in names_of(data):
        claims += _rising(data, name)
        claims.append(_breaks_even(data, name))
        claims.append(_unsmooth(data, name))
    claims += random_play(data, "Q", "server_utility", "the server")
    return claims


def _rising(data: pd.DataFrame, name: str) -> Iterator[Claim]:
    def rises(policy: str) -> tuple[bool, str]:
        utilities = curve(data, name, "trade_utility", policy)
        return trend(utilities) == "rises", f"U_e − U_m {trend(utilities)}, {run_of(utilities)}"

    def more(policy: str) -> tuple[bool, str]:
        utilities, demands = (
            np.array(curve(data, name, each, policy)) for each in ("trade_utility", "demand")
        )
        rising = np.diff(utilities) > FLAT * np.abs(utilities).max()
        both = int((rising & (np.diff(demands) > 0)).sum())
        words = f"{trend(list(demands))}, {run_of(list(demands), 2)} elecoins"
        return both > 0, f"a prosumer's demand {words}; from one Q to the next both rise {both} times"

    capped = len(set(curve(data, name, "price", EXACT))) == 1
    yield compared(
        "The server's utility rises with Q …",
        name,
        rises,
        "The price is held by its cap while the cost of an elecoin, k/Q, falls.",
        "In the interior U_e − U_m = N(θ/η)(1 − k/c)² has no Q in it.",
    )
    yield compared(
        "… because prosumers buy more elecoins.",
        name,
        more,
        "The demand rises with Q.",
        "Under the cap the demand θ/(ηp) − Q/w falls with Q; the utility rises because an elecoin stands for"
        " less electricity and costs less, k/Q."
        if capped
        else "The demand rises in proportion to Q, but the price falls as 1/Q and takes it back.",
        _no_more(),
    )


@cache
def _no_more() -> str:
    """Why the two halves of the reason exclude each other, with an example of how far that goes."""
    game = replace(preset("interior"), p_max=_EXAMPLE_CAP)
    ends = [replace(game, Q=Q) for Q in _EXAMPLE_Q]
    trade = [solve(each).server_utility - mining_utility(each) for each in ends]
    demand = [sum(solve(each).demands) / each.prosumers for each in ends]
    return (
        "At no Q do both rise under one price for all. With electricity e = x/Q and its price P = pQ, both"
        " utilities have Q in their bounds only: U_e rises with Q only where p_max holds the price, and there"
        " x = θ/(ηp_max) − Q/w falls or stays at a bound. Over a range that leaves the cap both may end"
        f" higher, after a dip of x: in `interior` with p_max = {_EXAMPLE_CAP:g}, from Q = {_EXAMPLE_Q[0]:g}"
        f" to {_EXAMPLE_Q[1]:g}, U_e − U_m goes {run_of(trade)} and x {run_of(demand)}."
    )


def _breaks_even(data: pd.DataFrame, name: str) -> Claim:
    def test(policy: str) -> tuple[bool, str]:
        rows = chosen(data, preset=name, policy=policy, quantity="trade_utility")
        below, above = means(rows[rows["Q"] < BREAK_EVEN]), means(rows[rows["Q"] > BREAK_EVEN])
        (at,) = means(rows, Q=BREAK_EVEN)
        seen = f"U_e − U_m is {below[-1]:.1f} at Q = 0.40, {at:.1f} at 0.45, {above[0]:.1f} at 0.50"
        return max(below) < 0 < min(above), seen

    return compared(
        "At Q ≤ 0.45 the server's utility cannot offset its cost.",
        name,
        test,
        "An elecoin costs k/Q, which is p_max = 17.8 at Q = 0.449: the cap makes it the break-even.",
        "The server asks c/Q, always above the cost k/Q: no Q makes trade a loss.",
    )


def _unsmooth(data: pd.DataFrame, name: str) -> Claim:
    """A curve is unsmooth where it bends both ways: second differences of both signs, beyond half a percent
    of its largest value."""

    def test(policy: str) -> tuple[bool, str]:
        values = np.array(curve(data, name, "trade_utility", policy))
        bends = np.diff(values, 2) / np.abs(values).max()
        both = bool(bends.min() < -_BEND and bends.max() > _BEND)
        return both, f"it bends by {bends.min():+.1%} to {bends.max():+.1%} of its largest value"

    return compared(
        "The curve is unsmooth because the prosumers' demands differ.",
        name,
        test,
        "A bound begins to bind there.",
        "U_e is smooth in Q whatever w is, but for a kink where a bound begins to bind.",
    )


def fig4d_claims(data: pd.DataFrame) -> list[Claim]:
    claims: list[Claim] = []
    for name in names_of(data):
        claims += _falling(data, name)
    claims += random_play(data, "Q", "prosumer_utility", "the prosumers")
    return claims


def _falling(data: pd.DataFrame, name: str) -> Iterator[Claim]:
    def falls(policy: str) -> tuple[bool, str]:
        utilities = curve(data, name, "prosumer_utility", policy)
        return trend(utilities) == "falls", f"the mean {trend(utilities)}, {run_of(utilities)}"

    def less(policy: str) -> tuple[bool, str]:
        electricity = curve(data, name, "electricity", policy)
        seen = f"a prosumer's electricity {trend(electricity)}, {run_of(electricity, 2)} kWh a slot"
        return trend(electricity) == "falls" and falls(policy)[0], seen

    yield compared(
        "The prosumers' utility falls with Q …",
        name,
        falls,
        "The price stays at its cap, so a kWh costs more with every Q.",
        "p* falls as 1/Q, so a kWh costs c at any Q: only a bound could change it.",
    )
    yield compared(
        "… because the same elecoins are less electricity.",
        name,
        less,
        "x/Q = θ/(ηpQ) − 1/w falls at a constant price.",
        "The demand rises in proportion to Q, and the electricity stays the same.",
    )
