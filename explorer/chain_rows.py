"""What the index must say, as the chain tells it: read anew, receipt by receipt, for `explorer.check`.

None of the indexer's own reading code is used, so that the two cannot err together.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chain.clique import is_sealed, sealer_of
from chain.rpc import Rpc, RpcError, block_number, from_quantity, quantity
from errors import TestbedError

_BLOCKS_PER_STEP = 20
_CALLS_PER_BATCH = 100

Json = dict[str, Any]
Row = tuple[Any, ...]
Rows = dict[str, list[Row]]
"""By table: blocks, transactions, logs, uncles, with the columns that `explorer.check` compares."""


class Moved(Exception):
    """The chain changed between two questions."""


class ChainRows:
    """One node's chain. Each method raises Moved, RpcError, RpcUnreachable, and TestbedError where the node's
    answer is malformed."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc

    def height(self) -> int:
        return self.rpc.fetch(block_number())

    def hash_at(self, number: int) -> bytes:
        (block,) = self._ask([("eth_getBlockByNumber", [quantity(number), False])])
        with self._named():
            return _octets(block["hash"])

    def rows(self, numbers: range) -> Iterator[Rows]:
        """Of those blocks, some at a time."""
        for part in parts(numbers, _BLOCKS_PER_STEP):
            blocks = self._ask([("eth_getBlockByNumber", [quantity(number), True]) for number in part])
            with self._named():
                rows = self._rows_of(blocks)
            yield rows

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TestbedError(f"a block came malformed ({error!r})", where=self.rpc.where) from error

    def _rows_of(self, blocks: list[Json]) -> Rows:
        of_receipts = [
            ("eth_getTransactionReceipt", [transaction["hash"]])
            for block in blocks
            for transaction in block["transactions"]
        ]
        of_uncles = [
            ("eth_getUncleByBlockHashAndIndex", [block["hash"], quantity(at)])
            for block in blocks
            for at in range(len(block["uncles"]))
        ]
        receipts, uncles = iter(self._ask(of_receipts)), iter(self._ask(of_uncles))
        rows: Rows = {"blocks": [], "transactions": [], "logs": [], "uncles": []}
        for block in blocks:
            own = list(itertools.islice(receipts, len(block["transactions"])))
            _expect(rows, block, own, list(itertools.islice(uncles, len(block["uncles"]))))
        return rows

    def _ask(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Json]:
        answers: list[Json] = []
        for some in parts(calls, _CALLS_PER_BATCH):
            for answer in self.rpc.batch(some):
                if isinstance(answer, RpcError):
                    raise answer
                if answer is None:
                    raise Moved
                answers.append(answer)
        return answers


def _expect(rows: Rows, block: Json, receipts: list[Json], uncles: list[Json]) -> None:
    """What the index must say of a block. Raises Moved where a receipt is of another block."""
    number, block_hash = from_quantity(block["number"]), _octets(block["hash"])
    sealer = sealer_of(block) if is_sealed(block) else block["miner"]
    rows["blocks"].append(
        (
            number,
            block_hash,
            _octets(block["parentHash"]),
            from_quantity(block["timestamp"]),
            None if number == 0 else _octets(sealer),
            str(from_quantity(block["difficulty"])),
            from_quantity(block["gasLimit"]),
            from_quantity(block["gasUsed"]),
            str(from_quantity(block.get("baseFeePerGas") or "0x0")),
            from_quantity(block["size"]),
            _octets(block["extraData"]),
            _octets(block["stateRoot"]),
            len(block["transactions"]),
            len(block["uncles"]),
        )
    )
    for position, (transaction, receipt) in enumerate(zip(block["transactions"], receipts, strict=True)):
        if receipt["blockHash"] != block["hash"]:
            raise Moved
        rows["transactions"].append(
            (
                number,
                position,
                _octets(transaction["hash"]),
                block_hash,
                _octets(transaction["from"]),
                _octets_or_none(transaction["to"]),
                _octets_or_none(receipt["contractAddress"]),
                from_quantity(transaction["nonce"]),
                str(from_quantity(transaction["value"])),
                from_quantity(transaction["gas"]),
                from_quantity(receipt["gasUsed"]),
                str(from_quantity(receipt["effectiveGasPrice"])),
                from_quantity(transaction["type"]),
                from_quantity(receipt["status"]),
                _octets(transaction["input"]),
            )
        )
        for log in receipt["logs"]:
            topics = [_octets(topic) for topic in log["topics"]]
            rows["logs"].append(
                (
                    number,
                    from_quantity(log["logIndex"]),
                    position,
                    block_hash,
                    _octets(log["address"]),
                    *(topics + [None] * (4 - len(topics))),
                    _octets(log["data"]),
                )
            )
    for position, uncle in enumerate(uncles):
        rows["uncles"].append(
            (
                number,
                position,
                block_hash,
                _octets(uncle["hash"]),
                from_quantity(uncle["number"]),
                _octets(uncle["miner"]),
                from_quantity(uncle["timestamp"]),
                str(from_quantity(uncle["difficulty"])),
            )
        )


def parts(items: Sequence[Any], size: int) -> Iterator[Any]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _octets(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _octets_or_none(text: str | None) -> bytes | None:
    return None if text is None else _octets(text)
