"""Whatever is asked of whichever route, the explorer answers and is none the worse for it: never a 5xx."""

from __future__ import annotations

import ast
import http.client
import inspect
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

import pytest
from starlette.routing import Route

from explorer.app import application
from explorer.config import Settings
from explorer.state import Bell
from explorer.view_functions import view_functions
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.running import Explorer, configuration
from tests.explorer.trading_town import Town

_ENDLESS = {"/events"}
_HOSTILE = [
    *("", "0", "-1", "-0", "00", "+1", "1.5", "1e9", "1_000", " 1", "NaN", "true", "null", "None", "latest"),
    *("9" * length for length in (18, 19, 20, 78, 79, 400, 4301, 10_000)),
    *(f"{'9' * 18}.{'9' * 9}", "1.2.3", ".", ",", ",,,", "1.999999999", "0.99999999999999999999"),
    *(str(2**bits + off) for bits in (31, 32, 53, 62, 63, 64) for off in (-1, 0)),
    *("0x", "0X12", "0xg", "0x" + "f" * 39, "0x" + "f" * 40, "0x" + "F" * 40, "0x" + "f" * 41),
    *("0x" + "f" * 63, "0x" + "f" * 64, "0x" + "f" * 65, "0x" + "f" * 10_000, "0x" + "１" * 40),
    *("\0", "a\0b", "\r\nX-Injected: 1", "\t", "\x1b[2J", "\x7f", "\u202e", "\ufeff", "\U0001f4a9"),
    *("１２３", "٣", "²", "①", "é" * 5000, "ß", "İ"),
    *("x" * 10_000, "%", "%s%n", "{0}", "{{7*7}}", "${x}", "' OR 1=1 --", '"', "\\", ";", "<script>"),
    *("../../etc/passwd", "//elsewhere.example", "http://127.0.0.1:1/", "file:///etc/passwd", "=1+1"),
]
# Written into the address as they stand: octets that are no text, and escapes that are none.
_RAW = ["%", "%zz", "%00", "%ff%fe", "%ed%a0%80", "%c0%af", "..%2f..%2fx", "%2e%2e%2f", "%0d%0a", "&&==&"]


