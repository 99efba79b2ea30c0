"""One transaction: what it asked for, what came of it and why, in which block; or that it still waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chain.rpc import from_quantity
from errors import TestbedError
from explorer import etsc, pool, queries, trading
from explorer.pages.lists import HASH, Depth, called, depth, indexed_to, of_the_pool, what
from explorer.pool import Waiting
from explorer.queries import Row
from explorer.site import Site, site_of
from explorer.trace import Trace
from explorer.words import hexed

_EVENTS = 200
_INPUT_BYTES = 24 * 1024


@dataclass(frozen=True)
class InNode:
    """A transaction as the followed node has it: `number` is its block, None while it waits in the pool.

    `next_nonce` is the sender's next one at the node's head.
    """

    waiting: Waiting
    number: int | None
    next_nonce: int


def transaction(request: Request) -> Response:
    site = site_of(request)
    wanted = request.path_params["tx"]
    if not HASH.fullmatch(wanted):
        return site.missing("transaction", wanted, "A transaction is named by its hash of 32 bytes.")
    tx_hash = bytes.fromhex(wanted[2:])
    with site.readers.reading() as index:
        site.learn_names(index)
        inclusions = queries.inclusions(index, tx_hash)
        if inclusions:
            row = inclusions[0]
            logs = queries.logs_in(index, row["block_id"], row["position"], _EVENTS)
            in_all = len(logs)
            if in_all == _EVENTS:
                in_all = queries.number_of_logs_in(index, row["block_id"], row["position"])
            deep = depth(site, row["number"], queries.tip(index)) if row["canonical"] else None
    if not inclusions:
        return of_the_pool(site, _not_indexed(site, wanted, tx_hash))
    trace, untraced = _trace(site, row, deep)
    return site.page(
        "transaction.html.j2",
        transaction=row,
        included=True,
        others=inclusions[1:],
        depth=deep,
        called=what(site, row),
        call=_call(site, row["recipient"], row["created"], row["input"]),
        logs=[(log, trading.event_of(log) if log["address"] == site.contract else None) for log in logs],
        logs_in_all=in_all,
        fee_wei=row["gas_used"] * int(row["gas_price_wei"]),
        trace=trace,
        untraced=untraced,
        in_node=None if row["canonical"] else _in_node(site, tx_hash)[0],
        input_shown=_INPUT_BYTES,
    )


def _not_indexed(site: Site, wanted: str, tx_hash: bytes) -> Response:
    found, problem = _in_node(site, tx_hash)
    if found is None:
        hint = indexed_to(site)
        if problem is not None:
            hint += f" Whether it waits in a pool is not known: {problem}."
        return site.missing("transaction", wanted, hint)
    waiting = found.waiting
    return site.page(
        "transaction.html.j2",
        transaction=waiting,
        included=False,
        others=[],
        depth=None,
        called=called(site, waiting.recipient, waiting.created, waiting.input),
        call=_call(site, waiting.recipient, waiting.created, waiting.input),
        in_node=found,
        input_shown=_INPUT_BYTES,
    )


def _call(site: Site, recipient: bytes | None, created: bytes | None, data: bytes) -> etsc.Decoded | None:
    if site.contract is None:
        return None
    if recipient == site.contract:
        return etsc.decode_call(data)
    return etsc.decode_deployment(data) if created == site.contract else None


def _trace(site: Site, row: Row, deep: Depth | None) -> tuple[Trace | None, str | None]:
    """What went on inside; or why that is not known."""
    try:
        settled = deep is not None and deep.enough
        return site.traces.of(row, site.contract, lambda: site.asking.private(site.following), settled), None
    except TestbedError as error:
        return None, error.what


def _in_node(site: Site, tx_hash: bytes) -> tuple[InNode | None, str | None]:
    """The transaction as the node has it, if it has; or why that is not known."""
    try:
        rpc = site.asking.public(site.following)
        answer: Any = rpc.request("eth_getTransactionByHash", hexed(tx_hash))
        if answer is None:
            return None, None
        number = answer.get("blockNumber")
        waiting = pool.read(answer)
        nonce = from_quantity(rpc.request("eth_getTransactionCount", hexed(waiting.sender), "latest"))
        if waiting.hash != tx_hash:
            return None, "the node answered with another transaction"
        return InNode(waiting, None if number is None else from_quantity(number), nonce), None
    except TestbedError as error:
        return None, error.what
    except (AttributeError, KeyError, TypeError, ValueError):
        return None, "the node's answer is no transaction"
