"""A market of two prosumers and a retailer on a real chain, played by `python -m bots` processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from bots.ledger import Ledger, ledger_of
from chain.call import Call
from chain.rpc import HttpRpc, Read, nonce_of
from chain.sender import Sender
from chain.wallet import Fees, Signed, Wallet
from contracts.etsc import Etsc, Terms, contract_address, deployment
from contracts.events import Purchased, Redeemed
from genesis.keys import encrypted

CHAIN_ID = 20211
Q_MILLIELECOINS = 600
PROSUMERS = ("prosumer-1", "prosumer-2")
RETAILER = "retailer-1"
BOTS = ("edge-server-1", *PROSUMERS, RETAILER, *(f"meter-{name}" for name in (*PROSUMERS, RETAILER)))
DEADLINE_BLOCKS = 8
P_MIN, P_MAX = 10 * 10**15, 45 * 10**15
GENERATION_WH = 50_000
_PATIENCE_SECONDS = 120.0
_FEES = Fees(4 * 10**9, 10**9)


@dataclass(frozen=True)
class Node:
    rpc_url: str
    ws_url: str
    ipc_path: Path


def key_of(name: str) -> bytes:
    return keccak(text=f"a key for tests only: {name}")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Polls; fails the test where the condition does not come true."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {_PATIENCE_SECONDS:.0f} s for {what}"
        time.sleep(0.02)


class MarketOnChain:
    """Deploys an ETSC, registers everybody, writes the bots' folders, runs and watches the bots."""

    def __init__(
        self, node: Node, directory: Path, *, total_mE: int = 10**9, meter_limit_Wh: int = GENERATION_WH
    ) -> None:
        self._node = node
        self._total_mE = total_mE
        self._terms = Terms(DEADLINE_BLOCKS, P_MIN, P_MAX, meter_limit_Wh)
        self.directory = directory
        self.rpc = HttpRpc(node.rpc_url)
        self.wallets = {name: Wallet(key_of(name)) for name in ("administrator", *BOTS)}
        self._bots: dict[str, subprocess.Popen[bytes]] = {}
        self.etsc = self._deploy()

    def close(self) -> None:
        for process in self._bots.values():
            process.kill()
            process.wait()
        self.rpc.close()

    def address(self, name: str) -> str:
        return self.wallets[name].address

    def ask(self, read: Read[Any]) -> Any:
        return self.rpc.fetch(read)

    def _deploy(self) -> Etsc:
        admin = self.address("administrator")
        nonce = self.ask(nonce_of(admin))
        etsc = Etsc(contract_address(admin, nonce))
        servers = [self.address("edge-server-1")]
        calls = [deployment(admin, self._total_mE, Q_MILLIELECOINS, servers, self._terms)]
        for name in (*PROSUMERS, RETAILER):
            calls.append(etsc.empower(name, self.address(name), name == RETAILER, True))
            calls.append(etsc.bind_meter(self.address(name), self.address(f"meter-{name}")))
        self.send("administrator", calls)
        return etsc

    def send(self, name: str, calls: list[Call]) -> list[Signed]:
        """Mined when this returns, and not reverted."""
        sender = Sender(self.wallets[name], [self._node.rpc_url], CHAIN_ID)
        signed = sender.sign(calls, self.ask(nonce_of(self.address(name))), _FEES)
        sender.send(signed)
        sender.close()
        wait_until(lambda: self.receipt(signed[-1].hash) is not None, f"{name}'s transactions")
        assert {self.receipt(transaction.hash)["status"] for transaction in signed} == {"0x1"}
        return signed

    def receipt(self, transaction_hash: str) -> Any:
        return self.rpc.request("eth_getTransactionReceipt", transaction_hash)

    def sign(self, name: str, call: Call) -> Signed:
        """Signed with the account's next nonce, not sent."""
        sender = Sender(self.wallets[name], [self._node.rpc_url], CHAIN_ID)
        (signed,) = sender.sign([call], self.ask(nonce_of(self.address(name))), _FEES)
        return signed

    def prepare(self, name: str, slots: int, *, dead_nodes: int = 0, **private: Any) -> Path:
        """Writes a bot's folder. `dead_nodes` addresses where nobody answers come before the node's."""
        folder = self.directory / name
        folder.mkdir()
        password = b"none"
        keyfile = encrypted(key_of(name), password.decode())
        (folder / "keystore.json").write_text(json.dumps(keyfile))
        (folder / "password").write_bytes(password)
        settings = {
            "role": "meter" if name.startswith("meter") else name.rpartition("-")[0],
            "name": name,
            "chain_id": CHAIN_ID,
            "contract": self.etsc.address,
            "rpc_urls": ["http://127.0.0.1:1"] * dead_nodes + [self._node.rpc_url],
            "ws_urls": ["ws://127.0.0.1:1"] * dead_nodes + [self._node.ws_url],
            "seed": 1,
            "first_slot": 1,
            "slots": slots,
            "confirmations": 3,
            "wait_blocks": 6,
            "private": self._private(name) | private,
        }
        (folder / "bot.json").write_text(json.dumps(settings))
        return folder

    def _private(self, name: str) -> dict[str, Any]:
        if name.startswith("edge-server"):
            return {
                "policies": [{"name": "equilibrium", "prices": [27.0]}],
                "p_min": 10.0,
                "p_max": 45.0,
                "prosumers": [self.address(prosumer) for prosumer in PROSUMERS],
                "retailers": [self.address(RETAILER)],
                "demand_Wh_per_slot": 50_000,
                "k": 8.0,
                "Q": 0.6,
                "e_c": 0.0,
                "mining_utility": 108.27,
                "buy_back_wei_per_mE": P_MIN,
            }
        if name in PROSUMERS:
            return {
                "policy": {"name": "equilibrium"},
                "theta": 100.0,
                "eta": 0.3,
                "Q": 0.6,
                "w": 0.1,
                "loads": [1.0],
                "x_min": 0.0,
                "x_max": 15.0,
                "edge_server": self.address("edge-server-1"),
                "retailers": [self.address(RETAILER)],
                "index": PROSUMERS.index(name),
                "patience_blocks": DEADLINE_BLOCKS,
            }
        if name.startswith("retailer"):
            return {"min_unit_price_wei_per_mE": P_MIN}
        user = name.removeprefix("meter-")
        kind = "retailer" if user == RETAILER else "prosumer"
        generation = {"first_reading_Wh": GENERATION_WH, "generation_Wh": [GENERATION_WH], "baseline_Wh": 0}
        return {
            "user": self.address(user),
            "kind": kind,
            "limit_Wh_per_block": self._terms.meter_limit,
            **(generation if kind == "retailer" else {}),
        }

    def start(self, name: str) -> subprocess.Popen[bytes]:
        with (self.directory / name / "stderr.log").open("ab") as log:
            self._bots[name] = subprocess.Popen(
                [sys.executable, "-m", "bots", str(self.directory / name)],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.getcwd()},
            )
        return self._bots[name]

    def kill(self, name: str) -> None:
        self._bots[name].kill()
        self._bots[name].wait()

    def exit_codes(self) -> dict[str, int]:
        """Of all bots that were started, once all have ended."""
        running = self._bots.values()
        wait_until(lambda: all(bot.poll() is not None for bot in running), "the bots to end")
        return {name: bot.returncode for name, bot in self._bots.items()}

    def log(self, name: str) -> str:
        return (self.directory / name / "stderr.log").read_text()

    def journal(self, name: str, kind: str) -> list[dict[str, Any]]:
        path = self.directory / name / "journal.jsonl"
        text = path.read_text() if path.exists() else ""
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in lines if line["type"] == kind]

    def signed(self, name: str, action: str) -> list[dict[str, Any]]:
        """What the bot wrote down as signed of one action."""
        return [line for line in self.journal(name, "signed") if line["action"] == action]

    def wait_for_signature(self, name: str, slot: int, *actions: str) -> None:
        """Until the bot has written down that it signed something in a slot, or one of these actions."""
        wait_until(
            lambda: any(
                line["slot"] == slot and (not actions or line["action"] in actions)
                for line in self.journal(name, "signed")
            ),
            f"{name} to act in slot {slot}",
        )

    def ledger(self) -> Ledger:
        return ledger_of(self.ask(self.etsc.events(0, "latest")))

    def purchases(self, name: str) -> list[Purchased]:
        events = self.ask(self.etsc.events(0, "latest", "Purchased"))
        return [event for event in events if event.buyer == self.address(name)]

    def redemptions(self, name: str) -> list[Redeemed]:
        events = self.ask(self.etsc.events(0, "latest", "Redeemed"))
        return [event for event in events if event.user == self.address(name)]
