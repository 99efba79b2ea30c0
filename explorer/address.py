"""An account: its name, what it owns at the indexed head, its transactions, its part in the market."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chain.rpc import HttpRpc, balance_of, nonce_of
from errors import TestbedError
from explorer import queries, trading
from explorer.pages import called, older
from explorer.site import Site, site_of
from explorer.words import hexed

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_PLACE = re.compile(r"(\d{1,18})\.(\d{1,9})", re.ASCII)
_PER_PAGE = 25
_EVENTS = 25
_ANSWER_SECONDS = 1.0


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
    config = site.settings.current
    wanted = request.path_params["address"]
    if not _ADDRESS.fullmatch(wanted):
        return site.missing("address", wanted, "An address is 0x and 40 hexadecimal digits.")
    account = bytes.fromhex(wanted[2:])
    place = _PLACE.fullmatch(request.query_params.get("before", ""))
    before = None if place is None else (int(place[1]), int(place[2]))
    with site.database.reading() as index:
        tip = queries.tip(index)
        rows = queries.transactions_of(index, account, _PER_PAGE + 1, before)
        shown = rows[:_PER_PAGE]
        logs = []
        if config.contract is not None and before is None:
            logs = (
                queries.events_from(index, account, _EVENTS)
                if account == config.contract
                else queries.events_of(index, config.contract, account, _EVENTS)
            )
        own_prices: tuple[trading.OwnPrice, ...] = ()
        if config.contract is not None:
            own_prices = trading.own_prices(index, config.contract, account)
        market_events = trading.events(logs)
    holdings, problem = _holdings(site, account, tip["hash"]) if tip is not None else (None, "no block yet")
    return site.page(
        "address.html.j2",
        account=account,
        holdings=holdings,
        problem=problem,
        tip=tip,
        transactions=[(row, called(config, row)) for row in shown],
        older=older(shown[-1]["number"], shown[-1]["position"]) if len(rows) > _PER_PAGE else None,
        first_page=before is None,
        events=market_events,
        own_prices=own_prices,
    )


def _holdings(site: Site, account: bytes, block_hash: bytes) -> tuple[Holdings | None, str | None]:
    """From the node that the index follows, at the indexed head; or why not."""
    url = site.state.following.rpc_url
    if url is None:
        return None, "waiting for the chain"
    contract = site.settings.current.contract
    text = hexed(account)
    reads: list[Any] = [balance_of(text), nonce_of(text)]
    if contract is not None and account != contract:
        from contracts.etsc import Etsc

        etsc = Etsc(hexed(contract))
        reads += [etsc.user(text), etsc.edge_server(text), etsc.meter(text)]
    block = {"blockHash": hexed(block_hash)}
    try:
        with HttpRpc(url, _ANSWER_SECONDS) as rpc:
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
