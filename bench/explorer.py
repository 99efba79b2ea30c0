"""`bench explorer`: every page at 200 requests a second while blocks come, and lists of any length.

The floor is a page that says nothing, from the same web server with the same settings in the same run. The
requests are vegeta's, at a constant rate whatever the answers take.
"""

from __future__ import annotations

import gzip
import http.client
import itertools
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench import synthetic
from bench.figures import Comparison, Limit, Rows, Side
from bench.freshness import HEADS, freshness
from bench.index import explorer, health
from bench.longchain import Filler, LongChain, long_chain
from bench.room import Room
from chain.rpc import HttpRpc, quantity
from errors import EnvironmentFault, TestbedError
from orchestrator.allocation import allocate_ports
from orchestrator.golang import go_install
from orchestrator.interrupts import uninterrupted

_VEGETA = "github.com/tsenart/vegeta/v12@v12.12.0"
_RATE = 200
_SECONDS = 600.0
_TRANSACTIONS = 20_000
_PER_BLOCK = 100  # of twenty senders: all of them have sent as much when a block is full
_SHORT, _LONG = 10_000, 1_000_000
_SLOTS = 50
_ANEW = 30  # answers of each page
# What the issue that ordered the explorer allows.
_PAGE_MS, _GROWTH, _FRESH_MS, _MEMORY_MIB, _PAINT_KB = 20.0, 1.2, 250.0, 200.0, 60.0
_TURNS = 5
_LISTS = {
    "/blocks": ["/blocks?before=50", "/blocks?before=100"],
    "/txs": ["/txs?before=50.10", "/txs?before=100.80"],
    "/address": [f"/address/0x{address.hex()}" for address in synthetic.accounts(20)],
    "/accounts": ["/accounts"],
    "/forks": ["/forks"],
    "/block": ["/block/60", "/block/61"],
}
# So many addresses of each list that no kept answer is asked again.
_DISTINCT = 1_000


def measure(place: Room, seconds: int) -> list[Comparison]:
    with go_install(_VEGETA, "vegeta", place.report) as program:
        return [_pages(place, program, seconds), _lists(place, program, seconds)]


def _pages(place: Room, vegeta: Path, seconds: int) -> Comparison:
    folder = place.scratch("pages")
    with (
        long_chain(folder / "node", _TRANSACTIONS, _PER_BLOCK, place.report, _SLOTS) as chain,
        explorer(chain, folder) as (port, pid),
        _floor(folder) as floor_port,
    ):
        _until_indexed(port, chain.blocks)
        targets = _targets(chain)
        paint = _first_paints(port, targets)
        with _blocks_every_second(chain, (seconds + 2) * (len(targets) + 2) + 2 * HEADS, place):
            floor = [_attack(vegeta, floor_port, ["/"], seconds) for _ in range(2)]
            found = {}
            with _Memory(pid) as memory:
                for page, paths in targets.items():
                    place.report(f"{_RATE} requests a second for {page}")
                    found[page] = _attack(vegeta, port, paths, seconds)
            anew = {page: _anew_ms(port, paths) for page, paths in targets.items()}
            place.report("how soon a block is on the page in a browser")
            fresh = freshness(chain.ws_url, f"http://127.0.0.1:{port}/")
    worst = max(found, key=lambda page: found[page]["p95"])
    refused = {page: each["success"] for page, each in found.items() if each["success"] < 1}
    if refused:
        raise EnvironmentFault(f"not every request was answered: {refused}")
    fresh_p95 = sorted(fresh)[int(0.95 * len(fresh)) - 1]
    fattest = max(paint, key=lambda page: paint[page])
    return Comparison(
        title=f"pages at {_RATE} requests a second, while {_PER_BLOCK} transactions a second are indexed",
        sides=[
            Side("empty page, p95", "ms", [each["p95"] for each in floor], ["uvicorn, Starlette"]),
            Side("page, p95", "ms", [each["p95"] for each in found.values()], ["vegeta attack -rate 200/s"]),
            Side(
                "block on the page after the node has it",
                "ms",
                fresh,
                ["newHeads against a link on / in Chromium"],
            ),
        ],
        ratio=found[worst]["p95"] / max(each["p95"] for each in floor),
        limits=[
            Limit(f"slowest page ({worst}), p95 in ms", found[worst]["p95"], _PAGE_MS),
            Limit("a new block is on the page, p95 in ms", fresh_p95, _FRESH_MS),
            Limit("most memory of both processes, MiB", memory.peak_mib, _MEMORY_MIB),
            Limit(f"first paint over the wire ({fattest}), KB", paint[fattest] / 1000, _PAINT_KB),
        ],
        figures={"pages": found, "anew_ms": anew, "first_paint_bytes": paint},
        rows=Rows(
            ["page", "p50, ms", "p95, ms", "p99, ms", "anew, ms", "first paint, KB"],
            [
                [
                    page,
                    *(f"{each[key]:.1f}" for key in ("p50", "p95", "p99")),
                    f"{anew[page]:.1f}",
                    f"{paint[page] / 1000:.1f}",
                ]
                for page, each in found.items()
            ],
        ),
    )


