"""/txs: the transactions of the chain, newest first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from explorer import queries
from explorer.pages.lists import before, older, what
from explorer.site import site_of

_PER_PAGE = 25


def transactions(request: Request) -> Response:
    site = site_of(request)
    place = before(request.query_params.get("before"))
    with site.readers.reading() as index:
        site.learn_names(index)
        rows = queries.latest_transactions(index, _PER_PAGE + 1, place)
        in_all = queries.tally(index, "transactions")
    shown = rows[:_PER_PAGE]
    return site.page(
        "transactions.html.j2",
        in_all=in_all,
        transactions=[(row, what(site, row)) for row in shown],
        older=older(shown[-1]["number"], shown[-1]["position"]) if len(rows) > _PER_PAGE else None,
        first_page=place is None,
    )
