"""Sending an account's transactions so that they arrive although nodes die, and never twice."""

from __future__ import annotations

from collections.abc import Sequence

from chain.call import Call
from chain.rpc import HttpRpc, RpcError, RpcUnreachable
from chain.wallet import Fees, Signed, Wallet

# What a node says of a transaction that it has, or has already mined: not a failure here.
_ALREADY_THERE = ("already known", "nonce too low", "replacement transaction underpriced")


class Sender:
    """Gives an account's calls their nonces and hands them to every node.

    All nodes get each transaction directly: a node only announces what it was sent, and a peer
    waits half a second before it asks for what was announced (eth/fetcher/tx_fetcher.go).
    """

    def __init__(self, wallet: Wallet, urls: Sequence[str], chain_id: int) -> None:
        self.wallet = wallet
        self._nodes = [HttpRpc(url, timeout_seconds=2.0) for url in urls]
        self._chain_id = chain_id
        self._unmined: list[Signed] = []

    def in_flight(self, mined_nonce: int) -> bool:
        """Whether something sent is not yet mined, given the account's nonce at the head."""
        self._unmined = [signed for signed in self._unmined if signed.nonce >= mined_nonce]
        return bool(self._unmined)

    def sign(self, calls: Sequence[Call], mined_nonce: int, fees: Fees) -> list[Signed]:
        """Signed with the nonces that follow the account's at the head."""
        return [
            self.wallet.sign(call, mined_nonce + offset, self._chain_id, fees)
            for offset, call in enumerate(calls)
        ]

    def send(self, transactions: Sequence[Signed]) -> None:
        """Hand over, or hand over again: a node that has a transaction keeps the one it has.

        Raises RpcError where every node that answers refuses one, and RpcUnreachable where none answers.
        """
        known = {signed.nonce for signed in self._unmined}
        self._unmined += [signed for signed in transactions if signed.nonce not in known]
        refusals: dict[int, RpcError] = {}
        taken: set[int] = set()
        silent: list[RpcUnreachable] = []
        for node in self._nodes:
            try:
                answers = node.batch([("eth_sendRawTransaction", [signed.raw]) for signed in transactions])
            except RpcUnreachable as error:
                silent.append(error)
                continue
            for signed, answer in zip(transactions, answers, strict=True):
                if isinstance(answer, RpcError) and not any(w in answer.message for w in _ALREADY_THERE):
                    refusals[signed.nonce] = answer
                else:
                    taken.add(signed.nonce)
        if len(silent) == len(self._nodes):
            raise silent[0]
        for nonce, refusal in refusals.items():
            if nonce not in taken:
                raise refusal

    def resend(self) -> None:
        """Hand over once more what is not mined: a node forgets what it was sent when it restarts."""
        if self._unmined:
            self.send(list(self._unmined))

    def close(self) -> None:
        for node in self._nodes:
            node.close()
