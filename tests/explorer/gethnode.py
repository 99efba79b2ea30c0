"""Real Geth nodes for the explorer's tests: one clique signer's key may sit in several of them."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from chain.call import Call
from chain.rpc import HttpRpc, IpcRpc, Rpc, RpcUnreachable, block_number, nonce_of
from chain.wallet import Fees, Signed, Wallet
from genesis.block import genesis_block
from genesis.keys import encrypted
from orchestrator.command import end
from orchestrator.dag import dag_directory
from orchestrator.geth import find_geth
from tests.nudge import Nudge

CHAIN_ID = 40506
FEES = Fees(20 * 10**9, 2 * 10**9)
_PATIENCE_SECONDS = 60.0


def _key(name: str) -> bytes:
    return bytes(keccak(text=f"a key for the explorer's tests only: {name}"))


def wallet(name: str) -> Wallet:
    return Wallet(_key(name))


SEALER_KEYS = _key("sealer"), _key("second sealer"), _key("third sealer")
SEALERS = tuple(map(Wallet, SEALER_KEYS))
SEALER = SEALERS[0]
RICH = tuple(wallet(f"rich {index}") for index in range(24))

_NUDGER = RICH[-2]


def wait_until(condition: Callable[[], bool], what: str, patience_seconds: float = _PATIENCE_SECONDS) -> None:
    """Polls; fails the test where the condition does not come true."""
    deadline = time.monotonic() + patience_seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience_seconds:.0f} s for {what}"
        time.sleep(0.01)


def free_ports(count: int) -> list[int]:
    """Below those that the system gives to connections, which could take one before its server listens."""
    ports: set[int] = set()
    while len(ports) < count:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.add(port)
    return list(ports)


def genesis(period_seconds: int = 0, timestamp: int | None = None, signers: int = 1) -> dict[str, Any]:
    """Of clique, or without signers of proof of work."""
    return genesis_block(
        chain_id=CHAIN_ID,
        timestamp=int(time.time()) if timestamp is None else timestamp,
        allocation_wei={each.address: 10**24 for each in RICH},
        clique_signers=[sealer.address for sealer in SEALERS[:signers]],
        clique_period_seconds=period_seconds,
    )


@dataclass
class GethNode:
    """One node in one directory; its ports stay the same over a restart."""

    directory: Path
    http: int
    ws: int
    p2p: int
    auth: int
    sealer: Wallet = SEALER
    keeps: str = "archive"
    """Which states it keeps: those of all blocks, or with "full" of the last ones."""
    proof_of_work: bool = False
    """With one thread, from the data sets that this machine has."""
    options: tuple[str, ...] = ()
    """More words of its command line."""
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(cls, directory: Path, block: dict[str, Any], signer: int = 0) -> GethNode:
        (directory / "keystore").mkdir(parents=True)
        (directory / "genesis.json").write_text(json.dumps(block))
        (directory / "password").write_text("sealer")
        keyfile = encrypted(SEALER_KEYS[signer], "sealer")
        (directory / "keystore" / "sealer.json").write_text(json.dumps(keyfile))
        http, ws, p2p, auth = free_ports(4)
        node = cls(directory, http, ws, p2p, auth, SEALERS[signer])
        node.proof_of_work = "clique" not in block["config"]
        command = [*node._geth(), "init", str(directory / "genesis.json")]
        subprocess.run(command, check=True, capture_output=True)
        return node

    def _geth(self) -> list[str]:
        return [str(find_geth(print)), "--datadir", str(self.directory)]

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def ipc_path(self) -> str:
        return str(self.directory / "geth.ipc")

    def start(self) -> None:
        command = [*self._geth(), "--networkid", str(CHAIN_ID), "--nodiscover", "--nat", "none"]
        # Geth dials a third of its peers: enough for each to dial all the others.
        command += ["--port", str(self.p2p), "--authrpc.port", str(self.auth), "--maxpeers", "15"]
        command += ["--http", "--http.port", str(self.http), "--ws", "--ws.port", str(self.ws)]
        command += ["--gcmode", self.keeps, "--syncmode", "full", "--cache", "64", "--verbosity", "3"]
        command += ["--mine", "--miner.etherbase", self.sealer.address]
        if self.proof_of_work:
            command += ["--miner.threads", "1", "--ethash.dagdir", str(dag_directory())]
            command += ["--ethash.dagsinmem", "1"]
        else:
            command += ["--unlock", self.sealer.address, "--password", str(self.directory / "password")]
            command += ["--allow-insecure-unlock"]
        command += self.options
        with (self.directory / "geth.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers, "Geth to answer over HTTP and IPC")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.directory / "geth.log").read_text()[-2000:]
        try:
            with IpcRpc(self.ipc_path) as ipc, HttpRpc(self.rpc_url) as rpc:
                ipc.fetch(block_number())
                rpc.fetch(block_number())
        except RpcUnreachable:
            return False
        return True

    def stop(self) -> None:
        if self.process is None:
            return
        # Its miner may have locked up for good, as bench/longchain.py says; it does not end by itself then.
        end(self.process)
        self.process = None

    def ask(self, method: str, *params: Any) -> Any:
        with IpcRpc(self.ipc_path, timeout_seconds=20) as ipc:
            return ipc.request(method, *params)

    def height(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)

    def head_hash(self) -> str:
        return str(self.ask("eth_getBlockByNumber", "latest", False)["hash"])

    def genesis_hash(self) -> str:
        return str(self.ask("eth_getBlockByNumber", "0x0", False)["hash"])

    def send(self, signer: Wallet, *calls: Call) -> list[str]:
        """Sends the calls in their order and waits until they are mined; the transactions' hashes."""
        with HttpRpc(self.rpc_url) as rpc:
            nudge = Nudge(_NUDGER, CHAIN_ID, FEES)
            nonce = _next_nonce(rpc, signer, nudge)
            signed = [signer.sign(call, nonce + at, CHAIN_ID, FEES) for at, call in enumerate(calls)]
            for transaction in signed:
                rpc.request("eth_sendRawTransaction", transaction.raw)

            def mined() -> bool:
                nudge.where_stuck(rpc)
                return rpc.fetch(nonce_of(signer.address)) >= nonce + len(signed)

            wait_until(mined, "transactions to be mined")
        return [transaction.hash for transaction in signed]

    def hand_over(self, signer: Wallet, *calls: tuple[int, Call]) -> list[Signed]:
        """Calls with how far their nonces are from the sender's next one; nothing is waited for."""
        with HttpRpc(self.rpc_url) as rpc:
            nonce = rpc.fetch(nonce_of(signer.address))
            signed = [signer.sign(call, nonce + ahead, CHAIN_ID, FEES) for ahead, call in calls]
            taken = rpc.batch([("eth_sendRawTransaction", [each.raw]) for each in signed])
            assert all(isinstance(answer, str) for answer in taken), taken
        return signed

    def send_at_once(self, *sent: tuple[Wallet, Sequence[Call]]) -> None:
        """Everybody's calls into as few blocks as hold them: nothing is sealed until all are there."""
        self.ask("miner_stop")
        with HttpRpc(self.rpc_url, 20) as rpc:
            last = []
            for signer, calls in sent:
                nonce = rpc.fetch(nonce_of(signer.address))
                signed = [signer.sign(call, nonce + at, CHAIN_ID, FEES) for at, call in enumerate(calls)]
                refused = rpc.batch([("eth_sendRawTransaction", [each.raw]) for each in signed])
                assert all(isinstance(answer, str) for answer in refused), refused
                last.append(signed[-1].hash)
            self.ask("miner_start")
            receipts = [("eth_getTransactionReceipt", [tx_hash]) for tx_hash in last]
            wait_until(lambda: None not in rpc.batch(receipts), "transactions to be mined")

    def grow(self, blocks: int, signer: Wallet, value: int = 1) -> None:
        """At least so many blocks more, each with a transfer: the chain seals when it has one."""
        goal = self.height() + blocks
        while self.height() < goal:
            self.send(signer, Call(RICH[-1].address, b"", value))

    def rewind(self, height: int) -> None:
        self.ask("debug_setHead", hex(height))


def _next_nonce(rpc: Rpc, signer: Wallet, nudge: Nudge) -> int:
    """Of one who has nothing pending, once the pool too is at the head: it hears of a rewind later, or not at
    all where a block has come since."""
    read = nonce_of(signer.address)

    def agreed() -> bool:
        nudge.where_stuck(rpc)
        return rpc.fetch(read) == rpc.fetch(read, "pending")

    wait_until(agreed, "the pool to be at the head")
    return rpc.fetch(read)


def peer(one: GethNode, other: GethNode) -> None:
    one.ask("admin_addPeer", other.ask("admin_nodeInfo")["enode"].split("@")[0] + f"@127.0.0.1:{other.p2p}")
