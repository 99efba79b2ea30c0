"""What waits in a node's pool: transactions that no block includes yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chain.rpc import Rpc, RpcError, from_quantity
from contracts.etsc import contract_address
from errors import TestbedError
from explorer.index.rows import Malformed, octets
from explorer.words import hexed

_METHOD_NOT_FOUND = -32601


@dataclass(frozen=True)
class Waiting:
    """Fees are wei per gas: the most it pays, and of that the most as a tip (None: no such limit)."""

    hash: bytes
    sender: bytes
    nonce: int
    recipient: bytes | None
    created: bytes | None
    value_wei: int
    gas_limit: int
    fee_wei: int
    tip_wei: int | None
    type: int
    input: bytes

    @property
    def most_wei(self) -> int:
        """The most that its gas can cost."""
        return self.gas_limit * self.fee_wei


@dataclass(frozen=True)
class Pool:
    """`pending` can be included now, `queued` waits for an earlier nonce; both cut, with their totals."""

    pending: tuple[Waiting, ...]
    queued: tuple[Waiting, ...]
    pending_in_all: int
    queued_in_all: int


def pool(rpc: Rpc, limit: int) -> Pool:
    """Both parts by sender and nonce, together at most `limit`. Raises TestbedError that says why not."""
    try:
        content = rpc.request("txpool_content")
    except RpcError as error:
        if error.code == _METHOD_NOT_FOUND:
            raise TestbedError("the node keeps its pool to itself: it does not answer `txpool`") from error
        raise
    try:
        pending, queued = _ordered(content["pending"]), _ordered(content["queued"])
        shown = tuple(read(each) for each in pending[:limit])
        rest = tuple(read(each) for each in queued[: limit - len(shown)])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Malformed(f"the node's pool came malformed ({error!r})") from error
    return Pool(shown, rest, len(pending), len(queued))


def sent_with(rpc: Rpc, sender: bytes, nonce: int) -> Waiting | None:
    """What waits from that sender with that nonce. Raises TestbedError where the node does not say."""
    content = rpc.request("txpool_contentFrom", hexed(sender))
    try:
        for part in ("pending", "queued"):
            for number, transaction in content[part].items():
                if int(number) == nonce:
                    return read(transaction)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Malformed(f"the node's pool came malformed ({error!r})") from error
    return None


def read(transaction: dict[str, Any]) -> Waiting:
    """From a transaction as JSON-RPC gives it. Raises KeyError, TypeError, ValueError."""
    sender, nonce = octets(transaction["from"]), from_quantity(transaction["nonce"])
    recipient, limit = transaction.get("to"), transaction.get("maxFeePerGas")
    return Waiting(
        hash=octets(transaction["hash"]),
        sender=sender,
        nonce=nonce,
        recipient=octets(recipient) if recipient else None,
        created=None if recipient else octets(contract_address(hexed(sender), nonce)),
        value_wei=from_quantity(transaction["value"]),
        gas_limit=from_quantity(transaction["gas"]),
        fee_wei=from_quantity(limit or transaction["gasPrice"]),
        tip_wei=from_quantity(transaction["maxPriorityFeePerGas"]) if limit else None,
        type=from_quantity(transaction.get("type") or "0x0"),
        input=octets(transaction["input"]),
    )


def _ordered(by_sender: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """By sender and nonce."""

    def each() -> Iterator[tuple[str, int, dict[str, Any]]]:
        for sender, by_nonce in by_sender.items():
            for nonce, transaction in by_nonce.items():
                yield sender.lower(), int(nonce), transaction

    return [transaction for _, _, transaction in sorted(each(), key=lambda one: one[:2])]
