"""module=transaction: whether a transaction succeeded, and why not."""

from __future__ import annotations

import sqlite3

from errors import TestbedError
from explorer import queries
from explorer.api.asked import Asked
from explorer.words import cleaned_long


def execution_status(asked: Asked) -> dict[str, str]:
    """A transaction that is in no block has no error yet, as Etherscan has it."""
    row = _canonical(asked, asked.hash())
    if row is None or row["status"] == 1:
        return {"isError": "0", "errDescription": ""}
    return {"isError": "1", "errDescription": _reason(asked, row)}


def receipt_status(asked: Asked) -> dict[str, str]:
    row = _canonical(asked, asked.hash())
    return {"status": "" if row is None else str(row["status"])}


def _canonical(asked: Asked, tx_hash: bytes) -> sqlite3.Row | None:
    with asked.reading() as index:
        return next((row for row in queries.inclusions(index, tx_hash) if row["canonical"]), None)


def _reason(asked: Asked, row: sqlite3.Row) -> str:
    """A revert's own words, or what stopped the machine otherwise; from a trace."""
    site = asked.site
    try:
        trace = site.traces.of(row, site.contract, lambda: site.asking.private(site.following), deep=False)
    except TestbedError as error:
        asked.fresh = True
        return f"not known: {error.what}"
    failure = trace.failure
    if failure is None:
        return ""
    return cleaned_long(f"{failure.name}: {failure.sentence}" if failure.name else failure.sentence)
