"""Receipts as a node keeps them (`debug_getRawReceipts`) or tells them one by one.

The raw ones come a block at a time and many times as fast; where a node keeps `debug` to itself, each
transaction is asked for its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp
from rlp.exceptions import DecodingError

from chain.rpc import from_quantity
from explorer.index.rows import Log, Malformed, Receipt, octets

_ADDRESS_BYTES = 20
_TOPIC_BYTES = 32
_MOST_TOPICS = 4


def from_raw(receipts: Any) -> list[Receipt]:
    """The receipts of one block from their consensus encoding (EIP-2718). Raises Malformed."""
    if not isinstance(receipts, list):
        raise Malformed("answered with something that are no raw receipts")
    read = []
    gas_before = 0
    try:
        for text in receipts:
            encoded = octets(text)
            if encoded[0] < 0x80:  # the type of the transaction; a list begins at 0xc0
                encoded = encoded[1:]
            status, gas, _, logs = rlp.decode(encoded)
            gas_until = int.from_bytes(gas, "big")
            read.append(Receipt(_status(status), gas_until - gas_before, [_raw_log(log) for log in logs]))
            gas_before = gas_until
    except (DecodingError, ValueError, TypeError, IndexError) as error:
        raise Malformed(f"a raw receipt came malformed ({type(error).__name__}: {error})") from error
    return read


def _status(text: bytes) -> int:
    if len(text) > 1:
        raise ValueError("a receipt from before Byzantium, without a status")
    return int.from_bytes(text, "big")


def _raw_log(log: Sequence[Any]) -> Log:
    address, topics, data = log
    return _checked(Log(address, topics, data))


def _checked(log: Log) -> Log:
    if (
        len(log.address) != _ADDRESS_BYTES
        or len(log.topics) > _MOST_TOPICS
        or any(len(topic) != _TOPIC_BYTES for topic in log.topics)
    ):
        raise ValueError("a log whose address or topics have another length than they must")
    return log


def from_answer(receipt: Any, block_hash: str) -> Receipt | None:
    """One receipt from eth_getTransactionReceipt; None if it is of another block. Raises Malformed."""
    try:
        if receipt["blockHash"] != block_hash:
            return None
        logs = [
            _checked(Log(octets(log["address"]), list(map(octets, log["topics"])), octets(log["data"])))
            for log in receipt["logs"]
        ]
        return Receipt(from_quantity(receipt["status"]), from_quantity(receipt["gasUsed"]), logs)
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"a receipt came malformed ({type(error).__name__}: {error})") from error
