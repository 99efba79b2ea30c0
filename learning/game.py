"""The game on grids, as the learners play it: what every price and every demand pays to whom."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from errors import TestbedError
from market.parameters import Parameters

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Game:
    """N prosumers and `sellers` edge servers that choose from equally spaced prices and demands.

    A = price_points, B = demand_points. Where several sellers compete, prosumers buy from the cheapest,
    who share the demand equally. Utilities leave out what no choice changes: U_m and k·e_c. Raises
    TestbedError for a grid of fewer than two points, bounds without room for one, and no seller.
    """

    parameters: Parameters
    price_points: int = 40
    demand_points: int = 40
    sellers: int = 1

    def __post_init__(self) -> None:
        g = self.parameters
        for quantity, value, least in (
            ("price_points", self.price_points, 2),
            ("demand_points", self.demand_points, 2),
            ("sellers", self.sellers, 1),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise TestbedError(
                    f"{quantity} = {value!r} is not allowed: it must be a whole number >= {least}"
                )
        for low, high in (("p_min", "p_max"), ("x_min", "x_max")):
            if not getattr(g, low) < getattr(g, high):
                raise TestbedError(
                    f"{high} = {getattr(g, high)} is not allowed: a grid needs it above"
                    f" {low} = {getattr(g, low)}"
                )
        if self.sellers > 1 and g.pricing != "unified":
            raise TestbedError("competing sellers post one price each: pricing must be 'unified'")

    @cached_property
    def prices(self) -> Floats:
        """Shape (A,), ether per elecoin."""
        return np.linspace(self.parameters.p_min, self.parameters.p_max, self.price_points)

    @cached_property
    def demands(self) -> Floats:
        """Shape (B,), elecoins."""
        return np.linspace(self.parameters.x_min, self.parameters.x_max, self.demand_points)

    @cached_property
    def follower_utilities(self) -> Floats:
        """U_p, equation (3), of each prosumer for each price and demand: shape (N, A, B)."""
        g = self.parameters
        w = np.array(g.w)[:, None, None]
        x, p = self.demands[None, None, :], self.prices[None, :, None]
        return np.ascontiguousarray(g.theta * np.log1p(x * w / g.Q) - g.eta * x * p)

    @cached_property
    def margins(self) -> Floats:
        """What one elecoin earns at each price, p − k/Q of equation (2): shape (A,)."""
        return self.prices - self.parameters.k / self.parameters.Q

    @cached_property
    def best_responses(self) -> Indices:
        """Index of each prosumer's best demand at each price, of equals the least: shape (N, A)."""
        return np.asarray(self.follower_utilities.argmax(axis=2))

    @cached_property
    def leader_utilities(self) -> Floats:
        """What each prosumer brings one seller at each price when it answers best: shape (N, A).

        Their sum over prosumers is U_e − U_m + k·e_c under unified pricing; under discriminated pricing the
        leader chooses in each row for itself.
        """
        return self.margins * self.demands[self.best_responses]

    @property
    def identity(self) -> dict[str, Any]:
        """All that makes it this game and no other, as JSON."""
        return {
            "parameters": asdict(self.parameters),
            "price_points": self.price_points,
            "demand_points": self.demand_points,
            "sellers": self.sellers,
        }

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the identity's SHA-256."""
        text = json.dumps(self.identity, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
