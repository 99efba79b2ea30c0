"""One transaction: what it asked for, what came of it, in which block."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from explorer import etsc, queries, trading
from explorer.pages.lists import HASH, indexed_to, what
from explorer.site import site_of


def transaction(request: Request) -> Response:
    site = site_of(request)
    wanted = request.path_params["tx"]
    if not HASH.fullmatch(wanted):
        return site.missing("transaction", wanted, "A transaction is named by its hash of 32 bytes.")
    with site.readers.reading() as index:
        inclusions = queries.inclusions(index, bytes.fromhex(wanted[2:]))
        if not inclusions:
            return site.missing("transaction", wanted, indexed_to(site))
        row = inclusions[0]
        logs = queries.logs_in(index, row["block_id"], row["position"])
        tip = queries.tip(index)
        call = None
        if row["recipient"] == site.contract and site.contract is not None:
            call = etsc.decode_call(row["input"])
        elif row["created"] == site.contract and site.contract is not None:
            call = etsc.decode_deployment(row["input"])
        return site.page(
            "transaction.html.j2",
            transaction=row,
            others=inclusions[1:],
            confirmations=tip["number"] - row["number"] + 1 if tip and row["canonical"] else 0,
            called=what(site, row),
            call=call,
            logs=[(log, trading.event_of(log) if log["address"] == site.contract else None) for log in logs],
            fee_wei=row["gas_used"] * int(row["gas_price_wei"]),
        )
