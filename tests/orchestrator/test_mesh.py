"""A node is waited for until it answers where it is asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from orchestrator.mesh import wait_for_rpc
from tests.chain.liar import http, lying

_ANSWER = http(b'{"jsonrpc":"2.0","id":1,"result":"5151"}')


def test_a_port_that_docker_holds_open_before_the_node_listens_is_asked_again() -> None:
    """Connections to it are taken and closed at once."""
    said = iter([b"", b"", b""])
    with lying(lambda _: next(said, _ANSWER)) as node:
        place = cast(Any, SimpleNamespace(name="laptop-a", rpc_url=node.url))
        with wait_for_rpc(cast(Any, None), place) as rpc:
            assert rpc.request("net_version") == "5151"
    assert len(node.requests) > 3
