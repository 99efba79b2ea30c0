"""/blocks: the chain, newest block first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from explorer import queries
from explorer.pages.lists import number_in
from explorer.site import site_of

_PER_PAGE = 25


def blocks(request: Request) -> Response:
    site = site_of(request)
    before = number_in(request.query_params.get("before"))
    with site.readers.reading() as index:
        site.learn_names(index)
        rows = queries.latest_blocks(index, _PER_PAGE, 2**62 if before is None else before)
        tip = queries.tip(index)
    return site.page(
        "blocks.html.j2",
        tip=tip,
        blocks=rows,
        older=f"?before={rows[-1]['number']}" if rows and rows[-1]["number"] > 0 else None,
        first_page=before is None,
    )
