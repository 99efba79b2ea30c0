"""The index on disk: one writer, a few readers, and one file for one chain.

Which chain an index belongs to is the hash of its block 0. An index of another chain, of another version
of the explorer, or that is no database at all is set aside, never deleted, and a new one begun.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from explorer.rows import Block, BlockRow, LogRow, TransactionRow

SCHEMA_VERSION = 1
READERS = 4
_BUSY_SECONDS = 10.0


def _insert(table: str, columns: Sequence[str], conflict: str) -> str:
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({names}) VALUES ({marks}) {conflict}"


_INSERT_BLOCK = _insert(
    "blocks",
    (*BlockRow._fields, "canonical"),
    "ON CONFLICT (hash) DO UPDATE SET canonical = 1 RETURNING id",
)
_INSERT_TRANSACTION = _insert("transactions", ("block_id", *TransactionRow._fields), "ON CONFLICT DO NOTHING")
_INSERT_LOG = _insert("logs", ("block_id", *LogRow._fields), "ON CONFLICT DO NOTHING")


class Database:
    """The index. `write` and `set_aside` belong to one thread; `reading` may be entered by any."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notices: list[str] = []
        self._turn = threading.Condition()
        self._idle: list[sqlite3.Connection] = []
        self._lent = 0
        self._closed_to_readers = False
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = self._open_writer()
        except sqlite3.DatabaseError as error:
            if isinstance(
                error, sqlite3.OperationalError
            ):  # a full disk, no permission: not the file's fault
                raise
            self._rename("unreadable")
            self._writer = self._open_writer()
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            self.set_aside(f"it was written by another version of the explorer (schema {version})")

    def _open_writer(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
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

    def genesis_hash(self) -> bytes | None:
        """The chain that the index belongs to; None while it is empty."""
        row = self._writer.execute("SELECT hash FROM blocks WHERE number = 0 AND canonical").fetchone()
        return None if row is None else bytes(row[0])

    def tip(self) -> tuple[int, bytes] | None:
        """Height and hash of the newest canonical block."""
        row = self._writer.execute(
            "SELECT number, hash FROM blocks WHERE canonical ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return None if row is None else (row[0], bytes(row[1]))

    def is_canonical(self, block_hash: bytes) -> bool:
        row = self._writer.execute("SELECT canonical FROM blocks WHERE hash = ?", (block_hash,)).fetchone()
        return row is not None and bool(row[0])

    def write(self, ancestor: int, blocks: Sequence[Block]) -> int:
        """Make `blocks` follow the canonical block at height `ancestor`, all or nothing.

        What was canonical above the ancestor is marked an orphan and kept. Returns how many were orphaned.
        """
        connection = self._writer
        connection.execute("BEGIN IMMEDIATE")
        try:
            orphaned = self._orphan_above(ancestor)
            for block, transactions, logs in blocks:
                block_id = connection.execute(_INSERT_BLOCK, (*block, 1)).fetchone()[0]
                connection.executemany(_INSERT_TRANSACTION, [(block_id, *row) for row in transactions])
                connection.executemany(_INSERT_LOG, [(block_id, *row) for row in logs])
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return orphaned

    def _orphan_above(self, ancestor: int) -> int:
        tip = self.tip()
        orphaned = self._writer.execute(
            "UPDATE blocks SET canonical = 0 WHERE canonical AND number > ?", (ancestor,)
        ).rowcount
        if orphaned and tip is not None:
            self._writer.execute(
                "INSERT INTO reorganisations (seen_at, ancestor, depth, old_tip) VALUES (?, ?, ?, ?)",
                (int(time.time()), ancestor, orphaned, tip[1]),
            )
        return orphaned

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one moment of the index, so that the counters of a page agree."""
        with self._turn:
            self._turn.wait_for(lambda: self._lent < READERS and not self._closed_to_readers)
            self._lent += 1
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                connection = self._open_reader()
            connection.execute("BEGIN")
            yield connection
        finally:
            if connection is not None and connection.in_transaction:
                connection.execute("ROLLBACK")
            with self._turn:
                self._lent -= 1
                if connection is not None:
                    self._idle.append(connection)
                self._turn.notify_all()

    def _open_reader(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA query_only = 1")
        connection.row_factory = sqlite3.Row
        return connection

    def set_aside(self, why: str) -> None:
        """Give the file another name and begin an empty index; readers wait meanwhile."""
        with self._turn:
            self._closed_to_readers = True
            self._turn.wait_for(lambda: self._lent == 0)
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._writer.close()  # the last connection: SQLite folds the write-ahead log into the file
            self._rename(why)
            self._writer = self._open_writer()
            self._closed_to_readers = False
            self._turn.notify_all()

    def _rename(self, why: str) -> None:
        number = 1
        while (aside := self.path.with_name(f"{self.path.stem}.aside-{number}{self.path.suffix}")).exists():
            number += 1
        # The write-ahead log is there where another process holds the file open: it belongs to the index.
        for suffix in ("-wal", "-shm", ""):
            if (part := self.path.with_name(self.path.name + suffix)).exists():
                part.rename(aside.with_name(aside.name + suffix))
        self.notices.append(f"The former index was set aside as {aside.name}: {why}.")

    def close(self) -> None:
        with self._turn, closing(self._writer):
            for connection in self._idle:
                connection.close()
            self._idle.clear()
