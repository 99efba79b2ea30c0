"""The market's books: what each event of ETSC moved, for whom, and how everybody stood after it.

The rows are canonical only. A reorganisation cuts them off above the common ancestor and goes on from
there, so they are the same whatever was seen in between; and how somebody stood at any block is one look
into an index.

Kinds of entries, and whose: endowed (an edge server's first stock), bought and sold (elecoins: user, edge
server), redeemed and bought-back (the same in the other direction), offered, retracted (a retailer),
received and delivered (electricity: buyer, retailer), generated, consumed (a user), withdrew (an edge
server).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from contracts import events as etsc
from explorer.index.rows import LogRow

LOG_BITS = 20
_SECONDS_PER_HOUR = 3600


class Placed(NamedTuple):
    """A log of ETSC and the time of its block."""

    log: LogRow
    timestamp: int


class Standing(NamedTuple):
    """mE (an edge server's is its stock), Wh, and wei that may be withdrawn."""

    coins: int = 0
    power: int = 0
    offered: int = 0
    generated: int = 0
    consumed: int = 0
    deficit: int = 0
    credit: int = 0


class Move(NamedTuple):
    """What an event changed for one account. `readings` are absolute: generated, consumed, deficit."""

    account: bytes
    kind: str
    other: bytes | None = None
    coins: int = 0
    power: int = 0
    offered: int = 0
    ether: int = 0
    credit: int = 0
    readings: dict[str, int] | None = None


def moves_of(event: etsc.Event, lowest_price_wei: int, before: Standing) -> tuple[Move, ...]:
    """`before` is how the account stood whose meter reports; lowest_price_wei is that of the terms."""
    match event:
        case etsc.EdgeServerAdded():
            return (Move(_octets(event.edge_server), "endowed", coins=event.stock),)
        case etsc.Purchased():
            user, server, cost = _octets(event.buyer), _octets(event.edge_server), event.amount * event.price
            earned = event.amount * (event.price - lowest_price_wei)
            return (
                Move(user, "bought", server, coins=event.amount, ether=-cost),
                Move(server, "sold", user, coins=-event.amount, credit=earned),
            )
        case etsc.Redeemed():
            user, server, paid = _octets(event.user), _octets(event.edge_server), event.amount * event.price
            released = event.amount * (lowest_price_wei - event.price)
            return (
                Move(user, "redeemed", server, coins=-event.amount, ether=paid),
                Move(server, "bought-back", user, coins=event.amount, credit=released),
            )
        case etsc.Traded():
            buyer, retailer = _octets(event.buyer), _octets(event.retailer)
            quantity, cost = event.quantity, event.cost
            return (
                Move(buyer, "received", retailer, coins=-cost, power=quantity),
                Move(retailer, "delivered", buyer, coins=cost, power=-quantity, offered=-quantity),
            )
        case etsc.Offered():
            return (Move(_octets(event.retailer), "offered", offered=event.quantity),)
        case etsc.Retracted():
            return (Move(_octets(event.retailer), "retracted", offered=-event.quantity),)
        case etsc.Generated():
            risen = event.cumulative - before.generated
            readings = {"generated": event.cumulative}
            return (Move(_octets(event.user), "generated", power=risen, readings=readings),)
        case etsc.Consumed():
            risen = event.cumulative - before.consumed - (event.deficit - before.deficit)
            readings = {"consumed": event.cumulative, "deficit": event.deficit}
            return (Move(_octets(event.user), "consumed", power=-risen, readings=readings),)
        case etsc.Withdrawn():
            server = _octets(event.edge_server)
            return (Move(server, "withdrew", ether=event.amount, credit=-event.amount),)
    return ()


class Books:
    """The tables participants, slots, prices, entries and hours of one database, for its writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._standings: dict[bytes, Standing] = {}

    def forget(self) -> None:
        """After a roll-back: what was worked out in memory is not what the database has."""
        self._standings.clear()

    def clear(self) -> None:
        """Everything, because it is of another contract."""
        self.forget()
        for table in ("participants", "slots", "prices", "entries", "hours"):
            self._connection.execute(f"DELETE FROM {table}")

    def cut(self, ancestor: int) -> None:
        """Forget what stands above the block at that height."""
        self.forget()
        self._add_to_hours(ancestor, -1)
        for table in ("participants", "slots", "prices", "entries"):
            self._connection.execute(f"DELETE FROM {table} WHERE number > ?", (ancestor,))
        self._connection.execute("DELETE FROM hours WHERE trades = 0")

    def enter(self, logs: Iterable[Placed], lowest_price: Callable[[], int]) -> None:
        """Events of the contract, in the order of the chain, after all that was entered before.

        lowest_price is asked, where there is any event, for the lowest unit price of the terms in wei per mE:
        what is above it becomes an edge server's credit.
        """
        rows: list[tuple[object, ...]] = []
        first = None
        for placed in logs:
            event = decode(placed.log)
            if event is None:
                continue
            if first is None:
                first = placed.log.number
            self._enter_roles_and_prices(event, placed)
            rows.extend(self._entries(event, placed, lowest_price()))
        marks = ", ".join("?" * 17)
        self._connection.executemany(f"INSERT INTO entries VALUES ({marks})", rows)
        if first is not None:
            self._add_to_hours(first - 1, 1)

    def _entries(
        self, event: etsc.Event, placed: Placed, lowest_price_wei: int
    ) -> Iterator[tuple[object, ...]]:
        user = getattr(event, "user", None)
        before = self._standing(_octets(user)) if user is not None else Standing()
        log = placed.log
        for side, move in enumerate(moves_of(event, lowest_price_wei, before)):
            standing = self._standing(move.account)
            after = standing._replace(
                coins=standing.coins + move.coins,
                power=standing.power + move.power,
                offered=standing.offered + move.offered,
                credit=standing.credit + move.credit,
                **(move.readings or {}),
            )
            self._standings[move.account] = after
            yield (
                entry_id(log.number, log.log_index, side),
                log.number,
                placed.timestamp,
                getattr(event, "slot", None),
                move.account,
                move.kind,
                move.other,
                move.coins,
                move.power,
                str(move.ether),
                after.coins,
                after.power,
                after.offered,
                after.generated,
                after.consumed,
                after.deficit,
                str(after.credit),
            )

    def _standing(self, account: bytes) -> Standing:
        known = self._standings.get(account)
        if known is None:
            known = self._standings[account] = standing_at(self._connection, account, None) or Standing()
        return known

    def _enter_roles_and_prices(self, event: etsc.Event, placed: Placed) -> None:
        number = placed.log.number
        match event:
            case etsc.EdgeServerAdded():
                self._join(event.edge_server, "edge-server", "", number)
            case etsc.Empowered():
                self._join(event.user, "user", event.user_name, number)
            case etsc.MeterBound():
                self._join(event.meter, "meter", "", number)
            case etsc.MeterRotated():
                self._join(event.new_meter, "meter", "", number)
            case etsc.SlotOpened():
                row = (event.slot, number, placed.timestamp, _octets(event.seller))
                self._connection.execute("INSERT INTO slots VALUES (?, ?, ?, ?)", row)
                # Somebody else may have opened it for the seller, at the old price: then this is its price.
                self._price(event.slot, event.seller, b"", event.price, number)
            case etsc.PricePosted():
                self._price(event.slot, event.edge_server, b"", event.price, number)
            case etsc.ProsumerPricePosted():
                self._price(event.slot, event.edge_server, _octets(event.prosumer), event.price, number)

    def _join(self, address: str, role: str, name: str, number: int) -> None:
        self._connection.execute(
            "INSERT INTO participants VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (_octets(address), role, name, number),
        )

    def _price(self, slot: int, edge_server: str, prosumer: bytes, price_wei: int, number: int) -> None:
        self._connection.execute(
            "INSERT INTO prices VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET price_wei = excluded.price_wei, number = excluded.number",
            (slot, _octets(edge_server), prosumer, str(price_wei), number),
        )

    def _add_to_hours(self, above: int, sign: int) -> None:
        """Count the trades above a height in (1), or out (-1)."""
        self._connection.execute(
            "INSERT INTO hours SELECT timestamp / :hour, account, other, "
            ":sign * -sum(power), :sign * sum(coins), :sign * count(*) FROM entries "
            "WHERE kind = 'delivered' AND id >= :first GROUP BY 1, 2, 3 "
            "ON CONFLICT DO UPDATE SET energy = energy + excluded.energy, cost = cost + excluded.cost, "
            "trades = trades + excluded.trades",
            {"hour": _SECONDS_PER_HOUR, "sign": sign, "first": entry_id(above + 1, 0, 0)},
        )


def entry_id(number: int, log_index: int, side: int) -> int:
    return (number << LOG_BITS | log_index) << 1 | side


def standing_at(connection: sqlite3.Connection, account: bytes, number: int | None) -> Standing | None:
    """How an account stood after the block of that height (None: the newest); None before its first entry."""
    row = connection.execute(
        "SELECT coins_after, power_after, offered_after, generated_after, consumed_after, deficit_after, "
        "credit_after FROM entries WHERE account = ? AND id < ? ORDER BY id DESC LIMIT 1",
        (account, 2**63 - 1 if number is None else entry_id(number + 1, 0, 0)),
    ).fetchone()
    if row is None:
        return None
    coins, power, offered, generated, consumed, deficit, credit = row
    return Standing(coins, power, offered, generated, consumed, deficit, int(credit))


def decode(log: LogRow) -> etsc.Event | None:
    """None where it is no event of ETSC's, or is one in name only."""
    try:
        return etsc.decode_words(
            _topics(log),
            log.data,
            block_number=log.number,
            block_hash="",
            tx_hash="",
            log_index=log.log_index,
        )
    except ValueError:
        return None


def _topics(log: LogRow) -> Sequence[bytes]:
    return [topic for topic in (log.topic0, log.topic1, log.topic2, log.topic3) if topic is not None]


def _octets(address: str) -> bytes:
    return bytes.fromhex(address[2:])
