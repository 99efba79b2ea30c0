"""module=account: what an address holds, its transactions, the blocks it sealed or mined."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Any

from explorer import queries
from explorer.api.asked import NO_END, Asked, Refused, Window
from explorer.api.blocks import reward_of, uncle_reward
from explorer.trace import is_plain
from explorer.words import hexed

_MOST_BALANCES = 20
_TAGS = ("latest", "earliest", "pending")
# A call costs at least a hundred, so this bounds what a trace of all calls can weigh.
_MOST_GAS_TRACED = 2_000_000
# What a call needs to be an internal transaction: ether moves, or a contract appears or ends.
_CREATING = ("CREATE", "CREATE2", "SELFDESTRUCT")


def balance(asked: Asked) -> str:
    address, tag = asked.address(), asked.one_of("tag", _TAGS, "latest")
    return str(int(asked.node("eth_getBalance", hexed(address), tag), 16))


def balances(asked: Asked) -> list[dict[str, str]]:
    tag = asked.one_of("tag", _TAGS, "latest")
    return [
        {"account": text, "balance": str(int(asked.node("eth_getBalance", hexed(address), tag), 16))}
        for text, address in asked.addresses("address", _MOST_BALANCES)
    ]


def transactions(asked: Asked) -> Iterator[dict[str, str]]:
    """Sent, received, or created by."""
    address = asked.address()
    between = asked.height("startblock", 0), asked.height("endblock", NO_END)
    newest_first = asked.one_of("sort", ("asc", "desc"), "asc") == "desc"
    window = asked.window()
    with asked.reading() as index:
        tip = asked.tip_number(index)
        sums: dict[int, list[int]] = {}
        for row in _transactions(index, address, between, newest_first, window):
            block_id = row["block_id"]
            if block_id not in sums:
                sums = {block_id: _gas_sums(index, block_id)}  # in order of blocks: one is enough
            yield _told(asked, row, sums[block_id][row["position"]], tip)


def _transactions(
    index: sqlite3.Connection, address: bytes, between: tuple[int, int], newest_first: bool, window: Window
) -> Iterable[sqlite3.Row]:
    order = "DESC" if newest_first else "ASC"
    arms = " UNION ".join(
        f"SELECT * FROM (SELECT t.id FROM transactions t JOIN blocks b ON b.id = t.id >> 20 "
        f"WHERE t.{column} = :address AND b.canonical AND t.number BETWEEN :first AND :last "
        f"ORDER BY t.number {order}, t.position {order} LIMIT :most)"
        for column in ("sender", "recipient", "created")
    )
    return index.execute(
        "SELECT t.*, b.id AS block_id, b.hash AS block_hash, b.timestamp FROM transactions t "
        f"JOIN blocks b ON b.id = t.id >> 20 WHERE t.id IN ({arms}) "
        f"ORDER BY t.number {order}, t.position {order} LIMIT :count OFFSET :skipped",
        {
            "address": address,
            "first": between[0],
            "last": between[1],
            "most": window.first + window.many,
            "count": window.many,
            "skipped": window.first,
        },
    )


def _gas_sums(index: sqlite3.Connection, block_id: int) -> list[int]:
    """Gas used in a block up to each of its transactions, that one included."""
    rows = index.execute(
        "SELECT gas_used FROM transactions WHERE id BETWEEN ?1 << 20 AND (?1 << 20) + 0xfffff ORDER BY id",
        (block_id,),
    )
    return list(accumulate(row["gas_used"] for row in rows))


def _told(asked: Asked, row: sqlite3.Row, cumulative_gas: int, tip: int) -> dict[str, str]:
    data = row["input"]
    creates = row["recipient"] is None
    known = None if creates or row["recipient"] != asked.site.contract else _signatures().get(data[:4])
    return {
        "blockNumber": str(row["number"]),
        "blockHash": hexed(row["block_hash"]),
        "timeStamp": str(row["timestamp"]),
        "hash": hexed(row["hash"]),
        "nonce": str(row["nonce"]),
        "transactionIndex": str(row["position"]),
        "from": hexed(row["sender"]),
        "to": hexed(row["recipient"]),
        "value": row["value_wei"],
        "gas": str(row["gas_limit"]),
        "gasPrice": row["gas_price_wei"],
        "input": hexed(data),
        "methodId": hexed(data[:4]),
        "functionName": known or "",
        "contractAddress": hexed(row["created"]),
        "cumulativeGasUsed": str(cumulative_gas),
        "txreceipt_status": str(row["status"]),
        "gasUsed": str(row["gas_used"]),
        "confirmations": str(tip - row["number"] + 1),
        "isError": "0" if row["status"] == 1 else "1",
    }


@lru_cache(maxsize=1)
def _signatures() -> dict[bytes, str]:
    """Functions of ETSC by selector, with the names of their parameters."""
    from eth_utils.crypto import keccak

    from contracts.artifact import ARTIFACT, abi_type, signature

    return {
        keccak(text=signature(entry))[:4]: "{}({})".format(
            name, ", ".join(f"{abi_type(each)} {each['name']}" for each in entry["inputs"])
        )
        for name, entry in ARTIFACT.functions.items()
    }


def internal_transactions(asked: Asked) -> list[dict[str, str]]:
    """Of one transaction, from a trace. Those of an address are in no index, and an empty list would be taken
    for its having none."""
    if not asked.text("txhash"):
        raise Refused("Error! Internal transactions are told of one transaction only: name its txhash")
    tx_hash = asked.hash()
    with asked.reading() as index:
        rows = [row for row in queries.inclusions(index, tx_hash) if row["canonical"]]
    if not rows or is_plain(rows[0], asked.site.contract):
        return []
    if rows[0]["gas_used"] > _MOST_GAS_TRACED:
        raise Refused(f"Error! A transaction of more than {_MOST_GAS_TRACED} gas is not traced")
    top = asked.node_within("debug_traceTransaction", hexed(tx_hash), {"tracer": "callTracer"})
    return [_internal(call, rows[0]) for call in _calls_below(top) if _counts(call)]


def _calls_below(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """In the order in which they happened; a trace may be deep."""
    waiting = list(reversed(call.get("calls", [])))
    while waiting:
        inner = waiting.pop()
        yield inner
        waiting.extend(reversed(inner.get("calls", [])))


def _counts(call: dict[str, Any]) -> bool:
    return call["type"] in _CREATING or (call["type"] == "CALL" and int(call.get("value", "0x0"), 16) > 0)


def _internal(call: dict[str, Any], transaction: sqlite3.Row) -> dict[str, str]:
    creates = call["type"] in ("CREATE", "CREATE2")
    return {
        "blockNumber": str(transaction["number"]),
        "timeStamp": str(transaction["timestamp"]),
        "from": call["from"],
        "to": "" if creates else call.get("to", ""),
        "value": str(int(call.get("value", "0x0"), 16)),
        "contractAddress": call.get("to", "") if creates else "",
        "input": "" if creates else call.get("input", ""),
        "type": call["type"].lower(),
        "gas": str(int(call.get("gas", "0x0"), 16)),
        "gasUsed": str(int(call.get("gasUsed", "0x0"), 16)),
        "isError": "1" if call.get("error") else "0",
        "errCode": call.get("error", ""),
    }


def no_tokens(asked: Asked) -> list[dict[str, str]]:
    """ERC-20, ERC-721 and ERC-1155 transfers: elecoins are none of these, so there are none."""
    for name in ("address", "contractaddress"):
        if asked.text(name):
            asked.address(name)
    asked.window()
    return []


def mined_blocks(asked: Asked) -> Iterator[dict[str, str]]:
    address, window = asked.address(), asked.window()
    uncles = asked.one_of("blocktype", ("blocks", "uncles"), "blocks") == "uncles"
    with asked.reading() as index:
        yield from (_mined_uncles if uncles else _mined)(asked, index, address, window)


def _mined(
    asked: Asked, index: sqlite3.Connection, address: bytes, window: Window
) -> Iterator[dict[str, str]]:
    rows = index.execute(
        "SELECT * FROM blocks WHERE sealer = ? AND canonical ORDER BY number DESC LIMIT ? OFFSET ?",
        (address, window.many, window.first),
    )
    for row in rows:
        yield {
            "blockNumber": str(row["number"]),
            "timeStamp": str(row["timestamp"]),
            "blockReward": str(reward_of(asked.site, index, row).total),
        }


def _mined_uncles(
    asked: Asked, index: sqlite3.Connection, address: bytes, window: Window
) -> Iterator[dict[str, str]]:
    rows = index.execute(
        "SELECT u.number, u.timestamp, b.number AS included_at FROM uncles u "
        "JOIN blocks b ON b.id = u.block_id WHERE u.miner = ? AND b.canonical "
        "ORDER BY u.number DESC LIMIT ? OFFSET ?",
        (address, window.many, window.first),
    )
    for row in rows:
        yield {
            "blockNumber": str(row["number"]),
            "timeStamp": str(row["timestamp"]),
            "blockReward": str(uncle_reward(row["number"], row["included_at"])),
        }
