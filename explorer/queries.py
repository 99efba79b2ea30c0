"""What the pages ask of the index.

Only canonical rows count, except where a block or a transaction is asked for by its hash.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

Row = sqlite3.Row
Connection = sqlite3.Connection

# ids of transactions and logs begin with that of their block: see schema.sql.
_LOGS = (
    "SELECT l.*, b.hash AS block_hash, b.timestamp, t.hash AS tx_hash FROM logs l "
    "JOIN blocks b ON b.id = l.id >> 20 "
    "JOIN transactions t ON t.id = (b.id << 20) + l.position "
)
_TRANSACTIONS = (
    "SELECT t.*, b.id AS block_id, b.hash AS block_hash, b.timestamp, b.canonical FROM transactions t "
    "JOIN blocks b ON b.id = t.id >> 20 "
)


def _first(connection: Connection, sql: str, values: Sequence[object] = ()) -> Row | None:
    row: Row | None = connection.execute(sql, values).fetchone()
    return row


def genesis_hash(connection: Connection) -> bytes | None:
    row = _first(connection, "SELECT hash FROM blocks WHERE number = 0 AND canonical")
    return None if row is None else bytes(row["hash"])


def tip(connection: Connection) -> Row | None:
    return _first(connection, "SELECT * FROM blocks WHERE canonical ORDER BY number DESC LIMIT 1")


def latest_blocks(connection: Connection, limit: int, before: int = 2**62) -> list[Row]:
    """The newest of those below the height `before`."""
    return connection.execute(
        "SELECT * FROM blocks WHERE canonical AND number < ? ORDER BY number DESC LIMIT ?", (before, limit)
    ).fetchall()


def block_at(connection: Connection, number: int) -> Row | None:
    return _first(connection, "SELECT * FROM blocks WHERE number = ? AND canonical", (number,))


def block_of_hash(connection: Connection, block_hash: bytes) -> Row | None:
    return _first(connection, "SELECT * FROM blocks WHERE hash = ?", (block_hash,))


def orphans_at(connection: Connection, number: int) -> list[Row]:
    return connection.execute(
        "SELECT * FROM blocks WHERE number = ? AND NOT canonical ORDER BY id", (number,)
    ).fetchall()


def block_interval_seconds(connection: Connection, blocks: int = 20) -> float | None:
    """Mean over the newest blocks; the genesis block's time is a setting, not a moment."""
    row = _first(
        connection,
        "SELECT max(timestamp) - min(timestamp) AS span, count(*) - 1 AS gaps FROM "
        "(SELECT timestamp FROM blocks WHERE canonical AND number > 0 ORDER BY number DESC LIMIT ?)",
        (blocks + 1,),
    )
    return None if row is None or row["gaps"] < 1 else row["span"] / row["gaps"]


def newest_reorganisation(connection: Connection) -> Row | None:
    return _first(
        connection,
        # None is ever deleted, so that the newest id says how many there were.
        "SELECT *, id AS total FROM reorganisations ORDER BY id DESC LIMIT 1",
    )


def latest_transactions(
    connection: Connection, limit: int, before: tuple[int, int] | None = None
) -> list[Row]:
    """The newest of those older than the place (number, position)."""
    return connection.execute(
        _TRANSACTIONS + "WHERE b.canonical AND (t.number, t.position) < (?, ?) "
        "ORDER BY t.number DESC, t.position DESC LIMIT ?",
        (*(before or (2**62, 0)), limit),
    ).fetchall()


def transactions_in(connection: Connection, block_id: int, limit: int, first: int = 0) -> list[Row]:
    return connection.execute(
        _TRANSACTIONS + "WHERE t.id BETWEEN (?1 << 20) + ?2 AND (?1 << 20) + 0xfffff ORDER BY t.id LIMIT ?3",
        (block_id, first, limit),
    ).fetchall()


def inclusions(connection: Connection, tx_hash: bytes) -> list[Row]:
    """The transaction in every block that includes it, the canonical one first."""
    return connection.execute(
        _TRANSACTIONS + "WHERE t.hash = ? ORDER BY b.canonical DESC, b.id DESC", (tx_hash,)
    ).fetchall()


def logs_in(connection: Connection, block_id: int, position: int, limit: int = -1) -> list[Row]:
    """The first events of a transaction, in their order; all of them with -1."""
    return connection.execute(
        _LOGS + "WHERE l.id BETWEEN ?1 << 20 AND (?1 << 20) + 0xfffff AND l.position = ?2 "
        "ORDER BY l.id LIMIT ?3",
        (block_id, position, limit),
    ).fetchall()


def number_of_logs_in(connection: Connection, block_id: int, position: int) -> int:
    row = _first(
        connection,
        "SELECT count(*) AS count FROM logs "
        "WHERE id BETWEEN ?1 << 20 AND (?1 << 20) + 0xfffff AND position = ?2",
        (block_id, position),
    )
    return 0 if row is None else int(row["count"])


