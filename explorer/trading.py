"""The market as the index sees it: the slot that is open, its price, who bought and traded how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from explorer import queries
from explorer.config import Config
from explorer.etsc import Decoded, decode_event, topic_of
from explorer.index.books import LOG_BITS
from explorer.queries import Connection, Row
from explorer.words import hexed

_TRADES = 8
# How far back an edge server's last posting is looked for: each posts about once a slot.
_POSTINGS = 200
_WORD = 32


@dataclass(frozen=True)
class Event:
    """A decoded event of ETSC and where it stands."""

    decoded: Decoded
    number: int
    timestamp: int
    tx_hash: bytes


@dataclass(frozen=True)
class Demand:
    """What a prosumer bought in the slot before and in this one, in mE; None where it has not bought yet."""

    account: bytes
    before_mE: int | None
    now_mE: int | None


@dataclass(frozen=True)
class Market:
    slot: int
    price_wei_per_mE: int
    seller: bytes
    opened_at: int
    demands: tuple[Demand, ...]
    trades: tuple[Event, ...]

    @property
    def demand_mE(self) -> int:
        return sum(demand.now_mE or 0 for demand in self.demands)


@dataclass(frozen=True)
class Standing:
    """Who administers ETSC, and whether the market is paused."""

    administrator: bytes
    paused: bool


@dataclass(frozen=True)
class OwnPrice:
    """What one prosumer pays at an edge server that tells prosumers apart."""

    prosumer: bytes
    price_wei_per_mE: int


def event_of(log: Row) -> Decoded | None:
    """None where the log is no event of ETSC."""
    topics = [log[f"topic{index}"] for index in range(4)]
    return decode_event(
        {
            "address": hexed(log["address"]),
            "topics": [hexed(topic) for topic in topics if topic is not None],
            "data": hexed(log["data"]),
            "blockNumber": hex(log["number"]),
            "blockHash": hexed(log["block_hash"]),
            "transactionHash": hexed(log["tx_hash"]),
            "logIndex": hex(log["log_index"]),
        }
    )


def events(logs: Iterable[Row]) -> list[Event]:
    """Those of the logs that are events of ETSC."""
    return [
        Event(decoded, log["number"], log["timestamp"], log["tx_hash"])
        for log in logs
        if (decoded := event_of(log)) is not None
    ]


def market(connection: Connection, contract: bytes | None, config: Config) -> Market | None:
    """None before ETSC has opened its first slot."""
    if contract is None:
        return None
    opened = connection.execute(
        "SELECT s.*, p.price_wei FROM (SELECT * FROM slots ORDER BY slot DESC LIMIT 1) s "
        "JOIN prices p ON p.slot = s.slot AND p.edge_server = s.seller AND p.prosumer = x''"
    ).fetchone()
    if opened is None:
        return None
    slot = int(opened["slot"])
    bought = {number: _bought(connection, number) for number in (slot - 1, slot)}
    prosumers = [account.address for account in config.accounts if account.role == "prosumer"]
    others = [buyer for counts in bought.values() for buyer in counts if buyer not in prosumers]
    return Market(
        slot=slot,
        price_wei_per_mE=int(opened["price_wei"]),
        seller=opened["seller"],
        opened_at=opened["number"],
        demands=tuple(
            Demand(account, bought[slot - 1].get(account), bought[slot].get(account))
            for account in (*prosumers, *dict.fromkeys(others))
        ),
        trades=tuple(events(queries.events_named(connection, contract, topic_of("Traded"), _TRADES))),
    )


def standing(connection: Connection, contract: bytes) -> Standing | None:
    """None before ETSC is deployed."""
    taken = events(queries.events_named(connection, contract, topic_of("AdministrationTaken"), 1))
    if not taken:
        return None
    changes = [
        (row["number"], row["log_index"], name)
        for name in ("Paused", "Unpaused")
        for row in queries.events_named(connection, contract, topic_of(name), 1)
    ]
    return Standing(taken[0].decoded["administrator"], bool(changes) and max(changes)[2] == "Paused")


def own_prices(connection: Connection, contract: bytes, edge_server: bytes) -> tuple[OwnPrice, ...]:
    """Single prosumers' prices that an edge server asks now, as it posted them; whoever is not among them
    pays its price for everybody. All of an earlier posting are void."""
    server = edge_server.rjust(_WORD, b"\0")
    newest = queries.events_named(connection, contract, topic_of("PricePosted"), _POSTINGS)
    posted = next((log for log in newest if log["topic2"] == server), None)
    if posted is None:
        return ()
    return tuple(
        OwnPrice(event.decoded["prosumer"], int(event.decoded["price"]))
        for event in events(queries.logs_in(connection, posted["id"] >> LOG_BITS, posted["position"]))
        if event.decoded.name == "ProsumerPricePosted"
    )


def _bought(connection: Connection, slot: int) -> dict[bytes, int]:
    """mE per buyer; a purchase of nothing counts as one of 0."""
    rows = connection.execute(
        "SELECT account, sum(coins) AS coins FROM entries WHERE slot = ? AND kind = 'bought' "
        "GROUP BY account ORDER BY min(id)",
        (slot,),
    )
    return {row["account"]: row["coins"] for row in rows}
