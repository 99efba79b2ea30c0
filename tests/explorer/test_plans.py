"""No list walks through a table: whatever its length, SQLite goes by an index to where the page begins."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from explorer import account_queries, fork_queries, queries
from explorer.index import database

_ACCOUNT, _HASH = b"\1" * 20, b"\2" * 32
_PAGES: dict[str, Callable[[sqlite3.Connection], object]] = {
    "blocks": lambda index: queries.latest_blocks(index, 50, 7),
    "transactions": lambda index: queries.latest_transactions(index, 51, (7, 3)),
    "transactions of a block": lambda index: queries.transactions_in(index, 3, 100, 5),
    "transactions of an account": lambda index: queries.transactions_of(index, _ACCOUNT, 26, (7, 3)),
    "events of a contract": lambda index: queries.events_before(index, _ACCOUNT, None, 26, (7, 3)),
    "events of one name": lambda index: queries.events_named(index, _ACCOUNT, _HASH, 8),
    "events of a transaction": lambda index: queries.logs_in(index, 3, 5, 200),
    "a transaction by its hash": lambda index: queries.inclusions(index, _HASH),
    "a transaction by its nonce": lambda index: queries.newest_sent(index, _ACCOUNT),
    "who created a contract": lambda index: queries.creation_of(index, _ACCOUNT),
    "blocks that include an uncle": lambda index: queries.uncles_of_hash(index, _HASH),
    "accounts": lambda index: account_queries.most_active(index, 51, (7, _ACCOUNT)),
    "entries of an account": lambda index: account_queries.entries_of(index, _ACCOUNT, 26, 99),
    "orphans": lambda index: fork_queries.orphans(index, 26, (7, 3)),
    "reorganisations": lambda index: fork_queries.reorganisations(index, 26, 7),
}


@pytest.mark.parametrize("page", _PAGES)
def test_a_page_is_found_by_an_index(page: str) -> None:
    index = sqlite3.connect(":memory:")
    index.row_factory = sqlite3.Row
    index.executescript((Path(database.__file__).parent / "schema.sql").read_text())
    asked: list[str] = []
    index.set_trace_callback(asked.append)
    _PAGES[page](index)
    index.set_trace_callback(None)
    assert asked
    for sql in asked:
        plan = [row["detail"] for row in index.execute("EXPLAIN QUERY PLAN " + sql)]
        # What SQLite made for itself (a subquery of at most a page) may be walked through.
        assert [step for step in plan if re.match(r"SCAN (?!\()", step)] == [], plan
