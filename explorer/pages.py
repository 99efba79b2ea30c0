"""The pages of the chain: overview, block, transaction, search.

Each is one look at one moment of the index.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from explorer import etsc, queries, trading, words
from explorer.config import Config
from explorer.queries import Row
from explorer.site import Site, site_of

_LATEST = 12
_TRANSACTIONS_PER_PAGE = 200
_QUERY_LENGTH = 200
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


def overview(request: Request) -> Response:
    site = site_of(request)
    config = site.settings.current
    with site.database.reading() as index:
        tip = queries.tip(index)
        transactions = queries.latest_transactions(index, _LATEST)
        return site.page(
            "overview.html.j2",
            tip=tip,
            genesis_hash=queries.genesis_hash(index),
            interval_seconds=queries.block_interval_seconds(index),
            reorganisation=queries.newest_reorganisation(index),
            blocks=queries.latest_blocks(index, _LATEST),
            transactions=[(row, called(config, row)) for row in transactions],
            market=trading.market(index, config),
            standing=None if config.contract is None else trading.standing(index, config.contract),
        )


def called(config: Config, transaction: Row) -> str:
    """One word for what a transaction does: the function of ETSC, a transfer, a call, a deployment."""
    if transaction["recipient"] is None:
        return "deploy ETSC" if transaction["created"] == config.contract else "deploy"
    if transaction["recipient"] == config.contract:
        call = etsc.decode_call(transaction["input"])
        return "unknown call" if call is None else call.name
    return "call" if transaction["input"] else "transfer"


def block(request: Request) -> Response:
    site = site_of(request)
    wanted = request.path_params["block"]
    with site.database.reading() as index:
        if _NUMBER.fullmatch(wanted):
            row = queries.block_at(index, int(wanted))
        elif _HASH.fullmatch(wanted):
            row = queries.block_of_hash(index, bytes.fromhex(wanted[2:]))
        else:
            return site.missing("block", wanted, "A block is named by its number or by its hash of 32 bytes.")
        if row is None:
            return site.missing("block", wanted, _indexed_to(site))
        first = request.query_params.get("from", "0")
        start = int(first) if _NUMBER.fullmatch(first) else 0
        tip = queries.tip(index)
        transactions = queries.transactions_in(index, row["id"], _TRANSACTIONS_PER_PAGE, start)
        return site.page(
            "block.html.j2",
            block=row,
            tip=tip,
            canonical=row if row["canonical"] else queries.block_at(index, row["number"]),
            orphans=[other for other in queries.orphans_at(index, row["number"]) if other["id"] != row["id"]],
            transactions=[(each, called(site.settings.current, each)) for each in transactions],
            next_position=start + len(transactions),
        )


def transaction(request: Request) -> Response:
    site = site_of(request)
    config = site.settings.current
    wanted = request.path_params["tx"]
    if not _HASH.fullmatch(wanted):
        return site.missing("transaction", wanted, "A transaction is named by its hash of 32 bytes.")
    with site.database.reading() as index:
        inclusions = queries.inclusions(index, bytes.fromhex(wanted[2:]))
        if not inclusions:
            return site.missing("transaction", wanted, _indexed_to(site))
        row = inclusions[0]
        logs = queries.logs_in(index, row["block_id"], row["position"])
        tip = queries.tip(index)
        call = None
        if row["recipient"] == config.contract and config.contract is not None:
            call = etsc.decode_call(row["input"])
        elif row["created"] == config.contract and config.contract is not None:
            call = etsc.decode_deployment(row["input"])
        return site.page(
            "transaction.html.j2",
            transaction=row,
            others=inclusions[1:],
            confirmations=tip["number"] - row["number"] + 1 if tip and row["canonical"] else 0,
            called=called(config, row),
            call=call,
            logs=[
                (log, trading.event_of(log) if log["address"] == config.contract else None) for log in logs
            ],
            fee_wei=row["gas_used"] * int(row["gas_price_wei"]),
        )


def search(request: Request) -> Response:
    site = site_of(request)
    wanted = request.query_params.get("q", "").strip()[:_QUERY_LENGTH]
    if _NUMBER.fullmatch(wanted.replace(",", "")):
        return RedirectResponse(f"/block/{int(wanted.replace(',', ''))}", 303)
    if _HASH.fullmatch(wanted):
        with site.database.reading() as index:
            found = queries.block_of_hash(index, bytes.fromhex(wanted[2:]))
        return RedirectResponse(f"/{'tx' if found is None else 'block'}/{wanted.lower()}", 303)
    if _ADDRESS.fullmatch(wanted):
        return RedirectResponse(f"/address/{words.checksummed(bytes.fromhex(wanted[2:]))}", 303)
    if (address := _address_named(site.settings.current, wanted)) is not None:
        return RedirectResponse(f"/address/{words.checksummed(address)}", 303)
    hint = "Search for a block number, a hash, an address, or the name of a participant or a node."
    return site.missing("search", wanted, hint)


def _address_named(config: Config, wanted: str) -> bytes | None:
    name = wanted.casefold()
    if name == "etsc":
        return config.contract
    for account in config.accounts:
        if words.cleaned(account.name).casefold() == name:
            return account.address
    for node in config.nodes:
        if words.cleaned(node.name).casefold() == name:
            return node.sealer
    return None


def _indexed_to(site: Site) -> str:
    following = site.state.following
    if following.problem is not None or following.indexed is None:
        return "The explorer is waiting for the chain: it may be there and not yet be indexed."
    return f"The chain is indexed up to block {following.indexed:,}, {following.lag_blocks} behind the head."


def health(request: Request) -> Response:
    """For programs: how far the index is, of which chain, and why it does not move."""
    site = site_of(request)
    config, following = site.settings.current, site.state.following
    with site.database.reading() as index:
        genesis, tip = queries.genesis_hash(index), queries.tip(index)
    indexed = -1 if tip is None else tip["number"]
    return JSONResponse(
        {
            "name": config.name,
            "indexed": None if tip is None else indexed,
            "head": following.head,
            "lag": None if following.head is None else max(0, following.head - indexed),
            "genesis_hash": words.hexed(genesis) or None,
            "contract": None if config.contract is None else words.checksummed(config.contract),
            "problem": following.problem,
        }
    )


def missing(request: Request, _: Exception) -> Response:
    return site_of(request).missing("page", request.url.path)


def older(number: int, position: int) -> str:
    """The query of the next, older page of a list."""
    return "?" + urlencode({"before": f"{number}.{position}"})
