"""The paper tests its contract on a local simulator first. Here: Anvil, with the rules of Geth's chain."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chain.rpc import IpcRpc
from tests.contracts.chain import CHAIN_ID, Chain, allocation, funded_keys, genesis, wait_for_answer

_COINBASE = "0x" + "00" * 20


@contextmanager
def running_anvil(anvil: Path, accounts: int) -> Iterator[Chain]:
    """Starts a chain with so many funded accounts, and leaves nothing of it behind."""
    folder = Path(tempfile.mkdtemp(prefix="etsc-"))
    funded = funded_keys(accounts)
    alloc = allocation(funded)
    (folder / "genesis.json").write_text(json.dumps(genesis(alloc, {}, 1, "0x")))
    rpc = IpcRpc(str(folder / "anvil.ipc"), timeout_seconds=20)
    log = (folder / "log").open("wb")
    command = [
        *(str(anvil), "--hardfork", "london", "--chain-id", str(CHAIN_ID), "--accounts", "0"),
        *("--init", str(folder / "genesis.json"), "--ipc", str(folder / "anvil.ipc")),
        # It insists on HTTP too: on this machine alone, at any port that is free.
        *("--host", "127.0.0.1", "--port", "0"),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for_answer(rpc, process, folder / "log")
        yield Chain(rpc, _COINBASE, funded, alloc)
    finally:
        rpc.close()
        log.close()
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder)
