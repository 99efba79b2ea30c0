"""Compares the index with the chain, row by row, while both go on.

The index is read as it stood at one moment, up to its newest block of that moment. That block must be
canonical on the chain before and after, or all of it is done again. What is worked out from other rows
(tallies, books) is worked out anew from the chain's, and how everybody stands is asked of the contract.
"""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chain.rpc import Rpc, RpcError, code_at
from contracts.artifact import ARTIFACT
from contracts.etsc import EdgeServer, Etsc, User
from errors import TestbedError
from explorer.chain_rows import ChainRows, Moved, Row, Rows, parts
from explorer.index.books import LOG_BITS, Books, Placed
from explorer.index.database import BUSY_SECONDS, SCHEMA_VERSION, file_of
from explorer.index.rows import LogRow

_TRIES = 8
_PAUSE_SECONDS = 0.5
_ACCOUNTS_PER_BATCH = 100
# Read first, before a reorganisation can take them away.
_RECENT_BLOCKS = 16
_MOST_TOLD = 100


@dataclass(frozen=True)
class _Table:
    """What identifies a row comes first among the columns, so many of them."""

    keys: int
    columns: tuple[str, ...]
    source: str


_WITHIN = f"x.id BETWEEN b.id << {LOG_BITS} AND (b.id << {LOG_BITS} | {(1 << LOG_BITS) - 1})"
_RAW = {
    "blocks": _Table(
        1,
        (
            *("number", "hash", "parent_hash", "timestamp", "sealer", "difficulty", "gas_limit", "gas_used"),
            *("base_fee_wei", "size", "extra_data", "state_root", "transactions", "uncles"),
        ),
        "kept.blocks b",
    ),
    "transactions": _Table(
        2,
        (
            *("b.number", "position", "x.hash", "b.hash", "sender", "recipient", "created", "nonce"),
            *("value_wei", "x.gas_limit", "x.gas_used", "gas_price_wei", "type", "status", "input"),
        ),
        f"kept.blocks b JOIN kept.transactions x ON {_WITHIN}",
    ),
    "logs": _Table(
        2,
        (
            *("b.number", "log_index", "position", "b.hash", "address"),
            *("topic0", "topic1", "topic2", "topic3", "data"),
        ),
        f"kept.blocks b JOIN kept.logs x ON {_WITHIN}",
    ),
    "uncles": _Table(
        2,
        ("b.number", "position", "b.hash", "x.hash", "x.number", "miner", "x.timestamp", "x.difficulty"),
        "kept.blocks b JOIN kept.uncles x ON x.block_id = b.id",
    ),
}
# Rows that are worked out from the others, and how many columns identify one.
_DERIVED = {"tallies": 2, "participants": 1, "slots": 1, "prices": 3, "entries": 1, "hours": 3}
_STRAYS = {
    "transactions whose block is not there, or where they stand in it is told in two ways": (
        f"SELECT count(*) FROM kept.transactions x LEFT JOIN kept.blocks b ON b.id = x.id >> {LOG_BITS} "
        f"WHERE b.id IS NULL OR b.number <> x.number OR x.id & {(1 << LOG_BITS) - 1} <> x.position"
    ),
    "logs whose block is not there, or where they stand in it is told in two ways": (
        f"SELECT count(*) FROM kept.logs x LEFT JOIN kept.blocks b ON b.id = x.id >> {LOG_BITS} "
        f"WHERE b.id IS NULL OR b.number <> x.number OR x.id & {(1 << LOG_BITS) - 1} <> x.log_index"
    ),
    "uncles whose block is not there": (
        "SELECT count(*) FROM kept.uncles WHERE block_id NOT IN (SELECT id FROM kept.blocks)"
    ),
    "orphans without all of their transactions": (
        "SELECT count(*) FROM kept.blocks b WHERE NOT canonical AND transactions <> "
        f"(SELECT count(*) FROM kept.transactions x WHERE {_WITHIN})"
    ),
}


