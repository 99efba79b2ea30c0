"""A long chain of one Geth node in seconds: blocks of a chosen size, half transfers and half trades in ETSC.

A block is sealed when it is told to be: the miner is stopped, the pool filled, the miner started.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eth_utils.crypto import keccak

from bench.room import Report
from chain.call import Call
from chain.rpc import IpcRpc, RpcError, RpcUnreachable, block_number, nonce_of
from chain.wallet import Fees, Wallet
from contracts.etsc import Etsc, Terms, contract_address, deployment
from errors import EnvironmentFault
from genesis.block import genesis_block
from genesis.keys import encrypted
from orchestrator.allocation import allocate_ports
from orchestrator.command import run
from orchestrator.geth import find_geth
from orchestrator.interrupts import uninterrupted

CHAIN_ID = 424243
_SENDERS = 20
_FEES = Fees(max_fee_wei=10**11, tip_wei=10**9)
_TRANSFER_GAS = 21_000
_TRADE_GAS = 60_000
_SECONDS = 120.0
_WH = 2**40
_TERMS = Terms(slot_deadline_blocks=1, min_unit_price=1, max_unit_price=10**6, meter_limit=_WH)


def _key(name: str) -> bytes:
    return bytes(keccak(text=f"a key for benchmarks only: {name}"))


def _wallet(name: str) -> Wallet:
    return Wallet(_key(name))


@dataclass(frozen=True)
class LongChain:
    """A running node with a chain of so many transactions."""

    rpc_url: str
    ws_url: str
    ipc_path: str
    contract: str
    setup: int
    """Transactions that deploy ETSC and found its market."""
    transactions: int
    blocks: int

    def node(self) -> dict[str, str]:
        """As the explorer's configuration names a node."""
        return {"name": "one", "rpc_url": self.rpc_url, "ws_url": self.ws_url, "ipc_path": self.ipc_path}


