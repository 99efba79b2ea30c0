"""Where testbeds live on disk: one directory each, keyed by name, with `state.json` inside.

The state is what cannot be computed again from the configuration: mnemonic, chain ID, time of the
genesis block, ports, subnet. It is written whole or not at all, and carries a checksum, because a
chain whose state was edited by hand fails later and far from the cause.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock, Timeout

from errors import EnvironmentFault, TestbedError, UsageError
from errors.files import write_atomic

_VERSION = 1
_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,22}[a-z0-9])?")
# sun_path of a UNIX socket holds 108 bytes on Linux and 104 on macOS, with the final zero.
_LONGEST_SOCKET_PATH = 103
# Geth shuts itself down where less than 32 MiB are left, and a campaign wants to write too.
_LEAST_FREE_MIB = 200


@dataclass
class State:
    """What one testbed is made of, beyond its configuration."""

    name: str
    engine: str
    config: dict[str, Any]
    mnemonic: str
    # Of every participant and sealer: deriving them again costs a second of every command.
    addresses: dict[str, str]
    chain_id: int
    genesis_time: int
    ports: dict[str, int]
    subnet: str | None = None
    # Known once the chain runs.
    genesis_hash: str | None = None
    contract: str | None = None
    ready_once: bool = False
    campaigns: int = 0
    version: int = field(default=_VERSION)


def home() -> Path:
    """`$TESTBED_HOME`, else the user's data directory."""
    given = os.environ.get("TESTBED_HOME")
    return Path(given).resolve() if given else platformdirs.user_data_path("elecoin-testbed")


def directory_of(name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a testbed: allowed are 1 to 24 of a-z, 0-9 and -, a letter first"
        )
    return home() / name


def check_socket_path(path: Path) -> None:
    """Raises TestbedError where a UNIX socket cannot be made at `path`."""
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise TestbedError(
            f"the path is too long for a socket: {len(os.fsencode(path))} bytes,"
            f" allowed are {_LONGEST_SOCKET_PATH}",
            where=str(path),
            fix="Set TESTBED_HOME to a shorter directory, or take shorter names.",
        )


def check_room() -> None:
    """Raises EnvironmentFault where the disk of the testbeds is as good as full."""
    there = next(path for path in (home(), *home().parents) if path.exists())
    free_mib = shutil.disk_usage(there).free // 2**20
    if free_mib < _LEAST_FREE_MIB:
        raise EnvironmentFault(
            f"the disk is full: {free_mib} MiB are left, {_LEAST_FREE_MIB} MiB are needed",
            where=str(home()),
            fix="Make room, or set TESTBED_HOME to a directory on another disk.",
        )


def names() -> list[str]:
    """Testbeds with a state file, alphabetically."""
    if not home().is_dir():
        return []
    return sorted(path.parent.name for path in home().glob("[a-z]*/state.json"))


def load(name: str) -> State | None:
    """The testbed's state, None where there is none. Raises TestbedError where it is damaged."""
    path = directory_of(name) / "state.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, name, f"cannot be read: {error}") from error
    try:
        content = json.loads(text)
        checksum = content.pop("checksum")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise _damaged(path, name, "is truncated or no JSON") from error
    if checksum != _checksum(content):
        raise _damaged(path, name, "was edited: its checksum does not fit")
    if content.get("version") != _VERSION or set(content) != {f.name for f in fields(State)}:
        raise _damaged(path, name, f"was written by another version of testbed ({content.get('version')})")
    return State(**content)


def require(name: str) -> State:
    """The testbed's state. Raises TestbedError where there is no such testbed."""
    state = load(name)
    if state is None:
        there = names()
        raise TestbedError(
            f"there is no testbed {name!r}",
            fix=f"`testbed up --name {name}` makes it."
            + (f" There are: {', '.join(there)}." if there else ""),
        )
    return state


def save(state: State) -> None:
    content = asdict(state)
    content["checksum"] = _checksum(asdict(state))
    write_atomic(directory_of(state.name) / "state.json", json.dumps(content, indent=2), private=True)


def exists(name: str) -> bool:
    """Whether anything of the testbed is on the disk, be it half made or half removed.

    Raises TestbedError where what bears its name is something else, which is nobody's to remove.
    """
    directory = directory_of(name)
    if not directory.exists():
        return _removed(name).exists()
    begun = all(path.name.startswith("state.json.") for path in directory.iterdir())
    lost_its_state = (directory / "genesis.json").exists() and (directory / "nodes").is_dir()
    if not ((directory / "state.json").exists() or begun or lost_its_state):
        raise TestbedError(
            "there is a directory of this name, and it is no testbed",
            where=str(directory),
            fix="Take another --name, or another TESTBED_HOME.",
        )
    return True


def remove(name: str) -> None:
    directory, removed = directory_of(name), _removed(name)
    try:
        if removed.exists():
            shutil.rmtree(removed)
        # At once, so that a removal which is cut short leaves no testbed that looks whole.
        if directory.exists():
            directory.rename(removed)
            shutil.rmtree(removed)
    except OSError as error:
        raise EnvironmentFault(f"cannot be removed: {error.strerror}", where=str(directory)) from error


def _removed(name: str) -> Path:
    return home() / f".removed-{name}"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Only one command changes a testbed at a time. Raises TestbedError where another one does."""
    directory = directory_of(name)
    lock_file = home() / ".locks" / f"{name}.lock"
    holder = lock_file.with_suffix(".pid")
    _make_directory(lock_file.parent)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TestbedError(
            f"another testbed command is working on {name!r} (process {_read_or(holder, 'unknown')})",
            fix="Wait for it to end, or use another --name.",
        ) from error
    except OSError as error:
        raise EnvironmentFault(f"cannot be locked: {error.strerror}", where=str(lock_file)) from error
    try:
        # On a full disk the number is missing, and `destroy` still makes room.
        with suppress(OSError):
            holder.write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        if not directory.exists():
            # Of a testbed that is gone nothing stays. Whoever opened this file meanwhile sees that it
            # was removed (filelock looks), and takes a new one.
            lock_file.unlink(missing_ok=True)
        lock.release()


def _read_or(path: Path, otherwise: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or otherwise
    except OSError:
        return otherwise


@contextmanager
def allocating() -> Iterator[list[State]]:
    """Serialises the choice of ports and subnets; yields the states of all testbeds that can be read."""
    _make_directory(home() / ".locks")
    with FileLock(home() / ".locks" / ".allocation.lock", timeout=60):
        yield [state for name in names() if (state := _load_or_none(name)) is not None]


def _load_or_none(name: str) -> State | None:
    try:
        return load(name)
    except TestbedError:
        return None  # a damaged neighbour is its owner's business; its ports show as taken


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"cannot be made: {error.strerror}", where=str(path)) from error


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path, name: str, how: str) -> TestbedError:
    return TestbedError(
        f"the state file {how}",
        where=str(path),
        fix=f"Put the file back as it was, or `testbed destroy --name {name}` and begin again.",
    )
