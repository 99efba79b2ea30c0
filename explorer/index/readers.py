"""The index as the pages see it: a few read-only connections, each to one moment of it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from explorer.index.database import BUSY_SECONDS, SCHEMA_VERSION

READERS = 4


class Readers:
    """Connections to whatever file the index process writes; `point_at` may be called by any thread."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._path: Path | None = None
        self._idle: list[sqlite3.Connection] = []
        self._lent = 0
        self._empty = _nothing()

    def point_at(self, path: Path | None) -> None:
        """The file to read from now on. Returns when nobody reads the former one any more.

        With None everybody reads an empty index, and no file is open.
        """
        with self._turn:
            if path == self._path:
                return
            self._path = None
            self._turn.wait_for(lambda: self._lent == 0)
            for connection in self._idle:
                connection.close()
            self._idle.clear()
            self._path = path

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one moment of the index, so that the counters of a page agree."""
        with self._turn:
            path = self._path
            if path is not None:
                self._turn.wait_for(lambda: self._lent < READERS)
                path = self._path
            if path is not None:
                self._lent += 1
                connection = self._idle.pop() if self._idle else None
        if path is None:
            with self._turn:  # one connection for all: there is nothing to wait for in it
                yield self._empty
            return
        try:
            if connection is None:
                connection = _open(path)
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

    def close(self) -> None:
        self.point_at(None)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only = 1")
    connection.row_factory = sqlite3.Row
    return connection


def _nothing() -> sqlite3.Connection:
    """An index without a block, for the time before a node or a file has said which chain this is."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    schema = Path(__file__).parent / "schema.sql"
    connection.executescript(schema.read_text() + f";PRAGMA user_version = {SCHEMA_VERSION}")
    connection.row_factory = sqlite3.Row
    return connection