@pytest.fixture(scope="module")
def served(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    directory = tmp_path_factory.mktemp("fuzz")
    settings = configuration(
        directory,
        town.node,
        contract=town.etsc.address,
        accounts=town.accounts(),
        campaigns=str(directory / "campaigns"),
    )
    explorer = Explorer(directory, settings)
    explorer.start()
    try:
        explorer.wait_for(town.node)
        yield explorer
        assert "Traceback" not in explorer.log.read_text()
        assert explorer.health()["problem"] is None
    finally:
        explorer.kill()


class Asker:
    """One connection that is kept; says of an address what status it got."""

    def __init__(self, explorer: Explorer) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", explorer.config["port"], timeout=60)

    def __call__(self, path: str) -> tuple[int, bytes]:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status >= 500:  # then the server closes it
            self._connection.close()
        return answer.status, body

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def ask(served: Explorer) -> Iterator[Asker]:
    with closing(Asker(served)) as asker:
        yield asker


def routes(served: Explorer) -> list[Route]:
    """Those of the application, so that a new one is tried without being named here."""
    path = served.directory / "explorer.json"
    app = application(path, Settings(path), Bell())
    return [route for route in app.routes if isinstance(route, Route) and route.path not in _ENDLESS]


def names_read(route: Route) -> set[str]:
    """What the module of a page reads from the query: texts in calls of `get`, or beside a request."""
    module = inspect.getmodule(route.endpoint)
    assert module is not None
    names: set[str] = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(node, ast.Call):
            continue
        gets = isinstance(node.func, ast.Attribute) and node.func.attr == "get"
        passes = any("request" in ast.unparse(each) or "query" in ast.unparse(each) for each in node.args)
        if gets or passes:
            names |= {
                each.value
                for each in node.args
                if isinstance(each, ast.Constant)
                and isinstance(each.value, str)
                and each.value.isidentifier()
            }
    return names


def test_generated_requests_find_no_answer_that_the_openapi_document_does_not_allow(
    served: Explorer, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run"]
    command += [f"http://127.0.0.1:{served.config['port']}/rest/openapi.json", "--max-examples", "60"]
    command += ["--generation-deterministic", "--continue-on-failure", "--checks", "all"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "17 selected / 17 total" in done.stdout


def test_no_route_fails_whatever_stands_in_its_address(served: Explorer, ask: Asker) -> None:
    failed = []
    tried = 0
    for route in routes(served):
        if "{" not in route.path:
            continue
        before, _, after = route.path.partition("{")
        after = after.partition("}")[2]
        for value in [*map(_quoted, _HOSTILE), *_RAW]:
            tried += 1
            if (status := ask(before + value + after)[0]) >= 500:
                failed.append((route.path, value[:80], status))
    assert failed == []
    assert tried > 400


def test_no_route_fails_whatever_its_query_says(served: Explorer, ask: Asker, town: Town) -> None:
    failed = []
    tried = 0
    address = town.etsc.address
    values = {"block": "1", "tx": "0x" + "ab" * 32, "address": address, "name": "live.js", "table": "blocks"}
    for at, route in enumerate(routes(served)):
        path = route.path.format(**values)
        for name in sorted(names_read(route)):
            for value in [*map(_quoted, _HOSTILE[at % 2 :: 2]), *_RAW]:
                tried += 1
                if (status := ask(f"{path}?{name}={value}")[0]) >= 500:
                    failed.append((route.path, name, value[:80], status))
        for query in ("&".join(["before=1"] * 1000), "a" * 10_000, "before=1&before=x&q=1&q=2", "?", "&"):
            if (status := ask(f"{path}?{query}")[0]) >= 500:
                failed.append((route.path, query[:80], "", status))
    assert failed == []
    assert tried > 1000


def test_no_route_fails_before_a_node_has_answered(make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer(contract="0x" + "ab" * 20)
    values = {"block": "0", "tx": "0x" + "ab" * 32, "address": "0x" + "ab" * 20, "table": "blocks"}
    failed = []
    with closing(Asker(explorer)) as ask:
        for route in routes(explorer):
            path = route.path.format(**values, name="live.js")
            for query in ("", *(f"?{name}=1" for name in names_read(route))):
                if (status := ask(path + query)[0]) >= 500:
                    failed.append((path + query, status))
    assert failed == []
    assert "Traceback" not in explorer.log.read_text()


def test_the_contracts_functions_take_whatever_is_typed(ask: Asker) -> None:
    failed = []
    for function in view_functions():
        typed = {"function": function.name, **{each.name: "1" for each in function.inputs}}
        for name in typed:
            for value in [*map(_quoted, _HOSTILE[::3]), *_RAW[:3]]:
                others = urlencode({key: text for key, text in typed.items() if key != name})
                if (status := ask(f"/etsc?{others}&{name}={value}")[0]) >= 500:
                    failed.append((function.name, name, value[:80], status))
    assert failed == []


def test_the_etherscan_api_answers_200_in_its_envelopes_whatever_is_asked(
    served: Explorer, ask: Asker
) -> None:
    """Each example of /docs with each of its parameters, and each that may stand besides, made hostile."""
    page = ask("/docs")[1].decode()
    links = [part.partition('"')[0] for part in page.split('href="/api?')[1:]]
    besides = ("page", "offset", "startblock", "toBlock", "sort", "tag", "topic1", "topic0_1_opr", "chainid")
    failed = []
    tried = 0
    for at, link in enumerate(links):
        good = dict(parse_qsl(link.replace("&amp;", "&")))
        for name in {*good, *besides}:
            step = 3 if name in good else 9  # in turns: some of the links meet each value
            for value in [*map(_quoted, _HOSTILE[at % step :: step]), *_RAW[:3]]:
                tried += 1
                others = urlencode({key: text for key, text in good.items() if key != name})
                status, body = ask(f"/api?{others}&{name}={value}")
                told = json.loads(body)
                if status != 200 or not (told.get("status") in ("0", "1") or told.get("jsonrpc") == "2.0"):
                    failed.append((link, name, value[:80], status))
    assert failed == []
    assert tried > 3000


def test_bodies_that_are_no_form_are_refused_in_the_envelope(served: Explorer) -> None:
    bodies = [b"", b"\0" * 1000, b"\xff\xfe=1", b"module=account&action=" + b"x" * 100_000, b"=&" * 5000]
    for body in bodies:
        for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "\xe9/\xff"):
            connection = http.client.HTTPConnection("127.0.0.1", served.config["port"], timeout=20)
            with closing(connection):
                connection.request("POST", "/api", body, {"Content-Type": kind})
                answer = connection.getresponse()
                assert answer.status == 200
                assert json.loads(answer.read())["status"] == "0"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /block/\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /search?q=\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: elsewhere\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET //elsewhere.example/%2e%2e HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: \xff, gzip;q=x\r\n\r\n",
        b"POST /api HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_hardly_http_gets_an_answer_below_500_or_none(served: Explorer, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.config["port"]), timeout=20) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.makefile("rb").readline()
    assert not answer or int(answer.split()[1]) < 500
    assert served.get("/health").status == 200


def _quoted(value: str) -> str:
    return quote(value, safe="")
