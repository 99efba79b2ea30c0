"""/events: whoever listens hears of a new block, and how far the index is."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH


def changes(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """The data of each event `change`, as it comes."""
    for line in answer:
        if line == b"event: change\n":
            yield json.loads(answer.readline().removeprefix(b"data: "))


def test_a_change_comes_with_a_new_block_and_says_how_far_the_index_is(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(1, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    connection = http.client.HTTPConnection("127.0.0.1", explorer.config["port"], timeout=30)
    with closing(connection):
        connection.request("GET", "/events")
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        assert answer.getheader("cache-control") == "no-store"
        assert answer.readline() == b"retry: 1000\n"
        assert answer.readline() == b"\n"
        node.grow(1, RICH[0])
        height = node.height()
        for change in changes(answer):
            assert change.keys() == {"indexed", "head", "lag"}
            assert change["lag"] == change["head"] - change["indexed"]
            if change["indexed"] >= height:
                break
        assert change == {"indexed": height, "head": height, "lag": 0}


def test_everybody_who_listens_hears_the_same(make_node: NodeMaker, make_explorer: ExplorerMaker) -> None:
    node = make_node()
    explorer = make_explorer(node)
    explorer.wait_for(node)
    connections = [
        http.client.HTTPConnection("127.0.0.1", explorer.config["port"], timeout=30) for _ in range(20)
    ]
    answers = []
    for connection in connections:
        connection.request("GET", "/events")
        answers.append(connection.getresponse())
        assert answers[-1].readline() == b"retry: 1000\n"
    node.grow(1, RICH[0])
    for connection, answer in zip(connections, answers, strict=True):
        assert any(change["indexed"] == node.height() for change in changes(answer))
        connection.close()
    assert explorer.health()["lag"] == 0


def test_no_other_host_may_listen(make_explorer: ExplorerMaker) -> None:
    assert make_explorer().get("/events", host="elsewhere.example").status == 400
