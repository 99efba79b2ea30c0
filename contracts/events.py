"""The events of ETSC as typed records: everything that ever changed its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contracts.artifact import ARTIFACT, address_or_none, decode_values, snake_case


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
class AdministrationOffered(Event):
    """`administrator` offered the administration to `successor`; to None: took its offer back."""

    administrator: str
    successor: str | None


@dataclass(frozen=True, kw_only=True)
class AdministrationTaken(Event):
    """`administrator` administers from here on."""

    administrator: str


@dataclass(frozen=True, kw_only=True)
class Paused(Event):
    """Nothing but withdrawals and the administrator's calls is taken from here on."""


@dataclass(frozen=True, kw_only=True)
class Unpaused(Event):
    """The market goes on."""


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
class RightsChanged(Event):
    """`user` may offer electricity (gen_right), buy (trans_right), both or neither from here on."""

    user: str
    gen_right: bool
    trans_right: bool


@dataclass(frozen=True, kw_only=True)
class MeterBound(Event):
    """`meter` reports for `user`."""

    user: str
    meter: str


@dataclass(frozen=True, kw_only=True)
class MeterRotated(Event):
    """`new_meter` reports for `user` in the place of `old_meter`, and goes on from its readings."""

    user: str
    old_meter: str
    new_meter: str


@dataclass(frozen=True, kw_only=True)
class SlotOpened(Event):
    """Slot `slot` began; `seller` asks `price` wei per mE of whoever has no price of his own there."""

    slot: int
    seller: str
    price: int


@dataclass(frozen=True, kw_only=True)
class PricePosted(Event):
    """`edge_server` asks `price` wei per mE from here on; all its earlier prices are void."""

    slot: int
    edge_server: str
    price: int


@dataclass(frozen=True, kw_only=True)
class ProsumerPricePosted(Event):
    """`edge_server` asks `price` wei per mE of `prosumer`. Follows the PricePosted of its transaction."""

    slot: int
    edge_server: str
    prosumer: str
    price: int


@dataclass(frozen=True, kw_only=True)
class BuyBackPricePosted(Event):
    """`edge_server` pays `price` wei per mE for elecoins from here on; 0: it buys none."""

    edge_server: str
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
class Redeemed(Event):
    """`user` was paid amount·price wei for `amount` mE that went back into the stock of `edge_server`."""

    slot: int
    user: str
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
class Retracted(Event):
    """`retailer` took back all that it had up for sale: `quantity` Wh."""

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


TYPES: dict[str, type[Event]] = {kind.__name__: kind for kind in Event.__subclasses__()}


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
            [snake_case(parameter["name"]) for parameter in indexed + plain],
            decode_values(indexed, topics) + decode_values(plain, bytes.fromhex(log["data"][2:])),
            strict=True,
        )
    )
    if "name" in values:
        values["user_name"] = name_text(values.pop("name"))
    if entry["name"] == "AdministrationOffered":
        values["successor"] = address_or_none(values["successor"])
    return TYPES[entry["name"]](
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"],
        tx_hash=log["transactionHash"],
        log_index=int(log["logIndex"], 16),
        **values,
    )


def name_text(name: bytes) -> str:
    """A bytes32 name as text, whatever the bytes are: names are public, and anything may stand in one."""
    return name.rstrip(b"\0").decode("utf-8", errors="replace")
