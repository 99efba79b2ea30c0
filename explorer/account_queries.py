"""What the pages ask of the index about accounts: how active they are, their part in the books of ETSC."""

from __future__ import annotations

from explorer.index.books import LOG_BITS
from explorer.queries import Connection, Row

COUNTED = 2_000

# The id of an entry holds its height and the index of its log: see schema.sql.
_ENTRIES = (
    "SELECT e.*, t.hash AS tx_hash FROM entries e "
    "JOIN blocks b ON b.number = e.number AND b.canonical "
    f"JOIN logs l ON l.id = (b.id << {LOG_BITS}) + (e.id >> 1 & {(1 << LOG_BITS) - 1}) "
    f"JOIN transactions t ON t.id = (b.id << {LOG_BITS}) + l.position "
)


def most_active(connection: Connection, limit: int, before: tuple[int, bytes] | None) -> list[Row]:
    """Accounts (address, count of transactions), the most active first, after the place (count, address)."""
    count, address = before or (2**62, b"")
    return connection.execute(
        "SELECT address, count FROM tallies WHERE kind = 'account' AND (count, address) < (?, ?) "
        "ORDER BY count DESC, address DESC LIMIT ?",
        (count, address, limit),
    ).fetchall()


def number_of_accounts(connection: Connection) -> int:
    """COUNTED + 1 where there are more than COUNTED: so many are not counted anew for each page."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM tallies WHERE kind = 'account' LIMIT ?)", (COUNTED + 1,)
    ).fetchone()
    return int(row[0])


def participant(connection: Connection, account: bytes) -> Row | None:
    """Its role in ETSC (user, edge-server, meter) and since which block."""
    row: Row | None = connection.execute(
        "SELECT * FROM participants WHERE address = ?", (account,)
    ).fetchone()
    return row


def entries_of(connection: Connection, account: bytes, limit: int, before: int | None) -> list[Row]:
    """What an account did in the market, newest first, older than the entry of that id."""
    return connection.execute(
        _ENTRIES + "WHERE e.account = ? AND e.id < ? ORDER BY e.id DESC LIMIT ?",
        (account, 2**63 - 1 if before is None else before, limit),
    ).fetchall()