def _targets(chain: LongChain) -> dict[str, list[str]]:
    """Of each page so many addresses that what is kept of one answer does not answer them all."""
    draw = random.Random(7)
    numbers = [draw.randrange(20, chain.blocks) for _ in range(300)]
    with HttpRpc(chain.rpc_url, _SECONDS) as rpc:
        blocks = rpc.batch([("eth_getBlockByNumber", [quantity(number), True]) for number in numbers[:100]])
    transactions = [draw.choice(block["transactions"]) for block in blocks]
    senders = sorted({transaction["from"] for transaction in transactions})
    return {
        "/": ["/"],
        "/blocks": ["/blocks", *(f"/blocks?before={number}" for number in numbers[:50])],
        "/txs": ["/txs", *(f"/txs?before={number}.5" for number in numbers[:50])],
        "/block": [f"/block/{number}" for number in numbers],
        "/tx": [f"/tx/{transaction['hash']}" for transaction in transactions],
        "/address": [f"/address/{sender}" for sender in senders],
        "/accounts": ["/accounts"],
        "/pending": ["/pending"],
        "/forks": ["/forks"],
        "/nodes": ["/nodes"],
        "/market": ["/market"],
        "/campaigns": ["/campaigns"],
        "/etsc": ["/etsc"],
        "/etsc/source": ["/etsc/source"],
        "/audit": ["/audit", *(f"/audit?block={number}" for number in numbers[:20])],
        "/search": [f"/search?q={transaction['hash']}" for transaction in transactions[:50]],
        "/search, a list": ["/search?q=sender", "/search?q=ender-"],
        "/export": ["/export"],
        "/docs": ["/docs"],
        "/api": [
            f"/api?module=account&action=txlist&address={sender}&page=1&offset=50" for sender in senders
        ],
        "/rest": ["/rest/blocks", "/rest/transactions"],
    }


def _lists(place: Room, vegeta: Path, seconds: int) -> Comparison:
    """Two indexes that nobody's chain is behind, asked in turns."""
    ports: dict[int, int] = {}
    found: dict[int, dict[str, list[float]]] = {
        size: {page: [] for page in _LISTS} for size in (_SHORT, _LONG)
    }
    with _serving(place, _SHORT) as ports[_SHORT], _serving(place, _LONG) as ports[_LONG]:
        for page, paths in _LISTS.items():
            asked = _distinct(paths, _DISTINCT)
            for turn in range(_TURNS):
                place.report(f"{_RATE} requests a second for {page} of both, {turn + 1} of {_TURNS}")
                for size, port in ports.items():
                    found[size][page].append(_attack(vegeta, port, asked, seconds)["p95"])
    medians = {
        size: {page: statistics.median(values) for page, values in pages.items()}
        for size, pages in found.items()
    }
    ratios = {page: medians[_LONG][page] / medians[_SHORT][page] for page in _LISTS}
    worst = max(ratios, key=lambda page: ratios[page])
    return Comparison(
        title=f"lists at {_LONG:,} transactions beside those at {_SHORT:,}, p95",
        sides=[
            Side(f"{size:,} transactions", "ms", list(medians[size].values()), ["vegeta attack -rate 200/s"])
            for size in (_SHORT, _LONG)
        ],
        ratio=ratios[worst],
        limits=[Limit(f"p95 at {_LONG:,} / at {_SHORT:,}, worst ({worst})", ratios[worst], _GROWTH)],
        figures={"p95_ms": {str(size): pages for size, pages in medians.items()}},
        rows=Rows(
            ["page", f"{_SHORT:,}", f"{_LONG:,}", "ratio"],
            [
                [page, f"{medians[_SHORT][page]:.2f}", f"{medians[_LONG][page]:.2f}", f"{ratio:.2f}"]
                for page, ratio in ratios.items()
            ],
        ),
    )


