"""The Stackelberg equilibrium under both pricing mechanisms: an oracle that knows every w.

The server's utility over a price is smooth between the breakpoints at which some demand meets a bound, and
has a closed form there, so the maximum is exact with or without binding bounds. Under discriminated pricing
U_e is a sum over prosumers, so each price is the optimum of a game with that prosumer alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from market.mining import mining_utility
from market.parameters import Parameters
from market.utilities import prosumer_utility, server_utility

Intentions = tuple[float, ...]
_SAME = 1e-12  # relative: closer than this, a choice is at its bound


@dataclass(frozen=True)
class Equilibrium:
    """Prices in ether per elecoin and demands in elecoins, one of each prosumer, shape (N,).

    `price` is the mean of `prices`, which are equal under unified pricing. `binding` names the bounds that
    hold a choice: "p_min" or "p_max" for the price ("p_min[i]", "p_max[i]" under discriminated pricing) and
    "x_min[i]" or "x_max[i]" for demands.
    """

    price: float
    prices: tuple[float, ...]
    demands: tuple[float, ...]
    server_utility: float
    prosumer_utilities: tuple[float, ...]
    binding: tuple[str, ...]

    @property
    def mean_prosumer_utility(self) -> float:
        return _mean(self.prosumer_utilities)


def _mean(values: tuple[float, ...]) -> float:
    # Of equal values it is that value to the last bit, which a division might miss.
    return values[0] if len(set(values)) == 1 else math.fsum(values) / len(values)


def best_response(
    price: float, *, theta: float, eta: float, Q: float, w: float, x_min: float, x_max: float
) -> float:
    """The demand that maximises equation (3): θ/(ηp) − Q/w (eq. 4) held within its bounds.

    The utility is strictly concave in x, so the bound nearest to the unbounded optimum is best.
    """
    return min(max(theta / (eta * price) - Q / w, x_min), x_max)


def demands(parameters: Parameters, price: float) -> tuple[float, ...]:
    """Every prosumer's best response to a price, elecoins, shape (N,)."""
    return _demands(parameters, parameters.w, price)


def _demands(g: Parameters, w: Intentions, price: float) -> tuple[float, ...]:
    return tuple(
        best_response(price, theta=g.theta, eta=g.eta, Q=g.Q, w=each, x_min=g.x_min, x_max=g.x_max)
        for each in w
    )


def interior_price(parameters: Parameters) -> float:
    """p* = c/Q with c = √(kθH/η): the optimum of a unified price where no bound binds."""
    return parameters.c / parameters.Q


def interior_prices(parameters: Parameters) -> tuple[float, ...]:
    """p_i* = √(kθw_i/(ηQ²)): the optima of discriminated prices where no bound binds, shape (N,)."""
    g = parameters
    return tuple(math.sqrt(g.k * g.theta * w / g.eta) / g.Q for w in g.w)


def server_utility_at(parameters: Parameters, price: float) -> float:
    """U_e at a unified price that every prosumer answers with its best response, eq. (6) with bounds."""
    return _fixed_utility(parameters) + _income(parameters, parameters.w, price)


def solve(parameters: Parameters) -> Equilibrium:
    """The prices that maximise U_e against best responses; of equally good prices the lowest."""
    g = parameters
    if g.pricing == "unified":
        prices = (_best_price(g, g.w),) * g.prosumers
    else:
        prices = tuple(_best_price(g, (w,)) for w in g.w)
    each = tuple(zip(g.w, prices, strict=True))
    chosen = tuple(_demands(g, (w,), price)[0] for w, price in each)
    income = math.fsum(_income(g, (w,), price) for w, price in each)
    utilities = tuple(
        prosumer_utility(x, price, theta=g.theta, eta=g.eta, Q=g.Q, w=w)
        for x, (w, price) in zip(chosen, each, strict=True)
    )
    binding = tuple(_binding(g, prices, chosen))
    return Equilibrium(_mean(prices), prices, chosen, _fixed_utility(g) + income, utilities, binding)


def _fixed_utility(g: Parameters) -> float:
    """The part of U_e that no price changes: U_m − k·e_c."""
    return server_utility((), (), k=g.k, Q=g.Q, e_c=g.e_c, mining_utility=mining_utility(g))


def _income(g: Parameters, w: Intentions, price: float) -> float:
    """What the best responses of prosumers with these w bring the server."""
    prices = (price,) * len(w)
    return server_utility(_demands(g, w, price), prices, k=g.k, Q=g.Q, e_c=0.0, mining_utility=0.0)


def _best_price(g: Parameters, w: Intentions) -> float:
    return max(sorted(_candidates(g, w)), key=lambda candidate: _income(g, w, candidate))


def _candidates(g: Parameters, w: Intentions) -> Iterator[float]:
    """Every price that can be the maximum: the ends of the segments and a stationary point inside each.

    On a segment n demands are θ/(ηp) − Q/w_i and the others are fixed, so
    U_e = const − p·(ΣQ/w_i − Σfixed) − (k/Q)·n·(θ/η)/p, which is concave.
    """
    scale = g.theta / g.eta
    breakpoints = {scale / (bound + g.Q / each) for each in w for bound in (g.x_min, g.x_max)}
    edges = sorted({g.p_min, g.p_max} | {p for p in breakpoints if g.p_min < p < g.p_max})
    yield from edges
    for low, high in pairwise(edges):
        free, fixed = [], []
        for each, x in zip(w, _demands(g, w, (low + high) / 2), strict=True):
            (free.append(g.Q / each) if g.x_min < x < g.x_max else fixed.append(x))
        slope = math.fsum(free) - math.fsum(fixed)
        if free and slope > 0:
            stationary = math.sqrt(g.k / g.Q * len(free) * scale / slope)
            if low < stationary < high:
                yield stationary


def _binding(g: Parameters, prices: tuple[float, ...], chosen: tuple[float, ...]) -> Iterator[str]:
    unified = g.pricing == "unified"
    for index, price in enumerate(prices[:1] if unified else prices):
        for name, bound in (("p_min", g.p_min), ("p_max", g.p_max)):
            if math.isclose(price, bound, rel_tol=_SAME):
                yield name if unified else f"{name}[{index}]"
    for index, x in enumerate(chosen):
        for name, bound in (("x_min", g.x_min), ("x_max", g.x_max)):
            if math.isclose(x, bound, rel_tol=_SAME, abs_tol=_SAME):
                yield f"{name}[{index}]"