@dataclass(frozen=True)
class Comparison:
    """Of the index up to its block `number`, while the chain stood at `head`.

    `rows` counts what the chain has of each table; `differences` are the first hundred of `found`, in words;
    `unchecked` says what the node could not tell.
    """

    index: Path
    number: int
    block_hash: str
    head: int
    rows: dict[str, int]
    found: int
    differences: tuple[str, ...]
    unchecked: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return self.found == 0

    @property
    def behind(self) -> int:
        """Blocks of the chain that the index did not have yet."""
        return max(0, self.head - self.number)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "index": str(self.index), "ok": self.ok, "behind": self.behind}


def index_file(index: Path, rpc: Rpc) -> Path:
    """The index of the node's chain: that file, or the one in that folder.

    Raises TestbedError where there is none, and as ChainRows does.
    """
    path = file_of(index, ChainRows(rpc).hash_at(0)) if index.is_dir() else index
    if not path.is_file():
        raise TestbedError("there is no index of this chain", where=str(path))
    return path


def compare(index: Path, rpc: Rpc, show: Callable[[float], None] = lambda done: None) -> Comparison:
    """`show` is told how much is done, as a part of 1.

    Raises TestbedError where the file is no index, is of another chain, or the chain never stands still for
    long enough; RpcError and RpcUnreachable.
    """
    for left in reversed(range(_TRIES)):
        with closing(sqlite3.connect("", timeout=BUSY_SECONDS, isolation_level=None, uri=True)) as connection:
            try:
                _attach(connection, index)
                found = _Comparing(index, connection, rpc, show).compare(whatever_moves=left == 0)
                if found is not None:
                    return found
            except Moved:
                pass
            except sqlite3.DatabaseError as error:
                raise TestbedError(f"the index cannot be read: {error}", where=str(index)) from error
        time.sleep(_PAUSE_SECONDS)
    raise TestbedError("the chain changed each time while it was compared", where=rpc.where)


def _attach(connection: sqlite3.Connection, index: Path) -> None:
    """The index as `kept`, at one moment; beside it an empty one, for what is worked out anew."""
    connection.executescript((Path(__file__).parent / "index" / "schema.sql").read_text())
    connection.execute("ATTACH ? AS kept", (f"{index.absolute().as_uri()}?mode=ro",))
    version = connection.execute("PRAGMA kept.user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise TestbedError(
            f"the index is of another version of the explorer (schema {version})",
            where=str(index),
            fix="Start the explorer: it makes a new one.",
        )
    connection.execute("BEGIN")


