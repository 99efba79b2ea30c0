"""What `up` made is what was asked for, and `status` says so, the same with either engine."""

from __future__ import annotations

import os
import socket
from typing import Any

import psutil
import pytest

from chain.rpc import HttpRpc
from orchestrator import labels
from orchestrator.config import Config
from tests.e2e.running import Market, docker, processes_of, wait_until

_GIB = 1024**3
_TOP = {"name", "engine", "consensus", "chain_id", "genesis_hash", "nodes", "contract", "explorer_url"}
_NODE = {
    "name",
    "state",
    "rpc_url",
    "ws_url",
    "block",
    "head_hash",
    "peers",
    "cpu_quota",
    "memory_limit_bytes",
}
_EXTRA_TOP, _EXTRA_NODE = {"services"}, {"device", "sealer"}


@pytest.fixture
def status(market: Market) -> dict[str, Any]:
    return market.status()


def test_status_has_the_same_keys_with_either_engine(status: dict[str, Any], engine: str) -> None:
    assert set(status) == _TOP | _EXTRA_TOP
    assert status["engine"] == engine
    assert status["consensus"] == "clique"
    assert status["contract"]["address"].startswith("0x")
    assert status["services"] == {"explorer": "running"}
    for node in status["nodes"]:
        assert set(node) == _NODE | _EXTRA_NODE


def test_three_nodes_run_and_see_each_other(market: Market) -> None:
    def meshed() -> bool:
        nodes = market.status()["nodes"]
        assert [(node["name"], node["state"]) for node in nodes] == [
            ("laptop-a", "running"),
            ("laptop-b", "running"),
            ("vm", "running"),
        ]
        return all(node["peers"] == 2 and node["block"] >= 2 for node in nodes)

    wait_until(meshed, "three nodes with two peers each")


def test_all_nodes_have_one_chain(status: dict[str, Any]) -> None:
    height = min(node["block"] for node in status["nodes"])
    found = set()
    for node in status["nodes"]:
        with HttpRpc(node["rpc_url"]) as rpc:
            assert int(rpc.request("eth_chainId"), 16) == status["chain_id"]
            found.add(
                tuple(rpc.request("eth_getBlockByNumber", hex(at), False)["hash"] for at in (0, height))
            )
    assert len(found) == 1
    assert found.pop()[0] == status["genesis_hash"]


def test_quotas_have_the_ratio_of_the_scores_and_memory_its_limits(status: dict[str, Any]) -> None:
    profile = Config()
    nodes = status["nodes"]
    host = (os.cpu_count() or 1) * profile.chain.cpu_share
    total = sum(node.score for node in profile.nodes)
    for found, wanted in zip(nodes, profile.nodes, strict=True):
        assert found["cpu_quota"] == pytest.approx(host * wanted.score / total, abs=0.001)
        assert found["memory_limit_bytes"] == wanted.memory_gb * _GIB
    assert sum(node["cpu_quota"] for node in nodes) <= host + 0.002


# Processes are held by the throttle, which has tests of its own.
@pytest.mark.parametrize("engine", [pytest.param("docker", marks=pytest.mark.docker)], indirect=True)
def test_containers_are_held_to_their_limits_and_carry_our_labels(market: Market) -> None:
    nodes = {node["name"]: node for node in market.status()["nodes"]}
    created = set()
    for container in market.containers():
        tags = container["Config"]["Labels"]
        name = tags["com.docker.compose.service"]
        assert tags[labels.APP] == labels.APP_VALUE
        assert tags[labels.NAME] == market.name
        assert tags[labels.PROJECT] == market.project
        assert tags[labels.ROLE] == ("node" if name in nodes else "explorer")
        assert tags[labels.VERSION]
        created.add(tags[labels.CREATED])
        if name in nodes:
            limits = container["HostConfig"]
            assert limits["NanoCpus"] == round(nodes[name]["cpu_quota"] * 10**9)
            assert limits["Memory"] == limits["MemorySwap"] == nodes[name]["memory_limit_bytes"]
    assert len(created) == 1
    ours = f"label={labels.PROJECT}={market.project}"
    assert len(docker("network", "ls", "--quiet", "--filter", ours).split()) == 1


def test_what_listens_does_so_on_loopback_alone(market: Market) -> None:
    """Nodes and explorer; only what is published counts, a container has a network of its own."""
    if market.engine == "docker":
        bindings = [
            binding
            for container in market.containers()
            for published in (container["HostConfig"]["PortBindings"] or {}).values()
            for binding in published
        ]
        assert len(bindings) == 4  # three nodes and the explorer
        assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}
        return
    listening = [
        connection.laddr
        for process in processes_of(market.directory)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 7  # RPC and peers of three nodes, and the explorer
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_the_explorer_serves_where_status_says(status: dict[str, Any]) -> None:
    host, port = status["explorer_url"].removeprefix("http://").split(":")
    assert host == "127.0.0.1"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 200 " in connection.recv(100)
