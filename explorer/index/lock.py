"""One process writes a folder of indexes at a time."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from errors import EnvironmentFault

# The index process of a server that was killed ends within a moment.
_PATIENCE_SECONDS = 5.0
_POLL_SECONDS = 0.02


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Holds the folder, which is made where it is not there, and lets it go with the process at the latest.

    Raises EnvironmentFault where the folder cannot be written, or another process goes on holding it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise EnvironmentFault(
            f"the index cannot be kept there: {error.strerror}", where=str(folder)
        ) from error
    with file:
        ends_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > ends_at:
                    raise EnvironmentFault(
                        "another explorer writes its index there",
                        where=str(folder),
                        fix="Stop that one, or give this one another folder.",
                    ) from error
            time.sleep(_POLL_SECONDS)
        yield
