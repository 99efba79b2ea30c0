"""An index of any size without its chain: blocks that nobody sealed, written as the indexer writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from eth_utils.crypto import keccak

from explorer.index.database import Database, file_of
from explorer.index.rows import Block, BlockRow, LogRow, TransactionRow

PER_BLOCK = 90
_BLOCKS_PER_WRITE = 50
_ACCOUNTS = 200  # of ten thousand transactions each has more than a page
_FIRST_SECOND = 1_700_000_000


def _hash(what: str, number: int, position: int = 0) -> bytes:
    return bytes(keccak(text=f"bench {what} {number} {position}"))


def _account(at: int) -> bytes:
    return _hash("account", at % _ACCOUNTS)[:20]


def write_index(folder: Path, transactions: int) -> bytes:
    """Half of the transactions leave a log. Returns the hash of block 0, which names the index."""
    genesis = _hash("block", 0)
    database = Database(file_of(folder, genesis))
    blocks = transactions // PER_BLOCK
    for first in range(0, blocks + 1, _BLOCKS_PER_WRITE):
        part = [_block(number) for number in range(first, min(blocks + 1, first + _BLOCKS_PER_WRITE))]
        database.write(first - 1, part, lambda: 0)
    database.close()
    return genesis


def some_transactions(transactions: int, count: int) -> Iterator[bytes]:
    """Hashes from all over the index."""
    blocks = transactions // PER_BLOCK
    for at in range(count):
        yield _hash("transaction", 1 + at * (blocks - 1) // count, at % PER_BLOCK)


def accounts(count: int) -> Sequence[bytes]:
    return [_account(at * 7) for at in range(count)]


def _block(number: int) -> Block:
    rows = [] if number == 0 else [_transaction(number, position) for position in range(PER_BLOCK)]
    return Block(
        BlockRow(
            hash=_hash("block", number),
            number=number,
            parent_hash=_hash("block", number - 1),
            timestamp=_FIRST_SECOND + number,
            sealer=None if number == 0 else _hash("sealer", number % 3)[:20],
            difficulty="2",
            gas_limit=30_000_000,
            gas_used=21_000 * len(rows),
            base_fee_wei="7",
            size=10_000,
            extra_data=bytes(97),
            state_root=_hash("state", number),
            transactions=len(rows),
            uncles=0,
        ),
        rows,
        [_log(row) for row in rows[::2]],
        [],
    )


def _transaction(number: int, position: int) -> TransactionRow:
    at = number * PER_BLOCK + position
    return TransactionRow(
        hash=_hash("transaction", number, position),
        number=number,
        position=position,
        sender=_account(at),
        recipient=_account(at * 31 + 5),
        created=None,
        nonce=at // _ACCOUNTS,
        value_wei=str(10**18 + at),
        gas_limit=60_000,
        gas_used=21_000,
        gas_price_wei="1000000007",
        type=2,
        status=1,
        input=b"",
    )


def _log(row: TransactionRow) -> LogRow:
    topics = (_hash("event", 0), _hash("topic", row.position), row.sender.rjust(32, b"\0"), None)
    return LogRow(row.number, row.position // 2, row.position, _account(0), *topics, bytes(64))
