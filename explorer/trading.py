"""The market as the index sees it: the slot that is open, its price, who bought and traded how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from explorer import queries
from explorer.config import Config
from explorer.etsc import Decoded, decode_event, topic_of
from explorer.queries import Connection, Row
from explorer.words import hexed

_TRADES = 8
_EVENTS_PER_SLOT = 1000
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
    opened = events(queries.events_named(connection, contract, topic_of("SlotOpened"), 1))
    if not opened:
        return None
    slot, seller = int(opened[0].decoded["slot"]), opened[0].decoded["seller"]
    # In a slot that somebody else opened for it, the seller may still post a price.
    posted = queries.events_named(
        connection,
        contract,
        topic_of("PricePosted"),
        1,
        slot.to_bytes(_WORD, "big"),
        seller.rjust(_WORD, b"\0"),
    )
    price = (events(posted) or opened)[0].decoded["price"]
    bought = {number: _bought(connection, contract, number) for number in (slot - 1, slot)}
    prosumers = [account.address for account in config.accounts if account.role == "prosumer"]
    others = [buyer for counts in bought.values() for buyer in counts if buyer not in prosumers]
    return Market(
        slot=slot,
        price_wei_per_mE=int(price),
        seller=seller,
        opened_at=opened[0].number,
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
    """Single prosumers' prices that an edge server asks now; whoever is not among them pays its price for
    everybody. All of an earlier posting are void."""
    server = edge_server.rjust(_WORD, b"\0")
    posted = queries.events_named(connection, contract, topic_of("PricePosted"), 1, topic2=server)
    if not posted:
        return ()
    slot = posted[0]["topic1"]
    named = queries.events_named(
        connection, contract, topic_of("ProsumerPricePosted"), _EVENTS_PER_SLOT, slot, server
    )
    # The newest come first: where a prosumer was named twice, what was said last counts.
    prices: dict[bytes, int] = {}
    for event in events(named):
        prices.setdefault(event.decoded["prosumer"], int(event.decoded["price"]))
    return tuple(OwnPrice(prosumer, price) for prosumer, price in reversed(prices.items()))


def _bought(connection: Connection, contract: bytes, slot: int) -> Counter[bytes]:
    """mE per buyer; a purchase of nothing counts as one of 0."""
    counts: Counter[bytes] = Counter()
    topic = slot.to_bytes(_WORD, "big")
    logs = queries.events_named(connection, contract, topic_of("Purchased"), _EVENTS_PER_SLOT, topic)
    for event in events(logs):
        counts[event.decoded["buyer"]] += int(event.decoded["amount"])
    return counts
