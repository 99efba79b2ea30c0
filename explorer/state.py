"""What the threads of the explorer tell each other and the pages: small values behind one lock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

HEARTBEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Following:
    """How the index stands to the chain. `problem` says why it does not move, in words for a page."""

    head: int | None = None
    indexed: int | None = None
    rpc_url: str | None = None
    problem: str | None = None

    @property
    def lag_blocks(self) -> int | None:
        if self.head is None:
            return None
        return max(0, self.head - (-1 if self.indexed is None else self.indexed))


class State:
    """The newest Following, and a bell for the pages that wait for a newer one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._following = Following()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    @property
    def following(self) -> Following:
        return self._following

    def update(self, **changes: int | str | None) -> None:
        """From any thread. Rings only where something changed."""
        with self._lock:
            newer = replace(self._following, **changes)  # type: ignore[arg-type]
            if newer == self._following:
                return
            self._following = newer
        self.ring()

    def ring(self) -> None:
        """From any thread: tell every open page to look again."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def close(self) -> None:
        """End every stream of rings, so that the server can stop at once."""
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
