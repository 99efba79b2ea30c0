"""`/api`: the API of Etherscan, as its clients speak it.

Every answer has the HTTP status 200. All values are texts in {status, message, result}; the proxy module
answers in JSON-RPC's envelope instead. A key is neither needed nor looked at.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import anyio.lowlevel
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from chain.rpc import RpcError, RpcUnreachable
from explorer.api import accounts, blocks, contracts, logs, proxy, stats, transactions
from explorer.api.asked import Asked, Refused
from explorer.site import site_of

# A node takes no transaction of more than 128 KiB, which is twice as much in hexadecimal.
_LARGEST_BODY = 512 * 1024
_LARGEST_ANSWER = 16 * 1024 * 1024
_CHUNK = 64 * 1024
_MOST_PARAMETERS = 100
_INVALID_PARAMS, _SERVER_ERROR = -32602, -32000

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Action(NamedTuple):
    """How /docs tells it: what it says, an example of its parameters, and which there are besides.

    Names in braces of an example are put in from the chain.
    `empty` is the message where a list has nothing in it.
    """

    answer: Callable[[Asked], Any]
    says: str
    example: str = ""
    besides: str = ""
    empty: str = "No transactions found"


_PAGED = "page, offset"
_NO_TOKENS = "none ever: elecoins are an account book inside ETSC and no token contract"

MODULES: dict[str, dict[str, Action]] = {
    "account": {
        "balance": Action(accounts.balance, "wei of an account", "address={account}", "tag"),
        "balancemulti": Action(accounts.balances, "of up to 20", "address={account},{contract}", "tag"),
        "txlist": Action(
            accounts.transactions,
            "transactions sent, received, or that created it",
            "address={account}&sort=desc&page=1&offset=10",
            "startblock, endblock",
        ),
        "txlistinternal": Action(
            accounts.internal_transactions,
            "ether that contracts moved in a transaction, from a trace; by address nothing is known",
            "txhash={tx}",
        ),
        "tokentx": Action(accounts.no_tokens, _NO_TOKENS, "address={account}", _PAGED),
        "tokennfttx": Action(accounts.no_tokens, _NO_TOKENS, "address={account}", _PAGED),
        "token1155tx": Action(accounts.no_tokens, _NO_TOKENS, "address={account}", _PAGED),
        "tokenbalance": Action(stats.no_token, "refused: there is no token contract"),
        "getminedblocks": Action(
            accounts.mined_blocks,
            "blocks that it sealed or mined, newest first",
            "address={sealer}&page=1&offset=10",
            "blocktype (blocks, uncles)",
        ),
    },
    "contract": {
        "getabi": Action(contracts.abi, "the interface of ETSC", "address={contract}"),
        "getsourcecode": Action(
            contracts.source_code,
            "its sources and how they are compiled; OpenZeppelin 5.1.0 is to be put beside them from npm",
            "address={contract}",
        ),
        "getcontractcreation": Action(
            contracts.creation,
            "who created up to five contracts, in which transaction",
            "contractaddresses={contract}",
            empty="No data found",
        ),
    },
    "transaction": {
        "getstatus": Action(
            transactions.execution_status, "whether it failed, and why, from a trace", "txhash={tx}"
        ),
        "gettxreceiptstatus": Action(transactions.receipt_status, "1, 0, or nothing", "txhash={tx}"),
    },
    "block": {
        "getblockreward": Action(
            blocks.reward,
            "wei that its sealer or miner was paid: made with proof of work alone, and tips",
            "blockno={block}",
        ),
        "getblockcountdown": Action(
            blocks.countdown, "seconds until a block, by the pace of the last 20", "blockno=1000000000"
        ),
        "getblocknobytime": Action(
            blocks.number_by_time, "the block nearest to a time", "timestamp={time}&closest=before"
        ),
    },
    "logs": {
        "getLogs": Action(
            logs.logs,
            "events by address and topics, oldest first, 1,000 a page",
            "address={contract}&topic0={topic}&page=1&offset=10",
            "fromBlock, toBlock, topic1 to topic3, topic0_1_opr to topic2_3_opr (and, or)",
            "No records found",
        )
    },
    "stats": {
        "chainsize": Action(stats.chain_size, "bytes of all blocks", empty="No records found"),
        "nodecount": Action(stats.node_count, "nodes of the testbed that answer"),
        "ethsupply": Action(stats.supply, "refused: a node does not tell what its genesis block allocates"),
        "ethsupply2": Action(stats.supply, "refused, for the same reason"),
        "ethprice": Action(stats.price, "refused: this ether is traded nowhere"),
        "tokensupply": Action(stats.no_token, "refused: there is no token contract"),
    },
}


async def api(request: Request) -> Response:
    """GET, or POST with the same parameters as a form."""
    values = dict(request.query_params)
    try:
        if request.method == "POST":
            values.update(await _form(request))
    except Refused as refused:
        return _response(_refusal(refused), keep=False)
    asked = Asked(site_of(request), values)
    return await anyio.to_thread.run_sync(answer, asked)


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", "application/x-www-form-urlencoded"):
        raise Refused("Error! A POST carries its parameters as application/x-www-form-urlencoded")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_BODY:
            raise Refused(f"Error! A request has {_LARGEST_BODY} bytes at most")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError as error:  # not UTF-8, or too many
        raise Refused("Error! The parameters cannot be read") from error


def answer(asked: Asked) -> Response:
    module, action = asked.text("module").lower(), asked.text("action").lower()
    try:
        _check_chain(asked)
        if module == "proxy":
            return _response([_encode(_by_proxy(asked, action))], keep=False)
        if module not in _BY_NAME:
            raise Refused("Error! Missing Or invalid Module name")
        if action not in _BY_NAME[module]:
            raise Refused("Error! Missing Or invalid Action name")
        return _response(_success(asked, _BY_NAME[module][action]), keep=not asked.fresh)
    except Refused as refused:
        return _response(_refusal(refused), keep=not asked.fresh)


_BY_NAME = {
    module: {name.lower(): action for name, action in actions.items()} for module, actions in MODULES.items()
}
_METHODS = {name.lower(): name for name in proxy.METHODS}


def _check_chain(asked: Asked) -> None:
    """The second version of Etherscan's API says in each request which chain is meant."""
    chain_id = asked.site.following.chain_id
    if chain_id is not None and asked.text("chainid") not in ("", str(chain_id)):
        raise Refused(f"Error! Unsupported chainid: this explorer has the chain {chain_id}")


