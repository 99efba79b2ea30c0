"""module=proxy: a node's own answers, for parameters that are what they must be.

These methods and no others reach the node, the one that the index follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from explorer.api.asked import Asked

_TAGS = ("latest", "pending", "earliest", "safe", "finalized")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_HEIGHT = re.compile(r"0x0*[0-9a-fA-F]{1,15}")
_OCTETS = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


class Invalid(ValueError):
    """A parameter is not what it must be; told as JSON-RPC tells it."""


class Parameter(NamedTuple):
    """How a parameter of Etherscan's becomes one of the node's; None where it may be left out."""

    name: str
    read: Callable[[str], Any]
    default: Any = ...


def _tag(text: str) -> str:
    if text in _TAGS:
        return text
    return _matching(_HEIGHT, "a block number in hexadecimal, or one of " + ", ".join(_TAGS))(text)


def _matching(pattern: re.Pattern[str], allowed: str) -> Callable[[str], str]:
    number = pattern in (_HEIGHT, _QUANTITY)

    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise Invalid(f"must be {allowed}")
        return hex(int(text, 16)) if number else text

    return read


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise Invalid("must be true or false")
    return text == "true"


_TAG = Parameter("tag", _tag, "latest")
_INDEX = Parameter("index", _matching(_HEIGHT, "a number in hexadecimal"))
_ACCOUNT = Parameter("address", _matching(_ADDRESS, "0x and 40 hexadecimal digits"))
_TXHASH = Parameter("txhash", _matching(_HASH, "0x and 64 hexadecimal digits"))
_RAW = Parameter("hex", _matching(_OCTETS, "0x and the bytes of a signed transaction"))
_POSITION = Parameter("position", _matching(_QUANTITY, "a number in hexadecimal"))
_FULL = Parameter("boolean", _flag, False)
_CALL = (
    Parameter("from", _ACCOUNT.read, None),
    Parameter("to", _ACCOUNT.read, None),
    Parameter("data", _matching(_OCTETS, "0x and an even number of hexadecimal digits"), None),
    Parameter("value", _POSITION.read, None),
    Parameter("gas", _INDEX.read, None),
    Parameter("gasPrice", _POSITION.read, None),
)

METHODS: dict[str, tuple[Parameter, ...]] = {
    "eth_blockNumber": (),
    "eth_getBlockByNumber": (_TAG, _FULL),
    "eth_getUncleByBlockNumberAndIndex": (_TAG, _INDEX),
    "eth_getBlockTransactionCountByNumber": (_TAG,),
    "eth_getTransactionByHash": (_TXHASH,),
    "eth_getTransactionByBlockNumberAndIndex": (_TAG, _INDEX),
    "eth_getTransactionCount": (_ACCOUNT, _TAG),
    "eth_sendRawTransaction": (_RAW,),
    "eth_getTransactionReceipt": (_TXHASH,),
    "eth_call": (*_CALL, _TAG),
    "eth_getCode": (_ACCOUNT, _TAG),
    "eth_getStorageAt": (_ACCOUNT, _POSITION, _TAG),
    "eth_gasPrice": (),
    "eth_estimateGas": _CALL,
}


def params_of(method: str, asked: Asked) -> list[Any]:
    """What the node is asked with. Raises Invalid, which names the parameter."""
    call: dict[str, Any] = {}
    params: list[Any] = [call] if METHODS[method][:1] == _CALL[:1] else []
    for parameter in METHODS[method]:
        text = asked.text(parameter.name)
        if not text and parameter.default is ...:
            raise Invalid(f"missing value for required argument {parameter.name}")
        try:
            value = parameter.read(text) if text else parameter.default
        except Invalid as error:
            raise Invalid(f"invalid argument {parameter.name}: it {error}") from None
        if parameter not in _CALL:
            params.append(value)
        elif value is not None:
            call[parameter.name] = value
    return params
