"""The contract played through, call by call, on a chain that lives as long as the rehearsal.

The paper tests its contract on a local simulator and deploys it on Geth afterwards. The same script runs on
either here: `anvil` is the simulator, `geth --dev` the client that the testbed runs.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from eth_utils.crypto import keccak

from chain.call import Call
from chain.rpc import IpcRpc, Rpc, RpcError, RpcUnreachable, block_number, nonce_of, quantity
from chain.wallet import Fees, Wallet
from contracts.etsc import Etsc, contract_address
from contracts.reverts import revert_of
from errors import EnvironmentFault, TestbedError
from orchestrator.command import end

_ETHER_WEI = 10**18
_FEES = Fees(max_fee_wei=10**11, tip_wei=2 * 10**9)
_PATIENCE_SECONDS = 60.0
# EIP-2028, EIP-2929 and the yellow paper's appendix G.
_TRANSACTION, _ZERO_BYTE, _BYTE = 21_000, 4, 16
_WRITTEN, _CREATED, _READ = 5_000, 22_100, 2_100
_LOG, _TOPIC, _LOG_BYTE = 375, 375, 8

T = TypeVar("T")


@dataclass(frozen=True)
class Touch:
    """What a call cannot do without: storage slots that it changes, makes, or only reads, and other gas."""

    written: int
    read: int
    created: int = 0
    other: int = 0

    def floor(self, data: bytes, logs: Sequence[dict[str, Any]]) -> int:
        """The least gas that any code could do the same with, one slot for each record."""
        calldata = sum(_BYTE if byte else _ZERO_BYTE for byte in data)
        storage = self.written * _WRITTEN + self.created * _CREATED + self.read * _READ
        logged = sum(
            _LOG + _TOPIC * len(log["topics"]) + _LOG_BYTE * (len(log["data"]) // 2 - 1) for log in logs
        )
        return _TRANSACTION + calldata + storage + logged + self.other


@dataclass(frozen=True)
class Step:
    """A call that goes through. What has no touch is not measured."""

    name: str
    sender: str
    call: Call
    touch: Touch | None = None


@dataclass(frozen=True)
class Attack:
    """A call that must be refused with the error named."""

    name: str
    sender: str
    call: Call
    error: str


@dataclass(frozen=True)
class Played:
    """What a step used on the chain, beside the least that any code could have used."""

    name: str
    gas_used: int
    floor_gas: int | None

    @property
    def ratio(self) -> float | None:
        return None if self.floor_gas is None else self.gas_used / self.floor_gas


@dataclass(frozen=True)
class Rehearsal:
    """What was seen on one chain."""

    client: str
    played: tuple[Played, ...]
    refused: tuple[str, ...]
    contract: str


def private_key(name: str) -> bytes:
    """Of who plays `name`: the same on every chain."""
    return keccak(text=f"rehearsal: {name}")


def address(name: str) -> str:
    return Wallet(private_key(name)).address


@contextlib.contextmanager
def simulator(anvil: Path) -> Iterator[IpcRpc]:
    """Anvil with London's rules, reached over IPC alone."""
    with tempfile.TemporaryDirectory(prefix="anvil-") as folder:
        path = Path(folder) / "ipc"
        # Port 0: it insists on one, and takes any that is free.
        argv = [str(anvil), "--hardfork", "london", "--ipc", str(path), "--port", "0", "--silent"]
        argv += ["--chain-id", "1337"]  # as Geth's, so that both check the same signatures
        with _running(argv, path) as rpc:
            yield rpc


@contextlib.contextmanager
def development_geth(geth: Path) -> Iterator[IpcRpc]:
    """A Geth that seals a block whenever a transaction comes, reached over IPC alone."""
    folder = Path(tempfile.mkdtemp(prefix="geth-"))
    try:
        path = folder / "ipc"
        argv = [str(geth), "--dev", "--datadir", str(folder / "data"), "--ipcpath", str(path)]
        with _running([*argv, "--verbosity", "1", "--maxpeers", "0", "--authrpc.port", "0"], path) as rpc:
            yield rpc
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _running(argv: Sequence[str], path: Path) -> Iterator[IpcRpc]:
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    rpc = IpcRpc(str(path), timeout_seconds=20)

    def answers() -> bool | None:
        if process.poll() is not None:
            raise EnvironmentFault(f"ended with exit code {process.returncode}", where=argv[0])
        try:
            return rpc.fetch(block_number()) >= 0
        except RpcUnreachable:
            return None

    try:
        _wait(answers, argv[0])
        yield rpc
    finally:
        rpc.close()
        end(process)


def _wait(condition: Callable[[], T | None], what: str) -> T:
    pause, end = threading.Event(), time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        if (answer := condition()) is not None:
            return answer
        pause.wait(0.01)
    raise EnvironmentFault(f"no answer in {_PATIENCE_SECONDS:.0f} s", where=what)


def rehearse(rpc: Rpc, script: Callable[[Etsc, int], Sequence[Step | Attack]]) -> Rehearsal:
    """Plays the script of a new contract.

    Raises TestbedError where a step fails, or where an attack is not refused with its error.
    """
    chain_id = int(rpc.request("eth_chainId"), 16)
    administrator = address("administrator")
    etsc = Etsc(contract_address(administrator, rpc.fetch(nonce_of(administrator))))
    acts = script(etsc, chain_id)
    _fund(rpc, sorted({act.sender for act in acts}))
    played, refused = [], []
    for act in acts:
        if isinstance(act, Attack):
            _refuse(rpc, act)
            refused.append(act.name)
        else:
            played.append(_play(rpc, chain_id, act))
    return Rehearsal(rpc.request("web3_clientVersion"), tuple(played), tuple(refused), etsc.address)


def _fund(rpc: Rpc, names: Sequence[str]) -> None:
    """Ether from the account that a development chain begins with and signs for."""
    rich = rpc.request("eth_accounts")[0]
    for name in names:
        sent = rpc.request(
            "eth_sendTransaction", {"from": rich, "to": address(name), "value": quantity(1000 * _ETHER_WEI)}
        )
        _receipt(rpc, sent)


def _play(rpc: Rpc, chain_id: int, step: Step) -> Played:
    sender = Wallet(private_key(step.sender))
    signed = sender.sign(step.call, rpc.fetch(nonce_of(sender.address)), chain_id, _FEES)
    receipt = _receipt(rpc, rpc.request("eth_sendRawTransaction", signed.raw))
    if receipt["status"] != "0x1":
        raise TestbedError(f"{step.name} failed", where=rpc.where)
    floor = None if step.touch is None else step.touch.floor(step.call.data, receipt["logs"])
    return Played(step.name, int(receipt["gasUsed"], 16), floor)


def _receipt(rpc: Rpc, transaction_hash: str) -> dict[str, Any]:
    return _wait(lambda: rpc.request("eth_getTransactionReceipt", transaction_hash), "a receipt")


def _refuse(rpc: Rpc, attack: Attack) -> None:
    request = {
        "from": address(attack.sender),
        "to": attack.call.to,
        "data": "0x" + attack.call.data.hex(),
        "value": quantity(attack.call.value),
    }
    try:
        rpc.request("eth_call", request, "latest")
    except RpcError as error:
        cause = revert_of(error)
        if cause is not None and cause.name == attack.error:
            return
        raise TestbedError(
            f"{attack.name}: refused for another reason than {attack.error}: {cause or error}",
            where=rpc.where,
        ) from error
    raise TestbedError(f"{attack.name}: it was not refused", where=rpc.where)
