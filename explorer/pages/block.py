"""One block: its header, its transactions, and what else stood at its height."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from explorer import queries
from explorer.pages.lists import HASH, NUMBER, indexed_to, what
from explorer.site import site_of

_TRANSACTIONS_PER_PAGE = 200


def block(request: Request) -> Response:
    site = site_of(request)
    wanted = request.path_params["block"]
    with site.readers.reading() as index:
        if NUMBER.fullmatch(wanted):
            row = queries.block_at(index, int(wanted))
        elif HASH.fullmatch(wanted):
            row = queries.block_of_hash(index, bytes.fromhex(wanted[2:]))
        else:
            return site.missing("block", wanted, "A block is named by its number or by its hash of 32 bytes.")
        if row is None:
            return site.missing("block", wanted, indexed_to(site))
        first = request.query_params.get("from", "0")
        start = int(first) if NUMBER.fullmatch(first) else 0
        tip = queries.tip(index)
        transactions = queries.transactions_in(index, row["id"], _TRANSACTIONS_PER_PAGE, start)
        return site.page(
            "block.html.j2",
            block=row,
            tip=tip,
            canonical=row if row["canonical"] else queries.block_at(index, row["number"]),
            orphans=[other for other in queries.orphans_at(index, row["number"]) if other["id"] != row["id"]],
            transactions=[(each, what(site, each)) for each in transactions],
            next_position=start + len(transactions),
        )