class _Comparing:
    """One try."""

    def __init__(
        self, index: Path, connection: sqlite3.Connection, rpc: Rpc, show: Callable[[float], None]
    ) -> None:
        self._index = index
        self._connection = connection
        self._rpc = rpc
        self._chain = ChainRows(rpc)
        self._show = show
        self._rows: Counter[str] = Counter({table: 0 for table in (*_RAW, *_DERIVED)})
        self._told: list[str] = []
        self._found = 0
        self._unchecked: list[str] = []
        self._tallies: Counter[tuple[str, bytes]] = Counter()
        self._deployed: bytes | None = None

    def compare(self, whatever_moves: bool) -> Comparison | None:
        """None where the chain moved meanwhile and something differs: it may be for that alone."""
        tip = self._connection.execute(
            "SELECT number, hash FROM kept.blocks WHERE canonical ORDER BY number DESC LIMIT 1"
        ).fetchone()
        if tip is None:
            raise TestbedError("the index has no block yet", where=str(self._index))
        self._refuse_another_chain()
        number = min(tip[0], self._chain.height())
        pinned = self._chain.hash_at(number)
        agreed = (number, pinned) == tip
        if not agreed and not whatever_moves:
            return None
        if agreed:
            self._compare_standings(number)
        else:
            self._note(
                f"the newest block of the index, {tip[0]} with hash {_said(tip[1])}, is not on the chain"
            )
        contract = self._note_of("contract")
        self._compare_blocks(number, contract)
        if agreed:
            self._compare_derived(contract)
        self._compare_strays()
        still = self._chain.hash_at(number) == pinned
        if self._found and not (agreed and still) and not whatever_moves:
            return None
        return Comparison(
            index=self._index,
            number=number,
            block_hash="0x" + pinned.hex(),
            head=self._chain.height(),
            rows=dict(self._rows),
            found=self._found,
            differences=tuple(self._told),
            unchecked=tuple(self._unchecked),
        )

    def _refuse_another_chain(self) -> None:
        row = self._connection.execute(
            "SELECT hash FROM kept.blocks WHERE canonical AND number = 0"
        ).fetchone()
        there = self._chain.hash_at(0)
        if row is not None and row[0] != there:
            raise TestbedError(
                f"the index is of another chain than {self._rpc.where}: its block 0 is {_said(row[0])}, "
                f"the node's is {_said(there)}",
                where=str(self._index),
            )

    def _note(self, text: str) -> None:
        self._found += 1
        if len(self._told) < _MOST_TOLD:
            self._told.append(text)

    def _note_of(self, name: str) -> bytes | None:
        row = self._connection.execute("SELECT value FROM kept.notes WHERE name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def _compare_blocks(self, last: int, contract: bytes | None) -> None:
        """The raw rows, and what is worked out from the chain's side of them."""
        books = Books(self._connection)
        lowest_price: list[int] = []

        def lowest() -> int:
            assert contract is not None  # only its events make the books ask
            if not lowest_price:
                terms = self._rpc.fetch(Etsc("0x" + contract.hex()).terms())
                lowest_price.append(terms.min_unit_price)
            return lowest_price[0]

        first_recent = max(0, last + 1 - _RECENT_BLOCKS)
        recent = list(self._chain.rows(range(first_recent, last + 1)))
        parent_hash = None
        for rows in itertools.chain(self._chain.rows(range(first_recent)), recent):
            for block in rows["blocks"]:
                if parent_hash not in (None, block[2]):
                    raise Moved
                parent_hash = block[1]
            timestamps = {block[0]: block[3] for block in rows["blocks"]}
            for name, table in _RAW.items():
                self._compare_raw(name, table, rows[name], min(timestamps), max(timestamps))
            self._count(rows)
            if contract is not None:
                own = (
                    Placed(LogRow(*log[:3], *log[4:]), timestamps[log[0]])
                    for log in rows["logs"]
                    if log[4] == contract
                )
                books.enter(own, lowest)
            self._show((max(timestamps) + 1) / (last + 1))
        if contract is None and self._deployed is not None:
            self._note(f"the chain has an ETSC, {_said(self._deployed)}, and the index has no books of it")

    def _compare_raw(self, name: str, table: _Table, expected: list[Row], first: int, last: int) -> None:
        found = self._connection.execute(
            f"SELECT {', '.join(table.columns)} FROM {table.source} "
            "WHERE b.canonical AND b.number BETWEEN ? AND ?",
            (first, last),
        ).fetchall()
        self._rows[name] += len(expected)
        for text in _differences(name, table.columns, table.keys, found, expected):
            self._note(text)

    def _count(self, rows: Rows) -> None:
        for block in rows["blocks"]:
            if (sealer := block[4]) is not None:
                self._tallies["sealer", sealer] += 1
        self._tallies["transactions", b""] += len(rows["transactions"])
        self._tallies["logs", b""] += len(rows["logs"])
        for transaction in rows["transactions"]:
            sender, recipient, created = transaction[4:7]
            for account in {sender, recipient, created} - {None}:
                self._tallies["account", account] += 1
            if created is not None and transaction[13] == 1 and transaction[14].startswith(ARTIFACT.bytecode):
                self._deployed = self._deployed or created

    def _compare_derived(self, contract: bytes | None) -> None:
        self._connection.executemany(
            "INSERT INTO main.tallies VALUES (?, ?, ?)",
            [(kind, address, count) for (kind, address), count in self._tallies.items() if count],
        )
        for table, keys in _DERIVED.items():
            columns = [row[1] for row in self._connection.execute(f"PRAGMA main.table_info({table})")]
            self._rows[table] = self._connection.execute(f"SELECT count(*) FROM main.{table}").fetchone()[0]
            only = "SELECT * FROM {}.{} EXCEPT SELECT * FROM {}.{}"
            kept = self._connection.execute(only.format("kept", table, "main", table)).fetchall()
            chain = self._connection.execute(only.format("main", table, "kept", table)).fetchall()
            for text in _differences(table, columns, keys, kept, chain):
                self._note(text)

    def _compare_standings(self, number: int) -> None:
        """How the books of the index say that everybody stands, against the contract's own word."""
        contract = self._note_of("contract")
        if contract is None:
            return
        etsc = Etsc("0x" + contract.hex())
        accounts = self._connection.execute(
            "SELECT address, role FROM kept.participants WHERE role IN ('user', 'edge-server')"
        ).fetchall()
        try:
            if not self._rpc.fetch(code_at(etsc.address), number):
                self._note(
                    f"the index has the books of {etsc.address}, where no contract is at block {number}"
                )
                return
            for some in parts(accounts, _ACCOUNTS_PER_BATCH):
                reads = [(etsc.user if role == "user" else etsc.edge_server)(_said(at)) for at, role in some]
                for (account, _), answer in zip(some, self._rpc.fetch_all(reads, number), strict=True):
                    self._compare_standing(account, answer)
        except RpcError as error:
            self._unchecked.append(f"how everybody stands at block {number}: {error.message}")

    def _compare_standing(self, account: bytes, answer: User | EdgeServer) -> None:
        if isinstance(answer, User):
            names: tuple[str, ...] = ("coins", "power", "offered", "generated", "consumed", "deficit")
            columns = [f"{name}_after" for name in names]
        else:
            names, columns = ("stock", "credit"), ["coins_after", "credit_after"]
        row = self._connection.execute(
            f"SELECT {', '.join(columns)} FROM kept.entries WHERE account = ? ORDER BY id DESC LIMIT 1",
            (account,),
        ).fetchone()
        kept = tuple(map(int, row)) if row is not None else (0,) * len(names)
        chain = tuple(getattr(answer, name) for name in names)
        for text in _differences(
            "standings", ("account", *names), 1, [(account, *kept)], [(account, *chain)]
        ):
            self._note(text)

    def _compare_strays(self) -> None:
        for what, query in _STRAYS.items():
            if count := self._connection.execute(query).fetchone()[0]:
                self._note(f"{count} {what}")


def _differences(
    table: str, columns: Sequence[str], keys: int, kept: Iterable[Row], chain: Iterable[Row]
) -> Iterator[str]:
    """Rows are the same where their first `keys` columns are."""
    rest = {row[:keys]: row for row in kept}

    def named(row: Row) -> str:
        return f"{table} {' '.join(_said(value) for value in row[:keys])}"

    for row in chain:
        ours = rest.pop(row[:keys], None)
        if ours is None:
            yield f"{named(row)}: only on the chain"
            continue
        for column, one, other in zip(columns, ours, row, strict=True):
            if one != other:
                yield f"{named(row)}: {column} is {_said(one)} in the index, {_said(other)} on the chain"
    for row in rest.values():
        yield f"{named(row)}: only in the index"


def _said(value: Any) -> str:
    """For a terminal, whatever a contract made of it."""
    text = "0x" + value.hex() if isinstance(value, bytes) else repr(value) if value is not None else "none"
    return text if len(text) <= 80 else text[:79] + "…"
