"""The data sets that ethash mines with: which files they are, and whether they are whole.

Geth computes an epoch's data set and the next one's as soon as it mines, for many minutes and at the
cost of each miner's share of the processor; so both are made once, before any node starts.
Source: the ethash specification and go-ethereum v1.11.6, consensus/ethash.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from errors import EnvironmentFault

EPOCH_BLOCKS = 30_000
_SAMPLE_BYTES = 4096
_MARGIN_BYTES = 512 * 1024 * 1024  # for the chain that will mine with it
_TEMPORARY = re.compile(r"full-R23-[0-9a-f]{16}\.\d+")


@dataclass(frozen=True)
class Epoch:
    """One data set: Geth's name for its file, its exact size, and digests of its ends.

    The digests are SHA-256 of the first and the last 4,096 bytes: the data are the same on every
    little-endian machine, and a file that was cut, or never written to its end, differs in one of them.
    """

    number: int
    file_name: str
    size_bytes: int
    head_sha256: str
    tail_sha256: str

    @property
    def a_block(self) -> int:
        """A block of this epoch, as `geth makedag` wants it."""
        return self.number * EPOCH_BLOCKS + 1

    def is_whole(self, directory: Path) -> bool:
        path = directory / self.file_name
        try:
            if path.stat().st_size != self.size_bytes:
                return False
            with path.open("rb") as file:
                head = file.read(_SAMPLE_BYTES)
                file.seek(self.size_bytes - _SAMPLE_BYTES)
                tail = file.read(_SAMPLE_BYTES)
        except OSError:
            return False
        digests = hashlib.sha256(head).hexdigest(), hashlib.sha256(tail).hexdigest()
        return digests == (self.head_sha256, self.tail_sha256)


# A testbed that seals a block every few seconds reaches neither the end of epoch 1 nor epoch 2's.
EPOCHS = (
    Epoch(
        0,
        "full-R23-0000000000000000",
        1_073_739_912,
        "94f72ea3bafca715be6a4ac49a68e193abafd135fba09043aacb65bee99f781b",
        "d58a257483ebb65cf59b0dbd88061b88aac6c02f564c7d5f88f7cf8d0489d634",
    ),
    Epoch(
        1,
        "full-R23-290decd9548b62a8",
        1_082_130_312,
        "db8acb849aad7bb479d3a158a864559d3c12a550b3705cd893361cae67f7efaf",
        "88df9a3b925ba28e1d249166b196781aa85e9978faee75397a5e5494791bcb92",
    ),
)


def missing_epochs(directory: Path) -> list[Epoch]:
    """The epochs without a whole file in `directory`."""
    return [epoch for epoch in EPOCHS if not epoch.is_whole(directory)]


def remove_remains(directory: Path) -> list[Path]:
    """Remove what an interrupted generation left (1 GiB each) and files that are not whole.

    Call it only while nobody generates into `directory`. Returns what was removed.
    """
    if not directory.is_dir():
        return []
    broken = {epoch.file_name for epoch in missing_epochs(directory)}
    remains = [path for path in directory.iterdir() if path.name in broken or _TEMPORARY.fullmatch(path.name)]
    for path in remains:
        path.unlink(missing_ok=True)
    return remains


def check_room(directory: Path, epochs: Sequence[Epoch]) -> None:
    """Raise EnvironmentFault where the disk of `directory` cannot hold the files of `epochs`."""
    needed = sum(epoch.size_bytes for epoch in epochs) + (_MARGIN_BYTES if epochs else 0)
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise EnvironmentFault(
            f"proof of work needs {_gib(needed)} of disk for its data sets, {_gib(free)} are free",
            where=str(directory),
            fix="Make room there, set TESTBED_CACHE to another disk, or take `--consensus clique`.",
        )


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f} GiB"
