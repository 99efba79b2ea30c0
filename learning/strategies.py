"""Strategies of all agents on a game's grids, and how far they are from an equilibrium."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from errors import TestbedError
from learning.game import Floats, Game
from market.mining import mining_utility

_SUM_TOLERANCE = 1e-6
_MOSTLY = 0.5


@dataclass(frozen=True, eq=False)
class Strategies:
    """Probabilities of actions, each row summing to 1 within 1e-6, none below 0. Raises TestbedError for any
    other shape or content, saying where.

    leader: (sellers, A), or (N, A) under discriminated pricing; followers: (N, A, B), at each price.
    """

    game: Game
    leader: Floats
    followers: Floats

    def __post_init__(self) -> None:
        game = self.game
        prosumers = game.parameters.prosumers
        rows = game.sellers if game.parameters.pricing == "unified" else prosumers
        for whose, table, shape in (
            ("the leader's", self.leader, (rows, game.price_points)),
            ("the followers'", self.followers, (prosumers, game.price_points, game.demand_points)),
        ):
            if table.shape != shape:
                raise TestbedError(f"{whose} table has the shape {table.shape}, the game asks for {shape}")
            if not (possible := np.isfinite(table) & (table >= 0)).all():
                at = _first(~possible)
                raise TestbedError(f"{whose} table has {table[at]:.6g} at {list(at)}: no probability")
            sums = table.sum(axis=-1)
            if (off := np.abs(sums - 1)).max() > _SUM_TOLERANCE:
                at = _first(off == off.max())
                raise TestbedError(f"row {list(at)} of {whose} table sums to {sums[at]:.6g}, not to 1")


def _first(where: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """The first place that is True, counted from 0."""
    return tuple(int(index) for index in np.argwhere(where)[0])


@dataclass(frozen=True)
class Measures:
    """What strategies play and earn in expectation, and what the best deviation would gain.

    Prices in ether per elecoin, demands in elecoins, utilities as equations (2) and (3) have them. A regret
    is what the best deviation would gain: the leader's against exact best responses, a follower's at the
    prices that are played. `leader_gap` is the regret over the best U_e − U_m + k·e_c; `follower_gaps` are
    each regret over the mean of the prosumers' best utilities. `nashconv` is the sum of all regrets, in the
    units of the utilities. Of several sellers the price is the cheapest, the utility their mean, and the gap
    their sum. `binding` names the bounds that are played in at least half of the slots, as
    `market.equilibrium.Equilibrium` does: "p_max", "x_min[i]", …
    """

    price: float
    prices: tuple[float, ...]
    demands: tuple[float, ...]
    server_utility: float
    prosumer_utilities: tuple[float, ...]
    leader_gap: float
    follower_gaps: tuple[float, ...]
    nashconv: float
    binding: tuple[str, ...]

    @property
    def follower_gap(self) -> float:
        return math.fsum(self.follower_gaps) / len(self.follower_gaps)

    @property
    def mean_demand(self) -> float:
        return math.fsum(self.demands) / len(self.demands)

    @property
    def mean_prosumer_utility(self) -> float:
        return math.fsum(self.prosumer_utilities) / len(self.prosumer_utilities)


def measure(strategies: Strategies) -> Measures:
    """Exact expectations over the strategies; nothing is sampled."""
    game = strategies.game
    parameters = game.parameters
    prosumers = parameters.prosumers
    unified = parameters.pricing == "unified"
    met = _prices_met(strategies) if unified else strategies.leader  # (N, A): how often each meets each price
    earned = (strategies.followers * game.follower_utilities).sum(axis=2)
    best = game.follower_utilities.max(axis=2)
    demanded = strategies.followers @ game.demands  # (N, A)
    utilities = (met * earned).sum(axis=1)
    at_best = (met * best).sum(axis=1)
    # At least nothing, but for rounding.
    regrets = np.maximum(at_best - utilities, 0.0)
    income = float((met * demanded * game.margins).sum()) / (game.sellers if unified else 1)
    leader_regret, leader_best = _leader_regret(strategies)
    leader_regret = max(leader_regret, 0.0)
    fixed = mining_utility(parameters) - parameters.k * parameters.e_c
    prices = tuple(float(row @ game.prices) for row in (met[:1] if unified else met)) * (
        prosumers if unified else 1
    )
    return Measures(
        price=math.fsum(prices) / prosumers,
        prices=prices,
        demands=tuple(map(float, (met * demanded).sum(axis=1))),
        server_utility=income + fixed,
        prosumer_utilities=tuple(map(float, utilities)),
        leader_gap=leader_regret / leader_best,
        follower_gaps=tuple(map(float, regrets / _scale(float(at_best.mean()), game.follower_utilities))),
        nashconv=leader_regret + float(regrets.sum()),
        binding=tuple(_bounds_played(strategies, met)),
    )


def _bounds_played(strategies: Strategies, met: Floats) -> Iterator[str]:
    """The ends of the grids that are played in at least half of the slots; `met` is how often each prosumer
    meets each price, shape (N, A)."""
    unified = strategies.game.parameters.pricing == "unified"
    for index, row in enumerate(met[:1] if unified else met):
        for name, end in (("p_min", 0), ("p_max", -1)):
            if row[end] >= _MOSTLY:
                yield name if unified else f"{name}[{index}]"
    for index, (row, table) in enumerate(zip(met, strategies.followers, strict=True)):
        for name, end in (("x_min", 0), ("x_max", -1)):
            if row @ table[:, end] >= _MOSTLY:
                yield f"{name}[{index}]"


def _prices_met(strategies: Strategies) -> Floats:
    """How often the cheapest of the posted prices is each: shape (N, A), the same row for each prosumer."""
    # P(cheapest ≥ p) is the product over sellers.
    at_least = np.cumsum(strategies.leader[:, ::-1], axis=1)[:, ::-1].prod(axis=0)
    cheapest = at_least - np.append(at_least[1:], 0.0)
    return np.broadcast_to(cheapest, (strategies.game.parameters.prosumers, len(cheapest)))


def _leader_regret(strategies: Strategies) -> tuple[float, float]:
    """What the leaders' best deviations gain against exact best responses, and what that is relative to."""
    game = strategies.game
    if game.parameters.pricing == "discriminated":
        values = game.leader_utilities
        best = float(values.max(axis=1).sum())
        return best - float((strategies.leader * values).sum()), _scale(best, values)
    total = game.leader_utilities.sum(axis=0)
    if game.sellers == 1:
        return float(total.max() - strategies.leader[0] @ total), _scale(float(total.max()), total)
    regret = 0.0
    for seller in range(game.sellers):
        others = np.delete(strategies.leader, seller, axis=0)
        values = total * _expected_share(others)
        regret += float(values.max() - strategies.leader[seller] @ values)
    return regret, _scale(float(total.max()), total)


