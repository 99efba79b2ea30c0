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


def latest_blocks(connection: Connection, limit: int) -> list[Row]:
    return connection.execute(
        "SELECT * FROM blocks WHERE canonical ORDER BY number DESC LIMIT ?", (limit,)
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
        "SELECT *, (SELECT count(*) FROM reorganisations) AS total "
        "FROM reorganisations ORDER BY id DESC LIMIT 1",
    )


def latest_transactions(connection: Connection, limit: int) -> list[Row]:
    return connection.execute(
        _TRANSACTIONS + "WHERE b.canonical ORDER BY t.number DESC, t.position DESC LIMIT ?", (limit,)
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


def logs_in(connection: Connection, block_id: int, position: int) -> list[Row]:
    return connection.execute(
        _LOGS + "WHERE l.id BETWEEN ?1 << 20 AND (?1 << 20) + 0xfffff AND l.position = ?2 ORDER BY l.id",
        (block_id, position),
    ).fetchall()


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


def events_of(connection: Connection, contract: bytes, account: bytes, limit: int) -> list[Row]:
    """The newest events of the contract that name the account in one of their topics."""
    arms = " UNION ".join(
        f"SELECT * FROM (SELECT l.rowid AS row FROM logs l JOIN blocks b ON b.id = l.id >> 20 "
        f"WHERE l.topic{index} = :topic AND l.address = :contract AND b.canonical "
        f"ORDER BY l.number DESC, l.log_index DESC LIMIT :limit)"
        for index in (1, 2, 3)
    )
    return connection.execute(
        _LOGS + f"WHERE l.rowid IN ({arms}) ORDER BY l.number DESC, l.log_index DESC LIMIT :limit",
        {"topic": account.rjust(32, b"\0"), "contract": contract, "limit": limit},
    ).fetchall()


def events_from(connection: Connection, contract: bytes, limit: int) -> list[Row]:
    """The newest events of the contract, whatever they are."""
    return connection.execute(
        _LOGS + "WHERE l.address = ? AND b.canonical ORDER BY l.number DESC, l.log_index DESC LIMIT ?",
        (contract, limit),
    ).fetchall()


def events_named(
    connection: Connection,
    contract: bytes,
    topic0: bytes,
    limit: int,
    topic1: bytes | None = None,
    topic2: bytes | None = None,
) -> list[Row]:
    """The newest events of one name, or those whose first or second indexed field is `topic1`, `topic2`."""
    where = "l.address = ? AND l.topic0 = ? AND b.canonical"
    values: list[object] = [contract, topic0]
    for name, topic in (("topic1", topic1), ("topic2", topic2)):
        if topic is not None:
            where += f" AND l.{name} = ?"
            values.append(topic)
    return connection.execute(
        _LOGS + f"WHERE {where} ORDER BY l.number DESC, l.log_index DESC LIMIT ?", (*values, limit)
    ).fetchall()
