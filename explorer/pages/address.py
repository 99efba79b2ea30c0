"""An account: its name, what it owns at the indexed head, its transactions, its part in the market."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chain.rpc import balance_of, nonce_of
from errors import TestbedError
from explorer import queries, trading
from explorer.pages.lists import ADDRESS, before, older, what
from explorer.site import Site, site_of
from explorer.words import hexed

_PER_PAGE = 25
_EVENTS = 25


@dataclasses.dataclass(frozen=True)
class Holdings:
    """What an account owns in the state of one block; of its roles those are None that it has not."""

    balance_wei: int
    nonce: int
    user: Any = None
    edge_server: Any = None
    meter: Any = None


def address(request: Request) -> Response:
    site = site_of(request)
    wanted = request.path_params["address"]
    if not ADDRESS.fullmatch(wanted):
        return site.missing("address", wanted, "An address is 0x and 40 hexadecimal digits.")
    account = bytes.fromhex(wanted[2:])
    place = before(request.query_params.get("before"))
    with site.readers.reading() as index:
        tip = queries.tip(index)
        rows = queries.transactions_of(index, account, _PER_PAGE + 1, place)
        shown = rows[:_PER_PAGE]
        logs = []
        if site.contract is not None and place is None:
            logs = (
                queries.events_from(index, account, _EVENTS)
                if account == site.contract
                else queries.events_of(index, site.contract, account, _EVENTS)
            )
        own_prices: tuple[trading.OwnPrice, ...] = ()
        if site.contract is not None:
            own_prices = trading.own_prices(index, site.contract, account)
        market_events = trading.events(logs)
    holdings, problem = _holdings(site, account, tip["hash"]) if tip is not None else (None, "no block yet")
    return site.page(
        "address.html.j2",
        account=account,
        holdings=holdings,
        problem=problem,
        tip=tip,
        transactions=[(row, what(site, row)) for row in shown],
        older=older(shown[-1]["number"], shown[-1]["position"]) if len(rows) > _PER_PAGE else None,
        first_page=place is None,
        events=market_events,
        own_prices=own_prices,
    )


def _holdings(site: Site, account: bytes, block_hash: bytes) -> tuple[Holdings | None, str | None]:
    """From the node that the index follows, at the indexed head; or why not."""
    contract = site.contract
    text = hexed(account)
    reads: list[Any] = [balance_of(text), nonce_of(text)]
    if contract is not None and account != contract:
        from contracts.etsc import Etsc

        etsc = Etsc(hexed(contract))
        reads += [etsc.user(text), etsc.edge_server(text), etsc.meter(text)]
    block = {"blockHash": hexed(block_hash)}
    try:
        rpc = site.asking.public(site.following)
        balance_wei, nonce = rpc.fetch_all(reads[:2], block)
        try:
            roles = [_role(record) for record in rpc.fetch_all(reads[2:], block)]
        except TestbedError:  # before its deployment there is no contract to ask
            roles = []
    except TestbedError as error:
        return None, error.what
    return Holdings(balance_wei, nonce, *roles), None


def _role(record: Any) -> Any:
    """The record of an account in a role that it has, else None."""
    return record if record is not None and getattr(record, "registered", True) else None
