"""The events of ETSC as typed records: everything that ever changed its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.artifact import ARTIFACT, decode_values


@dataclass(frozen=True, kw_only=True)
class Event:
    """Where an event stands in the chain."""

    block_number: int
    block_hash: str
    tx_hash: str
    log_index: int

    @property
    def name(self) -> str:
        return type(self).__name__


@dataclass(frozen=True, kw_only=True)
class EdgeServerAdded(Event):
    """An edge server begins with `stock` mE to sell."""

    edge_server: str
    stock: int


@dataclass(frozen=True, kw_only=True)
class Empowered(Event):
    """A user is registered. `user_name` is the name as text ('name' is the event's own)."""

    user: str
    user_name: str
    gen_right: bool
    trans_right: bool


@dataclass(frozen=True, kw_only=True)
class MeterBound(Event):
    user: str
    meter: str


@dataclass(frozen=True, kw_only=True)
class SlotOpened(Event):
    """Slot `slot` began, with `price` wei per mE at `seller`."""

    slot: int
    seller: str
    price: int


@dataclass(frozen=True, kw_only=True)
class Purchased(Event):
    """`buyer` paid amount·price wei for `amount` mE."""

    slot: int
    buyer: str
    edge_server: str
    amount: int
    price: int


@dataclass(frozen=True, kw_only=True)
class Offered(Event):
    """`retailer` put `quantity` Wh more up for sale."""

    slot: int
    retailer: str
    quantity: int


@dataclass(frozen=True, kw_only=True)
class Traded(Event):
    """`buyer` paid `cost` mE to `retailer` for `quantity` Wh."""

    slot: int
    buyer: str
    retailer: str
    quantity: int
    cost: int


@dataclass(frozen=True, kw_only=True)
class Generated(Event):
    """`user` has generated `cumulative` Wh so far."""

    slot: int
    user: str
    cumulative: int


@dataclass(frozen=True, kw_only=True)
class Consumed(Event):
    """`user` has consumed `cumulative` Wh so far, `deficit` Wh of them beyond its power."""

    slot: int
    user: str
    cumulative: int
    deficit: int


@dataclass(frozen=True, kw_only=True)
class Withdrawn(Event):
    """`edge_server` was paid `amount` wei."""

    edge_server: str
    amount: int


TYPES: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        EdgeServerAdded,
        Empowered,
        MeterBound,
        SlotOpened,
        Purchased,
        Offered,
        Traded,
        Generated,
        Consumed,
        Withdrawn,
    )
}

# ABI parameter -> field, where they differ by more than the case.
_FIELDS = {
    "edgeServer": "edge_server",
    "genRight": "gen_right",
    "transRight": "trans_right",
    "name": "user_name",
}


def topic_of(name: str) -> str:
    """Topic 0 of the event called `name`. Raises KeyError where there is none."""
    return {entry["name"]: topic for topic, entry in ARTIFACT.events.items()}[name]


def decode_log(log: dict[str, Any]) -> Event | None:
    """A log as JSON-RPC gives it; None where it is not an event of ETSC.

    The caller asks whose log it is: another contract may emit the same signature.
    """
    entry = ARTIFACT.events.get(log["topics"][0]) if log["topics"] else None
    if entry is None:
        return None
    indexed = [parameter for parameter in entry["inputs"] if parameter["indexed"]]
    plain = [parameter for parameter in entry["inputs"] if not parameter["indexed"]]
    topics = b"".join(bytes.fromhex(topic[2:]) for topic in log["topics"][1:])
    values = dict(
        zip(
            [_FIELDS.get(parameter["name"], parameter["name"]) for parameter in indexed + plain],
            decode_values(indexed, topics) + decode_values(plain, bytes.fromhex(log["data"][2:])),
            strict=True,
        )
    )
    if "user_name" in values:
        values["user_name"] = name_text(values["user_name"])
    return TYPES[entry["name"]](
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"],
        tx_hash=log["transactionHash"],
        log_index=int(log["logIndex"], 16),
        **values,
    )


def name_text(name: bytes) -> str:
    """A bytes32 name as text."""
    return name.rstrip(b"\0").decode("utf-8", errors="replace")