def _scale(best: float, utilities: Floats) -> float:
    """What a regret is relative to: the best, or the largest that is at stake where the best is nothing."""
    return best if best > 0 else float(np.abs(utilities).max()) or 1.0


def _expected_share(others: Floats) -> Floats:
    """The part of all demand that a seller gets at each price, given the others' strategies: shape (A,)."""
    above = np.cumsum(others[:, ::-1], axis=1)[:, ::-1] - others
    # ways[k]: the probability that k of the others ask the same and the rest more.
    ways = np.zeros((len(others) + 1, others.shape[1]))
    ways[0] = 1.0
    for same, more in zip(others, above, strict=True):
        ways[1:] = ways[1:] * more + ways[:-1] * same
        ways[0] *= more
    return np.asarray((ways / np.arange(1, len(ways) + 1)[:, None]).sum(axis=0))


def exact(game: Game) -> Strategies:
    """The equilibrium on the grid: best responses everywhere, the leader's best price; one seller only."""
    if game.sellers > 1:
        raise TestbedError("competing sellers have several equilibria: see market.competition")
    values = game.leader_utilities
    if game.parameters.pricing == "unified":
        values = values.sum(axis=0, keepdims=True)
    return Strategies(
        game,
        _one_hot(values.argmax(axis=1), game.price_points),
        _one_hot(game.best_responses, game.demand_points),
    )


def uniform(game: Game) -> Strategies:
    """Every action with equal probability: the paper's random policies."""
    rows = game.sellers if game.parameters.pricing == "unified" else game.parameters.prosumers
    shape = (game.parameters.prosumers, game.price_points, game.demand_points)
    leader = np.full((rows, game.price_points), 1.0 / game.price_points)
    return Strategies(game, leader, np.full(shape, 1.0 / game.demand_points))


def _one_hot(indices: Any, size: int) -> Floats:
    return np.asarray(np.eye(size)[indices])
