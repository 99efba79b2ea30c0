"""What the paper says about Fig. 4(a) and 4(b), more prosumers, held against what was learnt and is exact."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments.fig4_claims import EXACT, LEARNED, balanced, compared, curve, names_of, random_play
from experiments.figure import Claim, run_of, trend

EQUAL = "interior, equal w"
"""The series in which nobody who joins differs from who is there, so that only their number changes."""
_UNEVEN = 0.05

_NO_SUM = (
    "The sum cannot fall while every demand is within its bounds. With u = wθ/(ηk) and h their harmonic"
    " mean it is θ(Σ ln u − (N/2) ln h − N + N/√h), which grows with whoever joins. It can fall where one"
    " more who wants much has the server give up those who want little (x_min = 0 binds), or where x_max"
    " holds the price."
)
_NO_COMPETITION = (
    "Nothing in equations (3) and (4) lets one prosumer's purchase disturb another's: nothing is scarce, and"
    " p* = c/Q depends on N only through the harmonic mean of w."
)


def fig4a_claims(data: pd.DataFrame) -> list[Claim]:
    claims: list[Claim] = []
    for name in names_of(data):
        claims += _falling(data, name)
        claims += _one_side(data, name, "ga-server", "prosumer_utility", "the server's", "the prosumers get")
    claims += balanced(data, "prosumer_utility")
    claims += random_play(data, "N", "prosumer_utility", "the prosumers")
    return claims


def _falling(data: pd.DataFrame, name: str) -> Iterator[Claim]:
    """The fall of the utility, and the two halves of what the paper gives as its reason, each by itself."""

    def falls(policy: str) -> tuple[bool, str]:
        utilities = curve(data, name, "prosumer_utility", policy)
        return trend(utilities) == "falls", f"the mean {trend(utilities)}, {run_of(utilities)}"

    def sum_falls(policy: str) -> tuple[bool, str]:
        sizes = sorted(set(data["N"]))
        mean = curve(data, name, "prosumer_utility", policy)
        sums = [n * utility for n, utility in zip(sizes, mean, strict=True)]
        return trend(sums) == "falls", f"the sum {trend(sums)}, {run_of(sums)}"

    def dearer(policy: str) -> tuple[bool, str]:
        prices = curve(data, name, "price", policy)
        return trend(prices) == "rises" and falls(policy)[
            0
        ], f"the price {trend(prices)}, {run_of(prices, 2)}"

    def competition(policy: str) -> tuple[bool, str]:
        prices = curve(data, name, "price", policy)
        return trend(prices) == "rises", f"the price {trend(prices)}, {run_of(prices, 2)}"

    prices = curve(data, name, "price", EXACT)
    yield compared(
        "The prosumers' utility falls with their number …",
        name,
        falls,
        _why_it_falls(prices),
        "Who joins brings no less utility than who is there; the others matter through the price only.",
    )
    yield compared(
        "… also where it is read as their sum.",
        name,
        sum_falls,
        "Who joins makes the server ask a price at which others buy nothing.",
        "Who joins adds at least what a dearer price takes from the others.",
        # Only where no demand is at a bound, which the equilibrium itself would contradict.
        "" if sum_falls(EXACT)[0] else _NO_SUM,
    )
    yield compared(
        "… while the price of an elecoin rises …",
        name,
        dearer,
        "Both move as the paper says, but by who joins, not by how many: with a w between the harmonic and"
        " the geometric mean of those who are there, who joins raises the price and lowers the mean of ln w.",
        _price_instead(name, prices),
    )
    if name == EQUAL:
        yield compared(
            "… because the prosumers compete for elecoins.",
            name,
            competition,
            "The price rises with N alone.",
            "Here all w are equal, so only the number changes, and the price does not.",
            _NO_COMPETITION,
        )


def _why_it_falls(prices: list[float]) -> str:
    if trend(prices) == "rises":
        return (
            "Who joins has a w between the harmonic mean, which it raises and the price with it, and the"
            " geometric mean, which it lowers: both bring the mean utility down. Nobody disturbs anybody."
        )
    return (
        "Equation (3) has no term through which prosumers disturb each other; the mean falls because who"
        " joins brings a smaller w."
    )


def _price_instead(name: str, prices: list[float]) -> str:
    """Why price and utility do not both move as the paper says, by the price of the equilibrium."""
    if name == EQUAL:
        return "With equal w the harmonic mean is w for any N, so price and mean utility are the same too."
    if max(prices) == min(prices):
        return f"The cap p_max = {prices[0]:g} binds for every N."
    if prices[-1] < prices[0]:
        return "p* = √(kθH/η)/Q falls: who joins brings the harmonic mean H of w down. N is not in it."
    return (
        "The price rises with the harmonic mean of w, but so does the utility: who joins has the largest w,"
        " and raises the geometric mean too."
    )


def _one_side(
    data: pd.DataFrame, name: str, policy: str, quantity: str, whose: str, others: str
) -> Iterator[Claim]:
    searched = curve(data, name, quantity, policy)
    if not searched:
        return
    alone, together = searched[-1], curve(data, name, quantity, LEARNED)[-1]
    yield Claim(
        f"Who optimises {whose} utility only, does badly by the other side.",
        "paper",
        name,
        alone < together,
        f"{others} {alone:.1f} under the genetic algorithm, {together:.1f} under DMA-UBRL"
        f" (N = {data['N'].max()})",
        "The joint optimum of one side is a corner: the lowest price for the prosumers, the highest price"
        " with the largest demands for the server.",
    )


def fig4b_claims(data: pd.DataFrame) -> list[Claim]:
    claims: list[Claim] = []
    for name in names_of(data):
        claims += _growing(data, name)
        claims += _one_side(data, name, "ga-prosumer", "server_utility", "the prosumers'", "the server gets")
    claims += balanced(data, "server_utility")
    claims += random_play(data, "N", "server_utility", "the server")
    return claims


def _growing(data: pd.DataFrame, name: str) -> Iterator[Claim]:
    def rises(policy: str) -> tuple[bool, str]:
        utilities = curve(data, name, "server_utility", policy)
        return trend(utilities) == "rises", f"it {trend(utilities)}, {run_of(utilities)}"

    def unevenly(policy: str) -> tuple[bool, str]:
        added = np.diff(curve(data, name, "server_utility", policy))
        uneven = bool(np.ptp(added) > _UNEVEN * added.mean())
        return uneven, f"one more prosumer adds {added.min():.1f} to {added.max():.1f}"

    yield compared(
        "The server's utility rises with the number of prosumers …",
        name,
        rises,
        "Each prosumer adds what it buys.",
        "Who joins brings a loss.",
    )
    yield compared(
        "… unsteadily, because intentions differ.",
        name,
        unevenly,
        "With equal w every prosumer would add the same, (θ/η)(1 − k/c)².",
        "w differs by too little to show, or not at all: with equal w every prosumer adds (θ/η)(1 − k/c)².",
    )
