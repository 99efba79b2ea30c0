"""/nodes: the nodes and their connections, after the paper's Fig. 5."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from explorer import node_map, queries
from explorer.site import site_of
from explorer.state import NodeState, Peer


@dataclass(frozen=True)
class Peering:
    """A connection as the node at one end reports it; `other` is None where the peer is no node of ours."""

    peer: Peer
    other: NodeState | None


@dataclass(frozen=True)
class NodeRow:
    seen: NodeState
    behind: int | None
    same_branch: bool | None  # None where the index has not reached the node's height
    peerings: tuple[Peering, ...] | None


def nodes(request: Request) -> Response:
    site = site_of(request)
    everyone = site.following.nodes
    by_id = {seen.enode_id: seen for seen in everyone if seen.enode_id is not None}
    best = max(
        (seen.head for seen in everyone if seen.head is not None and seen.problem is None), default=None
    )
    with site.readers.reading() as index:
        rows = []
        for seen in everyone:
            canonical = None if seen.head is None else queries.block_at(index, seen.head)
            rows.append(
                NodeRow(
                    seen=seen,
                    behind=None if seen.head is None or best is None else max(0, best - seen.head),
                    same_branch=None if canonical is None else canonical["hash"] == seen.head_hash,
                    peerings=None
                    if seen.peers is None
                    else tuple(Peering(peer, by_id.get(peer.enode_id)) for peer in seen.peers),
                )
            )
    return site.page(
        "nodes.html.j2",
        nodes=rows,
        answering=sum(row.seen.problem is None for row in rows),
        map=node_map.node_map(everyone, site.config.links),
        told_links=site.config.links,
        frame=node_map,
        astray={row.seen.node.name for row in rows if row.same_branch is False},
    )
