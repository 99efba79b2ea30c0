"""The explorer of a chain that no testbed started: any node that speaks Geth's JSON-RPC will do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

import platformdirs
from websockets.exceptions import WebSocketException

from chain.heads import connected
from chain.rpc import HttpRpc
from errors import TestbedError, UsageError
from errors.files import write_atomic
from explorer.index.lock import sole_writer
from explorer.server import serve

_ANSWER_SECONDS = 2.0


@dataclass(frozen=True)
class Alone:
    """One node, and where its pages are served. What is None is found out, or has a default.

    `contract` is an ETSC that was deployed before; one that is deployed later is found by itself.
    """

    rpc_url: str
    ws_url: str | None = None
    ipc_path: Path | None = None
    contract: str | None = None
    name: str | None = None
    listen: str = "127.0.0.1"
    port: int = 0
    index: Path | None = None
    allowed_hosts: tuple[str, ...] = ()


def serve_alone(alone: Alone) -> None:
    """Serve the pages of that node until told to stop; a node that is not there yet is waited for.

    Raises UsageError where an option is not what it must be, else TestbedError as `serve` does.
    """
    _check(alone)
    folder = (alone.index or folder_of(alone.rpc_url)).absolute()
    with sole_writer(folder):  # the settings may be those of one that runs
        path = folder / "explorer.json"
        write_atomic(path, json.dumps(_settings(alone, folder), indent=1), private=True)
    if (problem := _problem(alone.rpc_url)) is not None:
        print(f"{alone.rpc_url} does not answer yet ({problem}). The pages wait for it.", flush=True)
    serve(path)


def folder_of(rpc_url: str) -> Path:
    """Where the indexes of a node lie unless told otherwise: all of it can be read from the node again."""
    chosen = os.environ.get("TESTBED_CACHE")
    cache = Path(chosen) if chosen else platformdirs.user_cache_path("elecoin-testbed")
    readable = re.sub(r"[^a-z0-9.]+", "-", _place(rpc_url).lower()).strip("-")
    # An address may carry a key to the node, which belongs in no name of a folder.
    return cache / "explorer" / f"{readable}-{hashlib.sha256(rpc_url.encode()).hexdigest()[:8]}"


def _place(rpc_url: str) -> str:
    """Host and port."""
    return urllib.parse.urlsplit(rpc_url).netloc.rpartition("@")[2]


def _check(alone: Alone) -> None:
    def must_be(what: str, allowed: str) -> UsageError:
        return UsageError(f"{what} must be {allowed}")

    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", alone.rpc_url):
        raise must_be("--rpc", "an http:// or https:// address")
    if alone.ws_url is not None and not re.fullmatch(r"wss?://[^/\s]+(/\S*)?", alone.ws_url):
        raise must_be("--ws", "a ws:// or wss:// address")
    if alone.contract is not None and not re.fullmatch("0x[0-9a-fA-F]{40}", alone.contract):
        raise must_be("--contract", "an address: 0x and 40 hexadecimal digits")
    if not 0 <= alone.port <= 65535:
        raise must_be("--port", "from 0 to 65535; 0 takes a free one")


def _settings(alone: Alone, folder: Path) -> dict[str, object]:
    name = alone.name or _place(alone.rpc_url)
    return {
        "name": name,
        "listen": alone.listen,
        "port": alone.port,
        "index": str(folder),
        "contract": alone.contract,
        "allowed_hosts": list(alone.allowed_hosts),
        "nodes": [
            {
                "name": name,
                "rpc_url": alone.rpc_url,
                "ws_url": alone.ws_url or _ws_beside(alone.rpc_url),
                "ipc_path": None if alone.ipc_path is None else str(alone.ipc_path.absolute()),
            }
        ],
    }


def _ws_beside(rpc_url: str) -> str | None:
    """The same address, where a node's WebSocket may be (Anvil's is); None where none answers there.

    Without it new heads are asked for instead, five times a second.
    """
    url = "ws" + rpc_url.removeprefix("http")
    try:
        connected(url, _ANSWER_SECONDS).close()
    except (OSError, WebSocketException, ValueError):
        return None
    return url


def _problem(rpc_url: str) -> str | None:
    try:
        with HttpRpc(rpc_url, _ANSWER_SECONDS) as rpc:
            rpc.request("eth_chainId")
    except TestbedError as error:
        return error.what
    return None
