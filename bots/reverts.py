"""Why a transaction that was mined had no effect: ETSC's own cause, for the bot's log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bots.decision import Action
from chain.rpc import Read, Rpc, RpcError, from_quantity
from chain.wallet import Signed
from contracts.etsc import Etsc
from contracts.reverts import EtscRevert


@dataclass(frozen=True)
class _Receipt:
    block: int
    succeeded: bool


class Reverts:
    """Follows what the bot has sent until it is mined. What a bot before it sent it knows nothing of."""

    def __init__(self, rpc: Rpc, etsc: Etsc, account: str) -> None:
        self._rpc = rpc
        self._etsc = etsc
        self._account = account
        self._followed: dict[str, tuple[int, Action]] = {}

    def follow(self, signed: Signed, action: Action) -> None:
        self._followed[signed.hash] = (signed.nonce, action)

    def told(self, mined_nonce: int) -> Iterator[str]:
        """A line for each that was mined since the last time and had no effect.

        Raises RpcError and RpcUnreachable where the node does not say; what is left is told the next time.
        """
        mined = [hash_ for hash_, (nonce, _) in self._followed.items() if nonce < mined_nonce]
        for hash_, receipt in zip(mined, self._rpc.fetch_all([_receipt(one) for one in mined]), strict=True):
            if receipt is None:  # this node has not got its block yet
                continue
            _, action = self._followed[hash_]
            if not receipt.succeeded:
                cause = self._cause(action, receipt.block)
                yield f"slot={action.slot} action={action.name} reverted in block {receipt.block}: {cause}"
            del self._followed[hash_]

    def _cause(self, action: Action, block: int) -> str:
        """As its block left the contract and, where it would go through now, as its block found it."""
        attempt = self._etsc.attempt(self._account, action.call)
        for height in (block, block - 1):
            try:
                self._rpc.fetch(attempt, height)
            except (EtscRevert, RpcError) as cause:
                return str(cause)
        return "it would have gone through before its block, and would after"


def _receipt(transaction_hash: str) -> Read[_Receipt | None]:
    def read(found: dict[str, Any] | None) -> _Receipt | None:
        if found is None:
            return None
        return _Receipt(from_quantity(found["blockNumber"]), found["status"] == "0x1")

    return Read("eth_getTransactionReceipt", (transaction_hash,), read)
