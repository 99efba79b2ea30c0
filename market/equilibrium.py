"""The Stackelberg equilibrium under unified pricing: an oracle that knows every w.

The server's utility over the price is smooth between the breakpoints at which some demand meets a
bound, and has a closed form there, so the maximum is exact with or without binding bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from market.mining import mining_utility
from market.parameters import Parameters
from market.utilities import prosumer_utility, server_utility

_SAME = 1e-12  # relative: closer than this, a choice is at its bound


@dataclass(frozen=True)
class Equilibrium:
    """Price in ether per elecoin, demands in elecoins; `binding` names the bounds that hold a choice.

    `binding` holds "p_min" or "p_max" for the price and "x_min[i]" or "x_max[i]" for demands.
    """

    price: float
    demands: tuple[float, ...]
    server_utility: float
    prosumer_utilities: tuple[float, ...]
    binding: tuple[str, ...]

    @property
    def mean_prosumer_utility(self) -> float:
        return math.fsum(self.prosumer_utilities) / len(self.prosumer_utilities)


def best_response(
    price: float, *, theta: float, eta: float, Q: float, w: float, x_min: float, x_max: float
) -> float:
    """The demand that maximises equation (3): θ/(ηp) − Q/w (eq. 4) held within its bounds.

    The utility is strictly concave in x, so the bound nearest to the unbounded optimum is best.
    """
    return min(max(theta / (eta * price) - Q / w, x_min), x_max)


def demands(parameters: Parameters, price: float) -> tuple[float, ...]:
    """Every prosumer's best response to a price, elecoins, shape (N,)."""
    g = parameters
    return tuple(
        best_response(price, theta=g.theta, eta=g.eta, Q=g.Q, w=w, x_min=g.x_min, x_max=g.x_max) for w in g.w
    )


def interior_price(parameters: Parameters) -> float:
    """p* = √(kθH/η)/Q with H the harmonic mean of w: the optimum where no bound binds."""
    g = parameters
    harmonic_mean = len(g.w) / math.fsum(1 / w for w in g.w)
    return math.sqrt(g.k * g.theta * harmonic_mean / g.eta) / g.Q


def server_utility_at(parameters: Parameters, price: float) -> float:
    """U_e at a price that every prosumer answers with its best response, equation (6) with bounds."""
    g = parameters
    return server_utility(demands(g, price), price, k=g.k, Q=g.Q, e_c=g.e_c, mining_utility=mining_utility(g))


def solve(parameters: Parameters) -> Equilibrium:
    """The price that maximises U_e against best responses; of equally good prices the lowest."""
    g = parameters
    price = max(sorted(_candidates(g)), key=lambda candidate: server_utility_at(g, candidate))
    chosen = demands(g, price)
    utilities = tuple(
        prosumer_utility(x, price, theta=g.theta, eta=g.eta, Q=g.Q, w=w)
        for x, w in zip(chosen, g.w, strict=True)
    )
    return Equilibrium(
        price, chosen, server_utility_at(g, price), utilities, tuple(_binding(g, price, chosen))
    )


def _candidates(g: Parameters) -> Iterator[float]:
    """Every price that can be the maximum: the ends of the segments and a stationary point inside each.

    On a segment n demands are θ/(ηp) − Q/w_i and the others are fixed, so
    U_e = const − p·(ΣQ/w_i − Σfixed) − (k/Q)·n·(θ/η)/p, which is concave.
    """
    scale = g.theta / g.eta
    breakpoints = {scale / (bound + g.Q / w) for w in g.w for bound in (g.x_min, g.x_max)}
    edges = sorted({g.p_min, g.p_max} | {p for p in breakpoints if g.p_min < p < g.p_max})
    yield from edges
    for low, high in pairwise(edges):
        free, fixed = [], []
        for w, x in zip(g.w, demands(g, (low + high) / 2), strict=True):
            (free.append(g.Q / w) if g.x_min < x < g.x_max else fixed.append(x))
        slope = math.fsum(free) - math.fsum(fixed)
        if free and slope > 0:
            stationary = math.sqrt(g.k / g.Q * len(free) * scale / slope)
            if low < stationary < high:
                yield stationary


def _binding(g: Parameters, price: float, chosen: tuple[float, ...]) -> Iterator[str]:
    for name, bound in (("p_min", g.p_min), ("p_max", g.p_max)):
        if math.isclose(price, bound, rel_tol=_SAME):
            yield name
    for index, x in enumerate(chosen):
        for name, bound in (("x_min", g.x_min), ("x_max", g.x_max)):
            if math.isclose(x, bound, rel_tol=_SAME, abs_tol=_SAME):
                yield f"{name}[{index}]"
