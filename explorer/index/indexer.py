"""Keeps the index equal to the chain of the heaviest node that answers.

A head is only a wake-up: Geth pushes no heads for the heights that a reorganisation replaces. Each step
therefore compares hashes, walks back by parent hash to the last block that index and node share, and makes
the node's branch canonical in one database transaction.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

from chain.heads import heads
from chain.rpc import HttpRpc
from contracts.artifact import ARTIFACT
from contracts.etsc import Etsc
from errors import TestbedError
from explorer.config import Node, Settings
from explorer.index.database import Database, file_of
from explorer.index.rows import Block
from explorer.index.source import ChainMoved, Header, Source
from explorer.index.watches import Watches
from explorer.state import State

_POLL_SECONDS = 0.2
_BLOCKS_PER_BATCH = 50
_TRANSACTIONS_PER_BATCH = 2000
_BLOCKS_PER_COMMIT = 100
_TRANSACTIONS_PER_COMMIT = 4000  # bounds the memory of a catch-up, whatever the size of the blocks
# Geth works out the senders of a request's blocks one after the other: two requests, two processors.
_READERS = 2
_REQUESTS_AHEAD = 2 * _READERS  # so that they have something to do while a part is written
_MOVES_UNTIL_TOLD = 4


class WrongChain(TestbedError):
    """The node's block 0 is not that of this testbed."""


