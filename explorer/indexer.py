"""Keeps the index equal to the chain of the heaviest node that answers.

A head is only a wake-up: Geth pushes no heads for the heights that a reorganisation replaces. Each step
therefore compares hashes, walks back by parent hash to the last block that index and node share, and makes
the node's branch canonical in one database transaction.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from chain.heads import heads
from chain.rpc import HttpRpc, Rpc, RpcError, from_quantity, quantity
from errors import TestbedError
from explorer.config import Settings
from explorer.database import Database
from explorer.nodes import Watches
from explorer.rows import Block, Malformed, octets, read_block
from explorer.state import State

_POLL_SECONDS = 0.5
_ANSWER_SECONDS = 5.0
_BLOCKS_PER_BATCH = 50
_RECEIPTS_PER_BATCH = 200
_BLOCKS_PER_COMMIT = 100
_TRANSACTIONS_PER_COMMIT = 4000  # bounds the memory of a catch-up, whatever the size of the blocks
_MOVES_UNTIL_TOLD = 4


class ChainMoved(TestbedError):
    """The node's chain changed between two questions: nothing is wrong, ask again."""


class WrongChain(TestbedError):
    """The node's block 0 is not that of this testbed."""


class Link(NamedTuple):
    """What chains a block to its parent."""

    number: int
    hash: bytes
    parent_hash: bytes


