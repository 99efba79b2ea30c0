"""What the pages ask of the index about blocks that the chain left behind."""

from __future__ import annotations

from explorer.queries import Connection, Row

COUNTED = 5_000


def orphans(connection: Connection, limit: int, before: tuple[int, int] | None) -> list[Row]:
    """Orphaned blocks, the highest first, below the place (number, id); with the id of the newest block that
    includes each as an uncle, if any does."""
    return connection.execute(
        "SELECT b.*, (SELECT max(u.block_id) FROM uncles u WHERE u.hash = b.hash) AS uncle_in FROM blocks b "
        "WHERE NOT b.canonical AND (b.number, b.id) < (?, ?) ORDER BY b.number DESC, b.id DESC LIMIT ?",
        (*(before or (2**62, 0)), limit),
    ).fetchall()


def number_of_orphans(connection: Connection) -> int:
    """COUNTED + 1 where there are more than COUNTED."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM blocks WHERE NOT canonical LIMIT ?)", (COUNTED + 1,)
    ).fetchone()
    return int(row[0])


def number_of_uncles(connection: Connection) -> int:
    """COUNTED + 1 where there are more than COUNTED."""
    row = connection.execute("SELECT count(*) FROM (SELECT 1 FROM uncles LIMIT ?)", (COUNTED + 1,)).fetchone()
    return int(row[0])


def by_sealer(connection: Connection) -> list[Row]:
    """Of each sealer: canonical blocks; orphans and uncles, each block once; the same apart.

    Right as long as there are at most COUNTED orphans and COUNTED uncles.
    """
    return connection.execute(
        "WITH stale AS ("
        " SELECT hash, sealer, 1 AS orphan FROM blocks WHERE NOT canonical AND sealer IS NOT NULL"
        " UNION ALL SELECT DISTINCT hash, miner, 0 FROM uncles),"
        "counts AS (SELECT sealer, count(DISTINCT hash) AS stale, sum(orphan) AS orphans,"
        " sum(1 - orphan) AS uncles FROM stale GROUP BY sealer),"
        "everyone AS (SELECT address AS sealer FROM tallies WHERE kind = 'sealer'"
        " UNION SELECT sealer FROM counts) "
        "SELECT e.sealer, coalesce(t.count, 0) AS canonical, coalesce(c.stale, 0) AS stale,"
        " coalesce(c.orphans, 0) AS orphans, coalesce(c.uncles, 0) AS uncles FROM everyone e "
        "LEFT JOIN tallies t ON t.kind = 'sealer' AND t.address = e.sealer "
        "LEFT JOIN counts c ON c.sealer = e.sealer ORDER BY canonical DESC, e.sealer LIMIT 100"
    ).fetchall()


def reorganisations(connection: Connection, limit: int, before: int | None) -> list[Row]:
    """The newest first, older than that of the id `before`."""
    return connection.execute(
        "SELECT * FROM reorganisations WHERE id < ? ORDER BY id DESC LIMIT ?",
        (2**62 if before is None else before, limit),
    ).fetchall()