@contextmanager
def _serving(place: Room, transactions: int) -> Iterator[int]:
    """An explorer of a written index; its node is not there, so that nothing but the index answers."""
    folder = place.scratch(f"lists-{transactions}")
    place.report(f"writing an index of {transactions:,} transactions")
    genesis = synthetic.write_index(folder / "index", transactions)
    nowhere = allocate_ports(["node"], [], {})["node"]
    port = allocate_ports(["explorer"], [], {})["explorer"]
    config = {
        "name": "bench",
        "port": port,
        "index": str(folder / "index"),
        "genesis_hash": "0x" + genesis.hex(),
        "nodes": [{"name": "none", "rpc_url": f"http://127.0.0.1:{nowhere}"}],
    }
    (folder / "explorer.json").write_text(json.dumps(config))
    words = [sys.executable, "-m", "explorer", "serve", "--config", str(folder / "explorer.json")]
    with _running(words, folder / "log"):
        _until_indexed(port, transactions // synthetic.PER_BLOCK)
        yield port


@contextmanager
def _floor(folder: Path) -> Iterator[int]:
    """A web server of the same kind whose one page is empty."""
    port = allocate_ports(["floor"], [], {})["floor"]
    (folder / "floor.py").write_text(
        "from starlette.applications import Starlette\n"
        "from starlette.responses import HTMLResponse\n"
        "from starlette.routing import Route\n"
        "app = Starlette(routes=[Route('/', lambda request: HTMLResponse(''))])\n"
    )
    words = [sys.executable, "-m", "uvicorn", "floor:app", "--app-dir", str(folder), "--port", str(port)]
    words += ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    with _running(words, folder / "floor.log"):
        _until(lambda: _answers(port), "the empty page is not served")
        yield port


@contextmanager
def _running(words: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        yield process
    finally:
        with uninterrupted():
            process.terminate()
            process.wait()


@contextmanager
def _blocks_every_second(chain: LongChain, seconds: int, place: Room) -> Iterator[None]:
    """A block of transactions each second, for as long as the block of code lasts and no longer."""
    filler = Filler(chain.ipc_path)
    raw = filler.sign(-(-(seconds * _PER_BLOCK) // 20), place.report)
    ended, failed = threading.Event(), []

    def fill() -> None:
        try:
            for start in range(0, len(raw), _PER_BLOCK):
                filler.blocks(raw[start : start + _PER_BLOCK], _PER_BLOCK, lambda _: None)
                if ended.wait(1.0):
                    return
        except TestbedError as error:
            failed.append(error)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    if failed:
        raise failed[0]


def _attack(vegeta: Path, port: int, paths: Sequence[str], seconds: int) -> dict[str, Any]:
    """Latencies in ms, and the part of the requests that were answered with what was asked for."""
    targets = "".join(f"GET http://127.0.0.1:{port}{path}\nAccept-Encoding: gzip\n\n" for path in paths)
    words = [str(vegeta), "attack", "-rate", f"{_RATE}/s", "-duration", f"{seconds}s", "-redirects", "-1"]
    attack = subprocess.run(words, input=targets.encode(), capture_output=True, check=True)
    report = subprocess.run(
        [str(vegeta), "report", "-type", "json"], input=attack.stdout, capture_output=True, check=True
    )
    told = json.loads(report.stdout)
    latencies = {name: told["latencies"][key] / 1e6 for name, key in (("p50", "50th"), ("p95", "95th"))}
    return {**latencies, "p99": told["latencies"]["99th"] / 1e6, "success": told["success"]}


def _first_paints(port: int, pages: dict[str, list[str]]) -> dict[str, int]:
    """Bytes over the wire of a page and of what it needs to be painted."""
    return {page: _first_paint(port, paths[0]) for page, paths in pages.items()}


def _first_paint(port: int, path: str) -> int:
    html, size = _fetch(port, path)
    parts = {word.split('"')[0] for word in html.split('"/static/')[1:]}
    return size + sum(_fetch(port, "/static/" + part)[1] for part in parts)


def _fetch(port: int, path: str) -> tuple[str, int]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        headers = sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
        text = gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body
        return text.decode(errors="replace"), len(body) + headers


class _Memory(threading.Thread):
    """The most that a process and its children have held, looked at five times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_mib = 0.0
        self._process, self._ended = psutil.Process(pid), threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.2):
            held = (self._process, *self._process.children())
            self.peak_mib = max(self.peak_mib, sum(each.memory_info().rss for each in held) / 2**20)

    def __enter__(self) -> _Memory:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def _distinct(paths: Sequence[str], count: int) -> list[str]:
    """So many addresses of these pages, told apart by a word that means nothing."""
    cycle = zip(range(count), itertools.cycle(paths), strict=False)
    return [f"{path}{'&' if '?' in path else '?'}n={at}" for at, path in cycle]


def _anew_ms(port: int, paths: Sequence[str]) -> float:
    """The median of answers that nobody was given before, one after the other."""
    took = []
    for path in _distinct(paths, _ANEW):
        begun = time.perf_counter()
        _fetch(port, path)
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took)


def _until_indexed(port: int, blocks: int) -> None:
    _until(lambda: health(port).get("indexed") == blocks, "the explorer does not reach the head")


def _answers(port: int) -> bool:
    try:
        _fetch(port, "/")
    except OSError:
        return False
    return True


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise EnvironmentFault(f"{what} after {_SECONDS:.0f} s")
        time.sleep(0.05)
