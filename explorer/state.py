"""What is known of the chain besides the index, and a bell for the pages that wait for something newer.

The index process writes it; the pages have a copy that follows within milliseconds.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from explorer.config import Node

HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Peer:
    """A connection as one of its two ends reports it."""

    enode_id: str
    client: str
    remote_address: str
    inbound: bool


@dataclass(frozen=True)
class NodeState:
    """What is known of a node; `problem` says why it does not answer, and then the rest is the last known.

    Times are measured from here and change always, so a change of them alone is no news.
    """

    node: Node
    asked: bool = False
    problem: str | None = None
    client: str | None = None
    head: int | None = None
    head_hash: bytes | None = None
    total_difficulty: int | None = None
    sealing: bool | None = None
    round_trip_ms: float | None = field(default=None, compare=False)
    enode_id: str | None = None
    peers: tuple[Peer, ...] | None = None
    peers_problem: str | None = None
    pending: int | None = None
    queued: int | None = None
    connect_ms: float | None = field(default=None, compare=False)
    connect_problem: str | None = None

    @property
    def answers(self) -> bool:
        """Whether it has been asked and answered the last time."""
        return self.asked and self.problem is None


@dataclass(frozen=True)
class Following:
    """How the index stands to the chain. `problem` says why it does not move, in words for a page."""

    head: int | None = None
    indexed: int | None = None
    rpc_url: str | None = None
    chain_id: int | None = None
    consensus: str | None = None
    contract: bytes | None = None
    index: Path | None = None
    notices: tuple[str, ...] = ()
    problem: str | None = None
    nodes: tuple[NodeState, ...] = ()

    @property
    def lag_blocks(self) -> int | None:
        if self.head is None:
            return None
        return max(0, self.head - (-1 if self.indexed is None else self.indexed))


class State:
    """The newest Following. `changed` is called, from whichever thread, after each change."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._lock = threading.Lock()
        self._following = Following()
        self._changed = changed

    @property
    def following(self) -> Following:
        return self._following

    def update(self, **changes: Any) -> None:
        """Calls `changed` only where something did."""
        self.replace_with(lambda following: replace(following, **changes))

    def replace_with(self, newer: Callable[[Following], Following]) -> None:
        with self._lock:
            following = newer(self._following)
            if following == self._following:
                return
            self._following = following
        self._changed()


class Bell:
    """Wakes every stream of the server; each ring is a new generation of the pages."""

    def __init__(self) -> None:
        self.generation = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def ring(self) -> None:
        """From any thread: tell every open page to look again."""
        self.generation += 1
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """End every stream, so that the server can stop at once."""
        self._closed = True
        self.ring()

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    async def rings(self) -> AsyncIterator[bool]:
        """True at each ring, False where a quarter of a minute passed without one; on the event loop."""
        while not self._closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                await asyncio.wait_for(waiter, HEARTBEAT_SECONDS)
                yield True
            except TimeoutError:
                yield False
            finally:
                self._waiting.discard(waiter)
