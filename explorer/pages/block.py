"""One block: its header, its transactions and uncles, and what else stood at its height."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from explorer import queries
from explorer.pages.lists import HASH, NUMBER, depth, indexed_to, number_in, what
from explorer.queries import Connection
from explorer.site import Site, site_of

_TRANSACTIONS_PER_PAGE = 50
_MOST_IN_A_BLOCK = 2**20 - 1


def block(request: Request) -> Response:
    site = site_of(request)
    wanted = request.path_params["block"]
    with site.readers.reading() as index:
        site.learn_names(index)
        if NUMBER.fullmatch(wanted):
            row = queries.block_at(index, int(wanted))
        elif HASH.fullmatch(wanted):
            row = queries.block_of_hash(index, bytes.fromhex(wanted[2:]))
            if row is None:
                return _uncle(site, index, wanted)
        else:
            return site.missing("block", wanted, "A block is named by its number or by its hash of 32 bytes.")
        if row is None:
            return site.missing("block", wanted, indexed_to(site))
        start = min(number_in(request.query_params.get("from")) or 0, _MOST_IN_A_BLOCK)
        tip = queries.tip(index)
        transactions = queries.transactions_in(index, row["id"], _TRANSACTIONS_PER_PAGE, start)
        return site.page(
            "block.html.j2",
            block=row,
            tip=tip,
            depth=depth(site, row["number"], tip) if row["canonical"] else None,
            canonical=row if row["canonical"] else queries.block_at(index, row["number"]),
            orphans=[other for other in queries.orphans_at(index, row["number"]) if other["id"] != row["id"]],
            uncles=queries.uncles_in(index, row["id"]) if row["uncles"] else [],
            uncle_in=queries.uncles_of_hash(index, row["hash"]) if not row["canonical"] else [],
            transactions=[(each, what(site, each)) for each in transactions],
            start=start,
            next_position=start + len(transactions),
        )


def _uncle(site: Site, index: Connection, wanted: str) -> Response:
    """A block that is known only because others name it as their uncle."""
    inclusions = queries.uncles_of_hash(index, bytes.fromhex(wanted[2:]))
    if not inclusions:
        return site.missing("block", wanted, indexed_to(site))
    uncle = inclusions[0]
    return site.page(
        "uncle.html.j2",
        uncle=uncle,
        inclusions=inclusions,
        canonical=queries.block_at(index, uncle["number"]),
    )
