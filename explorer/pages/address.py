"""An account: its name, what it owns at the indexed head, its transactions, its part in the market."""

from __future__ import annotations

import dataclasses
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chain.rpc import Read, RpcError, balance_of, code_at, nonce_of
from errors import TestbedError
from explorer import account_queries, queries, trading
from explorer.entries import entries
from explorer.index.books import standing_at
from explorer.pages.lists import account_in, before, number_in, older, what
from explorer.site import Site, site_of
from explorer.words import checksummed, hexed

_PER_PAGE = 25
_EVENTS = 25


@dataclasses.dataclass(frozen=True)
class Holdings:
    """What an account owns in the state of one block; of its roles those are None that it has not."""

    balance_wei: int
    nonce: int
    code_bytes: int
    user: Any = None
    edge_server: Any = None
    meter: Any = None


def address(request: Request) -> Response:
    site = site_of(request)
    account = account_in(site, request.path_params["address"])
    if isinstance(account, Response):
        return account
    place = before(request.query_params.get("before"))
    entry = number_in(request.query_params.get("entries"))
    contract = site.contract
    with site.readers.reading() as index:
        site.learn_names(index)
        tip = queries.tip(index)
        rows = queries.transactions_of(index, account, _PER_PAGE + 1, place)
        booked = account_queries.entries_of(index, account, _PER_PAGE + 1, entry)
        participant = account_queries.participant(index, account)
        standing = standing_at(index, account, None) if participant is not None else None
        in_all = queries.tally(index, "account", account)
        sealed = queries.tally(index, "sealer", account)
        created = queries.creation_of(index, account)
        own_prices: tuple[trading.OwnPrice, ...] = ()
        if contract is not None and participant is not None and participant["role"] == "edge-server":
            own_prices = trading.own_prices(index, contract, account)
        logs = []
        if account == contract:
            logs = queries.events_before(index, account, None, _EVENTS, None)
    holdings, problem = _holdings(site, account, tip["hash"]) if tip is not None else (None, "no block yet")
    shown = rows[:_PER_PAGE]
    return site.page(
        "address.html.j2",
        account=account,
        holdings=holdings,
        problem=problem,
        participant=participant,
        standing=standing,
        tip=tip,
        created=created,
        sealed=sealed,
        in_all=in_all,
        transactions=[(row, what(site, row)) for row in shown],
        older=older(shown[-1]["number"], shown[-1]["position"]) if len(rows) > _PER_PAGE else None,
        entries=entries(booked, _PER_PAGE),
        older_entries=f"?entries={booked[_PER_PAGE - 1]['id']}" if len(booked) > _PER_PAGE else None,
        newest_transactions=place is None,
        newest_entries=entry is None,
        events=trading.events(logs),
        own_prices=own_prices,
    )


def token(request: Request) -> Response:
    """EIP-3091 names tokens so: here ETSC, whose elecoins are the only token that is known."""
    site = site_of(request)
    account = account_in(site, request.path_params["address"])
    if isinstance(account, Response):
        return account
    return RedirectResponse("/etsc" if account == site.contract else f"/address/{checksummed(account)}", 303)


def _holdings(site: Site, account: bytes, block_hash: bytes) -> tuple[Holdings | None, str | None]:
    """From the node that the index follows, at the indexed head; or why not."""
    contract = site.contract
    text = hexed(account)
    reads: list[Read[Any]] = [balance_of(text), nonce_of(text), code_at(text)]
    if contract is not None and account != contract:
        from contracts.etsc import Etsc

        etsc = Etsc(hexed(contract))
        reads += [etsc.user(text), etsc.edge_server(text), etsc.meter(text)]
    try:
        rpc = site.asking.public(site.following)
        answers = rpc.batch([read.request({"blockHash": hexed(block_hash)}) for read in reads])
        for answer in answers[:3]:
            if isinstance(answer, RpcError):
                raise answer
        balance_wei, nonce, code = (
            read.decode(answer) for read, answer in zip(reads[:3], answers[:3], strict=True)
        )
        roles = [_role(read, answer) for read, answer in zip(reads[3:], answers[3:], strict=True)]
    except TestbedError as error:
        return None, error.what
    except (TypeError, ValueError) as error:
        return None, f"the node's answer came malformed ({error})"
    return Holdings(balance_wei, nonce, len(code), *roles), None


def _role(read: Read[Any], answer: Any) -> Any:
    """The record of an account in a role that it has, else None."""
    if isinstance(answer, RpcError):
        return None
    try:
        record = read.decode(answer)
    except TestbedError:  # before its deployment there is no contract to ask
        return None
    return record if record is not None and getattr(record, "registered", True) else None
