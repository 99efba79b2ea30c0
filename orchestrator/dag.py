"""Making the data sets of proof of work, once per machine.

`python -m orchestrator.dag` does it ahead of time.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from genesis.dag import Epoch, check_room, missing_epochs, remove_remains
from orchestrator.cache import cache_root, is_locked, locked
from orchestrator.command import stderr_lines
from orchestrator.geth import find_geth
from orchestrator.progress import Report, ReportStep, Step, progress_bar

_LOCK = ".generating.lock"
_EPOCH_SECONDS = 3600.0
_PERCENT = re.compile(r"Generating DAG in progress\s+epoch=(\d+)\s+percentage=(\d+)")
_SURE_AFTER = 0.03  # no estimate before that much is done


def dag_directory() -> Path:
    """Where this machine's data sets are; every mining node reads them there."""
    return cache_root() / "dag"


def ensure_dag(
    makedag: Callable[[], Sequence[str]], report: Report, show: ReportStep, *, directory: Path | None = None
) -> Path:
    """See to it that epochs 0 and 1 are on disk; returns their directory.

    `makedag` gives the command up to and with the word `makedag` (see `on_host`, `in_container`); it is
    asked only where something is missing. What exists and is whole is kept, what is cut is made anew. An
    interruption leaves no partial file, and another process that generates is waited for.
    Raises EnvironmentFault where the disk is too small or Geth fails.
    """
    directory = directory or dag_directory()
    if not missing_epochs(directory):
        return directory
    with locked(directory / _LOCK, report, "generating the data sets of proof of work") as lock:
        remove_remains(directory)
        missing = missing_epochs(directory)
        check_room(directory, missing)
        command = list(makedag()) if missing else []
        try:
            for epoch in missing:
                _generate(command, epoch, directory, show, lock)
        finally:
            remove_remains(directory)
    return directory


def is_generating(directory: Path | None = None) -> bool:
    """Whether some process is at it just now."""
    return is_locked((directory or dag_directory()) / _LOCK)


def on_host(geth: Path) -> list[str]:
    """How a Geth on this machine makes a data set."""
    return [str(geth), "makedag"]


def in_container(image: str, directory: Path | None = None) -> list[str]:
    """How the Geth of a Docker image makes a data set: for machines with Docker and no Geth."""
    directory = directory or dag_directory()
    directory.mkdir(parents=True, exist_ok=True)
    owner = f"{os.getuid()}:{os.getgid()}"
    return [
        *("docker", "run", "--rm", "--init", "--network", "none", "--user", owner),
        *("--volume", f"{directory}:{directory}", "--entrypoint", "geth", image, "makedag"),
    ]


def _generate(makedag: Sequence[str], epoch: Epoch, directory: Path, show: ReportStep, lock: int) -> None:
    what = f"proof of work, data set {epoch.number + 1} of 2"
    show(Step(what, 0.0, None))
    begun = time.monotonic()
    done = 0.0
    command = [*makedag, str(epoch.a_block), str(directory)]
    # The child inherits the lock: should this process be killed, the next one waits for the child.
    with contextlib.closing(stderr_lines(command, timeout_seconds=_EPOCH_SECONDS, pass_fds=[lock])) as lines:
        for line in lines:
            if (found := _PERCENT.search(line)) and int(found[1]) == epoch.number:
                done = int(found[2]) / 100
            elapsed = time.monotonic() - begun
            left = elapsed * (1 - done) / done if done >= _SURE_AFTER else None
            show(Step(what, done, left))
    show(Step(what, 1.0, 0.0))


def main() -> None:
    """Make the data sets of proof of work for this machine, showing how far it is."""
    from rich.console import Console

    console = Console()
    # Ended from outside, it cleans up as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    with progress_bar(console) as show:
        directory = ensure_dag(lambda: on_host(find_geth(say)), say, show)
    free = shutil.disk_usage(directory).free / 2**30
    say(f"the data sets of proof of work are in {directory} ({free:.0f} GiB free)")


if __name__ == "__main__":
    main()
