"""A chain for tests, whichever client runs it: a supply of funded accounts, and calls that are waited for."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from eth_utils.crypto import keccak

from chain.call import Call
from chain.rpc import Rpc, RpcError, RpcUnreachable, block_number, nonce_of, quantity
from chain.wallet import Fees, Signed, Wallet
from contracts.reverts import EtscRevert, revert_of
from tests.nudge import Nudge

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


class Key(Wallet):
    """A wallet that tells its private key: a meter signs more than transactions."""

    def __init__(self, private_key: bytes) -> None:
        super().__init__(private_key)
        self.private_key = private_key


def funded_keys(count: int) -> list[Key]:
    """The same on every chain."""
    return [Key(keccak(text=f"account {index} of the tests")) for index in range(count)]


class Chain:
    """A running chain with a supply of funded accounts that nobody has used yet.

    `nudger` is for clique without a period: see `Nudge`.
    """

    def __init__(
        self,
        rpc: Rpc,
        sealer: str,
        funded: Sequence[Key],
        genesis_alloc: dict[str, int],
        nudger: Key | None = None,
    ) -> None:
        self.rpc = rpc
        self.sealer = sealer
        self.genesis_alloc = genesis_alloc
        self._unused = iter(funded)
        self._nudger = nudger

    def wallet(self) -> Key:
        """An account with ether and no history."""
        return next(self._unused)

    def head(self) -> int:
        return self.rpc.fetch(block_number())

    def now(self) -> int:
        """The time of the latest block, in seconds since 1970."""
        return int(self.rpc.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

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

    def grow(self, blocks: int = 1) -> None:
        """Lets the chain grow: it has a block for each transaction, and a call runs in the latest one."""
        target, idler = self.head() + blocks, self.wallet()
        while self.head() < target:
            self.do(idler, Call(idler.address, b"", gas=21_000))

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
        nudge = None if self._nudger is None else Nudge(self._nudger, CHAIN_ID, _FEES)

        def told() -> Any:
            if nudge is not None:
                nudge.where_stuck(self.rpc)
            return self.rpc.request("eth_getTransactionReceipt", transaction.hash)

        found: dict[str, Any] = wait_until(told, "a receipt")
        block = int(found["blockNumber"], 16)
        # Geth can tell a receipt a moment before its block is the latest one.
        wait_until(lambda: True if self.head() >= block else None, "the receipt's block to be the latest")
        return Receipt(
            found["status"] == "0x1",
            int(found["gasUsed"], 16),
            block,
            transaction.hash,
            found["contractAddress"],
        )


def wait_for_answer(rpc: Rpc, process: subprocess.Popen[bytes], log: Path) -> None:
    def height() -> int | None:
        if process.poll() is not None:
            raise RuntimeError(f"the client ended:\n{log.read_text()[-3000:]}")
        try:
            return rpc.fetch(block_number())
        except RpcUnreachable:
            return None

    wait_until(height, "the client to answer")


def genesis(
    alloc: dict[str, int], engine: dict[str, Any], difficulty: int, extra_data: str
) -> dict[str, Any]:
    """A block 0 with London's rules from the start; alloc is address -> wei."""
    forks = (
        *("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople"),
        *("petersburg", "istanbul", "berlin", "london"),
    )
    return {
        "config": {**{f"{fork}Block": 0 for fork in forks}, "chainId": CHAIN_ID, **engine},
        "difficulty": hex(difficulty),
        "gasLimit": hex(30_000_000),
        "timestamp": hex(int(time.time())),
        "extraData": extra_data,
        "alloc": {address: {"balance": hex(wei)} for address, wei in alloc.items()},
    }


def allocation(keys: Sequence[Key]) -> dict[str, int]:
    return {key.address.lower(): 1000 * ETHER for key in keys}
