"""The paper's comparison: a genetic algorithm that chooses everybody's actions for the good of one side.

It searches (p, x₁ … x_N), under discriminated pricing (p₁ … p_N, x₁ … x_N), within the game's bounds, for the
greatest sum of the prosumers' utilities or the greatest utility of the server. Nobody's own interest binds
it, so the optimum is a corner, which is known exactly and checks it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from errors import TestbedError
from learning.game import Floats
from market.equilibrium import best_response
from market.mining import mining_utility
from market.parameters import Parameters
from market.utilities import prosumer_utility

Side = Literal["prosumer", "server"]
SIDES: tuple[Side, ...] = get_args(Side)
_POPULATION = 100
_GENERATIONS = 100


@dataclass(frozen=True)
class Joint:
    """Everybody's actions and what they pay: (N,) prices in ether per elecoin, (N,) demands in elecoins."""

    prices: tuple[float, ...]
    demands: tuple[float, ...]
    server_utility: float
    prosumer_utilities: tuple[float, ...]
    objective: float
    """The sum of the prosumers' utilities, or the server's."""

    @property
    def price(self) -> float:
        return math.fsum(self.prices) / len(self.prices)

    @property
    def mean_prosumer_utility(self) -> float:
        return math.fsum(self.prosumer_utilities) / len(self.prosumer_utilities)


def optimise(parameters: Parameters, side: Side, seed: int, generations: int = _GENERATIONS) -> Joint:
    """pymoo's genetic algorithm: simulated binary crossover and polynomial mutation, 100 individuals.

    The same seed gives the same bytes. Raises TestbedError for an unknown side and less than one generation.
    """
    _demand_side(side)
    if generations < 1:
        raise TestbedError(f"generations = {generations!r} is not allowed: it must be >= 1")
    # A second to import, and only who asks for a genetic algorithm pays it.
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    g = parameters
    prices = 1 if g.pricing == "unified" else g.prosumers
    lower = np.array([g.p_min] * prices + [g.x_min] * g.prosumers)
    upper = np.array([g.p_max] * prices + [g.x_max] * g.prosumers)
    w = np.array(g.w)

    class Objective(Problem):  # type: ignore[misc]
        def _evaluate(self, points: Floats, out: dict[str, Floats], *_: object, **__: object) -> None:
            p, x = points[:, :prices], points[:, prices:]
            if side == "prosumer":
                value = (g.theta * np.log1p(x * w / g.Q) - g.eta * x * p).sum(axis=1)
            else:
                value = (x * (p - g.k / g.Q)).sum(axis=1)
            out["F"] = -value

    problem = Objective(n_var=len(lower), n_obj=1, xl=lower, xu=upper)
    result = minimize(problem, GA(pop_size=_POPULATION), ("n_gen", generations), seed=seed)
    best = result.X
    return _joint(g, side, tuple(map(float, np.broadcast_to(best[:prices], g.prosumers))), best[prices:])


def corner(parameters: Parameters, side: Side) -> Joint:
    """The exact optimum. Prosumers: the lowest price, and best responses to it. Server: the highest price,
    and the largest demands where it earns more than an elecoin costs, k/Q, else the smallest.
    """
    _demand_side(side)
    g = parameters
    if side == "prosumer":
        price = g.p_min
        demands = [
            best_response(price, theta=g.theta, eta=g.eta, Q=g.Q, w=w, x_min=g.x_min, x_max=g.x_max)
            for w in g.w
        ]
    else:
        price = g.p_max
        demands = [g.x_max if price > g.k / g.Q else g.x_min] * g.prosumers
    return _joint(g, side, (price,) * g.prosumers, demands)


def _demand_side(side: str) -> None:
    if side not in SIDES:
        raise TestbedError(f"side = {side!r} is not allowed: it must be one of {', '.join(SIDES)}")


def _joint(g: Parameters, side: Side, prices: tuple[float, ...], demands: Floats | list[float]) -> Joint:
    chosen = tuple(map(float, demands))
    utilities = tuple(
        prosumer_utility(x, p, theta=g.theta, eta=g.eta, Q=g.Q, w=w)
        for x, p, w in zip(chosen, prices, g.w, strict=True)
    )
    trade = math.fsum(x * (p - g.k / g.Q) for x, p in zip(chosen, prices, strict=True))
    server = mining_utility(g) - g.k * g.e_c + trade
    return Joint(prices, chosen, server, utilities, math.fsum(utilities) if side == "prosumer" else server)