def uncles_in(connection: Connection, block_id: int) -> list[Row]:
    return connection.execute(
        "SELECT * FROM uncles WHERE block_id = ? ORDER BY position", (block_id,)
    ).fetchall()


def uncles_of_hash(connection: Connection, block_hash: bytes) -> list[Row]:
    """The block of this hash as each block that includes it as an uncle names it, the canonical one first."""
    return connection.execute(
        "SELECT u.*, b.hash AS block_hash, b.number AS block_number, b.canonical FROM uncles u "
        "JOIN blocks b ON b.id = u.block_id WHERE u.hash = ? ORDER BY b.canonical DESC, b.id DESC",
        (block_hash,),
    ).fetchall()


def tally(connection: Connection, kind: str, account: bytes = b"") -> int:
    """How often, see the table."""
    row = _first(connection, "SELECT count FROM tallies WHERE kind = ? AND address = ?", (kind, account))
    return 0 if row is None else int(row["count"])


def sent_with(connection: Connection, sender: bytes, nonce: int) -> Row | None:
    """The canonical transaction of a sender with this nonce.

    Nonces rise along the chain: the last height from which on all nonces are larger is found by halving.
    """

    def next_nonce(number: int) -> int:
        row = _first(
            connection,
            "SELECT t.nonce FROM transactions t JOIN blocks b ON b.id = t.id >> 20 "
            "WHERE t.sender = ? AND t.number >= ? AND b.canonical ORDER BY t.number, t.position LIMIT 1",
            (sender, number),
        )
        return 2**63 if row is None else int(row["nonce"])

    newest = tip(connection)
    if newest is None or next_nonce(0) > nonce:
        return None
    low, high = 0, int(newest["number"]) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if next_nonce(middle) <= nonce else (low, middle)
    return _first(
        connection,
        _TRANSACTIONS + "WHERE t.sender = ? AND t.number = ? AND t.nonce = ? AND b.canonical",
        (sender, low, nonce),
    )


def newest_sent(connection: Connection, sender: bytes) -> Row | None:
    """The newest canonical transaction of a sender."""
    return _first(
        connection,
        _TRANSACTIONS + "WHERE t.sender = ? AND b.canonical ORDER BY t.number DESC, t.position DESC LIMIT 1",
        (sender,),
    )


def transactions_of(
    connection: Connection, address: bytes, limit: int, before: tuple[int, int] | None
) -> list[Row]:
    """Sent, received or created by; newest first, older than the place (number, position)."""
    number, position = before or (2**62, 0)
    arms = " UNION ".join(
        f"SELECT * FROM (SELECT t.rowid AS row FROM transactions t JOIN blocks b ON b.id = t.id >> 20 "
        f"WHERE t.{column} = :address AND b.canonical AND (t.number, t.position) < (:number, :position) "
        f"ORDER BY t.number DESC, t.position DESC LIMIT :limit)"
        for column in ("sender", "recipient", "created")
    )
    return connection.execute(
        _TRANSACTIONS + f"WHERE t.rowid IN ({arms}) ORDER BY t.number DESC, t.position DESC LIMIT :limit",
        {"address": address, "number": number, "position": position, "limit": limit},
    ).fetchall()


def events_named(connection: Connection, contract: bytes, topic0: bytes, limit: int) -> list[Row]:
    """The newest events of one name."""
    return connection.execute(
        # The plus keeps the index of the contract's events away: a rare one is found by its name.
        _LOGS + "WHERE +l.address = ? AND l.topic0 = ? AND b.canonical "
        "ORDER BY l.number DESC, l.log_index DESC LIMIT ?",
        (contract, topic0, limit),
    ).fetchall()


def events_before(
    connection: Connection,
    contract: bytes,
    topic0: bytes | None,
    limit: int,
    before: tuple[int, int] | None,
) -> list[Row]:
    """The contract's newest events (of one name: topic0) older than the place (number, log_index)."""
    number, log_index = before or (2**62, 0)
    named = "" if topic0 is None else "AND l.topic0 = :topic0 "
    return connection.execute(
        _LOGS + f"WHERE l.address = :contract {named}AND b.canonical "
        "AND (l.number, l.log_index) < (:number, :log_index) "
        "ORDER BY l.number DESC, l.log_index DESC LIMIT :limit",
        {
            "contract": contract,
            "topic0": topic0,
            "number": number,
            "log_index": log_index,
            "limit": limit,
        },
    ).fetchall()


def creation_of(connection: Connection, account: bytes) -> Row | None:
    """The transaction that created it, canonical; None for an account that no transaction created."""
    return _first(
        connection,
        _TRANSACTIONS + "WHERE t.created = ? AND b.canonical AND t.status = 1",
        (account,),
    )
