"""For chains of clique without a period, where a transaction that comes amid a sealing waits until one more
comes."""

from __future__ import annotations

import time

from chain.call import Call
from chain.rpc import Rpc, nonce_of
from chain.wallet import Fees, Wallet

_STUCK_SECONDS = 2.0


class Nudge:
    """One more transaction every two seconds of waiting, from an account that does nothing else."""

    def __init__(self, idler: Wallet, chain_id: int, fees: Fees) -> None:
        self._idler, self._chain_id, self._fees = idler, chain_id, fees
        self._due = time.monotonic() + _STUCK_SECONDS

    def where_stuck(self, rpc: Rpc) -> None:
        if time.monotonic() <= self._due:
            return
        self._due += _STUCK_SECONDS
        nonce = rpc.fetch(nonce_of(self._idler.address), "pending")
        one_more = self._idler.sign(Call(self._idler.address, b""), nonce, self._chain_id, self._fees)
        rpc.request("eth_sendRawTransaction", one_more.raw)
