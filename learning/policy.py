"""What decides for an agent: a price for the edge server, a demand for a prosumer."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from errors import TestbedError
from learning.draws import generator
from market.daily import in_slot
from market.equilibrium import best_response

Observation = npt.NDArray[np.float64]
Role = Literal["edge-server", "prosumer"]
NAMES = ("constant", "equilibrium", "random", "table")
_PROBABILITY_TOLERANCE = 1e-6


class Policy(Protocol):
    """Decides from the campaign's slot (1, 2, …) and what the agent may see, and from nothing else.

    A prosumer observes [price], shape (1,), ether per elecoin, and answers with elecoins. The edge server
    observes the demands of the last slot, shape (N,), elecoins (zeros before the first), and answers with
    a price.
    """

    def act(self, slot: int, observation: Observation) -> float: ...


@dataclass(frozen=True)
class Constant:
    """The same action whatever it sees: what somebody else computed."""

    action: float

    def act(self, slot: int, observation: Observation) -> float:
        return self.action


@dataclass(frozen=True)
class Daily:
    """The leader's part of the equilibrium: the prices that the oracle solved for the slots of a day."""

    prices: tuple[float, ...]

    def act(self, slot: int, observation: Observation) -> float:
        return in_slot(self.prices, slot)


@dataclass(frozen=True)
class BestResponse:
    """The follower's part of the equilibrium: equation (4) from its own private parameters. Its intention is
    w times the load of the slot."""

    theta: float
    eta: float
    Q: float
    w: float
    x_min: float
    x_max: float
    loads: tuple[float, ...]
    """Of each slot of a day, in parts of their mean."""

    def act(self, slot: int, observation: Observation) -> float:
        return best_response(
            float(observation[0]),
            theta=self.theta,
            eta=self.eta,
            Q=self.Q,
            w=self.w * in_slot(self.loads, slot),
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


@dataclass(frozen=True, eq=False)
class Table:
    """A learnt strategy: actions drawn anew in each slot, with the probabilities of the price that is seen.

    Prices between two of the grid play the nearer one's row, of equally near ones the lower's; a leader has
    one row and sees nothing that matters.
    """

    prices: Observation
    """Shape (A,), ether per elecoin; a leader's is empty."""
    actions: Observation
    """Shape (B,)."""
    probabilities: Observation
    """Shape (A, B); a leader's is (1, B)."""
    seed: int
    agent: str

    def act(self, slot: int, observation: Observation) -> float:
        row = int(np.abs(self.prices - observation[0]).argmin()) if self.prices.size else 0
        drawn = generator(self.seed, self.agent, slot, "policy").random()
        cumulative = np.cumsum(self.probabilities[row])
        # Probabilities sum to 1 but for rounding, which must not lead beyond the last possible action.
        index = int(np.searchsorted(cumulative, drawn * cumulative[-1], side="right"))
        return float(self.actions[min(index, int(np.flatnonzero(self.probabilities[row])[-1]))])


def make_leader(
    specs: Sequence[Mapping[str, Any]], private: Mapping[str, Any], seed: int, agent: str
) -> tuple[Policy, ...]:
    """The edge server's policies: one for its price, or one for each prosumer's, each with its own draws."""
    if len(specs) == 1:
        return (make_policy("edge-server", specs[0], private, seed, agent),)
    return tuple(
        make_policy("edge-server", spec, private, seed, f"{agent}, price {index}")
        for index, spec in enumerate(specs, start=1)
    )


def make_policy(
    role: Role, spec: Mapping[str, Any], private: Mapping[str, Any], seed: int, agent: str
) -> Policy:
    """The policy that `spec` names, {"name": …} and its own keys, for an agent with these private parameters.

    The keys: `prices` of a leader's equilibrium, one for each slot of a day; `action` of a constant; of a
    table `actions`, `probabilities` (a row for each price) and, a prosumer's, `prices`. Raises TestbedError,
    saying which key, for an unknown name or key, a missing or a wrong value.
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
    known = {"name", *_keys(role, name)}
    if unknown := sorted(set(spec) - known):
        raise TestbedError(f"unknown key {unknown[0]!r} of policy {name!r} ({role})", where=agent)
    low, high = (
        _number(private, key, agent) for key in (("p_min", "p_max") if leads else ("x_min", "x_max"))
    )
    if low > high:
        raise TestbedError(f"the lower bound {low} of the actions is above the upper {high}", where=agent)
    if name == "random":
        return Uniform(low, high, seed, agent)
    if name == "table":
        return _table(role, spec, low, high, seed, agent)
    if name == "constant":
        return Constant(_within(low, high, [_number(spec, "action", agent)], "action", agent)[0])
    if leads:
        return Daily(_within(low, high, _series(spec, "prices", agent), "prices", agent))
    theta, eta, Q, w = (_number(private, key, agent) for key in ("theta", "eta", "Q", "w"))
    return BestResponse(theta, eta, Q, w, low, high, _series(private, "loads", agent))


def _within(low: float, high: float, actions: Sequence[float], key: str, agent: str) -> tuple[float, ...]:
    for action in actions:
        if not low <= action <= high:
            raise TestbedError(f"{key} = {action} is not allowed: it must be in [{low}, {high}]", where=agent)
    return tuple(actions)


def _keys(role: Role, name: str) -> tuple[str, ...]:
    if name == "table":
        return (
            ("actions", "probabilities") if role == "edge-server" else ("actions", "prices", "probabilities")
        )
    if name == "constant":
        return ("action",)
    return ("prices",) if role == "edge-server" and name == "equilibrium" else ()


def _table(role: Role, spec: Mapping[str, Any], low: float, high: float, seed: int, agent: str) -> Table:
    actions = _numbers(spec, "actions", agent)
    prices = _numbers(spec, "prices", agent) if role == "prosumer" else np.empty(0)
    probabilities = _numbers(spec, "probabilities", agent)
    rows = 1 if role == "edge-server" else len(prices)
    for key, values in (("actions", actions), ("prices", prices)):
        if values.ndim != 1 or (np.diff(values) <= 0).any():
            raise TestbedError(f"{key} are no grid: each must be above the one before", where=agent)
    if not (actions.size and low <= actions[0] and actions[-1] <= high):
        raise TestbedError(f"actions are not all in [{low}, {high}]", where=agent)
    if probabilities.shape != (rows, len(actions)):
        raise TestbedError(
            f"probabilities have the shape {probabilities.shape}, not {(rows, len(actions))}", where=agent
        )
    sums = probabilities.sum(axis=1)
    if (probabilities < 0).any() or (np.abs(sums - 1) > _PROBABILITY_TOLERANCE).any():
        raise TestbedError("a row of the table is no distribution: >= 0 and 1 in all", where=agent)
    return Table(prices, actions, probabilities, seed, agent)


def _numbers(values: Mapping[str, Any], key: str, agent: str) -> Observation:
    try:
        found = np.asarray(values.get(key), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TestbedError(f"{key} are no table of numbers: {error}", where=agent) from error
    if not found.size or not np.isfinite(found).all():
        raise TestbedError(f"{key} must be a table of finite numbers", where=agent)
    return found


def _series(values: Mapping[str, Any], key: str, agent: str) -> tuple[float, ...]:
    """One for each slot of a day."""
    found = _numbers(values, key, agent)
    if found.ndim != 1:
        raise TestbedError(f"{key} must be a list of numbers", where=agent)
    return tuple(found.tolist())


def _number(values: Mapping[str, Any], key: str, agent: str) -> float:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TestbedError(f"{key} = {value!r} is not allowed: it must be a number", where=agent)
    return float(value)
