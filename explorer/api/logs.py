"""module=logs: events by address and topics."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import combinations

from explorer.api.asked import NO_END, Asked, Refused
from explorer.words import hexed

_LARGEST_PAGE = 1000
_TOPICS = range(4)


def logs(asked: Asked) -> Iterator[dict[str, object]]:
    """Oldest first."""
    where, values = _conditions(asked)
    first, last = asked.height("fromBlock", 0), asked.height("toBlock", NO_END)
    window = asked.window(_LARGEST_PAGE)
    with asked.reading() as index:
        # Found first, then told: what lies beside a log is looked up for those alone that are shown.
        rows = index.execute(
            "SELECT l.*, b.hash AS block_hash, b.timestamp, t.hash AS tx_hash, t.gas_used, t.gas_price_wei "
            "FROM (SELECT l.* FROM logs l JOIN blocks b ON b.id = l.id >> 20 "
            f"WHERE {where} AND l.number BETWEEN ? AND ? AND b.canonical "
            "ORDER BY l.number, l.log_index LIMIT ? OFFSET ?) l "
            "JOIN blocks b ON b.id = l.id >> 20 JOIN transactions t ON t.id = (b.id << 20) + l.position "
            "ORDER BY l.number, l.log_index",
            (*values, first, last, window.many, window.first),
        )
        yield from map(_told, rows)


def _conditions(asked: Asked) -> tuple[str, list[bytes]]:
    """Address and topics, joined as the operators between pairs of topics say.

    A topic that stands in no pair with `or` must be there; of each such pair one must.
    """
    topics = {at: topic for at in _TOPICS if (topic := asked.optional_hash(f"topic{at}")) is not None}
    either = [
        pair
        for pair in combinations(_TOPICS, 2)
        if asked.one_of(f"topic{pair[0]}_{pair[1]}_opr", ("and", "or"), "and") == "or"
        and topics.keys() >= set(pair)
    ]
    required = [at for at in topics if not any(at in pair for pair in either)]
    parts = [f"l.topic{at} = ?" for at in required]
    values = [topics[at] for at in required]
    for one, other in either:
        parts.append(f"(l.topic{one} = ? OR l.topic{other} = ?)")
        values += [topics[one], topics[other]]
    if asked.text("address"):
        # The plus keeps the index of the address away: ETSC has nearly all logs, and a topic a part of them.
        parts.append("+l.address = ?" if 0 in required else "l.address = ?")
        values.append(asked.address())
    if not parts:
        raise Refused("Error! Missing address or topic parameters")
    return " AND ".join(parts), values


def _told(row: sqlite3.Row) -> dict[str, object]:
    return {
        "address": hexed(row["address"]),
        "topics": [hexed(topic) for at in _TOPICS if (topic := row[f"topic{at}"]) is not None],
        "data": hexed(row["data"]),
        "blockNumber": hex(row["number"]),
        "blockHash": hexed(row["block_hash"]),
        "timeStamp": hex(row["timestamp"]),
        "gasPrice": hex(int(row["gas_price_wei"])),
        "gasUsed": hex(row["gas_used"]),
        "logIndex": hex(row["log_index"]),
        "transactionHash": hexed(row["tx_hash"]),
        "transactionIndex": hex(row["position"]),
    }
