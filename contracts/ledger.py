"""Every account's ether, worked out from the genesis allocation, every transaction and every receipt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_utils.address import to_checksum_address

from chain.clique import sealer_of
from chain.rpc import Rpc, RpcError, from_quantity, quantity
from contracts.events import Event, Redeemed, Withdrawn, decode_log
from errors import TestbedError

# Big enough that a round trip does not count, small enough for any node's limit on an answer.
_BATCH = 100
# Rewards for ommers (yellow paper, "Reward Application"): 1 - age/8 of a block's reward to who mined one,
# 1/32 to who included it.
_OMMER_PARTS = 8
_INCLUSION_PARTS = 32

Json = dict[str, Any]


@dataclass
class Ledger:
    """Wei by account (EIP-55), and the chain that it was read from."""

    block: int
    block_hash: str
    allocated: dict[str, int]
    balances: defaultdict[str, int]
    events: list[Event] = field(default_factory=list)
    burnt_wei: int = 0
    rewards_wei: int = 0
    tips_wei: int = 0
    transactions: int = 0
    failed_transactions: int = 0

    def move(self, source: str, target: str, wei: int) -> None:
        self.balances[source] -= wei
        self.balances[target] += wei


def read_ledger(
    rpc: Rpc, etsc: str, block: int, genesis_alloc: Mapping[str, int], block_reward_wei: int = 0
) -> Ledger:
    """Walks the chain from the genesis block to `block`.

    Ether that a contract sends on its own is seen where the ETSC at `etsc` pays a withdrawal or a
    redemption, and nowhere else. Raises TestbedError when the chain is shorter, or is reorganised while
    it is read.
    """
    allocated: dict[str, int] = {to_checksum_address(address): wei for address, wei in genesis_alloc.items()}
    ledger = Ledger(block, "", allocated, defaultdict(int, allocated))
    for header, receipts in _blocks(rpc, block):
        ledger.block_hash = header["hash"]
        if from_quantity(header["number"]) == 0:
            continue
        sealer = _sealer(header) if receipts or block_reward_wei else ""
        _enter_rewards(ledger, rpc, header, sealer, block_reward_wei)
        base_fee = from_quantity(header.get("baseFeePerGas", "0x0"))
        for transaction, receipt in zip(header["transactions"], receipts, strict=True):
            _enter_transaction(ledger, transaction, receipt, sealer, base_fee)
            for log in receipt["logs"]:
                event = decode_log(log) if to_checksum_address(log["address"]) == etsc else None
                if event is None:
                    continue
                ledger.events.append(event)
                _enter_payment(ledger, etsc, event)
    return ledger


def _enter_payment(ledger: Ledger, etsc: str, event: Event) -> None:
    """Ether that the contract sent, which no transaction shows."""
    match event:
        case Withdrawn():
            ledger.move(etsc, event.edge_server, event.amount)
        case Redeemed():
            ledger.move(etsc, event.user, event.amount * event.price)


def _blocks(rpc: Rpc, last: int) -> Iterator[tuple[Json, list[Json]]]:
    """Each block with its transactions' receipts, checked to be one chain."""
    parent: str | None = None
    for first in range(0, last + 1, _BATCH):
        numbers = range(first, min(first + _BATCH, last + 1))
        headers = _batch(rpc, "eth_getBlockByNumber", [[quantity(number), True] for number in numbers])
        hashes = [[transaction["hash"]] for header in headers for transaction in header["transactions"]]
        receipts = iter(
            [
                receipt
                for start in range(0, len(hashes), _BATCH)
                for receipt in _batch(rpc, "eth_getTransactionReceipt", hashes[start : start + _BATCH])
            ]
        )
        for header in headers:
            own = [next(receipts) for _ in header["transactions"]]
            if (parent is not None and header["parentHash"] != parent) or any(
                receipt["blockHash"] != header["hash"] for receipt in own
            ):
                raise _reorganised(rpc)
            parent = header["hash"]
            yield header, own


def _batch(rpc: Rpc, method: str, params: Sequence[Sequence[Any]]) -> list[Json]:
    results = rpc.batch([(method, one) for one in params])
    for result in results:
        if isinstance(result, RpcError):
            raise result
        if result is None:
            raise _reorganised(rpc)
    return results


def _reorganised(rpc: Rpc) -> TestbedError:
    return TestbedError(
        "the chain is shorter than the audit, or was reorganised under it",
        where=rpc.where,
        fix="Audit at a block that is a few confirmations deep.",
    )


def _sealer(header: Json) -> str:
    """Who is paid for a block: with clique the seal tells, the header's miner is a vote."""
    try:
        return sealer_of(header)
    except ValueError:
        return to_checksum_address(header["miner"])


def _enter_rewards(ledger: Ledger, rpc: Rpc, header: Json, sealer: str, reward_wei: int) -> None:
    if not reward_wei:
        return
    number = from_quantity(header["number"])
    ommers = _batch(
        rpc,
        "eth_getUncleByBlockHashAndIndex",
        [[header["hash"], quantity(index)] for index in range(len(header["uncles"]))],
    )
    _reward(ledger, sealer, reward_wei + len(ommers) * (reward_wei // _INCLUSION_PARTS))
    for ommer in ommers:
        age = number - from_quantity(ommer["number"])
        _reward(ledger, to_checksum_address(ommer["miner"]), ommer_reward(age, reward_wei))


def ommer_reward(age: int, reward_wei: int) -> int:
    """What the miner of an ommer gets that is included `age` (1 to 6) blocks above it."""
    return (_OMMER_PARTS - age) * reward_wei // _OMMER_PARTS


def _reward(ledger: Ledger, account: str, wei: int) -> None:
    ledger.balances[account] += wei
    ledger.rewards_wei += wei


def _enter_transaction(
    ledger: Ledger, transaction: Json, receipt: Json, sealer: str, base_fee_wei: int
) -> None:
    """A transaction that failed moves no value, and pays for its gas all the same."""
    sender = to_checksum_address(transaction["from"])
    gas = from_quantity(receipt["gasUsed"])
    fee = gas * from_quantity(receipt["effectiveGasPrice"])
    burnt = gas * base_fee_wei
    ledger.balances[sender] -= fee
    ledger.balances[sealer] += fee - burnt
    ledger.burnt_wei += burnt
    ledger.tips_wei += fee - burnt
    ledger.transactions += 1
    if from_quantity(receipt["status"]):
        target = to_checksum_address(transaction["to"] or receipt["contractAddress"])
        ledger.move(sender, target, from_quantity(transaction["value"]))
    else:
        ledger.failed_transactions += 1
