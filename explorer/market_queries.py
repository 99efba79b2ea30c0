"""What the market's page asks of the index: each question is about a window of slots, hours or blocks."""

from __future__ import annotations

from collections.abc import Iterable
from sqlite3 import Cursor

from explorer.queries import Connection, Row

# The newest of a window: what is beyond them is not counted, and the page says so.
MOST_BLOCKS = 20_000
MOST_HOURS = 72
MOST_SEALERS = 64
MOST_USERS = 500
_NEVER = 2**63 - 1


def newest_slot(connection: Connection) -> int | None:
    number: int | None = connection.execute("SELECT max(slot) FROM slots").fetchone()[0]
    return number


def slots(connection: Connection, first: int, last: int) -> list[Row]:
    """With the hash of the block that each was opened in."""
    return connection.execute(
        "SELECT s.slot, s.number, s.timestamp, s.seller, b.hash FROM slots s "
        "JOIN blocks b ON b.number = s.number AND b.canonical WHERE s.slot BETWEEN ? AND ? ORDER BY s.slot",
        (first, last),
    ).fetchall()


def prices(connection: Connection, first: int, last: int) -> list[Row]:
    """By slot; the price for everybody (prosumer x'') before those of single prosumers."""
    return connection.execute(
        "SELECT slot, edge_server, prosumer, price_wei FROM prices WHERE slot BETWEEN ? AND ? "
        "ORDER BY slot, edge_server, prosumer",
        (first, last),
    ).fetchall()


def postings(
    connection: Connection, contract: bytes, topic0: bytes, first_block: int, last_block: int
) -> set[tuple[int, bytes]]:
    """In which slot an edge server posted prices of its own accord. A row of `prices` does not tell: where
    somebody else opened a slot for it, its former price stands there."""
    found = connection.execute(
        "SELECT l.topic1, l.topic2 FROM logs l JOIN blocks b ON b.id = l.id >> 20 "
        "WHERE l.topic0 = ? AND l.number BETWEEN ? AND ? AND l.address = ? AND b.canonical",
        (topic0, first_block, last_block, contract),
    )
    return {(int.from_bytes(slot, "big"), bytes(server[-20:])) for slot, server in found}


def purchases(connection: Connection, first: int, last: int) -> Cursor:
    """Rows of slot, block, buyer, edge server, mE and wei, which are negative as they were paid."""
    return _in_slots(
        connection, "e.slot, e.number, e.account, e.other, e.coins, e.ether", "bought", first, last
    )


def deliveries(connection: Connection, first: int, last: int) -> Cursor:
    """Rows of slot, block, buyer, and Wh."""
    return _in_slots(connection, "e.slot, e.number, e.account, e.power", "received", first, last)


def redemptions(connection: Connection, first: int, last: int) -> Cursor:
    """Rows of slot and the mE that came back into the edge servers' stocks; None where none did."""
    cursor = _plain(connection)
    return cursor.execute(
        "SELECT slot, (SELECT -sum(coins) FROM entries WHERE slot = s.slot AND kind = 'redeemed') "
        "FROM slots s WHERE slot BETWEEN ? AND ?",
        (first, last),
    )


def _in_slots(connection: Connection, columns: str, kind: str, first: int, last: int) -> Cursor:
    """From slot to slot: a range of slots alone would go through their entries of every kind."""
    return _plain(connection).execute(
        f"SELECT {columns} FROM slots s CROSS JOIN entries e ON e.slot = s.slot AND e.kind = ? "
        "WHERE s.slot BETWEEN ? AND ?",
        (kind, first, last),
    )


def _plain(connection: Connection) -> Cursor:
    """Tuples, which are made in half the time of rows with names."""
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor


def first_entry_from(connection: Connection, slot: int) -> int:
    """The id of the first entry of that slot or of a later one; beyond all ids where there is none."""
    found = connection.execute(
        "SELECT min(id) FROM entries WHERE slot = (SELECT min(slot) FROM entries WHERE slot >= ?)", (slot,)
    ).fetchone()[0]
    return _NEVER if found is None else int(found)


