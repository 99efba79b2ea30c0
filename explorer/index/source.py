"""One node as a source of whole blocks: headers, transactions, receipts and uncles that belong together."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chain.clique import is_sealed
from chain.rpc import HttpRpc, IpcRpc, Rpc, RpcError, RpcUnreachable, from_quantity, quantity
from errors import TestbedError
from explorer.config import Node
from explorer.index import receipts
from explorer.index.rows import Block, Malformed, Receipt, octets, read_block

_ANSWER_SECONDS = 5.0
_RAW_PER_BATCH = 10
_RECEIPTS_PER_BATCH = 200
_METHOD_NOT_FOUND = -32601

Json = dict[str, Any]


class ChainMoved(TestbedError):
    """The node's chain changed between two questions: nothing is wrong, ask again."""


class Header(NamedTuple):
    """Of a block, what chains it to its parent."""

    number: int
    hash: bytes
    parent_hash: bytes


class Chain(NamedTuple):
    """Which chain a node is of, and how far it is."""

    head: Header
    genesis: Header
    chain_id: int
    consensus: str


class Source:
    """Safe to share between threads: each has connections of its own."""

    def __init__(self, node: Node) -> None:
        self.url = node.rpc_url
        self._node = node
        self._own = threading.local()
        self._all: list[Rpc] = []
        # `debug` is not published: it answers over IPC, or on the address of a node that stands alone.
        self._with_debug = ["http"] if node.ipc_path is None else ["ipc", "http"]

    def close(self) -> None:
        for rpc in self._all:
            rpc.close()

    @property
    def _http(self) -> Rpc:
        return self._connection("http")

    def _connection(self, way: str) -> Rpc:
        rpc: Rpc | None = getattr(self._own, way, None)
        if rpc is None:
            if way == "ipc" and self._node.ipc_path is not None:
                rpc = IpcRpc(self._node.ipc_path, _ANSWER_SECONDS)
            else:
                rpc = HttpRpc(self.url, _ANSWER_SECONDS)
            setattr(self._own, way, rpc)
            self._all.append(rpc)
        return rpc

    def chain(self) -> Chain:
        """Raises ChainMoved, Malformed, RpcError, RpcUnreachable."""
        head, genesis, chain_id = self._http.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getBlockByNumber", ["0x0", False]),
                ("eth_chainId", []),
            ]
        )
        try:
            return Chain(_header(head), _header(genesis), from_quantity(chain_id), _consensus(head))
        except (KeyError, TypeError, ValueError) as error:
            raise Malformed(f"its head or chain ID came malformed ({error!r})", where=self.url) from error

    def header_at(self, number: int) -> Header:
        return _header(self._http.request("eth_getBlockByNumber", quantity(number), False))

    def header_of(self, block_hash: bytes) -> Header:
        return _header(self._http.request("eth_getBlockByHash", "0x" + block_hash.hex(), False))

    def blocks(self, numbers: range) -> list[Block]:
        """Raises ChainMoved, Malformed, RpcError, RpcUnreachable."""
        answers = self._http.batch([("eth_getBlockByNumber", [quantity(number), True]) for number in numbers])
        blocks = [_object(answer) for answer in answers]
        try:
            full = [block for block in blocks if block["transactions"]]
            uncles = self._uncles(blocks)
            own = dict(zip((block["hash"] for block in full), self._receipts(full), strict=True))
            return [
                read_block(block, own.get(block["hash"], []), uncles.get(block["hash"], []))
                for block in blocks
            ]
        except (KeyError, TypeError) as error:
            raise Malformed(f"a block came malformed ({error!r})", where=self.url) from error

    def _receipts(self, blocks: Sequence[Json]) -> Iterator[list[Receipt]]:
        """Those of each block, in their order."""
        for start in range(0, len(blocks), _RAW_PER_BATCH):
            part = blocks[start : start + _RAW_PER_BATCH]
            answers = self._raw([block["hash"] for block in part])
            for block, read in zip(part, self._single(part) if answers is None else answers, strict=True):
                if len(read) != len(block["transactions"]):
                    raise ChainMoved(
                        f"has {len(read)} receipts for the {len(block['transactions'])} transactions of "
                        f"block {from_quantity(block['number'])}"
                    )
                yield read

    def _raw(self, hashes: Sequence[str]) -> list[list[Receipt]] | None:
        """None where the node keeps `debug` to itself."""
        for way in tuple(self._with_debug):
            rpc = self._connection(way)
            try:
                answers = rpc.batch([("debug_getRawReceipts", [block_hash]) for block_hash in hashes])
            except RpcUnreachable:
                if way == "http":
                    raise
                continue  # the socket is not there: what is published may do, and is asked next
            refusals = [answer for answer in answers if isinstance(answer, RpcError)]
            if any(refusal.code == _METHOD_NOT_FOUND for refusal in refusals):
                self._with_debug = [other for other in self._with_debug if other != way]
                continue
            if refusals:
                raise ChainMoved(f"has no receipts: {refusals[0].message}")
            return [receipts.from_raw(answer) for answer in answers]
        return None

    def _single(self, blocks: Sequence[Json]) -> list[list[Receipt]]:
        hashes = [(tx["hash"], block["hash"]) for block in blocks for tx in block["transactions"]]
        read: list[Receipt] = []
        for start in range(0, len(hashes), _RECEIPTS_PER_BATCH):
            part = hashes[start : start + _RECEIPTS_PER_BATCH]
            answers = self._http.batch([("eth_getTransactionReceipt", [tx_hash]) for tx_hash, _ in part])
            for (tx_hash, block_hash), answer in zip(part, answers, strict=True):
                if isinstance(answer, RpcError):
                    raise answer
                receipt = None if answer is None else receipts.from_answer(answer, block_hash)
                if receipt is None:
                    raise ChainMoved(f"has no receipt of transaction {tx_hash} in its block")
                read.append(receipt)
        rest = iter(read)
        return [list(itertools.islice(rest, len(block["transactions"]))) for block in blocks]

    def _uncles(self, blocks: Sequence[Json]) -> dict[str, list[Json]]:
        wanted = [(block["hash"], at) for block in blocks for at in range(len(block["uncles"]))]
        answers = self._http.batch(
            [("eth_getUncleByBlockHashAndIndex", [block_hash, quantity(at)]) for block_hash, at in wanted]
        )
        uncles: dict[str, list[Json]] = {}
        for (block_hash, _), answer in zip(wanted, answers, strict=True):
            uncles.setdefault(block_hash, []).append(_object(answer))
        return uncles


def _object(answer: Any) -> Json:
    if isinstance(answer, RpcError):
        raise answer
    if answer is None:
        raise ChainMoved("a block is no longer there")
    if not isinstance(answer, dict):
        raise Malformed("answered with something that is no block")
    return answer


def _consensus(head: Json) -> str:
    if from_quantity(head["number"]) == 0:
        return "not known yet"
    if is_sealed(head):
        return "clique"
    return "pow" if from_quantity(head["difficulty"]) else "none"


def _header(answer: Any) -> Header:
    block = _object(answer)
    try:
        return Header(from_quantity(block["number"]), octets(block["hash"]), octets(block["parentHash"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"a header came malformed ({error!r})") from error
