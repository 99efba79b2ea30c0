"""What one machine keeps for all its testbeds: the Geth binary and the DAGs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from errors import EnvironmentFault
from orchestrator.progress import HEARTBEAT_SECONDS, Report, with_elapsed

_POLL_SECONDS = 0.1
_SCRATCH = "scratch-"


def cache_root() -> Path:
    """The cache's folder: $TESTBED_CACHE, or this user's cache folder."""
    chosen = os.environ.get("TESTBED_CACHE")
    return Path(chosen).resolve() if chosen else platformdirs.user_cache_path("elecoin-testbed")


@contextlib.contextmanager
def locked(path: Path, report: Report, what: str, timeout_seconds: float = 3600.0) -> Iterator[int]:
    """Hold the lock file `path`, waiting (and saying so) while another process does `what`.

    Yields the lock's descriptor: a child that inherits it keeps the lock for as long as it lives, even
    where this process is killed. Raises EnvironmentFault where the folder cannot be written, and after
    `timeout_seconds`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise EnvironmentFault(
            f"cannot be written: {error.strerror}",
            where=str(path),
            fix="Set TESTBED_CACHE to a folder of yours with some GiB free.",
        ) from error
    try:
        begun = said = time.monotonic()
        while not _taken(descriptor):
            now = time.monotonic()
            if now - begun > timeout_seconds:
                raise EnvironmentFault(
                    f"another process has been {what} for {timeout_seconds:.0f} s", where=str(path)
                )
            if said == begun or now - said >= HEARTBEAT_SECONDS:
                report(with_elapsed(f"waiting: another process is {what}", now - begun))
                said = now
            time.sleep(_POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock file `path` just now."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _taken(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder on the cache's disk that is gone after the block.

    A folder whose process was killed before it could remove it is removed by the next caller.
    """
    root = cache_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(root)
        folder = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-", dir=root))
    except OSError as error:
        raise EnvironmentFault(
            f"cannot be written: {error.strerror}",
            where=str(root),
            fix="Set TESTBED_CACHE to a folder of yours with some GiB free.",
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(root: Path) -> None:
    for folder in root.glob(f"{_SCRATCH}*"):
        owner = folder.name.removeprefix(_SCRATCH).partition("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
