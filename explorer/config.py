"""What the explorer is told: one JSON file, read at the start and again whenever it changes."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from errors import TestbedError

_CONSENSUS = ("clique", "pow")
_LONGEST_MS = 3_600_000


@dataclass(frozen=True)
class Node:
    """One node of the testbed; `address` is its p2p listener as host:port."""

    name: str
    device: str
    rpc_url: str
    ws_url: str | None
    ipc_path: str | None
    address: str | None
    sealer: bytes | None


@dataclass(frozen=True)
class Link:
    """What is told of the network between two nodes; `latency_ms` is None where it is not told."""

    between: frozenset[str]
    latency_ms: float | None
    cut: bool


@dataclass(frozen=True)
class Account:
    address: bytes
    name: str
    role: str


@dataclass(frozen=True)
class Config:
    """`index` is a folder with one database for each chain; `campaigns` the folder of the testbed's reports.

    What is None is not known before a node is asked; of a contract: before one is seen.
    """

    name: str
    listen: str
    port: int
    index: Path
    campaigns: Path | None
    consensus: str | None
    contract: bytes | None
    genesis_hash: bytes | None
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    accounts: tuple[Account, ...]
    allowed_hosts: tuple[str, ...]
    by_address: dict[bytes, Account] = field(repr=False, compare=False)
    by_sealer: dict[bytes, Node] = field(repr=False, compare=False)


def load(path: Path) -> Config:
    """Raises TestbedError that names the file, the key and what is allowed there."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise TestbedError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise TestbedError(f"is not JSON: {error}", where=str(path)) from error
    return _config(_Table(document, str(path)))


def _config(table: _Table) -> Config:
    consensus, campaigns = table.optional_text("consensus"), table.optional_text("campaigns")
    if consensus is not None and consensus not in _CONSENSUS:
        raise table.wrong("consensus", consensus, "one of " + ", ".join(_CONSENSUS))
    nodes = tuple(_node(row) for row in table.tables("nodes"))
    accounts = tuple(
        Account(_required(row, "address", 20), row.text("name"), row.text("role", default=""))
        for row in table.tables("accounts")
    )
    config = Config(
        name=table.text("name"),
        listen=table.text("listen", default="127.0.0.1"),
        port=table.integer("port", 0, 65535),
        index=Path(table.text("index")),
        campaigns=None if campaigns is None else Path(campaigns),
        consensus=consensus,
        contract=table.octets("contract", 20),
        genesis_hash=table.octets("genesis_hash", 32),
        nodes=nodes,
        links=_links(table, {node.name for node in nodes}),
        accounts=accounts,
        allowed_hosts=table.texts("allowed_hosts"),
        by_address={account.address: account for account in accounts},
        by_sealer={node.sealer: node for node in nodes if node.sealer is not None},
    )
    table.refuse_others()
    return config


def _node(row: _Table) -> Node:
    node = Node(
        name=row.text("name"),
        device=row.text("device", default=""),
        rpc_url=row.text("rpc_url"),
        ws_url=row.optional_text("ws_url"),
        ipc_path=row.optional_text("ipc_path"),
        address=row.optional_text("address"),
        sealer=row.octets("sealer", 20),
    )
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", node.rpc_url):
        raise row.wrong("rpc_url", node.rpc_url, "an http:// or https:// address")
    if node.address is not None and not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5}", node.address):
        raise row.wrong("address", node.address, "host:port")
    row.refuse_others()
    return node


def _links(table: _Table, names: set[str]) -> tuple[Link, ...]:
    links: dict[frozenset[str], Link] = {}
    for row in table.tables("links"):
        ends = row.texts("between")
        between = frozenset(ends)
        if len(ends) != 2 or len(between) != 2 or not between <= names:
            raise row.wrong("between", list(ends), "the names of two nodes of this configuration")
        if between in links:
            raise row.wrong("between", list(ends), "two nodes of which no other link tells")
        links[between] = Link(between, row.milliseconds("latency_ms"), row.flag("cut"))
        row.refuse_others()
    return tuple(links.values())


def _required(row: _Table, key: str, length: int) -> bytes:
    octets = row.octets(key, length)
    if octets is None:
        raise row.wrong(key, None, f"0x and {2 * length} hexadecimal digits")
    row.seen |= {"name", "role"}
    row.refuse_others()
    return octets


class _Table:
    """A JSON object whose keys are asked for by type, and which knows where it stands."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise TestbedError("must be a JSON object", where=where)
        self.value = value
        self.where = where
        self.seen: set[str] = set()

    def wrong(self, key: str, value: Any, allowed: str) -> TestbedError:
        return TestbedError(f"{key} is {value!r}, but must be {allowed}", where=self.where)

    def _take(self, key: str) -> Any:
        self.seen.add(key)
        return self.value.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        value = self._take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (not value and default is None):
            raise self.wrong(key, value, "a text")
        return value

    def optional_text(self, key: str) -> str | None:
        return None if self._take(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, value, "a list of texts")
        return tuple(value)

    def integer(self, key: str, low: int, high: int) -> int:
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, value, f"a whole number from {low} to {high}")
        return value

    def milliseconds(self, key: str) -> float | None:
        value = self._take(key)
        if value is None:
            return None
        # JSON as Python reads it has NaN and Infinity too.
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= _LONGEST_MS:
            raise self.wrong(key, value, f"a number from 0 to {_LONGEST_MS}")
        return float(value)

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, value, "true or false")
        return bool(value)

    def octets(self, key: str, length: int) -> bytes | None:
        value = self._take(key)
        if value is None:
            return None
        if not isinstance(value, str) or not re.fullmatch(f"0x[0-9a-fA-F]{{{2 * length}}}", value):
            raise self.wrong(key, value, f"0x and {2 * length} hexadecimal digits")
        return bytes.fromhex(value[2:])

    def tables(self, key: str) -> list[_Table]:
        value = self._take(key) or []
        if not isinstance(value, list):
            raise self.wrong(key, value, "a list")
        return [_Table(item, f"{self.where}: {key}[{index}]") for index, item in enumerate(value)]

    def refuse_others(self) -> None:
        for key in self.value.keys() - self.seen:
            near = difflib.get_close_matches(key, self.seen, n=1)
            raise TestbedError(
                f"{key} is not a key here",
                where=self.where,
                fix=f"Did you mean {near[0]}?" if near else None,
            )


class Settings:
    """The configuration as it stands now: the contract's address may become known after the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.current = load(path)
        self.problem: str | None = None
        self._stamp = self._stat()

    def refresh(self) -> bool:
        """Read the file again if it changed; whether the configuration changed.

        A file that cannot be read leaves the last good configuration in place and says so in `problem`.
        """
        stamp = self._stat()
        if stamp is None or stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            config = load(self._path)
        except TestbedError as error:
            self.problem = str(error)
            return False
        self.problem = None
        changed = config != self.current
        self.current = config
        return changed

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
