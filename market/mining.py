"""What mining yields an edge server in expectation: equation (1) of the paper."""

from __future__ import annotations

import math

from market.parameters import Parameters


def shares(parameters: Parameters) -> tuple[float, ...]:
    """β of each edge server: its part of all computing power; they sum to 1."""
    total = math.fsum(parameters.alpha)
    return tuple(alpha / total for alpha in parameters.alpha)


def success_probability(parameters: Parameters, server: int) -> float:
    """ρ = β·exp(−λls): finds the puzzle's answer and its block is not orphaned."""
    delay = parameters.lam * parameters.l * parameters.s
    return shares(parameters)[server] * math.exp(-delay)


def mining_utility(parameters: Parameters, server: int | None = None) -> float:
    """U_m of an edge server (by default the one that sells), equation (1) with R_p = r·s."""
    server = parameters.seller if server is None else server
    return (parameters.R_f + parameters.r * parameters.s) * success_probability(parameters, server)
