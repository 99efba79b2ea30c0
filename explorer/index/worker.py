"""The process that writes the index: it tells the server whatever changes over a pipe, and ends with it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from explorer.config import Settings
from explorer.index.indexer import Indexer
from explorer.state import State


def index(config: Path, tell: int) -> None:
    """Write the index until told to stop, or until the server that listens at `tell` is gone."""
    settings = Settings(config)
    changed = threading.Event()
    state = State(changed.set)
    indexer = Indexer(settings, state)
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: indexer.stop())
    threading.Thread(target=_tell, args=(Connection(tell), state, changed), daemon=True).start()
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    indexer.run()


def _tell(pipe: Connection, state: State, changed: threading.Event) -> None:
    """Whatever is newest, as often as the server takes it."""
    while True:
        changed.wait()
        changed.clear()
        try:
            pipe.send(state.following)
        except OSError:
            os._exit(0)  # nobody is there to index for


def _end_with_the_server() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns when the other end is closed
    os._exit(0)
