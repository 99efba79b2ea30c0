"""A real node that seals a block a second, and markets on it with real bot processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chain.rpc import HttpRpc, IpcRpc, RpcUnreachable, block_number
from chain.wallet import Wallet
from genesis.block import genesis_block
from genesis.keys import encrypted
from orchestrator.geth import find_geth
from tests.bots.market_on_chain import CHAIN_ID, MarketOnChain, Node, key_of, wait_until

FUNDED = ("administrator", "edge-server-1", "prosumer-1", "prosumer-2", "retailer-1")
METERS = tuple(f"meter-{name}" for name in ("prosumer-1", "prosumer-2", "retailer-1"))


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """One clique signer, stopped and removed at the end."""
    with tempfile.TemporaryDirectory(prefix="etb-") as directory:  # short: a socket's path is limited
        process, node = _start(Path(directory))
        try:
            wait_until(lambda: _head(node) >= 1, "the node to seal its first block")
            yield node
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def make_market(node: Node, tmp_path: Path) -> Iterator[Callable[..., MarketOnChain]]:
    """Markets with a contract of their own; bots that still run at the test's end are killed."""
    worlds: list[MarketOnChain] = []

    def make(**terms: int) -> MarketOnChain:
        worlds.append(MarketOnChain(node, tmp_path, **terms))
        return worlds[-1]

    try:
        yield make
    finally:
        for world in worlds:
            world.close()


@pytest.fixture
def market(make_market: Callable[..., MarketOnChain]) -> MarketOnChain:
    return make_market()


def _start(directory: Path) -> tuple[subprocess.Popen[bytes], Node]:
    geth, sealer = str(find_geth(print)), Wallet(key_of("sealer")).address
    rich = {Wallet(key_of(name)).address: 10**24 for name in FUNDED + METERS}
    genesis = genesis_block(
        chain_id=CHAIN_ID, timestamp=int(time.time()), allocation_wei=rich, clique_signers=[sealer]
    )
    (directory / "genesis.json").write_text(json.dumps(genesis))
    (directory / "password").write_text("sealer")
    (directory / "keystore").mkdir()
    keyfile = encrypted(key_of("sealer"), "sealer")
    (directory / "keystore" / "sealer.json").write_text(json.dumps(keyfile))
    data = ["--datadir", str(directory)]
    initialised = [geth, *data, "init", str(directory / "genesis.json")]
    subprocess.run(initialised, check=True, capture_output=True)
    http, ws, auth = _free_ports(3)
    command = [geth, *data, "--networkid", str(CHAIN_ID), "--nodiscover", "--maxpeers", "0", "--port", "0"]
    command += ["--http", "--http.port", str(http), "--ws", "--ws.port", str(ws), "--authrpc.port", str(auth)]
    command += ["--gcmode", "archive", "--syncmode", "full", "--cache", "64", "--verbosity", "2"]
    command += ["--mine", "--miner.etherbase", sealer, "--unlock", sealer, "--allow-insecure-unlock"]
    command += ["--password", str(directory / "password")]
    with (directory / "geth.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    return process, Node(f"http://127.0.0.1:{http}", f"ws://127.0.0.1:{ws}", directory / "geth.ipc")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def _head(node: Node) -> int:
    if not os.path.exists(node.ipc_path):
        return 0
    try:
        with IpcRpc(str(node.ipc_path)) as ipc, HttpRpc(node.rpc_url) as rpc:
            ipc.fetch(block_number())
            return rpc.fetch(block_number())
    except RpcUnreachable:
        return 0
