"""The events of ETSC as typed records: everything that ever changed its state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

from eth_utils.address import to_checksum_address

from contracts.artifact import ARTIFACT, AbiEntry, address_or_none, snake_case

_WORD = 32
_ADDRESS_BYTES = 20
# 'name' is the event's own in the record.
_NAMES = {"name": "user_name"}


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
class Initialised(Event):
    """The contract stands and slot 0 begins. What never changes: total in mE, Q in mE per kWh, the terms."""

    total_elecoins: int
    unit_power_price: int
    slot_deadline_blocks: int
    min_unit_price: int
    max_unit_price: int
    meter_limit: int


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

    The caller asks whose log it is: another contract may emit the same signature. Raises ValueError where
    topics or data are not what the signature says.
    """
    topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    if not topics or topics[0] not in _forms():
        return None
    return decode_words(
        topics,
        bytes.fromhex(log["data"][2:]),
        block_number=int(log["blockNumber"], 16),
        block_hash=log["blockHash"],
        tx_hash=log["transactionHash"],
        log_index=int(log["logIndex"], 16),
    )


def decode_words(
    topics: Sequence[bytes], data: bytes, *, block_number: int, block_hash: str, tx_hash: str, log_index: int
) -> Event | None:
    """The same for a log that was taken apart before."""
    form = _forms().get(topics[0]) if topics else None
    if form is None:
        return None
    if len(topics) - 1 != len(form.indexed) or len(data) != _WORD * len(form.plain):
        raise ValueError(f"a log of {form.kind.__name__} has other fields than it must")
    words = [*topics[1:], *(data[at : at + _WORD] for at in range(0, len(data), _WORD))]
    values = {
        name: read(word) for (name, read), word in zip((*form.indexed, *form.plain), words, strict=True)
    }
    return form.kind(
        block_number=block_number, block_hash=block_hash, tx_hash=tx_hash, log_index=log_index, **values
    )


class _Form(NamedTuple):
    """How an event lies in its log: each field is one word, with the name that it has in the record."""

    kind: type[Event]
    indexed: tuple[tuple[str, Callable[[bytes], Any]], ...]
    plain: tuple[tuple[str, Callable[[bytes], Any]], ...]


@cache
def _forms() -> dict[bytes, _Form]:
    """By topic 0. Every field of every event is one word, so that nothing here needs an ABI's generality."""

    def fields(entry: AbiEntry, indexed: bool) -> tuple[tuple[str, Callable[[bytes], Any]], ...]:
        return tuple(
            (_NAMES.get(name := snake_case(parameter["name"]), name), _reader(entry["name"], parameter))
            for parameter in entry["inputs"]
            if parameter["indexed"] == indexed
        )

    return {
        bytes.fromhex(topic[2:]): _Form(TYPES[entry["name"]], fields(entry, True), fields(entry, False))
        for topic, entry in ARTIFACT.events.items()
    }


def _reader(event: str, parameter: AbiEntry) -> Callable[[bytes], Any]:
    if (event, parameter["name"]) == ("AdministrationOffered", "successor"):
        return lambda word: address_or_none(_address(word))
    readers: dict[str, Callable[[bytes], Any]] = {
        "address": _address,
        "bool": _flag,
        "bytes32": name_text,
        "uint256": _number,
    }
    return readers[parameter["type"]]


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


@lru_cache(maxsize=4096)
def _address(word: bytes) -> str:
    if any(word[:-_ADDRESS_BYTES]):
        raise ValueError("a word is no address")
    return to_checksum_address(word[-_ADDRESS_BYTES:])


def _flag(word: bytes) -> bool:
    number = _number(word)
    if number > 1:
        raise ValueError("a word is neither true nor false")
    return bool(number)


def name_text(name: bytes) -> str:
    """A bytes32 name as text, whatever the bytes are: names are public, and anything may stand in one."""
    return name.rstrip(b"\0").decode("utf-8", errors="replace")
