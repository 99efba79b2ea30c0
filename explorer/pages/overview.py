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
    following = site.following
    followed = next((seen for seen in following.nodes if seen.node.rpc_url == following.rpc_url), None)
    with site.readers.reading() as index:
        site.learn_names(index)
        tip = queries.tip(index)
        transactions = queries.latest_transactions(index, _LATEST)
        return site.page(
            "overview.html.j2",
            tip=tip,
            genesis_hash=queries.genesis_hash(index),
            interval_seconds=queries.block_interval_seconds(index),
            transactions_in_all=queries.tally(index, "transactions"),
            pending=None if followed is None else followed.pending,
            reorganisation=queries.newest_reorganisation(index),
            blocks=queries.latest_blocks(index, _LATEST),
            transactions=[(row, what(site, row)) for row in transactions],
            market=trading.market(index, site.contract, site.config),
            standing=None if site.contract is None else trading.standing(index, site.contract),
        )
