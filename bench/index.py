"""`bench index`: how fast the explorer's index is made from nothing, beside ethereum-etl on the same chain.

Both read one Geth, one after the other: the explorer over HTTP and IPC as a testbed's does, ethereum-etl over
IPC, which is the faster for it, with the batches and workers that it has by default.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bench.figures import Comparison, Limit, Side
from bench.longchain import LongChain, long_chain
from bench.room import Room
from errors import EnvironmentFault
from orchestrator.allocation import allocate_ports
from orchestrator.command import run
from orchestrator.interrupts import uninterrupted

_ETL = ("ethereum-etl==2.4.2", "setuptools<81")
# What it asks for does not work with Python 3.11; this one does, though pip says that they do not fit.
_PARSER = "parsimonious==0.10.0"
_SECONDS = 3600.0
_TRANSACTIONS_PER_SECOND = 8_000
_BYTES_PER_TRANSACTION = 1_200
# Transactions in a block, and how many times as fast as ethereum-etl the index must be then.
_SIZES = ((90, 4.0), (1_000, 20.0), (2_000, 20.0))


def measure(place: Room, transactions: int, repeats: int) -> list[Comparison]:
    program = _install_etl(place)
    return [_measure(place, program, transactions, repeats, per_block, bound) for per_block, bound in _SIZES]


def _measure(
    place: Room, etl: Path, transactions: int, repeats: int, per_block: int, bound: float
) -> Comparison:
    folder = place.scratch(f"chain-{per_block}")
    with long_chain(folder / "node", transactions, per_block, place.report) as chain:
        count = _transactions_of(chain)
        ours, sizes = [], []
        for turn in range(repeats):
            place.report(f"indexing {chain.blocks:,} blocks, {turn + 1} of {repeats}")
            seconds, size = _index(chain, folder / f"index-{turn}")
            ours.append(count / seconds)
            sizes.append(size / count)
        place.report(f"ethereum-etl exports the same {chain.blocks:,} blocks")
        seconds, commands = _export(etl, chain, folder)
        theirs = [count / seconds]
    best = Side("explorer", "tx/s", ours, ["python -m explorer serve --config explorer.json"])
    peer = Side("ethereum-etl 2.4.2", "tx/s", theirs, commands)
    ratio = best.median / peer.median
    place.report(
        f"{per_block:,} a block: {best.median:,.0f} tx/s, ethereum-etl {peer.median:,.0f}: {ratio:.1f}"
    )
    return Comparison(
        title=f"index from empty: {count:,} transactions, {per_block:,} a block, half of them trades",
        sides=[peer, best],
        ratio=ratio,
        limits=[
            Limit("explorer / ethereum-etl", ratio, bound, at_least=True),
            Limit("transactions a second", best.median, _TRANSACTIONS_PER_SECOND, at_least=True),
            Limit("bytes on disk for each transaction", max(sizes), _BYTES_PER_TRANSACTION),
        ],
        figures={"transactions": count, "blocks": chain.blocks, "bytes_per_transaction": max(sizes)},
    )


def _transactions_of(chain: LongChain) -> int:
    """All of the chain, with those that set the market up."""
    return chain.transactions + chain.setup


def _index(chain: LongChain, folder: Path) -> tuple[float, int]:
    """Seconds from the start of the process until the head is indexed, and the size of the index."""
    begun = time.perf_counter()
    with explorer(chain, folder) as (port, _):
        while health(port).get("indexed") != chain.blocks:
            if time.perf_counter() - begun > _SECONDS:
                raise EnvironmentFault("the explorer does not reach the head", where=str(folder))
            time.sleep(0.05)
        seconds = time.perf_counter() - begun
    (file,) = (folder / "index").glob("*.sqlite")
    with closing(sqlite3.connect(file)) as index:
        pages, size = (index.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return seconds, pages * size


@contextmanager
def explorer(chain: LongChain, folder: Path) -> Iterator[tuple[int, int]]:
    """The port and the process of an explorer of the chain with an empty index; gone after the block."""
    folder.mkdir(parents=True, exist_ok=True)
    port = allocate_ports(["explorer"], [], {})["explorer"]
    config = {
        "name": "bench",
        "port": port,
        "index": str(folder / "index"),
        "contract": chain.contract,
        "nodes": [chain.node()],
    }
    (folder / "explorer.json").write_text(json.dumps(config))
    words = [sys.executable, "-m", "explorer", "serve", "--config", str(folder / "explorer.json")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield port, process.pid
    finally:
        with uninterrupted():
            process.terminate()
            process.wait()


def health(port: int) -> dict[str, object]:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", "/health")
            answer: dict[str, object] = json.loads(connection.getresponse().read())
            return answer
    except OSError:
        return {}


def _install_etl(place: Room) -> Path:
    folder = place.scratch("etl")
    place.report("installing ethereum-etl")
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    run([*pip, *_ETL], timeout_seconds=_SECONDS)
    run([*pip, _PARSER], timeout_seconds=_SECONDS)
    return folder / "bin" / "ethereumetl"


def _export(etl: Path, chain: LongChain, folder: Path) -> tuple[float, list[str]]:
    """Seconds that its exports take: blocks and transactions, then receipts and logs."""
    provider = ["--provider-uri", f"file://{chain.ipc_path}"]
    transactions, hashes = folder / "transactions.csv", folder / "hashes.txt"
    first = [str(etl), "export_blocks_and_transactions", "--end-block", str(chain.blocks), *provider]
    first += ["--blocks-output", str(folder / "blocks.csv"), "--transactions-output", str(transactions)]
    second = [str(etl), "export_receipts_and_logs", "--transaction-hashes", str(hashes), *provider]
    second += ["--receipts-output", str(folder / "receipts.csv"), "--logs-output", str(folder / "logs.csv")]
    seconds = _timed(first)
    rows = transactions.read_text().splitlines()
    column = rows[0].split(",").index("hash")
    hashes.write_text("\n".join(row.split(",")[column] for row in rows[1:]) + "\n")
    seconds += _timed(second)
    exported = sum(1 for _ in (folder / "receipts.csv").open()) - 1
    if exported != len(rows) - 1:
        raise EnvironmentFault(f"ethereum-etl exported {exported} receipts of {len(rows) - 1}")
    return seconds, [" ".join([Path(words[0]).name, *words[1:3]]) + " …" for words in (first, second)]


def _timed(words: list[str]) -> float:
    begun = time.perf_counter()
    run(words, timeout_seconds=_SECONDS)
    return time.perf_counter() - begun
