"""/accounts: every address that a transaction names, the most active first, with what it owns."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from chain.rpc import balance_of
from errors import TestbedError
from explorer import account_queries, queries
from explorer.index.books import Standing, standing_at
from explorer.queries import Row
from explorer.site import Site, site_of
from explorer.words import checksummed, hexed

_PER_PAGE = 50
_PLACE = re.compile(r"(\d{1,18})\.0x([0-9a-fA-F]{40})", re.ASCII)


@dataclass(frozen=True)
class Account:
    """`standing` is None for an account that is not in the books of ETSC; a balance, where it is unknown."""

    address: bytes
    role: str
    transactions: int
    balance_wei: int | None
    standing: Standing | None


def accounts(request: Request) -> Response:
    site = site_of(request)
    text = request.query_params.get("before", "")
    place = _PLACE.fullmatch(text)
    before = None if place is None else (int(place[1]), bytes.fromhex(place[2]))
    with site.readers.reading() as index:
        site.learn_names(index)
        tip = queries.tip(index)
        rows = account_queries.most_active(index, _PER_PAGE + 1, before)
        shown = rows[:_PER_PAGE]
        standings = [standing_at(index, row["address"], None) for row in shown]
        in_all = account_queries.number_of_accounts(index)
    balances_wei, problem = _balances(site, shown, tip)
    return site.page(
        "accounts.html.j2",
        tip=tip,
        accounts=[
            Account(row["address"], _role(site, row["address"]), row["count"], balance_wei, standing)
            for row, balance_wei, standing in zip(shown, balances_wei, standings, strict=True)
        ],
        in_all=in_all,
        counted=account_queries.COUNTED,
        problem=problem,
        older=_older(shown[-1]) if len(rows) > _PER_PAGE else None,
        first_page=before is None,
    )


def _role(site: Site, account: bytes) -> str:
    named = site.name_of(account)
    return "" if named is None else named.role


def _balances(site: Site, rows: list[Row], tip: Row | None) -> tuple[list[int | None], str | None]:
    """In the state of the indexed head; or why they are not known."""
    nothing: list[int | None] = [None] * len(rows)
    if tip is None:
        return nothing, None
    reads = [balance_of(hexed(row["address"])) for row in rows]
    try:
        rpc = site.asking.public(site.following)
        return rpc.fetch_all(reads, {"blockHash": hexed(tip["hash"])}), None
    except TestbedError as error:
        return nothing, error.what
    except (TypeError, ValueError) as error:
        return nothing, f"the node's answer came malformed ({error})"


def _older(row: Row) -> str:
    return f"?before={row['count']}.{checksummed(row['address'])}"
