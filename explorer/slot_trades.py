"""What was bought, delivered and given back in each slot, read once: one is closed when the next one opens.

The hash of the block in which the next slot opened stands for all that happened before it, so what is kept
under that hash is right as long as the block is canonical, whatever was reorganised in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from explorer import market_queries as queries
from explorer.kept import Kept
from explorer.queries import Connection

_MOST_KEPT = 30_000  # purchases and deliveries, a few hundred bytes each

Key = tuple[bytes, int, bytes]


class Bought(NamedTuple):
    """By one prosumer in one slot, in all: mE, the wei paid for them, and both at each edge server."""

    amount_mE: int
    paid_wei: int
    at: tuple[tuple[bytes, int, int], ...]


class Trades(NamedTuple):
    """Of one slot, by prosumer; `last_block` is that of the newest of them, 0 where there are none."""

    bought: Mapping[bytes, Bought]
    received_Wh: Mapping[bytes, int]
    redeemed_mE: int
    last_block: int


def _size(trades: Trades) -> int:
    return 1 + len(trades.bought) + len(trades.received_Wh)


_KEPT: Kept[Key, Trades] = Kept(_MOST_KEPT, _size)


def trades_in(
    connection: Connection, contract: bytes, slots: Sequence[int], closed_by: Mapping[int, bytes]
) -> dict[int, Trades]:
    """Of slots in ascending order; closed_by has the hash of the block that closed a slot, where one did."""
    keys = {slot: (contract, slot, closed_by[slot]) for slot in slots if slot in closed_by}
    found = {slot: kept for slot, key in keys.items() if (kept := _KEPT.get(key)) is not None}
    for first, last in _runs(slot for slot in slots if slot not in found):
        for slot, trades in _read(connection, first, last).items():
            found[slot] = trades
            if slot in keys:
                _KEPT.put(keys[slot], trades)
    return found


def _runs(slots: Iterator[int]) -> Iterator[tuple[int, int]]:
    """Of numbers that follow one another, the first and the last."""
    for _, run in groupby(enumerate(slots), key=lambda pair: pair[1] - pair[0]):
        numbers = [slot for _, slot in run]
        yield numbers[0], numbers[-1]


def _read(connection: Connection, first: int, last: int) -> dict[int, Trades]:
    slots = range(first, last + 1)
    bought: dict[int, dict[bytes, Bought]] = {slot: {} for slot in slots}
    received: dict[int, dict[bytes, int]] = {slot: {} for slot in slots}
    newest = dict.fromkeys(slots, 0)
    names: dict[bytes, bytes] = {}  # one object for an account, in however many slots
    for slot, number, account, server, coins, ether in queries.purchases(connection, first, last):
        buyer, seller, paid = (
            names.setdefault(account, account),
            names.setdefault(server, server),
            -int(ether),
        )
        before, of_slot = bought[slot].get(buyer), bought[slot]
        if before is None:
            of_slot[buyer] = Bought(coins, paid, ((seller, coins, paid),))
        else:
            at = (*before.at, (seller, coins, paid))
            of_slot[buyer] = Bought(before.amount_mE + coins, before.paid_wei + paid, at)
        newest[slot] = max(newest[slot], number)
    for slot, number, account, power in queries.deliveries(connection, first, last):
        of_buyer, buyer = received[slot], names.setdefault(account, account)
        of_buyer[buyer] = of_buyer.get(buyer, 0) + power
        newest[slot] = max(newest[slot], number)
    redeemed = dict(queries.redemptions(connection, first, last))
    return {
        slot: Trades(bought[slot], received[slot], redeemed.get(slot) or 0, newest[slot]) for slot in slots
    }
