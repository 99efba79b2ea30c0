"""What a node says of a block, made into the rows of the index.

A node may lie or be cut off in the middle of a word: whatever does not fit raises Malformed, and nothing
of it reaches the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from chain.clique import is_sealed, sealer_of
from chain.rpc import RpcUnreachable, from_quantity
from contracts.etsc import contract_address


class Malformed(RpcUnreachable):
    """The node's answer is no block, no transaction or no receipt."""


class BlockRow(NamedTuple):
    hash: bytes
    number: int
    parent_hash: bytes
    timestamp: int
    sealer: bytes | None
    difficulty: str
    gas_limit: int
    gas_used: int
    base_fee_wei: str
    size: int
    extra_data: bytes
    state_root: bytes
    transactions: int
    uncles: int


class TransactionRow(NamedTuple):
    hash: bytes
    number: int
    position: int
    sender: bytes
    recipient: bytes | None
    created: bytes | None
    nonce: int
    value_wei: str
    gas_limit: int
    gas_used: int
    gas_price_wei: str
    type: int
    status: int
    input: bytes


class LogRow(NamedTuple):
    number: int
    log_index: int
    position: int
    address: bytes
    topic0: bytes | None
    topic1: bytes | None
    topic2: bytes | None
    topic3: bytes | None
    data: bytes


class UncleRow(NamedTuple):
    position: int
    hash: bytes
    number: int
    miner: bytes
    timestamp: int
    difficulty: str


class Log(NamedTuple):
    address: bytes
    topics: Sequence[bytes]
    data: bytes


class Receipt(NamedTuple):
    """What a receipt tells that the transaction does not."""

    status: int
    gas_used: int
    logs: Sequence[Log]


class Block(NamedTuple):
    """A block with all that belongs to it, ready to be written."""

    block: BlockRow
    transactions: list[TransactionRow]
    logs: list[LogRow]
    uncles: list[UncleRow]


def octets(text: str) -> bytes:
    """Raises ValueError where the text does not begin with 0x, or is not hexadecimal."""
    if text[:2] != "0x":
        raise ValueError(f"{text[:80]!r} is not 0x and hexadecimal digits")
    return bytes.fromhex(text[2:])


def _sized(text: str, length: int) -> bytes:
    value = octets(text)
    if len(value) != length:
        raise ValueError(f"{text[:80]!r} has not {length} bytes")
    return value


def _integer(text: str) -> int:
    """A quantity that fits an integer of SQLite; ValueError where no real chain has such a number."""
    number = from_quantity(text)
    if not 0 <= number < 2**63:
        raise ValueError(f"{text} is out of range")
    return number


def sealer(block: dict[str, Any]) -> bytes | None:
    """Who sealed or mined it; None for the genesis block, which nobody did."""
    if from_quantity(block["number"]) == 0:
        return None
    return octets(sealer_of(block)) if is_sealed(block) else octets(block["miner"])


def read_block(block: dict[str, Any], receipts: Sequence[Receipt], uncles: Sequence[dict[str, Any]]) -> Block:
    """Rows of one block from eth_getBlockByNumber(…, true), its receipts and its uncles' headers.

    Raises Malformed.
    """
    try:
        row = _block_row(block, sealer(block))
        base_fee = int(row.base_fee_wei)
        pairs = zip(block["transactions"], receipts, strict=True)
        logs = ((log, position) for position, receipt in enumerate(receipts) for log in receipt.logs)
        read = Block(
            row,
            [_transaction_row(*pair, row.number, at, base_fee) for at, pair in enumerate(pairs)],
            [_log_row(log, row.number, at, position) for at, (log, position) in enumerate(logs)],
            [_uncle_row(uncle, at) for at, uncle in enumerate(uncles)],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"a block came malformed ({type(error).__name__}: {error})") from error
    if sum(receipt.gas_used for receipt in receipts) != row.gas_used:
        raise Malformed(f"the receipts of block {row.number} do not add up to the gas that it used")
    return read


def _block_row(block: dict[str, Any], sealed_by: bytes | None) -> BlockRow:
    return BlockRow(
        hash=_sized(block["hash"], 32),
        number=_integer(block["number"]),
        parent_hash=_sized(block["parentHash"], 32),
        timestamp=_integer(block["timestamp"]),
        sealer=sealed_by,
        difficulty=str(from_quantity(block["difficulty"])),
        gas_limit=_integer(block["gasLimit"]),
        gas_used=_integer(block["gasUsed"]),
        base_fee_wei=str(from_quantity(block.get("baseFeePerGas") or "0x0")),
        size=_integer(block["size"]),
        extra_data=octets(block["extraData"]),
        state_root=octets(block["stateRoot"]),
        transactions=len(block["transactions"]),
        uncles=len(block["uncles"]),
    )


def _transaction_row(
    transaction: dict[str, Any], receipt: Receipt, number: int, position: int, base_fee_wei: int
) -> TransactionRow:
    sender, nonce = _sized(transaction["from"], 20), _integer(transaction["nonce"])
    recipient = transaction["to"]
    limit = transaction.get("maxFeePerGas")
    if limit is None:
        gas_price = from_quantity(transaction["gasPrice"])
    else:  # EIP-1559
        tip = from_quantity(transaction["maxPriorityFeePerGas"])
        gas_price = min(from_quantity(limit), base_fee_wei + tip)
    return TransactionRow(
        hash=_sized(transaction["hash"], 32),
        number=number,
        position=position,
        sender=sender,
        recipient=_sized(recipient, 20) if recipient else None,
        created=None if recipient else octets(contract_address("0x" + sender.hex(), nonce)),
        nonce=nonce,
        value_wei=str(from_quantity(transaction["value"])),
        gas_limit=_integer(transaction["gas"]),
        gas_used=receipt.gas_used,
        gas_price_wei=str(gas_price),
        type=_integer(transaction.get("type", "0x0")),
        status=receipt.status,
        input=octets(transaction["input"]),
    )


def _log_row(log: Log, number: int, log_index: int, position: int) -> LogRow:
    topics: list[bytes | None] = [*log.topics, *[None] * (4 - len(log.topics))]
    topic0, topic1, topic2, topic3 = topics
    return LogRow(number, log_index, position, log.address, topic0, topic1, topic2, topic3, log.data)


def _uncle_row(uncle: dict[str, Any], position: int) -> UncleRow:
    return UncleRow(
        position=position,
        hash=_sized(uncle["hash"], 32),
        number=_integer(uncle["number"]),
        miner=_sized(uncle["miner"], 20),
        timestamp=_integer(uncle["timestamp"]),
        difficulty=str(from_quantity(uncle["difficulty"])),
    )