def standings(connection: Connection, before: int) -> list[Row]:
    """How users and edge servers stood before the entry with that id; nobody without an entry before it.

    The first so many users by address.
    """
    return connection.execute(
        "WITH people AS (SELECT address, role FROM participants WHERE role <> 'meter' LIMIT ?2) "
        "SELECT p.address, p.role, e.* FROM people p JOIN entries e ON e.id = "
        "(SELECT max(id) FROM entries WHERE account = p.address AND id < ?1)",
        (before, MOST_USERS),
    ).fetchall()


def endowments(connection: Connection) -> dict[bytes, int]:
    """The mE that each edge server began with: all that there are."""
    found = connection.execute(
        "SELECT p.address, e.coins FROM participants p JOIN entries e ON e.id = "
        "(SELECT min(id) FROM entries WHERE account = p.address) "
        "WHERE p.role = 'edge-server' AND e.kind = 'endowed'"
    )
    return {bytes(address): coins for address, coins in found}


def stocks(connection: Connection, servers: Iterable[bytes], before: int) -> dict[bytes, int]:
    """mE in stock at each edge server before the entry with that id."""
    found = {}
    for server in servers:
        row = connection.execute(
            "SELECT coins_after FROM entries WHERE account = ? AND id < ? ORDER BY id DESC LIMIT 1",
            (server, before),
        ).fetchone()
        found[server] = 0 if row is None else int(row[0])
    return found


def energy_by_hour(connection: Connection, first: int, last: int) -> list[Row]:
    """Wh that each retailer sold in each hour."""
    return connection.execute(
        "SELECT hour, retailer, sum(energy) AS energy FROM hours WHERE hour BETWEEN ? AND ? "
        "GROUP BY hour, retailer ORDER BY hour",
        (first, last),
    ).fetchall()


def energy_by_pair(connection: Connection, first: int, last: int) -> list[Row]:
    """Wh, mE and trades between each retailer and each buyer."""
    return connection.execute(
        "SELECT retailer, buyer, sum(energy) AS energy, sum(cost) AS cost, sum(trades) AS trades FROM hours "
        "WHERE hour BETWEEN ? AND ? GROUP BY retailer, buyer",
        (first, last),
    ).fetchall()


def sealed(connection: Connection, first: int, last: int) -> dict[bytes, int]:
    """Blocks of each sealer at these heights, orphans too; of those who sealed the most of all blocks."""
    found = connection.execute(
        "SELECT t.address, "
        "(SELECT count(*) FROM blocks WHERE sealer = t.address AND number BETWEEN ? AND ?) "
        "FROM (SELECT address FROM tallies WHERE kind = 'sealer' ORDER BY count DESC LIMIT ?) t",
        (first, last, MOST_SEALERS),
    )
    return {bytes(sealer): count for sealer, count in found}


def orphaned(connection: Connection, first: int, last: int) -> dict[bytes, int]:
    """Blocks of each sealer at these heights that a reorganisation replaced, as far as they were seen."""
    found = connection.execute(
        "SELECT sealer, count(*) FROM blocks WHERE NOT canonical AND number BETWEEN ? AND ? "
        "AND sealer IS NOT NULL GROUP BY sealer",
        (first, last),
    )
    return {bytes(sealer): count for sealer, count in found}


def uncles(connection: Connection, first: int, last: int) -> dict[bytes, int]:
    """Uncles of each miner that the canonical blocks at these heights include.

    Along a branch the ids of blocks rise, as a block is written after its parent.
    """
    found = connection.execute(
        "SELECT u.miner, count(*) FROM uncles u JOIN blocks b ON b.id = u.block_id WHERE b.canonical "
        "AND u.block_id BETWEEN (SELECT id FROM blocks WHERE number = ? AND canonical) "
        "AND (SELECT id FROM blocks WHERE number = ? AND canonical) GROUP BY u.miner",
        (first, last),
    )
    return {bytes(miner): count for miner, count in found}


def users(connection: Connection) -> int:
    """How many are registered, at most so many as are looked at."""
    counted: int = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM participants WHERE role = 'user' LIMIT ?)", (MOST_USERS,)
    ).fetchone()[0]
    return counted
