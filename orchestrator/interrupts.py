"""Steps that Ctrl-C must not cut in two."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

# The signals that end a command in good order.
STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A signal that comes meanwhile is heard after the block, as KeyboardInterrupt."""
    heard: list[int] = []
    before = [signal.signal(number, lambda number, _: heard.append(number)) for number in STOPPING]
    try:
        yield
    finally:
        for number, handler in zip(STOPPING, before, strict=True):
            signal.signal(number, handler)
    if heard:
        raise KeyboardInterrupt
