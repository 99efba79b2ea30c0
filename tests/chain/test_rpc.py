"""A node's answer comes back as it is; anything else is an error that names the node."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chain.rpc import (
    FailoverRpc,
    HttpRpc,
    IpcRpc,
    Read,
    Rpc,
    RpcError,
    RpcUnreachable,
    balance_of,
    block_number,
    code_at,
    nonce_of,
)
from errors import TestbedError
from tests.chain.conftest import MakeNode
from tests.chain.liar import Answer, Liar, http
from tests.explorer.gethnode import CHAIN_ID, RICH, GethNode, free_ports

StartLiar = Callable[[bytes | Answer], Liar]
_BATCH: list[tuple[str, list[Any]]] = [("eth_chainId", []), ("net_version", [])]


@pytest.fixture(params=["http", "ipc", "failover"])
def rpc(request: pytest.FixtureRequest, node: GethNode) -> Iterator[Rpc]:
    ways: dict[str, Callable[[], Rpc]] = {
        "http": lambda: HttpRpc(node.rpc_url, 20),
        "ipc": lambda: IpcRpc(node.ipc_path, 20),
        "failover": lambda: FailoverRpc([node.rpc_url], 20),
    }
    with ways[request.param]() as opened:
        yield opened


def nowhere() -> str:
    (port,) = free_ports(1)
    return f"http://127.0.0.1:{port}"


def test_a_call_is_answered(rpc: Rpc) -> None:
    assert rpc.request("eth_chainId") == hex(CHAIN_ID)
    assert rpc.request("eth_getBlockByNumber", "0x0", False)["number"] == "0x0"


def test_a_batch_is_answered_in_its_order(rpc: Rpc) -> None:
    blocks = rpc.batch([("eth_getBlockByNumber", ["0x0", False]), ("net_version", []), ("eth_chainId", [])])
    assert blocks[0]["number"] == "0x0"
    assert blocks[1:] == [str(CHAIN_ID), hex(CHAIN_ID)]
    assert rpc.batch([]) == []


def test_an_empty_result_is_none_and_no_error(rpc: Rpc) -> None:
    assert rpc.request("eth_getTransactionByHash", "0x" + "00" * 32) is None


def test_a_refusal_carries_code_and_message(rpc: Rpc) -> None:
    with pytest.raises(RpcError, match="eth_nothing") as caught:
        rpc.request("eth_nothing")
    assert caught.value.code == -32601
    assert caught.value.where == rpc.where


def test_one_refusal_in_a_batch_spoils_no_other_answer(rpc: Rpc) -> None:
    first, second, third = rpc.batch([("eth_chainId", []), ("eth_nothing", []), ("eth_getBalance", ["0x1"])])
    assert first == hex(CHAIN_ID)
    assert isinstance(second, RpcError)
    assert isinstance(third, RpcError)
    assert third.code == -32602
    with pytest.raises(RpcError):
        rpc.fetch_all([balance_of("0x1"), block_number()])
    assert rpc.request("eth_chainId") == hex(CHAIN_ID), "the connection is still good"


def test_reads_know_how_to_read_their_answers_at_any_block(rpc: Rpc) -> None:
    rich = RICH[0].address
    balance, nonce, code = rpc.fetch_all([balance_of(rich), nonce_of(rich), code_at(rich)], block=0)
    assert (balance, nonce, code) == (10**24, 0, b"")
    assert rpc.fetch(block_number()) >= 0


def test_a_read_may_know_what_a_refusal_means(rpc: Rpc) -> None:
    read: Read[str] = Read("eth_nothing", (), str, refused=lambda error: TestbedError(f"code {error.code}"))
    for ask in (lambda: rpc.fetch(read), lambda: rpc.fetch_all([block_number(), read])):
        with pytest.raises(TestbedError, match=r"^code -32601$") as caught:
            ask()
        assert isinstance(caught.value.__cause__, RpcError)


def test_what_can_steer_a_node_is_on_its_socket_only(node: GethNode) -> None:
    with IpcRpc(node.ipc_path) as ipc, HttpRpc(node.rpc_url) as published:
        assert ipc.request("admin_nodeInfo")["enode"]
        for method in ("admin_nodeInfo", "miner_stop", "debug_setHead", "personal_listAccounts"):
            with pytest.raises(RpcError, match="does not exist"):
                published.request(method)


def test_a_node_that_came_back_is_spoken_to_on_the_same_object(make_node: MakeNode) -> None:
    node = make_node(0)
    with HttpRpc(node.rpc_url) as published, IpcRpc(node.ipc_path) as ipc:
        assert published.request("eth_chainId") == ipc.request("eth_chainId")
        node.stop()
        for rpc in (published, ipc):
            with pytest.raises(RpcUnreachable):
                rpc.request("eth_chainId")
        node.start()
        assert published.request("eth_chainId") == ipc.request("eth_chainId") == hex(CHAIN_ID)
    node.stop()


def test_a_kept_connection_that_the_node_closed_is_opened_again(liar: StartLiar) -> None:
    """The server closes after each answer, as a node does with a connection that idles."""
    server = liar(http(b'{"jsonrpc":"2.0","id":1,"result":"0x1"}').replace(b"Connection: close\r\n", b""))
    with HttpRpc(server.url) as rpc:
        assert [rpc.request("eth_chainId") for _ in range(3)] == ["0x1"] * 3


def test_nobody_there_is_named(tmp_path: Path) -> None:
    url, path = nowhere(), str(tmp_path / "geth.ipc")
    for rpc, where in ((HttpRpc(url), url), (IpcRpc(path), path)):
        with pytest.raises(RpcUnreachable) as caught:
            rpc.request("eth_chainId")
        assert str(caught.value).startswith(where)
        assert caught.value.exit_code == 3


def test_only_http_addresses_are_taken() -> None:
    for url in ("ws://127.0.0.1:1", "127.0.0.1:8545", "http://"):
        with pytest.raises(TestbedError, match="not an http:// or https:// address"):
            HttpRpc(url)


_SINGLE = {
    "another status": http(b'{"jsonrpc":"2.0","id":1,"result":"0x1"}', "502 Bad Gateway"),
    "a refused host": http(b"invalid host specified", "403 Forbidden"),
    "a page": http(b"<html>a router's log-in page</html>"),
    "nothing": http(b""),
    "half an answer": http(b'{"jsonrpc":"2.0","id":1,"resu'),
    "less than promised": http(b'{"jsonrpc":"2.0","id":1', length=500),
    "no bytes at all": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "no text": http(b"\xff\xfe\x00"),
    "a number": http(b"5"),
    "a list": http(b"[]"),
    "neither result nor error": http(b'{"jsonrpc":"2.0","id":1}'),
    "an error that is a word": http(b'{"jsonrpc":"2.0","id":1,"error":"boom"}'),
    "an error with a strange code": http(b'{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}'),
}


@pytest.mark.parametrize("answer", _SINGLE.values(), ids=_SINGLE)
def test_what_does_not_speak_json_rpc_is_unreachable_and_named(liar: StartLiar, answer: bytes) -> None:
    server = liar(answer)
    with HttpRpc(server.url) as rpc, pytest.raises(RpcUnreachable) as caught:
        rpc.request("eth_chainId")
    assert str(caught.value).startswith(server.url)
    if b" 403 " in answer:
        assert "invalid host specified" in str(caught.value)


_BATCHES = {
    "one answer lost": [{"id": 1, "result": "0x1"}],
    "ids of others": [{"id": 8, "result": "0x1"}, {"id": 9, "result": "0x1"}],
    "no ids": [{"result": "0x1"}, {"result": "0x1"}],
    "ids that are none": [{"id": [1], "result": "0x1"}, {"id": "2", "result": "0x1"}],
    "no objects": [1, None],
    "an answer without result": [{"id": 1, "result": "0x1"}, {"id": 2}],
    "a single value": "0x1",
}


@pytest.mark.parametrize("content", _BATCHES.values(), ids=_BATCHES)
def test_a_batch_that_is_not_answered_whole_is_unreachable_and_named(
    liar: StartLiar, content: object
) -> None:
    server = liar(http(json.dumps(content).encode()))
    with HttpRpc(server.url) as rpc, pytest.raises(RpcUnreachable) as caught:
        rpc.batch(_BATCH)
    assert str(caught.value).startswith(server.url)


def test_a_batch_refused_as_a_whole_is_a_refusal(liar: StartLiar) -> None:
    server = liar(http(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}'))
    with HttpRpc(server.url) as rpc, pytest.raises(RpcError, match="batch too large"):
        rpc.batch(_BATCH)


def test_answers_in_another_order_find_their_calls(liar: StartLiar) -> None:
    content = [{"id": 2, "result": "second"}, {"id": 1, "result": "first"}]
    with HttpRpc(liar(http(json.dumps(content).encode())).url) as rpc:
        assert rpc.batch(_BATCH) == ["first", "second"]


def test_a_server_that_says_nothing_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with HttpRpc(url, timeout_seconds=0.2) as rpc, pytest.raises(RpcUnreachable, match="timed out"):
            rpc.request("eth_chainId")


@pytest.mark.parametrize("answer", [b"", b'{"jsonrpc":"2.0","id":1,', b"nonsense\n", b"[1]\n"])
def test_a_socket_that_answers_nonsense_is_unreachable_and_named(tmp_path: Path, answer: bytes) -> None:
    path = str(tmp_path / "ipc")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(path)
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with IpcRpc(path) as rpc, pytest.raises(RpcUnreachable) as caught:
            rpc.request("eth_chainId")
        thread.join()
    assert str(caught.value).startswith(path)


def test_the_next_node_takes_over_and_is_stayed_with(node: GethNode, liar: StartLiar) -> None:
    broken = liar(http(b"no", "500 Internal Server Error"))
    with FailoverRpc([nowhere(), broken.url, node.rpc_url]) as rpc:
        assert rpc.request("eth_chainId") == hex(CHAIN_ID)
        assert rpc.batch(_BATCH) == [hex(CHAIN_ID), str(CHAIN_ID)]
    assert len(broken.requests) == 1


def test_a_refusal_is_an_answer_and_no_reason_to_ask_another(node: GethNode, liar: StartLiar) -> None:
    other = liar(http(b'{"id":1,"result":"0x1"}'))
    with FailoverRpc([node.rpc_url, other.url]) as rpc, pytest.raises(RpcError):
        rpc.request("eth_nothing")
    assert other.requests == []


def test_where_no_node_answers_all_are_named() -> None:
    urls = [nowhere(), nowhere()]
    with FailoverRpc(urls) as rpc, pytest.raises(RpcUnreachable, match="none of the nodes answers") as caught:
        rpc.request("eth_chainId")
    assert all(url in str(caught.value) for url in urls)


def test_a_node_that_died_is_tried_again_in_its_turn(liar: StartLiar) -> None:
    """The first answers once and then closes for good; the second is no node."""
    once = iter([http(b'{"id":1,"result":"0xa"}'), b"", http(b'{"id":1,"result":"0xb"}')])
    flaky = liar(lambda _: next(once))
    with FailoverRpc([flaky.url, nowhere()]) as rpc:
        assert rpc.request("eth_chainId") == "0xa"
        with pytest.raises(RpcUnreachable):
            rpc.request("eth_chainId")
        assert rpc.request("eth_chainId") == "0xb"
