"""A real Anvil for the explorer's tests: a chain of another client, with the accounts of Geth's."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from chain.rpc import HttpRpc, RpcUnreachable
from orchestrator.foundry import tools
from tests.explorer.gethnode import CHAIN_ID, RICH, GethNode, free_ports, wait_until


class AnvilNode(GethNode):
    """Asked like a Geth; it seals a block for each transaction, and has its WebSocket where its HTTP is.

    Its chain lives no longer than its process, and each start begins another one. `options` are more words
    for its command line.
    """

    options: tuple[str, ...] = ()

    @classmethod
    def on(cls, directory: Path) -> AnvilNode:
        """Not started yet."""
        directory.mkdir()
        (port,) = free_ports(1)
        return cls(directory, http=port, ws=port, p2p=0, auth=0)

    def _write_genesis(self) -> None:
        block = {
            "config": {"chainId": CHAIN_ID},
            "alloc": {each.address: {"balance": hex(10**24)} for each in RICH},
            "difficulty": "0x0",
            "gasLimit": hex(30_000_000),
            "timestamp": hex(int(time.time())),
            "extraData": "0x" + time.time_ns().to_bytes(8, "big").hex(),
        }
        (self.directory / "genesis.json").write_text(json.dumps(block))

    def start(self) -> None:
        self._write_genesis()
        anvil = tools(print).command("anvil")
        command = [str(anvil), "--port", str(self.http), "--chain-id", str(CHAIN_ID), "--accounts", "0"]
        command += ["--init", str(self.directory / "genesis.json"), *self.options]
        with (self.directory / "anvil.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, "Anvil to answer")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.directory / "anvil.log").read_text()[-2000:]
        try:
            self.ask("eth_blockNumber")
        except RpcUnreachable:
            return False
        return True

    def ask(self, method: str, *params: Any) -> Any:
        with HttpRpc(self.rpc_url, timeout_seconds=20) as rpc:
            return rpc.request(method, *params)