class Indexer:
    """The one that writes the index, on the thread that calls `run`."""

    def __init__(self, settings: Settings, state: State) -> None:
        self._settings = settings
        self._state = state
        self._watches = Watches(self._tell_nodes)
        self._database: Database | None = None
        self._genesis: bytes | None = None
        self._ended = threading.Event()
        self._sources: dict[Node, Source] = {}
        self._ahead = ThreadPoolExecutor(_READERS, thread_name_prefix="reader")
        self._lowest_prices: dict[bytes, int] = {}
        self._tip_from: Node | None = None
        self._heaviest_is_known = False
        self._moves = 0

    def stop(self) -> None:
        """From any thread: `run` returns soon."""
        self._ended.set()

    def run(self) -> None:
        if (wanted := self._settings.current.genesis_hash) is not None:
            self._open(wanted)
        try:
            while not self._ended.is_set():
                nodes = self._settings.current.nodes
                self._watches.follow(nodes)
                for _ in self._wake_ups([node.ws_url for node in nodes if node.ws_url is not None]):
                    self._settings.refresh()
                    if self._settings.current.nodes != nodes:
                        break
                    self._catch_up()
        finally:
            self._watches.stop()
            self._ahead.shutdown()
            for source in self._sources.values():
                source.close()
            if self._database is not None:
                self._database.close()

    def _tell_nodes(self) -> None:
        self._state.update(nodes=self._watches.seen())

    def _wake_ups(self, ws_urls: list[str]) -> Iterator[None]:
        """At once, then at each head, and at every poll where no head comes."""
        yield None
        if ws_urls:
            for _ in heads(ws_urls, self._ended):
                yield None
        while not self._ended.wait(_POLL_SECONDS):
            yield None

    def _catch_up(self) -> None:
        problems: list[str] = []
        followed = self._state.following.rpc_url
        # Before they are put in order: who answers after that is not in it.
        self._heaviest_is_known = self._watches.all_answer()
        for node in self._watches.heaviest_first(followed):
            try:
                self._follow(node)
                self._moves = 0
                return
            except ChainMoved as moved:
                self._moves += 1
                if self._moves < _MOVES_UNTIL_TOLD:
                    return  # the next wake-up finds the chain where it stands then
                problems.append(f"{node.rpc_url}: {moved.what}")
            except (sqlite3.Error, OSError) as error:
                self._state.update(problem=f"The index cannot be written: {error}")
                return
            except TestbedError as error:
                problems.append(f"{error.where or node.rpc_url}: {error.what}")
        self._state.update(problem="; ".join(problems) or "no node is configured", rpc_url=None)

    def _follow(self, node: Node) -> None:
        """Index until the node's head is reached. Raises ChainMoved, WrongChain, RpcUnreachable, RpcError."""
        source = self._sources.get(node)
        if source is None:
            source = self._sources[node] = Source(node)
        more = True
        while more and not self._ended.is_set():
            chain = source.chain()
            database = self._database_of(source, chain.genesis.hash)
            self._keep_books_of(self._settings.current.contract, database, source)
            more = self._advance(database, source, node, chain.head)
            tip = database.tip()
            self._state.update(
                head=chain.head.number,
                indexed=None if tip is None else tip[0],
                rpc_url=node.rpc_url,
                chain_id=chain.chain_id,
                consensus=chain.consensus,
                contract=database.contract,
                problem=None,
            )

    def _database_of(self, source: Source, genesis: bytes) -> Database:
        wanted = self._settings.current.genesis_hash
        if wanted is not None and genesis != wanted:
            raise WrongChain(f"is a node of another chain (genesis 0x{genesis.hex()})", where=source.url)
        return self._open(genesis)

    def _open(self, genesis: bytes) -> Database:
        """The index of the chain with this block 0."""
        if self._database is not None:
            if genesis == self._genesis:
                return self._database
            self._database.close()
        self._tip_from = None
        self._database = database = Database(file_of(self._settings.current.index, genesis))
        self._genesis = genesis
        tip = database.tip()
        self._state.update(
            index=database.path,
            notices=(*self._state.following.notices, *database.notices),
            indexed=None if tip is None else tip[0],
            head=None,
            contract=database.contract,
        )
        return database

    def _advance(self, database: Database, source: Source, node: Node, head: Header) -> bool:
        """Write the chain up to `head`; whether there is more because the node's chain went elsewhere."""
        tip = database.tip()
        ancestor, parent_hash = -1, None
        if tip is not None:
            shared = self._common_ancestor(database, source, tip[0], head)
            ancestor, parent_hash = shared.number, shared.hash
            if head.hash == tip[1]:
                self._tip_from = node
                return False
            if head.hash == shared.hash:
                # The node stands on our chain, below our tip. If the tip came from this node, its chain was
                # rewound; from another node, this one is merely behind. After a restart nobody knows: then
                # it was rewound if all nodes answer and none is heavier.
                if self._tip_from == node or (self._tip_from is None and self._heaviest_is_known):
                    self._write(database, source, ancestor, [])
                return False
        old_tip = -1 if tip is None else tip[0]
        for blocks in self._parts(source, ancestor + 1, head.number, min(old_tip, head.number), parent_hash):
            self._write(database, source, ancestor, blocks)
            ancestor = blocks[-1].block.number
            self._tip_from = node
            self._state.update(head=head.number, indexed=ancestor, rpc_url=node.rpc_url, problem=None)
            if self._ended.is_set():
                return False
        return blocks[-1].block.hash != head.hash

    @staticmethod
    def _common_ancestor(database: Database, source: Source, tip: int, head: Header) -> Header:
        """The last canonical block of the index that is on the node's chain too."""
        block = source.header_at(tip) if head.number > tip else head
        while not database.is_canonical(block.hash):
            block = source.header_of(block.parent_hash)
        return block

    def _parts(
        self, source: Source, first: int, last: int, at_least_to: int, parent_hash: bytes | None
    ) -> Iterator[list[Block]]:
        """Blocks from `first` to `last`, linked by parent hash, in parts of one commit each.

        The first part goes on until `at_least_to`, the end of the branch that it replaces, so that a
        reorganisation never shortens the index below both branches. While a part is written, the next ones
        are read.
        """

        def link(block: Block, parent: bytes | None) -> bytes:
            if parent is not None and block.block.parent_hash != parent:
                raise ChainMoved(f"block {block.block.number} does not follow its parent")
            return block.block.hash

        part: list[Block] = []
        transactions = 0
        number, batch = first, 1
        waiting: deque[Future[list[Block]]] = deque()
        try:
            while number <= last or waiting:
                while number <= last and len(waiting) < _REQUESTS_AHEAD:
                    numbers = range(number, min(last + 1, number + batch))
                    waiting.append(self._ahead.submit(source.blocks, numbers))
                    number = numbers.stop
                for block in waiting.popleft().result():
                    parent_hash = link(block, parent_hash)
                    part.append(block)
                    transactions += len(block.transactions)
                done = part[-1].block.number
                # Small blocks come fifty at a time, blocks of a thousand transactions a few at a time.
                each = transactions // len(part) + 1
                batch = max(1, min(_BLOCKS_PER_BATCH, batch * 4, _TRANSACTIONS_PER_BATCH // each))
                enough = len(part) >= _BLOCKS_PER_COMMIT or transactions >= _TRANSACTIONS_PER_COMMIT
                if done == last or (enough and done >= at_least_to):
                    yield part
                    part, transactions = [], 0
        finally:
            wait(waiting)  # nobody reads on behind the next step's back

    def _write(self, database: Database, source: Source, ancestor: int, blocks: list[Block]) -> None:
        contract = self._settings.current.contract or database.contract or _deployed(blocks)
        self._keep_books_of(contract, database, source)
        database.write(ancestor, blocks, lambda: self._lowest_price(contract, source))

    def _keep_books_of(self, contract: bytes | None, database: Database, source: Source) -> None:
        if contract is not None and contract != database.contract:
            database.set_contract(contract, lambda: self._lowest_price(contract, source))

    def _lowest_price(self, contract: bytes | None, source: Source) -> int:
        """Of the contract's terms, which never change."""
        assert contract is not None  # only its events make the books ask
        if contract not in self._lowest_prices:
            with HttpRpc(source.url) as rpc:
                terms = rpc.fetch(Etsc("0x" + contract.hex()).terms())
            self._lowest_prices[contract] = terms.min_unit_price
        return self._lowest_prices[contract]


def _deployed(blocks: list[Block]) -> bytes | None:
    """An ETSC that was created in one of the blocks, where the configuration names none."""
    for block in blocks:
        for row in block.transactions:
            if row.created is not None and row.status == 1 and row.input.startswith(ARTIFACT.bytecode):
                return row.created
    return None
