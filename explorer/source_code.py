"""ETSC's sources as they are shown, and whether the code on the chain is what they compile to.

Three things are compared: the code on the chain with the compiled contract that this explorer ships; the
sources that it ships with those that the compiler noted when it made that contract; and, outside of the
explorer, `testbed contract check` compiles the sources anew.
"""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import zip_longest
from typing import Any

from eth_utils.crypto import keccak
from markupsafe import Markup

from contracts.artifact import ARTIFACT

_OURS = "src/"


@dataclass(frozen=True)
class SourceFile:
    """A file that the compiler read; `text` is None for one that is not shipped: a library's."""

    path: str
    text: str | None
    recorded: bytes
    """keccak256, as the compiler noted it."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @cached_property
    def lines(self) -> list[str]:
        return [] if self.text is None else self.text.splitlines()

    @cached_property
    def numbered(self) -> Markup:
        """The lines as HTML, each behind its number. Made once: there are more than a thousand."""
        line = Markup('<span class="ln" id="{}-L{}">{}</span> {}\n')
        return Markup("").join(
            line.format(self.name, number, number, text) for number, text in enumerate(self.lines, 1)
        )

    @cached_property
    def found(self) -> bytes | None:
        """keccak256 of what is shown here."""
        return None if self.text is None else bytes(keccak(self.text.encode()))

    @property
    def same(self) -> bool:
        return self.found == self.recorded


@dataclass(frozen=True)
class Compared:
    """The code at an address beside the compiled contract: sizes in bytes, hashes by keccak256.

    Of both codes the immutables, which the constructor fills in, are taken as zeros.
    """

    size: int
    code_hash: bytes
    masked_hash: bytes
    compiled_size: int
    compiled_hash: bytes
    first_difference: int | None
    """The first byte in which they differ, None where none does."""

    @property
    def same(self) -> bool:
        return self.first_difference is None


@lru_cache(maxsize=1)
def sources() -> tuple[SourceFile, ...]:
    """Every file of the compilation: first the contract's own, then the libraries'."""
    hashes = ARTIFACT.source_hashes
    return tuple(
        SourceFile(path, _text(path), hashes[path])
        for path in sorted(hashes, key=lambda path: (not path.startswith(_OURS), path))
    )


def _text(path: str) -> str | None:
    if not path.startswith(_OURS):
        return None
    try:
        # As bytes: a reader that translates line ends would change the hash.
        return importlib.resources.files("contracts").joinpath(*path.split("/")).read_bytes().decode()
    except (OSError, UnicodeDecodeError):
        return None


def compiler() -> dict[str, Any]:
    """name, version, settings (evmVersion, optimizer.enabled, optimizer.runs, viaIR)."""
    return ARTIFACT.compiler


def immutables() -> int:
    """In how many places of the code the constructor's arguments stand."""
    return len(ARTIFACT.immutable_references)


def compare(code: bytes) -> Compared:
    """`code` is what eth_getCode says."""
    compiled, masked = ARTIFACT.deployed_bytecode, ARTIFACT.masked(code)
    return Compared(
        size=len(code),
        code_hash=keccak(code),
        masked_hash=keccak(masked),
        compiled_size=len(compiled),
        compiled_hash=keccak(compiled),
        first_difference=None
        if ARTIFACT.is_deployed_code(code)
        else next(at for at, (here, there) in enumerate(zip_longest(masked, compiled)) if here != there),
    )
