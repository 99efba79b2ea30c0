"""What a node says of a block, made into the rows of the index.

A node may lie or be cut off in the middle of a word: whatever does not fit raises Malformed, and nothing
of it reaches the database.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from chain.rpc import RpcUnreachable, from_quantity


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
    position: int
    hash: bytes
    number: int
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
    log_index: int
    position: int
    number: int
    address: bytes
    topic0: bytes | None
    topic1: bytes | None
    topic2: bytes | None
    topic3: bytes | None
    data: bytes


class Block(NamedTuple):
    """A block with all that belongs to it, ready to be written."""

    block: BlockRow
    transactions: list[TransactionRow]
    logs: list[LogRow]


def octets(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _integer(text: str) -> int:
    """A quantity that fits an integer of SQLite; ValueError where no real chain has such a number."""
    number = from_quantity(text)
    if not 0 <= number < 2**63:
        raise ValueError(f"{text} is out of range")
    return number


def sealer(block: dict[str, Any], consensus: str) -> bytes | None:
    """Who sealed or mined it; None for the genesis block, which nobody did."""
    if from_quantity(block["number"]) == 0:
        return None
    if consensus == "pow":
        return octets(block["miner"])
    from chain.clique import sealer_of  # 0.2 s of imports, which the first page need not wait for

    return octets(sealer_of(block))


def read_block(block: dict[str, Any], receipts: list[dict[str, Any]], consensus: str) -> Block:
    """Rows of one block from eth_getBlockByNumber(…, true) and its receipts. Raises Malformed."""
    try:
        transactions = block["transactions"]
        return Block(
            _block_row(block, sealer(block, consensus)),
            [_transaction_row(*pair) for pair in zip(transactions, receipts, strict=True)],
            [_log_row(log) for receipt in receipts for log in receipt["logs"]],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"a block came malformed ({type(error).__name__}: {error})") from error


def _block_row(block: dict[str, Any], sealed_by: bytes | None) -> BlockRow:
    return BlockRow(
        hash=octets(block["hash"]),
        number=_integer(block["number"]),
        parent_hash=octets(block["parentHash"]),
        timestamp=_integer(block["timestamp"]),
        sealer=sealed_by,
        difficulty=str(from_quantity(block["difficulty"])),
        gas_limit=_integer(block["gasLimit"]),
        gas_used=_integer(block["gasUsed"]),
        base_fee_wei=str(from_quantity(block.get("baseFeePerGas", "0x0"))),
        size=_integer(block["size"]),
        extra_data=octets(block["extraData"]),
        state_root=octets(block["stateRoot"]),
        transactions=len(block["transactions"]),
        uncles=len(block["uncles"]),
    )


def _transaction_row(transaction: dict[str, Any], receipt: dict[str, Any]) -> TransactionRow:
    return TransactionRow(
        position=_integer(transaction["transactionIndex"]),
        hash=octets(transaction["hash"]),
        number=_integer(transaction["blockNumber"]),
        sender=octets(transaction["from"]),
        recipient=octets(transaction["to"]) if transaction["to"] else None,
        created=octets(receipt["contractAddress"]) if receipt["contractAddress"] else None,
        nonce=_integer(transaction["nonce"]),
        value_wei=str(from_quantity(transaction["value"])),
        gas_limit=_integer(transaction["gas"]),
        gas_used=_integer(receipt["gasUsed"]),
        gas_price_wei=str(from_quantity(receipt["effectiveGasPrice"])),
        type=_integer(transaction.get("type", "0x0")),
        status=_integer(receipt["status"]),
        input=octets(transaction["input"]),
    )


def _log_row(log: dict[str, Any]) -> LogRow:
    topics = [octets(topic) for topic in log["topics"]]
    topic0, topic1, topic2, topic3 = topics + [None] * (4 - len(topics))
    return LogRow(
        log_index=_integer(log["logIndex"]),
        position=_integer(log["transactionIndex"]),
        number=_integer(log["blockNumber"]),
        address=octets(log["address"]),
        topic0=topic0,
        topic1=topic1,
        topic2=topic2,
        topic3=topic3,
        data=octets(log["data"]),
    )
