"""The contract's calls and events in the words of the market.

The binding of the contract takes a fifth of a second to import; it is loaded when something is decoded
for the first time, so that the explorer serves before that.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from Crypto.Hash import keccak

_PLACE = {"block_number", "block_hash", "tx_hash", "log_index"}
_SENTENCES = {
    "Initialised": "the market was set up with {total_elecoins} and electricity at {unit_power_price}",
    "AdministrationOffered": "{administrator} offered the administration to {successor}",
    "AdministrationTaken": "{administrator} took over the administration",
    "Paused": "the market was paused",
    "Unpaused": "the market goes on",
    "EdgeServerAdded": "{edge_server} became an edge server with {stock}",
    "Empowered": "{user} was registered as {user_name}",
    "RightsChanged": "{user} may offer: {gen_right}, buy: {trans_right}",
    "MeterBound": "{meter} became the meter of {user}",
    "MeterRotated": "{new_meter} took the place of {old_meter} as the meter of {user}",
    "SlotOpened": "{slot} opened by {seller} at {price}",
    "PricePosted": "{edge_server} asks {price} in {slot}",
    "ProsumerPricePosted": "{edge_server} asks {price} of {prosumer} in {slot}",
    "BuyBackPricePosted": "{edge_server} pays {price} for elecoins",
    "Purchased": "{buyer} bought {amount} from {edge_server} at {price}",
    "Redeemed": "{user} sold {amount} back to {edge_server} at {price}",
    "Offered": "{retailer} offered {quantity}",
    "Retracted": "{retailer} took {quantity} off sale",
    "Traded": "{buyer} bought {quantity} from {retailer} for {cost}",
    "Generated": "{user} generated {cumulative} so far",
    "Consumed": "{user} consumed {cumulative} so far",
    "Withdrawn": "{edge_server} withdrew {amount}",
}
# What a field is measured in; a field that is not here is shown as what its type is.
_KINDS = {
    "amount": "elecoins",
    "cost": "elecoins",
    "stock": "elecoins",
    "total_elecoins": "elecoins",
    "quantity": "energy",
    "cumulative": "energy",
    "deficit": "energy",
    "generated": "energy",
    "consumed": "energy",
    "meter_limit": "energy",
    "price": "price",
    "max_price": "price",
    "min_price": "price",
    "min_unit_price": "price",
    "max_unit_price": "price",
    "unit_power_price": "unit_power_price",
    "slot": "slot",
    "user_name": "text",
    # Of what the contract answers.
    "coins": "elecoins",
    "power": "energy",
    "offered": "energy",
    "generation_allowance": "energy",
    "consumption_allowance": "energy",
    "buy_back_price": "price",
    "price_for": "price",
    "credit": "ether",
    "reserve": "ether",
}
_KINDS_OF = {
    ("Withdrawn", "amount"): "ether",
    ("relayReading", "deadline"): "moment",
    ("user", "name"): "text",
}
_NOBODY = bytes(20)


@dataclass(frozen=True)
class Field:
    """A named value and its kind: address, elecoins, energy, price, ether, slot, text, flag, number …

    The value of a list is its items, that of a struct its own fields.
    """

    name: str
    kind: str
    value: Any


@dataclass(frozen=True)
class Decoded:
    """A call or an event: its name, its fields, and for events a sentence of texts and fields."""

    name: str
    fields: tuple[Field, ...]

    @property
    def sentence(self) -> tuple[str | Field, ...]:
        pattern = _SENTENCES.get(self.name)
        by_name = {field.name: field for field in self.fields}
        if pattern is None:
            return ()
        parts = re.split(r"\{(\w+)\}", pattern)
        return tuple(
            by_name.get(part, part) if index % 2 else part for index, part in enumerate(parts) if part
        )

    def __getitem__(self, name: str) -> Any:
        return next(field.value for field in self.fields if field.name == name)


def decode_event(log: dict[str, Any]) -> Decoded | None:
    """An event of ETSC, from a log as JSON-RPC gives it; None for any other."""
    from contracts.events import decode_log

    try:
        event = decode_log(log)
    except _decoding_errors():
        return None
    if event is None:
        return None
    return Decoded(
        event.name,
        tuple(
            _field(event.name, field.name, getattr(event, field.name))
            for field in dataclasses.fields(event)
            if field.name not in _PLACE
        ),
    )


def decode_call(data: bytes) -> Decoded | None:
    """The function that the input of a transaction calls; None where the interface does not know it."""
    function = _functions().get(data[:4])
    return None if function is None else _decode_inputs(function["name"], function["inputs"], data[4:])


def function_of(data: bytes) -> str | None:
    """The name of the function that the input of a transaction calls, whatever its arguments are."""
    function = _functions().get(data[:4])
    return None if function is None else str(function["name"])


def decode_deployment(data: bytes) -> Decoded | None:
    """The arguments of the constructor; None where the code is not that of ETSC."""
    from contracts.artifact import ARTIFACT

    if not data.startswith(ARTIFACT.bytecode):
        return None
    constructor = next(entry for entry in ARTIFACT.abi if entry["type"] == "constructor")
    return _decode_inputs("constructor", constructor["inputs"], data[len(ARTIFACT.bytecode) :])


def decode_result(function: str, data: bytes) -> Decoded | None:
    """What a view function of ETSC answered; None where it is not what the interface says."""
    from contracts.artifact import ARTIFACT

    # A single value without a name has that of the function.
    outputs = [
        {**output, "name": output["name"] or function} for output in ARTIFACT.functions[function]["outputs"]
    ]
    decoded = _decode_inputs(function, outputs, data)
    if decoded is None:
        return None
    return Decoded(
        function,
        tuple(
            Field(field.name, "text", "nobody") if field.value == _NOBODY else field
            for field in decoded.fields
        ),
    )


def fields_of_error(name: str, values: Mapping[str, Any]) -> tuple[Field, ...]:
    """What an error of ETSC tells, by the names that the interface gives it."""
    return tuple(_field(name, _snake(key), value) for key, value in values.items())


def topic_of(event: str) -> bytes:
    """topic0 of an event."""
    from contracts.events import topic_of as topic_text_of

    return bytes.fromhex(topic_text_of(event)[2:])


@lru_cache(maxsize=1)
def _functions() -> dict[bytes, dict[str, Any]]:
    from contracts.artifact import ARTIFACT, signature

    return {
        keccak.new(digest_bits=256, data=signature(entry).encode()).digest()[:4]: entry
        for entry in ARTIFACT.functions.values()
    }


@lru_cache(maxsize=1)
def _decoding_errors() -> tuple[type[Exception], ...]:
    """What decoding raises where a sender or another contract wrote something else than it should."""
    from eth_abi.exceptions import DecodingError

    return DecodingError, OverflowError, ValueError


def _decode_inputs(name: str, inputs: list[dict[str, Any]], data: bytes) -> Decoded | None:
    from contracts.artifact import decode_values

    try:
        values = decode_values(inputs, data)
    except _decoding_errors():
        return None
    return Decoded(name, tuple(_fields(name, inputs, values)))


def _fields(owner: str, inputs: list[dict[str, Any]], values: Sequence[Any]) -> Iterator[Field]:
    """A struct that is an argument of its own gives its fields their place among the other arguments."""
    for entry, value in zip(inputs, values, strict=True):
        parameter = _snake(entry["name"])
        if entry["type"] == "tuple":
            yield from _fields(owner, entry["components"], value)
        elif entry["type"] == "tuple[]":
            structs = (tuple(_fields(owner, entry["components"], one)) for one in value)
            yield Field(parameter, "list", tuple(Field(parameter, "struct", each) for each in structs))
        else:
            yield _field(owner, parameter, value)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().strip("_")


def _field(owner: str, name: str, value: Any) -> Field:
    kind = _KINDS_OF.get((owner, name)) or _KINDS.get(name)
    if value is None:
        return Field(name, "text", "nobody")
    if isinstance(value, bool):
        return Field(name, "flag", value)
    if isinstance(value, int):
        return Field(name, kind or "number", value)
    if isinstance(value, bytes):
        if kind != "text":
            return Field(name, "octets", value)
        return Field(name, "text", value.rstrip(b"\0").decode(errors="replace"))
    if isinstance(value, tuple | list):
        return Field(name, "list", tuple(_field(owner, name, item) for item in value))
    # A participant may call itself 0x…: a name is never taken for an address.
    if kind != "text" and re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        return Field(name, "address", bytes.fromhex(value[2:]))
    return Field(name, "text", value)