class Filler:
    """Fills blocks of a running node; signs in as many processes as there are processors."""

    def __init__(self, ipc_path: str) -> None:
        self._rpc = IpcRpc(ipc_path, _SECONDS)
        self._first = _wallet("0").address
        self.contract = contract_address(_wallet("administrator").address, 0)
        self.mined = 0

    def found(self, slots: int) -> None:
        """Deploys ETSC, registers the senders, and lets them buy what they trade with, in so many slots."""
        etsc, server = Etsc(self.contract), _wallet("server")
        administrator, retailer, meter = _wallet("administrator"), _wallet("retailer"), _wallet("meter")
        buyers = [_wallet(str(at)) for at in range(1, _SENDERS, 2)]
        founding = (
            deployment(administrator.address, _WH, 1000, [server.address], _TERMS),
            etsc.empower("retailer", retailer.address, True, True),
            etsc.bind_meter(retailer.address, meter.address),
            *(etsc.empower(f"sender-{at}", buyer.address, True, True) for at, buyer in enumerate(buyers)),
        )
        self._mine({administrator: founding})
        self._mine({meter: [etsc.generation(_WH)]})
        self._mine({retailer: [etsc.offer(_WH)]})
        for slot in range(1, slots + 1):
            price = 1 + slot % _TERMS.max_unit_price
            self._mine({server: [etsc.open_slot(slot, price)]})
            self._mine({buyer: [etsc.buy_token(server.address, 10**6, price, price)] for buyer in buyers})

    def _mine(self, sent: Mapping[Wallet, Sequence[Call]]) -> None:
        """One block of these."""
        signed = []
        for signer, calls in sent.items():
            start = self._rpc.fetch(nonce_of(signer.address))
            signed += [signer.sign(call, start + at, CHAIN_ID, _FEES).raw for at, call in enumerate(calls)]
        last = start + len(calls)
        self.fill(signed, lambda: self._rpc.fetch(nonce_of(signer.address)) >= last)

    def sign(self, rounds: int, report: Report) -> list[str]:
        """`rounds` transactions of each sender, round by round: even ones transfer, odd ones trade."""
        report(f"signing {rounds * _SENDERS:,} transactions")
        starts = [self._rpc.fetch(nonce_of(_wallet(str(at)).address)) for at in range(_SENDERS)]
        with ProcessPoolExecutor() as pool:
            signed = list(
                pool.map(_signed, range(_SENDERS), starts, [rounds] * _SENDERS, [self.contract] * _SENDERS)
            )
        return [signed[at][turn] for turn in range(rounds) for at in range(_SENDERS)]

    def blocks(self, raw: Sequence[str], per_block: int, report: Report) -> None:
        """One block after the other of so many transactions, the last one of what is left."""
        nonce = self._rpc.fetch(nonce_of(self._first))
        for start in range(0, len(raw), per_block):
            part = raw[start : start + per_block]
            done = nonce + -(-(start + len(part)) // _SENDERS)
            self.fill(part, lambda done=done: self._rpc.fetch(nonce_of(self._first)) >= done)  # type: ignore[misc]
            if start // per_block % 200 == 0:
                report(f"{start:,} of {len(raw):,} transactions mined")

    def fill(self, raw: Sequence[str], mined: Callable[[], bool]) -> None:
        """One block of these.

        With period 0 each event of the pool makes the miner choose anew, and more than ten of them during
        one choice lock Geth 1.11.6 up for good (miner/worker.go: mainLoop and newWorkLoop wait for each
        other). So the miner starts only when the pending block shows that all events have been taken.

        Each event of the pool copies the pending block, too. Sent backwards, transactions wait for the
        first of their sender, and one event tells of them all: 1,000 in 0.6 s instead of 3.5 s.
        """
        rpc = self._rpc
        rpc.request("miner_stop")
        while rpc.request("eth_mining"):  # a start is ignored until the stop has taken effect
            pass
        calls = [("eth_sendRawTransaction", [transaction]) for transaction in reversed(raw)]
        answers = rpc.batch(calls)
        if refused := [answer for answer in answers if isinstance(answer, RpcError)]:
            raise refused[0]
        _until(lambda: self._pending() >= len(raw), "the pool does not take a block's transactions")
        rpc.request("miner_start")
        _until(mined, "a block is not sealed")
        self.mined += len(raw)

    def _pending(self) -> int:
        return int(self._rpc.request("eth_getBlockTransactionCountByNumber", "pending"), 16)


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise EnvironmentFault(f"{what} after {_SECONDS:.0f} s")
        time.sleep(0.002)


def _signed(at: int, start: int, rounds: int, contract: str) -> list[str]:
    wallet = _wallet(str(at))
    if at % 2:
        trade = Etsc(contract).trade(_wallet("retailer").address, 1)
        call = Call(trade.to, trade.data, 0, _TRADE_GAS)
    else:
        call = Call(_wallet(str((at + 2) % _SENDERS)).address, b"", 1, _TRANSFER_GAS)
    return [wallet.sign(call, start + turn, CHAIN_ID, _FEES).raw for turn in range(rounds)]


@contextmanager
def long_chain(
    folder: Path, transactions: int, per_block: int, report: Report, slots: int = 1
) -> Iterator[LongChain]:
    """A node that has the chain and seals nothing more by itself; gone after the block."""
    folder.mkdir(parents=True, exist_ok=True)
    with running(folder, per_block, report) as (process, urls):
        filler = Filler(str(folder / "geth.ipc"))
        filler.found(slots)
        setup = filler.mined
        filler.blocks(filler.sign(-(-transactions // _SENDERS), report), per_block, report)
        with IpcRpc(str(folder / "geth.ipc"), _SECONDS) as rpc:
            blocks = rpc.fetch(block_number())
        assert process.poll() is None
        yield LongChain(*urls, str(folder / "geth.ipc"), filler.contract, setup, filler.mined - setup, blocks)


@contextmanager
def running(
    folder: Path, per_block: int, report: Report
) -> Iterator[tuple[subprocess.Popen[bytes], tuple[str, str]]]:
    """Geth on a new clique chain whose blocks have room for so many transactions; HTTP and WebSocket."""
    geth = str(find_geth(report))
    sealer, names = _wallet("sealer"), ["administrator", "server", "retailer", "meter"]
    funded = [*names, *map(str, range(_SENDERS))]
    genesis = genesis_block(
        chain_id=CHAIN_ID,
        timestamp=int(time.time()),
        allocation_wei={_wallet(name).address: 10**24 for name in funded},
        clique_signers=[sealer.address],
        clique_period_seconds=0,
    )
    # Twice what the transactions may use: a full block would raise the base fee from block to block.
    gas_limit = max(30_000_000, 2 * per_block * _TRADE_GAS)
    genesis["gasLimit"] = hex(gas_limit)
    (folder / "genesis.json").write_text(json.dumps(genesis))
    (folder / "keystore").mkdir()
    (folder / "keystore" / "sealer.json").write_text(json.dumps(encrypted(_key("sealer"), "sealer")))
    (folder / "password").write_text("sealer")
    run([geth, "--datadir", str(folder), "init", str(folder / "genesis.json")], timeout_seconds=_SECONDS)
    ports = allocate_ports(["http", "ws", "p2p", "auth"], [], {})
    words = [geth, "--datadir", str(folder), "--networkid", str(CHAIN_ID), "--nodiscover", "--nat", "none"]
    words += ["--port", str(ports["p2p"]), "--authrpc.port", str(ports["auth"]), "--maxpeers", "0"]
    words += ["--http", "--http.port", str(ports["http"]), "--ws", "--ws.port", str(ports["ws"])]
    words += ["--gcmode", "archive", "--syncmode", "full", "--cache", "256"]
    words += ["--mine", "--miner.etherbase", sealer.address, "--miner.gaslimit", str(gas_limit)]
    words += ["--unlock", sealer.address, "--password", str(folder / "password"), "--allow-insecure-unlock"]
    for kind in ("account", "global"):
        words += [f"--txpool.{kind}slots", "100000", f"--txpool.{kind}queue", "100000"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(folder / "geth.ipc", process)
        yield process, (f"http://127.0.0.1:{ports['http']}", f"ws://127.0.0.1:{ports['ws']}")
    finally:
        with uninterrupted():
            process.terminate()
            process.wait()


def _wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            with IpcRpc(str(path)) as rpc:
                rpc.fetch(block_number())
            return
        except RpcUnreachable as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise EnvironmentFault("Geth does not answer over IPC", where=str(path)) from error
            time.sleep(0.05)
