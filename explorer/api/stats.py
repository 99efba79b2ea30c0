"""module=stats: what can be said of the whole chain, and why the rest cannot."""

from __future__ import annotations

import time

from explorer.api.asked import Asked, Refused
from explorer.words import client, iso

_DAY = len("2000-01-01")


def supply(_: Asked) -> str:
    raise Refused(
        "Error! The supply of ether is not known: a node does not tell what its genesis block allocates"
    )


def price(_: Asked) -> str:
    raise Refused("Error! The ether of this chain is traded nowhere and has no price")


def no_token(_: Asked) -> str:
    raise Refused("Error! There is no token contract here: elecoins are an account book inside ETSC")


def chain_size(asked: Asked) -> list[dict[str, str]]:
    """Bytes of all blocks as nodes send them to one another, up to the newest."""
    with asked.reading() as index:
        row = index.execute(
            "SELECT max(number) AS number, max(timestamp) AS timestamp, sum(size) AS size "
            "FROM blocks WHERE canonical"
        ).fetchone()
    if row["number"] is None:
        return []
    following = asked.site.following
    followed = [seen for seen in following.nodes if seen.node.rpc_url == following.rpc_url]
    return [
        {
            "blockNumber": str(row["number"]),
            "chainTimeStamp": iso(row["timestamp"])[:_DAY],
            "chainSize": str(row["size"]),
            "clientType": client(followed[0].client or "") if followed else "",
            "syncMode": "",
        }
    ]


def node_count(asked: Asked) -> dict[str, str]:
    """Nodes of the testbed that answer now."""
    nodes = asked.site.following.nodes
    return {
        "UTCDate": iso(int(time.time()))[:_DAY],
        "TotalNodeCount": str(sum(seen.answers for seen in nodes)),
    }
