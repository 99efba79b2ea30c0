"""What this machine has, and what to do about what it lacks."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import psutil

from errors import EnvironmentFault
from genesis.dag import missing_epochs
from orchestrator import store
from orchestrator.cache import cache_root
from orchestrator.dag import dag_directory
from orchestrator.engines.docker import check_daemon
from orchestrator.geth import GETH_VERSION, version_of

_GIB = 1024**3
_DOCKER_WITHOUT_LOCK_UP = (20, 10, 27)
_WANTED_DISK_GIB = 5
_WANTED_MEMORY_GIB = 4


@dataclass(frozen=True)
class Finding:
    """good: nothing to do; warn: something will be slower or missing; bad: a testbed cannot run."""

    subject: str
    verdict: Literal["good", "warn", "bad"]
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def examine() -> list[Finding]:
    """Looks only; installs and changes nothing."""
    return [*_machine(), *_docker(), *_geth(), *_disk(), _dag()]


def _machine() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("Python", "good" if sys.version_info >= (3, 11) else "bad", version)
    cpus, memory = os.cpu_count() or 1, psutil.virtual_memory().total / _GIB
    yield Finding(
        "processors",
        "good" if cpus >= 2 else "warn",
        str(cpus),
        "" if cpus >= 2 else "Three nodes and the bots share one processor: slots will be slow.",
    )
    enough = memory >= _WANTED_MEMORY_GIB
    advice = "" if enough else f"{_WANTED_MEMORY_GIB} GiB are wanted; fewer prosumers need less."
    yield Finding("memory", "good" if enough else "warn", f"{memory:.1f} GiB", advice)


def _docker() -> Iterator[Finding]:
    try:
        version = check_daemon()
    except EnvironmentFault as fault:
        yield Finding("Docker", "warn", fault.what, fault.fix or "Without it, testbeds run as processes.")
        return
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers < _DOCKER_WITHOUT_LOCK_UP:
        advice = (
            "Before 20.10.27 the daemon can lock up when containers end at the same moment (moby#42545); the"
            " testbed ends its own one by one."
        )
        yield Finding("Docker", "warn", f"{version} and Compose answer", advice)
    else:
        yield Finding("Docker", "good", f"{version} and Compose answer")


def _geth() -> Iterator[Finding]:
    on_path = shutil.which("geth")
    candidates = [("on PATH", on_path), ("in the cache", str(cache_root() / "bin" / f"geth-{GETH_VERSION}"))]
    for where, path in candidates:
        if path and os.path.exists(path):
            from pathlib import Path

            version = version_of(Path(path))
            if version == GETH_VERSION:
                yield Finding("Geth", "good", f"{version} {where}")
                return
            yield Finding(
                "Geth", "warn", f"{version or 'unreadable'} {where} is not used", f"Only {GETH_VERSION} is."
            )
    yield Finding(
        "Geth", "warn", "not there yet", "The first `testbed up` builds it (some minutes) or pulls its image."
    )


def _disk() -> Iterator[Finding]:
    for what, path in (("testbeds", store.home()), ("cache", cache_root())):
        existing = next(parent for parent in (path, *path.parents) if parent.exists())
        free = shutil.disk_usage(existing).free / _GIB
        writable = existing.is_dir() and os.access(existing, os.W_OK)
        if not writable:
            yield Finding(
                f"disk for {what}", "bad", f"{path} cannot be written", "Set TESTBED_HOME or TESTBED_CACHE."
            )
        else:
            enough = free >= _WANTED_DISK_GIB
            advice = "" if enough else f"{_WANTED_DISK_GIB} GiB are wanted."
            yield Finding(
                f"disk for {what}", "good" if enough else "warn", f"{free:.1f} GiB free at {path}", advice
            )


def _dag() -> Finding:
    missing = missing_epochs(dag_directory())
    if not missing:
        return Finding("proof of work", "good", "its data sets are there")
    return Finding(
        "proof of work",
        "warn",
        f"{len(missing)} of 2 data sets are missing",
        "`testbed up --consensus pow` makes them once, in 6 to 10 minutes each; clique needs none.",
    )
