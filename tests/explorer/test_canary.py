"""Whoever asks, and whatever a node answers: the explorer dials none but the nodes it is configured with.

The canary listens where nobody has anything to do. Its address is written into all that a visitor chooses and
into the redirects of a lying node; a connection to it is one that the explorer was talked into.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from explorer.view_functions import view_functions
from tests.chain.liar import http as raw
from tests.chain.liar import lying
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import wait_until
from tests.explorer.lying_node import lying_node
from tests.explorer.running import Explorer
from tests.explorer.test_schemathesis import names_read, routes
from tests.explorer.trading_town import Town

# Names that no page reads, but that many a web application follows.
_TEMPTING = ("url", "next", "redirect", "callback", "host", "node", "rpc_url")
_HEADERS = (
    *("X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Server", "X-Real-IP", "Forwarded", "Referer"),
    *("Origin", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Host-Override", "Proxy", "Via", "From", "Host"),
    *("X-Wap-Profile", "Client-IP", "Destination", "Cookie", "User-Agent", "Authorization", "Range"),
)


@dataclass
class Canary:
    """Its connections are completed by the kernel and counted when somebody looks: none is missed."""

    listening: socket.socket

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.listening.getsockname()[1]}"

    @property
    def spellings(self) -> tuple[str, ...]:
        return f"http://{self.place}/x", f"//{self.place}/x", self.place

    def visits(self) -> int:
        count = 0
        while True:
            try:
                self.listening.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1


@pytest.fixture
def canary() -> Iterator[Canary]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        listening.setblocking(False)
        canary = Canary(listening)
        yield canary
        # It would have sung.
        socket.create_connection(listening.getsockname(), timeout=5).close()
        assert canary.visits() == 1


class Visitor:
    """Asks over one connection; whatever leads a browser to the canary is an error too."""

    def __init__(self, explorer: Explorer, canary: Canary) -> None:
        self.asked = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", explorer.config["port"], timeout=30)
        place = re.escape(canary.place)
        self._leads = re.compile(rf"""(?:href|src|action|content)=["'](?:[a-z]*:)?(?://)?{place}""")
        self._place = canary.place

    def __call__(self, path: str, body: str | None = None, **headers: str) -> None:
        self.asked += 1
        self._connection.request("GET" if body is None else "POST", path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        assert answer.status < 500, path
        if "Host" not in headers:  # a browser says only the name under which it came
            assert self._place not in answer.getheader("Location", ""), path
        assert not self._leads.search(text), path

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def visit(explorer: Explorer, canary: Canary) -> Iterator[Visitor]:
    with closing(Visitor(explorer, canary)) as visitor:
        yield visitor


def test_no_address_of_a_page_makes_the_explorer_dial(
    explorer: Explorer, town: Town, canary: Canary, visit: Visitor
) -> None:
    good = {"block": "1", "tx": "0x" + "ab" * 32, "address": town.etsc.address, "name": "live.js"}
    for route in routes(explorer):
        path = route.path.format(**good, table="blocks")
        for spelling in map(_quoted, canary.spellings):
            if "{" in route.path:
                visit(re.sub(r"\{\w+\}", spelling.replace("\\", "\\\\"), route.path))
            for name in (*names_read(route), *_TEMPTING):
                visit(f"{path}?{name}={spelling}")
    for function in view_functions():
        for spelling in canary.spellings:
            typed = {each.name: spelling for each in function.inputs}
            visit("/etsc?" + urlencode({"function": function.name, **typed}))
    assert visit.asked > 500
    assert canary.visits() == 0


def test_no_parameter_of_an_api_makes_the_explorer_dial(
    explorer: Explorer, town: Town, canary: Canary, visit: Visitor
) -> None:
    links = [part.partition('"')[0] for part in explorer.get("/docs").text.split('href="/api?')[1:]]
    for at, link in enumerate(links):
        good = dict(parse_qsl(link.replace("&amp;", "&")))
        spelling = canary.spellings[at % len(canary.spellings)]
        for name in (*good, "tag", "apikey", *_TEMPTING[:2]):
            form = urlencode({**good, name: spelling})
            visit("/api?" + form)
            visit("/api", form, **{"Content-Type": "application/x-www-form-urlencoded"})
    paths: dict[str, Any] = json.loads(explorer.get("/rest/openapi.json").text)["paths"]
    good_parts = {"number": "1", "block": "1", "hash": "0x" + "ab" * 32, "address": town.etsc.address}
    for path, operations in paths.items():
        parameters = operations["get"].get("parameters", [])
        names = [each["name"] for each in parameters if each["in"] == "query"]
        parts = [each["name"] for each in parameters if each["in"] == "path"]
        filled = path.format(**{part: good_parts.get(part, "1") for part in parts})
        for spelling in map(_quoted, canary.spellings):
            for part in parts:
                others = {each: good_parts.get(each, "1") for each in parts}
                visit(path.format(**{**others, part: spelling}))
            for name in (*names, *_TEMPTING):
                visit(f"{filled}?{name}={spelling}")
    call = {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": canary.spellings[0]}]}
    visit("/api", json.dumps(call), **{"Content-Type": "application/json"})
    assert visit.asked > 500
    assert canary.visits() == 0


def test_no_header_makes_the_explorer_dial(explorer: Explorer, canary: Canary, visit: Visitor) -> None:
    # The second is one that is answered with a redirect to the path without its end.
    for path in ("/", "/blocks/", "/search?q=1", "/api?module=proxy&action=eth_blockNumber", "/rest/blocks"):
        for name in _HEADERS:
            for spelling in (*canary.spellings, f"for={canary.place};host={canary.place};proto=http"):
                visit(path, **{name: spelling})
    assert canary.visits() == 0


@pytest.mark.parametrize(
    "line",
    [
        *("GET http://{} HTTP/1.1", "GET //{} HTTP/1.1", "GET http://127.0.0.1@{} HTTP/1.1"),
        *("CONNECT {} HTTP/1.1", "OPTIONS http://{} HTTP/1.1", "POST http://{}/api HTTP/1.1"),
        "GET /%2f{} HTTP/1.1",
    ],
)
def test_no_request_line_makes_the_explorer_a_proxy(explorer: Explorer, canary: Canary, line: str) -> None:
    head = f"{line.format(canary.place)}\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", explorer.config["port"]), timeout=20) as connection:
        connection.sendall(head.encode())
        answer = connection.makefile("rb").read().decode()
    status = answer.partition("\r\n")[0]
    assert not status or int(status.split()[1]) < 500
    assert f"location: http://{canary.place}" not in answer.lower()
    assert canary.visits() == 0


