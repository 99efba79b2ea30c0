"""/export/TABLE.csv and /address/ADDRESS/statement.csv: tables of the index, each from one moment of it.

A file is written as it is read: however long it is, no more than a piece of it is in memory. It has a
connection to the index of its own, so that a slow reader of a file keeps no page waiting.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from errors import TestbedError
from explorer.csv_text import Cell, written
from explorer.index.database import BUSY_SECONDS
from explorer.live_tables import LIVE_TABLES, LiveTable
from explorer.pages.lists import NUMBER, account_in
from explorer.queries import Connection
from explorer.site import Site, site_of
from explorer.tables import STANDING, TABLES, Table
from explorer.words import checksummed, iso

_AT_ONCE = 2
_LONGEST_SECONDS = 600.0
# Heights above this do not fit into the ids of entries.
_HIGHEST = 1 << 41
_MILLI_PLACES, _WEI_PLACES = 3, 18  # of elecoins and kWh, and of ether
_turns = threading.BoundedSemaphore(_AT_ONCE)

Rows = Callable[[Connection], Iterable[Sequence[Cell]]]


def overview(request: Request) -> Response:
    """/export: what there is; its form comes back here and is sent on to the file."""
    query = request.query_params
    if (table := query.get("table")) is not None:
        given = {name: query[name] for name in ("from", "to") if query.get(name)}
        return RedirectResponse(f"/export/{quote(table, safe='')}.csv?{urlencode(given)}".rstrip("?"), 303)
    return site_of(request).page("exports.html.j2", tables=TABLES.values(), live_tables=LIVE_TABLES.values())


def table(request: Request) -> Response:
    site = site_of(request)
    name = request.path_params["table"]
    found = TABLES.get(name) or LIVE_TABLES.get(name)
    if found is None:
        known = ", ".join((*TABLES, *LIVE_TABLES))
        return site.missing("table", name, f"There are these: {known}.")
    ranged = isinstance(found, Table) and found.ranged
    heights = _heights(request.query_params)
    if heights is None or (heights != (0, _HIGHEST) and not ranged):
        wants = "from and to are numbers of blocks" if ranged else "this table knows no blocks"
        return site.missing("such part of the table", str(request.url.query), f"In an address {wants}.", 400)
    if isinstance(found, LiveTable):
        return _live(site, found)
    return _download(request, site, name, found.columns, lambda index: _rows(site, found, index, *heights))


def _live(site: Site, found: LiveTable) -> Response:
    """What is in no index is not long."""
    with site.readers.reading() as index:
        site.learn_names(index)
    try:
        return short_file(site, found.name, found.columns, found.rows(site))
    except TestbedError as error:
        return site.missing("table", found.name, f"It cannot be had: {error.what}.", 409)


def short_file(site: Site, name: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A file of what is in memory anyway."""
    return Response("".join(written(columns, rows)), headers=_headers(site, name), media_type="text/csv")


def _heights(query: QueryParams) -> tuple[int, int] | None:
    """From and to, both included; None where one is no number."""
    texts = query.get("from") or "0", query.get("to") or str(_HIGHEST)
    if not all(map(NUMBER.fullmatch, texts)):
        return None
    first, last = (min(int(text), _HIGHEST) for text in texts)
    return first, last


def _rows(site: Site, found: Table, index: Connection, first: int, last: int) -> Iterator[Sequence[Cell]]:
    values = {"first": first, "last": last, "contract": site.contract}
    for row in index.execute(found.sql, values):
        if (cells := found.cells(site, row)) is not None:
            yield cells


_STATEMENT = (
    *("time", "block", "slot", "kind", "other", "other_name", "elecoins", "kWh", "ether", "elecoins_after"),
    *("kWh_after", "kWh_offered_after", "kWh_generated_after", "kWh_consumed_after", "kWh_deficit_after"),
    "ether_credit_after",
)


def statement(request: Request) -> Response:
    """All that the market's books have of one account, in elecoins, kWh and ether, exactly."""
    site = site_of(request)
    account = account_in(site, request.path_params["address"])
    if isinstance(account, Response):
        return account
    return _download(
        request,
        site,
        f"statement-{checksummed(account)}",
        _STATEMENT,
        lambda index: _statement(site, index, account),
    )


def _statement(site: Site, index: Connection, account: bytes) -> Iterator[Sequence[Cell]]:
    for row in index.execute("SELECT * FROM entries WHERE account = ? ORDER BY id", (account,)):
        other = None if row["other"] is None else bytes(row["other"])
        named = site.name_of(other)
        yield (
            iso(row["timestamp"]),
            row["number"],
            row["slot"],
            row["kind"],
            None if other is None else checksummed(other),
            None if named is None else named.name,
            *(_exact(row[name], _MILLI_PLACES) for name in ("coins", "power")),
            _exact(row["ether"], _WEI_PLACES),
            *(_exact(row[f"{name}_after"], _MILLI_PLACES) for name in STANDING),
            _exact(row["credit_after"], _WEI_PLACES),
        )


def _exact(amount: int | str, places: int) -> Decimal:
    """amount / 10^places; made from a text, as arithmetic would round what is long."""
    return Decimal(f"{amount}E-{places}") if int(amount) else Decimal(0)


def _download(request: Request, site: Site, name: str, columns: Sequence[str], rows: Rows) -> Response:
    """The file, from the index as it stands now; an empty one while there is none."""
    headers = _headers(site, name)
    if request.method == "HEAD":
        return StreamingResponse(iter(()), headers=headers, media_type="text/csv")
    if not _turns.acquire(blocking=False):
        said = f"{_AT_ONCE} files are being written already: try again when one is done.\n"
        return PlainTextResponse(said, 429, headers={"Retry-After": "5"})
    try:
        index = _open(site)
    except sqlite3.Error:
        _turns.release()
        return site.missing("table", name, "The index cannot be read at the moment: try again.", 409)
    return _File(index, written(columns, () if index is None else rows(index)), headers)


def _headers(site: Site, name: str) -> dict[str, str]:
    file = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{site.config.name}-{name}")[:120].strip("-")
    return {"Content-Disposition": f'attachment; filename="{file}.csv"', "Cache-Control": "no-store"}


def _open(site: Site) -> Connection | None:
    """A connection that sees one moment of the index from its first question on; None while there is none."""
    path = site.following.index
    if path is None:
        return None
    # Read-only: where the file was set aside meanwhile, closing it must touch no other.
    uri = f"file:{quote(str(path))}?mode=ro"
    index = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        index.row_factory = sqlite3.Row
        index.execute("BEGIN")
        site.learn_names(index)
    except sqlite3.Error:
        index.close()
        raise
    return index


class _File(StreamingResponse):
    """Gives its connection and its turn back when it is through, or when nobody reads on."""

    def __init__(self, index: Connection | None, pieces: Iterator[str], headers: dict[str, str]) -> None:
        super().__init__(pieces, headers=headers, media_type="text/csv")
        self._index = index

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # The index must not keep what was for ever, for a reader that takes a line a minute.
            async with asyncio.timeout(_LONGEST_SECONDS):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            pass  # the file ends without its end, which the reader sees
        finally:
            if self._index is not None:
                self._index.close()
            _turns.release()