class Indexer(threading.Thread):
    """The one thread that writes the index."""

    def __init__(self, settings: Settings, database: Database, state: State, watches: Watches) -> None:
        super().__init__(name="indexer", daemon=True)
        self._settings = settings
        self._database = database
        self._state = state
        self._watches = watches
        self._ended = threading.Event()
        self._connections: dict[str, HttpRpc] = {}
        self._tip_from: str | None = None
        self._moves = 0

    def stop(self) -> None:
        self._ended.set()

    def run(self) -> None:
        try:
            if (wanted := self._settings.current.genesis_hash) is not None:
                self._keep_only(wanted)
            while not self._ended.is_set():
                nodes = self._settings.current.nodes
                self._watches.follow(nodes)
                for _ in self._wake_ups([node.ws_url for node in nodes if node.ws_url is not None]):
                    if self._settings.refresh():
                        self._state.ring()
                    if self._settings.current.nodes != nodes:
                        break
                    self._catch_up()
        except BaseException:
            self._state.update(problem="the indexer has stopped: its log says why")
            raise
        finally:
            for connection in self._connections.values():
                connection.close()

    def _wake_ups(self, ws_urls: list[str]) -> Iterator[None]:
        """At once, then at each head, and twice a second where no head comes."""
        yield None
        if ws_urls:
            for _ in heads(ws_urls, self._ended):
                yield None
        while not self._ended.wait(_POLL_SECONDS):
            yield None

    def _catch_up(self) -> None:
        problems: list[str] = []
        for url in self._watches.heaviest_first(self._state.following.rpc_url):
            try:
                self._follow(url)
                self._moves = 0
                return
            except ChainMoved as moved:
                self._moves += 1
                if self._moves < _MOVES_UNTIL_TOLD:
                    return  # the next wake-up finds the chain where it stands then
                problems.append(f"{url}: {moved.what}")
            except sqlite3.Error as error:
                self._state.update(problem=f"The index cannot be written: {error}")
                return
            except TestbedError as error:
                problems.append(f"{error.where or url}: {error.what}")
        self._state.update(problem="; ".join(problems) or "no node is configured", rpc_url=None)

    def _follow(self, url: str) -> None:
        """Index until the node's head is reached. Raises ChainMoved, WrongChain, RpcUnreachable, RpcError."""
        rpc = self._connections.setdefault(url, HttpRpc(url, _ANSWER_SECONDS))
        more = True
        while more and not self._ended.is_set():
            answers = rpc.batch([("eth_getBlockByNumber", [tag, False]) for tag in ("latest", "0x0")])
            head, genesis = _link(answers[0]), _link(answers[1])
            self._check_chain(url, genesis.hash)
            more = self._advance(rpc, url, head)
            tip = self._database.tip()
            self._state.update(
                head=head.number,
                indexed=None if tip is None else tip[0],
                rpc_url=url,
                problem=None,
            )

    def _check_chain(self, url: str, genesis: bytes) -> None:
        wanted = self._settings.current.genesis_hash
        if wanted is not None and genesis != wanted:
            raise WrongChain(f"is a node of another chain (genesis 0x{genesis.hex()})", where=url)
        self._keep_only(genesis)

    def _keep_only(self, genesis: bytes) -> None:
        """Set the index aside if it is of another chain than the one with this genesis block."""
        own = self._database.genesis_hash()
        if own is None or own == genesis:
            return
        self._database.set_aside(f"it is of another chain (genesis 0x{own.hex()})")
        self._tip_from = None
        self._state.update(indexed=None, head=None)
        print(self._database.notices[-1], file=sys.stderr, flush=True)

    def _advance(self, rpc: Rpc, url: str, head: Link) -> bool:
        """Write the next part of the node's chain; whether there may be more."""
        tip = self._database.tip()
        ancestor, parent_hash = -1, None
        if tip is not None:
            shared = self._common_ancestor(rpc, tip[0], head)
            ancestor, parent_hash = shared.number, shared.hash
            if head.hash == tip[1]:
                self._tip_from = url
                return False
            if head.hash == shared.hash:
                # The node stands on our chain, below our tip. If the tip came from this node, its chain was
                # rewound; from another node, this one is merely behind.
                if self._tip_from in (None, url):
                    self._database.write(ancestor, [])
                return False
        old_tip = -1 if tip is None else tip[0]
        blocks = self._read(rpc, ancestor + 1, head.number, min(old_tip, head.number), parent_hash)
        self._database.write(ancestor, blocks)
        self._tip_from = url
        return blocks[-1].block.hash != head.hash

    def _common_ancestor(self, rpc: Rpc, tip: int, head: Link) -> Link:
        """The last canonical block of the index that is on the node's chain too."""
        block = head
        if head.number > tip:
            block = _link(rpc.request("eth_getBlockByNumber", quantity(tip), False))
        while not self._database.is_canonical(block.hash):
            block = _link(rpc.request("eth_getBlockByHash", "0x" + block.parent_hash.hex(), False))
        return block

    def _read(
        self, rpc: Rpc, first: int, last: int, at_least_to: int, parent_hash: bytes | None
    ) -> list[Block]:
        """Blocks from `first` on, linked by parent hash: about a hundred, or as many as the branch that they
        replace needs, so that a reorganisation never shortens the index below both branches."""
        blocks: list[Block] = []
        transactions = 0
        batch = 1
        number = first
        while number <= last:
            enough = len(blocks) >= _BLOCKS_PER_COMMIT or transactions >= _TRANSACTIONS_PER_COMMIT
            if enough and number > at_least_to:
                break
            numbers = range(number, min(last + 1, number + batch))
            for block in self._read_batch(rpc, numbers):
                if parent_hash is not None and block.block.parent_hash != parent_hash:
                    raise ChainMoved(f"block {block.block.number} does not follow its parent")
                parent_hash = block.block.hash
                blocks.append(block)
                transactions += len(block.transactions)
            number += len(numbers)
            # Small blocks come fifty at a time, blocks of a thousand transactions a few at a time.
            each = transactions // len(blocks) + 1
            batch = max(1, min(_BLOCKS_PER_BATCH, batch * 4, _TRANSACTIONS_PER_COMMIT // each))
        return blocks

    def _read_batch(self, rpc: Rpc, numbers: range) -> list[Block]:
        answers = rpc.batch([("eth_getBlockByNumber", [quantity(number), True]) for number in numbers])
        blocks = [_object(answer) for answer in answers]
        try:
            hashes = [transaction["hash"] for block in blocks for transaction in block["transactions"]]
            receipts = self._receipts(rpc, hashes)
            consensus = self._settings.current.consensus
            read = []
            for block in blocks:
                own = list(itertools.islice(receipts, len(block["transactions"])))
                if any(receipt["blockHash"] != block["hash"] for receipt in own):
                    raise ChainMoved(
                        f"receipts of block {from_quantity(block['number'])} are of another block"
                    )
                read.append(read_block(block, own, consensus))
        except (KeyError, TypeError) as error:
            raise Malformed(f"a block or a receipt came malformed ({error!r})") from error
        return read

    @staticmethod
    def _receipts(rpc: Rpc, hashes: list[str]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(hashes), _RECEIPTS_PER_BATCH):
            part = hashes[start : start + _RECEIPTS_PER_BATCH]
            answers = rpc.batch([("eth_getTransactionReceipt", [tx_hash]) for tx_hash in part])
            for tx_hash, receipt in zip(part, answers, strict=True):
                if receipt is None:
                    raise ChainMoved(f"there is no receipt of transaction {tx_hash}")
                yield _object(receipt)


def _object(answer: Any) -> dict[str, Any]:
    if isinstance(answer, RpcError):
        raise answer
    if answer is None:
        raise ChainMoved("a block is no longer there")
    if not isinstance(answer, dict):
        raise Malformed("answered with something that is no block")
    return answer


def _link(answer: Any) -> Link:
    block = _object(answer)
    try:
        return Link(from_quantity(block["number"]), octets(block["hash"]), octets(block["parentHash"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"a header came malformed ({error!r})") from error
