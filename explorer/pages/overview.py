"""The first page: how the chain and the market stand."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from explorer import queries, trading
from explorer.pages.lists import what
from explorer.site import site_of

_LATEST = 12


def overview(request: Request) -> Response:
    site = site_of(request)
    with site.readers.reading() as index:
        tip = queries.tip(index)
        transactions = queries.latest_transactions(index, _LATEST)
        return site.page(
            "overview.html.j2",
            tip=tip,
            genesis_hash=queries.genesis_hash(index),
            interval_seconds=queries.block_interval_seconds(index),
            reorganisation=queries.newest_reorganisation(index),
            blocks=queries.latest_blocks(index, _LATEST),
            transactions=[(row, what(site, row)) for row in transactions],
            market=trading.market(index, site.contract, site.config),
            standing=None if site.contract is None else trading.standing(index, site.contract),
        )
