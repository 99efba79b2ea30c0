"""Blocks of each sealer or miner beside its part of the computing power, and how many of them were lost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from explorer import market_queries as queries
from explorer.queries import Connection
from explorer.researcher import Report
from market.mining import shares

_95_PERCENT = 1.959963984540054  # the normal distribution's quantile at 0.975


@dataclass(frozen=True)
class Share:
    """`blocks` are canonical, `part` is what they are of all; orphans are those that the explorer saw, uncles
    those that canonical blocks include."""

    sealer: bytes
    blocks: int
    part: float
    interval: tuple[float, float]
    expected: float | None
    orphans: int
    uncles: int


@dataclass(frozen=True)
class Mining:
    """Of the canonical blocks from one height to another, both included."""

    first_block: int
    last_block: int
    shares: tuple[Share, ...]

    @property
    def blocks(self) -> int:
        return sum(each.blocks for each in self.shares)

    @property
    def orphans(self) -> int:
        return sum(each.orphans for each in self.shares)

    @property
    def uncles(self) -> int:
        return sum(each.uncles for each in self.shares)

    @property
    def compared(self) -> bool:
        return any(each.expected is not None for each in self.shares)


def rate(lost: int, kept: int) -> float:
    """Of all blocks that were made, the part that was lost."""
    return lost / (lost + kept) if lost else 0.0


def mining(connection: Connection, first_block: int, last_block: int, reports: Iterable[Report]) -> Mining:
    """Of the newest of these blocks. `reports` are of the campaigns that made them."""
    first = max(first_block, last_block - queries.MOST_BLOCKS + 1, 1)
    sealed = queries.sealed(connection, first, last_block)
    orphans = queries.orphaned(connection, first, last_block)
    uncles = queries.uncles(connection, first, last_block)
    expected = computing_shares(reports)
    canonical = {sealer: count - orphans.get(sealer, 0) for sealer, count in sealed.items()}
    total = sum(canonical.values())
    everybody = dict.fromkeys((*expected, *canonical, *orphans, *uncles))
    found = (
        Share(
            sealer=sealer,
            blocks=canonical.get(sealer, 0),
            part=canonical.get(sealer, 0) / max(1, total),
            interval=wilson(canonical.get(sealer, 0), total),
            expected=expected.get(sealer),
            orphans=orphans.get(sealer, 0),
            uncles=uncles.get(sealer, 0),
        )
        for sealer in everybody
    )
    shown = tuple(each for each in found if each.blocks or each.orphans or each.uncles or each.expected)
    return Mining(first, last_block, shown)


def computing_shares(reports: Iterable[Report]) -> Mapping[bytes, float]:
    """By the address that seals; empty where no report tells, or two tell different ones."""
    told = [
        dict(zip(report.sealers, shares(report.parameters), strict=True))
        for report in reports
        if len(report.sealers) == len(report.parameters.alpha)
    ]
    return told[0] if told and all(each == told[0] for each in told) else {}


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson 1927); from 0 to 1 where there was no trial."""
    if trials == 0:
        return 0.0, 1.0
    z2 = _95_PERCENT**2
    share = successes / trials
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _95_PERCENT * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, centre - half), min(1.0, centre + half)
