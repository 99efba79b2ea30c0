"""A real one-node clique chain for tests: sealed when a transaction comes, reached over IPC only."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from chain.call import Call
from chain.rpc import IpcRpc, Rpc, RpcError, RpcUnreachable, block_number, nonce_of, quantity
from chain.wallet import Fees, Signed, Wallet
from contracts.reverts import EtscRevert, revert_of

CHAIN_ID = 5151
ETHER = 10**18
_FEES = Fees(max_fee_wei=10**11, tip_wei=2 * 10**9)
_PATIENCE_SECONDS = 120.0

T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], what: str) -> T:
    """The first answer of `condition` that is not None."""
    pause = threading.Event()
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        if (answer := condition()) is not None:
            return answer
        pause.wait(0.005)
    raise TimeoutError(f"waited {_PATIENCE_SECONDS:.0f} s for {what}")


@dataclass(frozen=True)
class Receipt:
    ok: bool
    gas_used: int
    block: int
    hash: str
    contract: str | None


class Chain:
    """A running chain with a supply of funded accounts that nobody has used yet."""

    def __init__(
        self, rpc: Rpc, sealer: str, funded: Sequence[Wallet], genesis_alloc: dict[str, int]
    ) -> None:
        self.rpc = rpc
        self.sealer = sealer
        self.genesis_alloc = genesis_alloc
        self._unused = iter(funded)

    def wallet(self) -> Wallet:
        """An account with ether and no history."""
        return next(self._unused)

    def head(self) -> int:
        return self.rpc.fetch(block_number())

    def send(self, wallet: Wallet, *calls: Call) -> list[Receipt]:
        """Sends the calls in their order and waits until all are mined, whether they succeed or not."""
        nonce = self.rpc.fetch(nonce_of(wallet.address))
        signed = [wallet.sign(call, nonce + offset, CHAIN_ID, _FEES) for offset, call in enumerate(calls)]
        for transaction in signed:
            self.rpc.request("eth_sendRawTransaction", transaction.raw)
        return [self._receipt(transaction) for transaction in signed]

    def do(self, wallet: Wallet, *calls: Call) -> list[Receipt]:
        """Sends the calls and insists that each succeeds."""
        receipts = self.send(wallet, *calls)
        for call, receipt in zip(calls, receipts, strict=True):
            assert receipt.ok, f"the transaction failed; sent again now: {self.refusal(wallet, call)}"
        return receipts

    def refusal(self, wallet: Wallet, call: Call) -> EtscRevert:
        """Why the call would be refused now. Fails the test where it would succeed."""
        request = {
            "from": wallet.address,
            "data": "0x" + call.data.hex(),
            "value": quantity(call.value),
            "gas": quantity(call.gas),
        }
        if call.to is not None:
            request["to"] = call.to
        with pytest.raises(RpcError) as caught:
            self.rpc.request("eth_call", request, "latest")
        cause = revert_of(caught.value)
        assert cause is not None, caught.value
        return cause

    def _receipt(self, transaction: Signed) -> Receipt:
        found: dict[str, Any] = wait_until(
            lambda: self.rpc.request("eth_getTransactionReceipt", transaction.hash), "a receipt"
        )
        return Receipt(
            found["status"] == "0x1",
            int(found["gasUsed"], 16),
            int(found["blockNumber"], 16),
            transaction.hash,
            found["contractAddress"],
        )


@contextmanager
def running_chain(geth: Path, accounts: int, dag: Path | None = None) -> Iterator[Chain]:
    """Starts a chain with so many funded accounts, and leaves nothing of it behind.

    With `dag`, the folder of the data sets, blocks are mined by ethash; otherwise clique seals one
    whenever a transaction comes.
    """
    # Not pytest's folder: the path of a UNIX socket has about a hundred characters at most.
    folder = Path(tempfile.mkdtemp(prefix="etsc-"))
    sealer = Account.from_key(keccak(text="sealer of the tests"))
    funded = [Wallet(keccak(text=f"account {index} of the tests")) for index in range(accounts)]
    alloc = {wallet.address.lower(): 1000 * ETHER for wallet in funded}
    (folder / "genesis.json").write_text(json.dumps(_genesis(alloc, sealer.address, clique=dag is None)))
    flags = _mining_flags(sealer.address, dag) if dag else _sealing_flags(sealer, folder)
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
        wait_until(lambda: _height(rpc, process, folder), "geth to answer")
        yield Chain(rpc, sealer.address, funded, alloc)
    finally:
        rpc.close()
        log.close()
        if process is not None:
            process.terminate()
            process.wait(timeout=60)
        shutil.rmtree(folder)


_FORKS = (
    *("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople"),
    *("petersburg", "istanbul", "berlin", "london"),
)


def _genesis(alloc: dict[str, int], sealer: str, *, clique: bool) -> dict[str, Any]:
    engine = {"clique": {"period": 0, "epoch": 30000}} if clique else {"ethash": {}}
    return {
        "config": {**{f"{fork}Block": 0 for fork in _FORKS}, "chainId": CHAIN_ID, **engine},
        "difficulty": "0x1" if clique else "0x20000",
        "gasLimit": hex(30_000_000),
        "timestamp": hex(int(time.time())),
        "extraData": "0x" + "00" * 32 + sealer[2:].lower() + "00" * 65 if clique else "0x",
        "alloc": {address: {"balance": hex(wei)} for address, wei in alloc.items()},
    }


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
    key_file = Account.encrypt(sealer.key, "test", kdf="pbkdf2", iterations=1)
    (keystore / "sealer.json").write_text(json.dumps(key_file))
    unlock = ("--unlock", sealer.address, "--password", str(folder / "password"))
    return ["--mine", "--miner.etherbase", sealer.address, *unlock]


def _mining_flags(etherbase: str, dag: Path) -> list[str]:
    data_sets = ("--ethash.dagdir", str(dag), "--ethash.dagsondisk", "2")
    return ["--mine", "--miner.threads", "1", "--miner.etherbase", etherbase, *data_sets]


def _height(rpc: Rpc, process: subprocess.Popen[bytes] | None, folder: Path) -> int | None:
    assert process is not None
    if process.poll() is not None:
        raise RuntimeError(f"geth ended:\n{(folder / 'log').read_text()[-3000:]}")
    try:
        return rpc.fetch(block_number())
    except RpcUnreachable:
        return None
