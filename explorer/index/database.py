"""The index on disk, as its one writer sees it: one file for each chain, named after its genesis block.

A chain that is reset or another node's chain gets another file, so nothing of one is ever shown under the
other. A file of another version of the explorer, or that is no database, is set aside, never deleted.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from explorer.index.books import LOG_BITS, Books, Placed
from explorer.index.rows import Block, BlockRow, LogRow, TransactionRow, UncleRow

SCHEMA_VERSION = 2
BUSY_SECONDS = 10.0
# Bounds how much of the log of a chain is read at once when its books are made anew.
_BLOCKS_PER_STEP = 2000


def file_of(directory: Path, genesis: bytes) -> Path:
    """Where the index of the chain with this block 0 lies."""
    return directory / f"{genesis.hex()}.sqlite"


def block_of(row_id: int) -> int:
    """The block of a transaction or a log."""
    return row_id >> LOG_BITS


def _insert(table: str, columns: Sequence[str], conflict: str) -> str:
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) {conflict}"


_INSERT_BLOCK = _insert(
    "blocks",
    (*BlockRow._fields, "canonical"),
    "ON CONFLICT (hash) DO UPDATE SET canonical = 1 RETURNING id",
)
_INSERT_TRANSACTION = _insert("transactions", ("id", *TransactionRow._fields), "ON CONFLICT DO NOTHING")
_INSERT_LOG = _insert("logs", ("id", *LogRow._fields), "ON CONFLICT DO NOTHING")
_INSERT_UNCLE = _insert("uncles", ("block_id", *UncleRow._fields), "ON CONFLICT DO NOTHING")


class Database:
    """The index of one chain. Belongs to one thread. Raises sqlite3.Error where the disk does not obey."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notices: list[str] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            version = _version(path)
        except sqlite3.OperationalError:  # a full disk, no permission: not the file's fault
            raise
        except sqlite3.DatabaseError as error:
            self._set_aside(f"it cannot be read ({error})")
        else:
            if version not in (None, SCHEMA_VERSION):
                self._set_aside(f"it was written by another version of the explorer (schema {version})")
        self._connection = _open(path)
        self._books = Books(self._connection)

    def close(self) -> None:
        self._connection.close()

    def tip(self) -> tuple[int, bytes] | None:
        """Height and hash of the newest canonical block."""
        row = self._connection.execute(
            "SELECT number, hash FROM blocks WHERE canonical ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return None if row is None else (row[0], bytes(row[1]))

    def is_canonical(self, block_hash: bytes) -> bool:
        row = self._connection.execute(
            "SELECT canonical FROM blocks WHERE hash = ?", (block_hash,)
        ).fetchone()
        return row is not None and bool(row[0])

    @property
    def contract(self) -> bytes | None:
        """The ETSC whose books these are."""
        row = self._connection.execute("SELECT value FROM notes WHERE name = 'contract'").fetchone()
        return None if row is None else bytes(row[0])

    def write(self, ancestor: int, blocks: Sequence[Block], lowest_price: Callable[[], int]) -> int:
        """Make `blocks` follow the canonical block at height `ancestor`, all or nothing.

        What was canonical above the ancestor is marked an orphan and kept. Returns how many were orphaned.
        lowest_price is that of the contract's terms, see Books.enter.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            orphaned = self._orphan_above(ancestor, blocks)
            self._insert_blocks(blocks)
            self._count(blocks)
            if (contract := self.contract) is not None:
                placed = (
                    Placed(log, block.timestamp)
                    for block, _, logs, _ in blocks
                    for log in logs
                    if log.address == contract
                )
                self._books.enter(placed, lowest_price)
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        return orphaned

    def set_contract(self, contract: bytes, lowest_price: Callable[[], int]) -> None:
        """From here on the books are this contract's; those of another are made anew from the logs."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._books.clear()
            connection.execute(
                "INSERT INTO notes VALUES ('contract', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (contract,),
            )
            tip = self.tip()
            for first in range(0, 0 if tip is None else tip[0] + 1, _BLOCKS_PER_STEP):
                logs = self._logs_of(contract, first, first + _BLOCKS_PER_STEP - 1)
                self._books.enter(logs, lowest_price)
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _logs_of(self, contract: bytes, first: int, last: int) -> Iterable[Placed]:
        columns = ", ".join(f"l.{name}" for name in LogRow._fields)
        rows = self._connection.execute(
            f"SELECT {columns}, b.timestamp FROM logs l JOIN blocks b ON b.id = l.id >> {LOG_BITS} "
            "WHERE l.address = ? AND l.number BETWEEN ? AND ? AND b.canonical "
            "ORDER BY l.number, l.log_index",
            (contract, first, last),
        )
        return [Placed(LogRow(*row[:-1]), row[-1]) for row in rows]

    def _roll_back(self) -> None:
        self._books.forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _orphan_above(self, ancestor: int, branch: Sequence[Block]) -> int:
        tip = self.tip()
        if tip is None or tip[0] <= ancestor:
            return 0
        self._count_out(ancestor)
        self._books.cut(ancestor)
        orphaned = self._connection.execute(
            "UPDATE blocks SET canonical = 0 WHERE canonical AND number > ?", (ancestor,)
        ).rowcount
        self._connection.execute(
            "INSERT INTO reorganisations (seen_at, ancestor, depth, old_tip, new_tip) "
            "VALUES (?, ?, ?, ?, coalesce(?, (SELECT hash FROM blocks WHERE number = ? AND canonical), x''))",
            (
                int(time.time()),
                ancestor,
                orphaned,
                tip[1],
                branch[-1].block.hash if branch else None,
                ancestor,
            ),
        )
        return orphaned

    def _insert_blocks(self, blocks: Sequence[Block]) -> None:
        transactions: list[tuple[object, ...]] = []
        logs: list[tuple[object, ...]] = []
        uncles: list[tuple[object, ...]] = []
        for block in blocks:
            block_id = self._connection.execute(_INSERT_BLOCK, (*block.block, 1)).fetchone()[0]
            first = block_id << LOG_BITS
            transactions += [(first | row.position, *row) for row in block.transactions]
            logs += [(first | row.log_index, *row) for row in block.logs]
            uncles += [(block_id, *row) for row in block.uncles]
        self._connection.executemany(_INSERT_TRANSACTION, transactions)
        self._connection.executemany(_INSERT_LOG, logs)
        self._connection.executemany(_INSERT_UNCLE, uncles)

    def _count(self, blocks: Sequence[Block]) -> None:
        """In: what is written now."""
        tallies: Counter[tuple[str, bytes]] = Counter()
        for block, transactions, logs, _ in blocks:
            if block.sealer is not None:
                tallies["sealer", block.sealer] += 1
            tallies["transactions", b""] += len(transactions)
            tallies["logs", b""] += len(logs)
            for row in transactions:
                for account in {row.sender, row.recipient, row.created} - {None}:
                    tallies["account", account] += 1  # type: ignore[index]
        self._add(tallies, 1)

    def _count_out(self, ancestor: int) -> None:
        """What is about to be orphaned."""
        tallies: Counter[tuple[str, bytes]] = Counter()
        for block_id, sealer in self._connection.execute(
            "SELECT id, sealer FROM blocks WHERE canonical AND number > ?", (ancestor,)
        ).fetchall():
            if sealer is not None:
                tallies["sealer", sealer] += 1
            within = (block_id << LOG_BITS, (block_id + 1) << LOG_BITS)
            for parties in self._connection.execute(
                "SELECT sender, recipient, created FROM transactions WHERE id >= ? AND id < ?", within
            ):
                tallies["transactions", b""] += 1
                for account in set(parties) - {None}:
                    tallies["account", account] += 1
            tallies["logs", b""] += self._connection.execute(
                "SELECT count(*) FROM logs WHERE id >= ? AND id < ?", within
            ).fetchone()[0]
        self._add(tallies, -1)
        self._connection.execute("DELETE FROM tallies WHERE count = 0")

    def _add(self, tallies: Counter[tuple[str, bytes]], sign: int) -> None:
        self._connection.executemany(
            "INSERT INTO tallies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
            [(kind, address, sign * count) for (kind, address), count in tallies.items() if count],
        )

    def _set_aside(self, why: str) -> None:
        self.notices.append(f"The former index was set aside as {set_aside(self.path).name}: {why}.")


def set_aside(path: Path) -> Path:
    """Give the index another name, which is returned. Nobody may have it open."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as connection:
        # So that all of it is in one file, and one renaming is all that is done.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    number = 1
    while (aside := path.with_name(f"{path.stem}.aside-{number}{path.suffix}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        if (part := path.with_name(path.name + suffix)).exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside


def _version(path: Path) -> int | None:
    """Of the schema; None where there is nothing yet, or nothing but an empty database."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            return None
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        if not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone():
            for statement in (Path(__file__).parent / "schema.sql").read_text().split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