def _success(asked: Asked, action: Action) -> list[str]:
    """In parts. Rows come and are written one by one: all of them at once would take ten times the room."""
    result = action.answer(asked)
    if not isinstance(result, Iterator):
        if result == []:
            raise Refused([], action.empty)
        return [_enveloped("1", "OK", _encode(result))]
    begin, _, end = _enveloped("1", "OK", "[|]").partition("|")
    parts, size = [begin], 0
    for row in result:
        parts.append(("," if size else "") + _encode(row))
        size += len(parts[-1])
        if size > _LARGEST_ANSWER:
            raise Refused(
                f"Error! The answer has more than {_LARGEST_ANSWER} bytes: "
                "ask for a part of it with page and offset"
            )
    if not size:
        raise Refused([], action.empty)
    return [*parts, end]


def _enveloped(status: str, message: str, result: str) -> str:
    return f'{{"status":"{status}","message":{_encode(message)},"result":{result}}}'


def _refusal(refused: Refused) -> list[str]:
    return [_enveloped("0", refused.message, _encode(refused.result))]


def _by_proxy(asked: Asked, action: str) -> dict[str, Any]:
    if (method := _METHODS.get(action)) is None:
        raise Refused("Error! Missing Or invalid Action name")
    reply: dict[str, Any] = {"jsonrpc": "2.0", "id": 1}
    try:
        params = proxy.params_of(method, asked)
        rpc = asked.site.asking.public(asked.site.following)
        return {**reply, "result": rpc.request(method, *params)}
    except proxy.Invalid as error:
        problem = {"code": _INVALID_PARAMS, "message": str(error)}
    except RpcError as error:
        problem = {"code": error.code, "message": error.message}
        if error.data is not None:
            problem["data"] = error.data
    except RpcUnreachable as error:
        problem = {"code": _SERVER_ERROR, "message": error.what}
    return {**reply, "error": problem}


def _response(parts: list[str], keep: bool) -> Response:
    """`Vary: *` says that the next answer may be another one, so that nothing keeps this one."""
    headers = {"Cache-Control": "no-store"} if keep else {"Cache-Control": "no-store", "Vary": "*"}
    if sum(map(len, parts)) <= _CHUNK:
        return Response("".join(parts), media_type="application/json", headers=headers)

    async def chunks() -> AsyncIterator[str]:
        # One after the other, with room for other requests between: a list may have megabytes.
        for several in _joined(parts):
            yield several
            await anyio.lowlevel.checkpoint()

    return StreamingResponse(chunks(), media_type="application/json", headers=headers)


def _joined(parts: list[str]) -> Iterator[str]:
    several: list[str] = []
    size = 0
    for part in parts:
        several.append(part)
        size += len(part)
        if size >= _CHUNK:
            yield "".join(several)
            several, size = [], 0
    yield "".join(several)
