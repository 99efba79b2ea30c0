"""The thread of the server that keeps the process of the index alive, and hears what it tells.

It is a process of its own so that a catch-up takes no time from the pages. Where it ends before the server
does, it is started anew.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Pipe
from pathlib import Path

from explorer.index.readers import Readers
from explorer.state import Following

_RESTART_SECONDS = 0.5
_END_SECONDS = 5.0


class IndexProcess(threading.Thread):
    """Runs `python -m explorer index`, and follows what it says.

    `heard` is called with each news, on this thread, when the readers already stand where it says.
    """

    def __init__(self, config: Path, readers: Readers, heard: Callable[[Following], None]) -> None:
        super().__init__(name="index process", daemon=True)
        self._config = config
        self._readers = readers
        self._heard = heard
        self._ended = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Ends the process, which finishes what it is writing."""
        self._ended.set()
        if (process := self._process) is not None:
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()  # the write-ahead log keeps what is written

    def run(self) -> None:
        following = Following()
        while not self._ended.is_set():
            ours, theirs = Pipe(duplex=False)
            command = [sys.executable, "-m", "explorer", "index", "--config", str(self._config)]
            self._process = subprocess.Popen(
                [*command, "--tell", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
            )
            theirs.close()
            with ours, self._process:
                if self._ended.is_set():
                    self._process.terminate()
                try:
                    while True:
                        following = ours.recv()
                        self._readers.point_at(following.index)
                        self._heard(following)
                except (EOFError, OSError):  # it ended, perhaps in the middle of a word
                    code = self._process.wait()
            # The next one may set the file aside: nobody must have it open then.
            self._readers.point_at(None)
            if not self._ended.is_set():
                problem = f"the index process ended ({_how(code)}) and is started anew"
                print(problem, file=sys.stderr, flush=True)
                self._heard(Following(problem=problem, nodes=following.nodes))
                self._ended.wait(_RESTART_SECONDS)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
