"""A real one-node chain of Geth's for tests: sealed when a transaction comes, reached over IPC only."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from chain.rpc import IpcRpc
from genesis.keys import encrypted
from tests.contracts.chain import CHAIN_ID, Chain, allocation, funded_keys, genesis, wait_for_answer


@contextmanager
def running_geth(geth: Path, accounts: int, dag: Path | None = None) -> Iterator[Chain]:
    """Starts a chain with so many funded accounts, and leaves nothing of it behind.

    With `dag`, the folder of the data sets, blocks are mined by ethash; otherwise clique seals one
    whenever a transaction comes.
    """
    # Not pytest's folder: the path of a UNIX socket has about a hundred characters at most.
    folder = Path(tempfile.mkdtemp(prefix="etsc-"))
    sealer = Account.from_key(keccak(text="sealer of the tests"))
    funded = funded_keys(accounts)
    alloc = allocation(funded)
    if dag is None:
        extra_data = "0x" + "00" * 32 + sealer.address[2:].lower() + "00" * 65
        first = genesis(alloc, {"clique": {"period": 0, "epoch": 30000}}, 1, extra_data)
        flags = _sealing_flags(sealer, folder)
    else:
        first = genesis(alloc, {"ethash": {}}, 0x20000, "0x")
        flags = _mining_flags(sealer.address, dag)
    (folder / "genesis.json").write_text(json.dumps(first))
    process: subprocess.Popen[bytes] | None = None
    rpc = IpcRpc(str(folder / "geth.ipc"), timeout_seconds=20)
    log = (folder / "log").open("wb")
    try:
        common = [str(geth), "--datadir", str(folder / "data")]
        init = [*common, "init", str(folder / "genesis.json")]
        subprocess.run(init, check=True, stdout=log, stderr=log)
        process = subprocess.Popen(
            [*common, *_node_flags(folder), *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        wait_for_answer(rpc, process, folder / "log")
        yield Chain(rpc, sealer.address, funded[:-1], alloc, funded[-1] if dag is None else None)
    finally:
        rpc.close()
        log.close()
        if process is not None:
            process.terminate()
            process.wait(timeout=60)
        shutil.rmtree(folder)


def _node_flags(folder: Path) -> list[str]:
    return [
        *("--networkid", str(CHAIN_ID), "--ipcpath", str(folder / "geth.ipc")),
        *("--nodiscover", "--maxpeers", "0", "--port", "0", "--authrpc.port", "0", "--nat", "none"),
        *("--syncmode", "full", "--gcmode", "archive", "--cache", "64"),
        *("--txpool.accountslots", "512", "--txpool.globalslots", "8192"),
    ]


def _sealing_flags(sealer: LocalAccount, folder: Path) -> list[str]:
    """Puts the key where Geth finds it; over IPC alone an unlocked account is out of others' reach."""
    keystore = folder / "data" / "keystore"
    keystore.mkdir(parents=True)
    (folder / "password").write_text("test")
    (keystore / "sealer.json").write_text(json.dumps(encrypted(bytes(sealer.key), "test")))
    unlock = ("--unlock", sealer.address, "--password", str(folder / "password"))
    return ["--mine", "--miner.etherbase", sealer.address, *unlock]


def _mining_flags(etherbase: str, dag: Path) -> list[str]:
    data_sets = ("--ethash.dagdir", str(dag), "--ethash.dagsondisk", "2")
    return ["--mine", "--miner.threads", "1", "--miner.etherbase", etherbase, *data_sets]
