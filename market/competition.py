"""Several edge servers that sell the same elecoins: prosumers buy from the cheapest, who share equally.

Whoever asks the lowest price has all the trade, so sellers undercut each other down to the cost of an
elecoin, k/Q, in the continuum (Bertrand); on a grid of prices there are several pure equilibria near it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise

from errors import TestbedError
from market.equilibrium import demands
from market.parameters import Parameters


@dataclass(frozen=True)
class Limit:
    """Where competition ends, ether per elecoin. `binding` is empty where that is the cost, k/Q; elsewhere it
    names the bound that holds the price, "p_min" or "p_max".
    """

    price: float
    binding: tuple[str, ...]


def bertrand(parameters: Parameters) -> Limit:
    """The price at which sellers have nothing left to undercut: k/Q, or the bound that is nearest to it."""
    g = parameters
    cost = g.k / g.Q
    if cost < g.p_min:
        return Limit(g.p_min, ("p_min",))
    if cost > g.p_max:
        return Limit(g.p_max, ("p_max",))
    return Limit(cost, ())


def pure_equilibria(
    parameters: Parameters, prices: Sequence[float], sellers: int = 2
) -> tuple[tuple[int, ...], ...]:
    """Every pure Nash equilibrium of the sellers on a grid, as sorted indices into `prices`.

    Prosumers answer each price with their best response. Sellers are alike, so a set of prices stands for
    all its orders. Raises TestbedError for fewer than two sellers, and for prices that do not rise.
    """
    if sellers < 2:
        raise TestbedError(f"sellers = {sellers!r} is not allowed: competition takes >= 2")
    if len(prices) < 2 or any(low >= high for low, high in pairwise(prices)):
        raise TestbedError("the prices are no grid: there must be at least two, each above the one before")
    g = parameters
    trade = [(p - g.k / g.Q) * math.fsum(demands(g, p)) for p in prices]
    found = []
    # Only the lowest price earns, so of the others it matters only whether they are above it.
    for profile in combinations_with_replacement(range(len(prices)), sellers):
        lowest, ties = profile[0], profile.count(profile[0])
        if all(
            _best_deviation(trade, profile[:seller] + profile[seller + 1 :])
            <= (trade[lowest] / ties if profile[seller] == lowest else 0.0)
            for seller in {0, sellers - 1}
        ):
            found.append(profile)
    return tuple(found)


def _best_deviation(trade: Sequence[float], others: tuple[int, ...]) -> float:
    """The most that a seller earns against the others' prices, which are sorted."""
    cheapest = others[0]
    alone = max(trade[:cheapest], default=-math.inf)
    together = trade[cheapest] / (1 + others.count(cheapest))
    outbid = 0.0 if cheapest + 1 < len(trade) else -math.inf
    return max(alone, together, outbid)