def test_a_node_sends_the_explorer_to_nobody_else(
    town: Town, canary: Canary, make_explorer: ExplorerMaker
) -> None:
    """Its RPC is answered with a redirect, and so is the WebSocket of its new heads."""

    def away(scheme: str) -> bytes:
        return raw(b"", f"302 Found\r\nLocation: {scheme}://{canary.place}/")

    failed = town.fail()
    with lying(away("ws")) as heads, lying_node(town.node) as liar:
        node = {**liar.configured(), "ws_url": heads.url.replace("http", "ws")}
        explorer = make_explorer(nodes=[node], contract=town.etsc.address, accounts=town.accounts())
        explorer.wait_for(town.node)
        # It tries again: what came of the first time is over.
        wait_until(lambda: len(heads.requests) > 1, "new heads to be asked for twice")
        assert canary.visits() == 0
        liar.lie = lambda *_: away("http")
        for path in (
            *(f"/tx/{failed}", f"/tx/0x{'ab' * 32}", f"/address/{town.prosumers[0].address}", "/pending"),
            *("/etsc?function=slot", "/nodes", "/audit", "/search?q=prosumer-1:99"),
            "/api?module=proxy&action=eth_gasPrice",
            f"/api?module=account&action=balance&address={town.etsc.address}",
        ):
            assert explorer.get(path).status < 500
        wait_until(lambda: "302" in (explorer.health()["problem"] or ""), "the redirect to be named")
    assert canary.visits() == 0


def _quoted(value: str) -> str:
    return quote(value, safe="")
