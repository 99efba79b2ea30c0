"""Geth v1.11.6, the last one that mines with ethash and with clique: found, cached, or built."""

from __future__ import annotations

import os
import re
import shutil
import struct
from pathlib import Path

from errors import EnvironmentFault
from orchestrator.cache import cache_root, locked
from orchestrator.command import CommandFailed, run
from orchestrator.golang import go_install
from orchestrator.progress import Report

GETH_VERSION = "1.11.6"
_PACKAGE = f"github.com/ethereum/go-ethereum/cmd/geth@v{GETH_VERSION}"
_TAGS = "netgo osusergo urfave_cli_no_docs"
_ELF_MAGIC = b"\x7fELF"
_ELF_INTERPRETER = 3  # PT_INTERP: names the dynamic loader


def find_geth(report: Report, *, static: bool = False) -> Path:
    """Geth v1.11.6 from PATH, else from the cache, else built into the cache.

    With `static`, only one that needs no library, so that it runs in an empty image.
    Raises EnvironmentFault where it is nowhere and cannot be built.
    """
    return _on_path(report, static) or _cached() or _build(report)


def _on_path(report: Report, static: bool) -> Path | None:
    found = shutil.which("geth")
    if found is None:
        return None
    version = version_of(Path(found))
    if version != GETH_VERSION:
        told = "does not run" if version is None else f"is v{version}"
        report(
            f"{found} {told} and is not used: v{GETH_VERSION} is needed, since v1.12 refuses ethash"
            " on an unmerged chain and v1.14 refuses clique"
        )
        return None
    if static and not is_static(Path(found)):
        report(f"{found} needs shared libraries and is not used in an image")
        return None
    return Path(found)


def _cached() -> Path | None:
    path = _cache_path()
    return path if path.exists() and version_of(path) == GETH_VERSION else None


def _build(report: Report) -> Path:
    target = _cache_path()
    with locked(target.with_name(f"{target.name}.lock"), report, f"building Geth v{GETH_VERSION}"):
        if (built_meanwhile := _cached()) is not None:
            return built_meanwhile
        report(f"Geth v{GETH_VERSION} is not here: building it, once per machine, in a few minutes")
        try:
            with go_install(_PACKAGE, "geth", report, tags=_TAGS) as binary:
                os.replace(binary, target)
        except CommandFailed as error:
            said = "\n".join(filter(None, (error.what, error.fix)))
            raise EnvironmentFault(
                f"Geth v{GETH_VERSION} is not installed and could not be built",
                where=error.where,
                fix=f"{said}\nOr put Geth v{GETH_VERSION} on PATH.",
            ) from error
        if version_of(target) != GETH_VERSION:
            target.unlink()
            raise EnvironmentFault("the Geth just built does not run", where=str(target))
    return target


def _cache_path() -> Path:
    return cache_root() / "bin" / f"geth-{GETH_VERSION}"


def version_of(geth: Path) -> str | None:
    """The version that a Geth says it is, such as "1.11.6"; None where it does not run."""
    try:
        said = run([geth, "version"], timeout_seconds=10).stdout
    except CommandFailed:
        return None
    found = re.search(r"^Version: (\d+\.\d+\.\d+)", said, re.MULTILINE)
    return found[1] if found else None


def is_static(binary: Path) -> bool:
    """Whether a 64-bit ELF binary runs without a dynamic loader (false for anything else)."""
    with binary.open("rb") as file:
        header = file.read(64)
        if len(header) < 64 or header[:4] != _ELF_MAGIC or header[4] != 2:
            return False
        (table_at,) = struct.unpack_from("<Q", header, 32)
        entry_bytes, entries = struct.unpack_from("<HH", header, 54)
        file.seek(table_at)
        table = file.read(entry_bytes * entries)
    kinds = {struct.unpack_from("<I", table, index * entry_bytes)[0] for index in range(entries)}
    return bool(kinds) and _ELF_INTERPRETER not in kinds
