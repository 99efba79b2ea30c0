"""New heads pushed by a node over WebSocket, from whichever node is alive."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from chain.rpc import from_quantity

_SILENCE_SECONDS = 15.0
_POLL_SECONDS = 0.5
_RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class Head:
    """The newest block of a node; a head may replace an older one of the same height."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    base_fee_wei: int

    @classmethod
    def from_json(cls, block: dict[str, Any]) -> Head:
        return cls(
            from_quantity(block["number"]),
            block["hash"],
            block["parentHash"],
            from_quantity(block["timestamp"]),
            from_quantity(block.get("baseFeePerGas", "0x0")),
        )


def heads(ws_urls: Sequence[str], stop: threading.Event) -> Iterator[Head | None]:
    """Each new head until `stop` is set, and None where half a second passed without one.

    A connection that breaks, or a node without a new head for 15 s, hands over to the next node. The first
    head of a connection is the node's present one, so that nobody waits a block for the first.
    """
    for url in itertools.cycle(ws_urls):
        if stop.is_set():
            return
        try:
            with connected(url, 2) as connection:
                yield from _subscribed(connection, stop)
        except (OSError, WebSocketException, ValueError, KeyError):
            stop.wait(_RETRY_SECONDS)  # the next node takes over; this one is tried again in its turn
            yield None


def connected(url: str, open_seconds: float) -> ClientConnection:
    """A WebSocket to that node and to nobody else. Raises OSError, WebSocketException or ValueError.

    The library follows a node's redirect to any other host, but not where it is given the connection.
    """
    parts = urlsplit(url)
    place = parts.hostname or "", parts.port or (443 if parts.scheme == "wss" else 80)
    dialled = socket.create_connection(place, open_seconds)
    dialled.settimeout(None)  # the library waits with timeouts of its own
    return connect(url, sock=dialled, open_timeout=open_seconds, close_timeout=1, max_size=None, proxy=None)


def _subscribed(connection: ClientConnection, stop: threading.Event) -> Iterator[Head | None]:
    connection.send('{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}')
    connection.send('{"jsonrpc":"2.0","id":2,"method":"eth_getBlockByNumber","params":["latest",false]}')
    last_head = time.monotonic()
    while not stop.is_set():
        try:
            message = json.loads(connection.recv(timeout=_POLL_SECONDS))
        except TimeoutError:
            if time.monotonic() - last_head > _SILENCE_SECONDS:
                return
            yield None
            continue
        block = message["result"] if message.get("id") == 2 else message.get("params", {}).get("result")
        if block is not None:
            last_head = time.monotonic()
            yield Head.from_json(block)
