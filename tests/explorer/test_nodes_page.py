"""/nodes shows every node as it tells of itself, and the links between them as both ends report them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from chain.call import Call
from explorer.config import Link, Node
from explorer.node_map import BOX_HEIGHT, BOX_WIDTH, node_map
from explorer.state import NodeState, Peer
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, GethNode, genesis, peer, wait_until
from tests.explorer.html_tables import Table, tables_of
from tests.explorer.running import Explorer


def nodes_table(explorer: Explorer) -> Table:
    return tables_of(explorer.get("/nodes").text)[0]


def map_told(explorer: Explorer) -> str:
    found = re.search(r'<desc id="map-told">([^<]*)</desc>', explorer.get("/nodes").text)
    assert found is not None
    return found[1]


def send_raw(node: GethNode, sender_at: int, nonce_ahead: int) -> None:
    """A transfer that the node keeps in its pool."""
    node.hand_over(RICH[sender_at], (nonce_ahead, Call(RICH[-1].address, b"", 1)))


def test_links_heads_branches_and_pools_are_those_that_the_nodes_report(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    block = genesis()
    sealing, watching, alone = (make_node(block) for _ in range(3))
    watching.ask("miner_stop")
    peer(watching, sealing)
    wait_until(lambda: len(sealing.ask("admin_peers")) == 1, "the two to be peers")
    sealing.grow(3, RICH[0])
    alone.grow(2, RICH[1])  # with the same signer and no peer: another branch
    alone.ask("miner_stop")
    send_raw(alone, 2, nonce_ahead=0)
    send_raw(alone, 3, nonce_ahead=5)
    wait_until(lambda: watching.head_hash() == sealing.head_hash(), "the peer to follow")
    explorer = make_explorer(sealing, watching, alone)
    explorer.wait_for(sealing)
    columns = ["Node", "Head", "Behind", "Peers", "Branch", "Pending", "Queued"]

    def rows() -> list[list[str]]:
        table = nodes_table(explorer)
        return [list(row) for row in zip(*(table.column(name) for name in columns), strict=True)]

    wait_until(lambda: rows()[2][5:] == ["1", "1"], "the pool of the third node")
    assert rows() == [
        ["node-1", "3", "0", "1", "the indexed one", "0", "0"],
        ["node-2", "3", "0", "1", "the indexed one", "0", "0"],
        ["node-3", "2", "1", "0", "other branch", "1", "1"],
    ]
    assert map_told(explorer) == (
        "3 nodes, 1 link; node-1 and node-2, dialled by node-2. The table of peers has the same links."
    )
    page = explorer.get("/nodes").text
    assert page.count('<line class="link"') == 1
    assert "Nothing tells latencies and cuts of links, so none are shown." in page
    assert "Links of the network" not in page
    assert "Latency" not in page
    assert page.count(" ms</td>") == len(["RPC", "connect"]) * 3  # measured from here


def two_peers(make_node: NodeMaker, make_explorer: ExplorerMaker) -> tuple[GethNode, Explorer]:
    """The second of them, and an explorer of both that is not started."""
    block = genesis()
    one, other = make_node(block), make_node(block)
    peer(one, other)
    return other, make_explorer(one, other, start=False)


def test_latencies_and_cuts_of_links_are_shown_where_the_configuration_tells_them(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    _, explorer = two_peers(make_node, make_explorer)
    nodes = explorer.config["nodes"]
    nodes.append({**nodes[1], "name": "node-3", "rpc_url": "http://127.0.0.1:1", "ipc_path": None})
    told = [
        {"between": ["node-2", "node-1"], "latency_ms": 12.5},
        {"between": ["node-1", "node-3"], "latency_ms": 40, "cut": True},
        {"between": ["node-2", "node-3"], "latency_ms": 7},
    ]
    explorer.write_config(nodes=nodes, links=told)
    explorer.start()
    # Of a link that nobody reports and that was not cut, the map has nothing.
    wait_until(lambda: "3 nodes, 2 links;" in explorer.get("/nodes").text, "the two to be peers")
    assert ", dialled by node-1, 12.5 ms; node-1 and node-3, not connected, 40 ms, cut." in map_told(explorer)
    page = explorer.get("/nodes").text
    (table,) = (each for each in tables_of(page) if each.head[0] == "Link between")
    assert [list(row) for row in table.rows] == [
        ["node-1 and node-2", "12.5 ms", "no"],
        ["node-1 and node-3", "40 ms", "cut"],
        ["node-2 and node-3", "7 ms", "no"],
    ]
    assert page.count('<line class="link cut"') == 1
    # The file is read again when it changes.
    explorer.write_config(links=[{"between": ["node-1", "node-2"], "cut": True}])
    wait_until(lambda: "dialled by node-1, cut." in map_told(explorer), "the cut to be shown")
    assert "not told" in explorer.get("/nodes").text
    explorer.write_config(links=[])
    wait_until(lambda: "Link between" not in explorer.get("/nodes").text, "them to be gone")


def test_a_node_that_shows_no_peers_leaves_its_links_to_the_other_end(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    other, explorer = two_peers(make_node, make_explorer)
    nodes = explorer.config["nodes"]
    explorer.write_config(nodes=[nodes[0], {**nodes[1], "ipc_path": None}])
    explorer.start()
    # Without its own word nobody knows which node the peer is.
    wait_until(lambda: "and 1 other peer" in explorer.get("/nodes").text, "the link of the first")
    assert map_told(explorer).startswith("2 nodes, 0 links")
    other.stop()
    wait_until(lambda: "down" in " ".join(nodes_table(explorer).rows[1]), "the loss to be noticed")
    assert '<g class="node down">' in explorer.get("/nodes").text


def seen(name: str, *peers: Peer, **change: object) -> NodeState:
    node = Node(name, "", "http://127.0.0.1:1", None, None, None, None)
    state = NodeState(node, asked=True, enode_id=f"id of {name}", peers=peers, head=1, head_hash=b"\1" * 32)
    return replace(state, **change)  # type: ignore[arg-type]


def to(name: str, inbound: bool = False) -> Peer:
    return Peer(f"id of {name}", "Geth/v1.11.6", "127.0.0.1:1", inbound)


def test_a_link_that_both_ends_report_is_one_line_from_who_dialled() -> None:
    drawn = node_map([seen("a", to("b", inbound=True)), seen("b", to("a"), to("c")), seen("c")])
    told = [
        (line.one.seen.node.name, line.other.seen.node.name, line.dialled_by.node.name, line.both)
        for line in drawn.lines
        if line.dialled_by is not None
    ]
    assert told == [("a", "b", "b", True), ("b", "c", "b", False)]


def test_an_arrow_points_to_the_end_that_was_dialled() -> None:
    (line,) = node_map([seen("a", to("b", inbound=True)), seen("b", to("a"))]).lines
    tip, left, right = (tuple(map(float, corner.split())) for corner in line.arrow.strip("MZ").split("L"))
    a, b = line.one, line.other

    def away(corner: Sequence[float], x: float, y: float) -> float:
        return math.hypot(corner[0] - x, corner[1] - y)

    assert away(tip, a.x, a.y) < min(away(left, a.x, a.y), away(right, a.x, a.y))
    assert away(tip, b.x, b.y) > max(away(left, b.x, b.y), away(right, b.x, b.y))


def test_what_is_told_of_a_link_stands_beside_its_line() -> None:
    told = [Link(frozenset("ab"), 12.0, cut=False), Link(frozenset("bc"), None, cut=True)]
    nodes = [seen("a", to("b", inbound=True)), seen("b", to("a")), seen("c")]
    reported, cut = node_map(nodes, [*told, Link(frozenset("ac"), 3.0, cut=False)]).lines
    assert (reported.label, cut.label) == ("12 ms", "cut")
    assert (cut.dialled_by, cut.both, cut.arrow) == (None, False, "")
    # One that names a node which is not asked yet is left out.
    assert [line.label for line in node_map(nodes[:2], told).lines] == ["12 ms"]


def test_peers_that_are_nobodys_nodes_are_counted_and_not_drawn() -> None:
    drawn = node_map([seen("a", to("stranger"), to("b"), to("another")), seen("b", peers=None)])
    assert [spot.others for spot in drawn.spots] == [2, 0]
    assert len(drawn.lines) == 1


@pytest.mark.parametrize("count", range(1, 21))
def test_boxes_stand_inside_the_picture_and_apart(count: int) -> None:
    drawn = node_map([seen(str(at)) for at in range(count)])
    assert not drawn.lines
    for spot in drawn.spots:
        assert BOX_WIDTH / 2 <= spot.x <= drawn.width - BOX_WIDTH / 2
        assert BOX_HEIGHT / 2 <= spot.y <= drawn.height - BOX_HEIGHT / 2
    for one, other in combinations(drawn.spots, 2):
        assert abs(one.x - other.x) > BOX_WIDTH or abs(one.y - other.y) > BOX_HEIGHT


def test_no_nodes_make_no_map() -> None:
    drawn = node_map([])
    assert (drawn.spots, drawn.lines) == ((), ())
