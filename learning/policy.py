"""What decides for an agent: a price for the edge server, a demand for a prosumer."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from errors import TestbedError
from learning.draws import generator
from market.equilibrium import best_response

Observation = npt.NDArray[np.float64]
Role = Literal["edge-server", "prosumer"]
NAMES = ("equilibrium", "random")


class Policy(Protocol):
    """Decides from the campaign's slot (1, 2, …) and what the agent may see, and from nothing else.

    A prosumer observes [price], shape (1,), ether per elecoin, and answers with elecoins. The edge server
    observes the demands of the last slot, shape (N,), elecoins (zeros before the first), and answers with
    a price.
    """

    def act(self, slot: int, observation: Observation) -> float: ...


@dataclass(frozen=True)
class Constant:
    """The leader's part of the equilibrium: the price that the oracle solved."""

    action: float

    def act(self, slot: int, observation: Observation) -> float:
        return self.action


@dataclass(frozen=True)
class BestResponse:
    """The follower's part of the equilibrium: equation (4) from its own private parameters."""

    theta: float
    eta: float
    Q: float
    w: float
    x_min: float
    x_max: float

    def act(self, slot: int, observation: Observation) -> float:
        return best_response(
            float(observation[0]),
            theta=self.theta,
            eta=self.eta,
            Q=self.Q,
            w=self.w,
            x_min=self.x_min,
            x_max=self.x_max,
        )


@dataclass(frozen=True)
class Uniform:
    """Any action between two bounds with equal probability, drawn anew in each slot."""

    low: float
    high: float
    seed: int
    agent: str

    def act(self, slot: int, observation: Observation) -> float:
        return float(generator(self.seed, self.agent, slot, "policy").uniform(self.low, self.high))


def make_policy(
    role: Role, spec: Mapping[str, Any], private: Mapping[str, Any], seed: int, agent: str
) -> Policy:
    """The policy that `spec` names, {"name": …} and its own keys, for an agent with these private parameters.

    Raises TestbedError, saying which key, for an unknown name or key, a missing or a wrong value.
    """
    name = spec.get("name")
    if name not in NAMES:
        close = difflib.get_close_matches(str(name), NAMES, n=1)
        raise TestbedError(
            f"unknown policy {name!r}, allowed: {', '.join(NAMES)}",
            where=agent,
            fix=f"Did you mean {close[0]!r}?" if close else None,
        )
    leads = role == "edge-server"
    known = {"name", "price"} if leads and name == "equilibrium" else {"name"}
    if unknown := sorted(set(spec) - known):
        raise TestbedError(f"unknown key {unknown[0]!r} of policy {name!r} ({role})", where=agent)
    low, high = (
        _number(private, key, agent) for key in (("p_min", "p_max") if leads else ("x_min", "x_max"))
    )
    if low > high:
        raise TestbedError(f"the lower bound {low} of the actions is above the upper {high}", where=agent)
    if name == "random":
        return Uniform(low, high, seed, agent)
    if leads:
        price = _number(spec, "price", agent)
        if not low <= price <= high:
            raise TestbedError(f"price = {price} is not allowed: it must be in [{low}, {high}]", where=agent)
        return Constant(price)
    theta, eta, Q, w = (_number(private, key, agent) for key in ("theta", "eta", "Q", "w"))
    return BestResponse(theta, eta, Q, w, low, high)


def _number(values: Mapping[str, Any], key: str, agent: str) -> float:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TestbedError(f"{key} = {value!r} is not allowed: it must be a number", where=agent)
    return float(value)
