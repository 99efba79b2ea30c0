"""Killed at any moment, the index is whole, and goes on from where it stood."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection, Pipe

import psutil
import pytest

from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, GethNode, genesis, wait_until
from tests.explorer.running import ROOT, Explorer, differences
from tests.explorer.trading_town import Town

KILLS, KILLS_AMID = 50, 12


@contextmanager
def index_process(explorer: Explorer) -> Iterator[tuple[subprocess.Popen[bytes], Connection]]:
    """The process that writes the index, alone; killed at the end of the block."""
    ours, theirs = Pipe(duplex=False)
    words = [sys.executable, "-m", "explorer", "index", *explorer.options(), "--tell", str(theirs.fileno())]
    with explorer.log.open("ab") as log:
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=(theirs.fileno(),),
        )
    theirs.close()
    with closing(ours), process:
        try:
            yield process, ours
        finally:
            process.kill()


@pytest.fixture
def long_chain(make_node: NodeMaker) -> GethNode:
    """A few hundred blocks, so that a catch-up is many commits, with a market that is played on."""
    node = make_node(genesis())
    town = Town.found(node)
    town.play([1.0, 2.0, 3.0])
    node.grow(400, RICH[20])
    town.play([2.0, 1.0, 0.5])
    return node


def test_killed_50_times_at_random_points_it_resumes_and_ends_with_the_same_index(
    long_chain: GethNode, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(long_chain, start=False)
    draw = random.Random(7)
    unfinished = 0
    for _ in range(KILLS):
        if explorer.tip() == long_chain.head_hash():
            assert differences(explorer, long_chain) == []
            for path in explorer.index.parent.iterdir():
                path.unlink()
        with index_process(explorer) as (process, told):
            following = told.recv()  # it has opened the index, and is at work
            assert following.problem is None
            assert process.poll() is None
            # From then until a little after it would be done: most of the kills come amid the writing.
            _run_for(process, draw.uniform(0.0, 0.25))
        assert _half_written(explorer) == []
        unfinished += explorer.tip() not in (None, long_chain.head_hash())
    assert unfinished >= KILLS // 4
    explorer.start()
    explorer.wait_for(long_chain)
    assert differences(explorer, long_chain) == []
    assert explorer.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert explorer.rows("SELECT count(*) FROM blocks WHERE NOT canonical")[0][0] == 0


def test_killed_while_it_follows_reorganisations_it_ends_with_the_nodes_branch(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    Town.found(node).play([1.0, 2.0, 3.0])
    node.grow(60, RICH[20])
    explorer = make_explorer(node, start=False)
    draw = random.Random(11)
    unfinished = 0
    for kill in range(KILLS_AMID):
        with index_process(explorer) as (process, told):
            told.recv()
            wait_until(lambda: explorer.tip() == node.head_hash(), "the index to follow")
            # Some of them come before the node has taken its blocks back, some when all is over.
            killer = threading.Timer(draw.uniform(0.0, 0.06), process.kill)
            killer.start()
            node.rewind(node.height() - draw.randint(1, 10))
            node.grow(draw.randint(2, 5), RICH[20], value=2 + kill)
            killer.join()
            assert process.wait(20) == -signal.SIGKILL
        assert _half_written(explorer) == []
        if explorer.tip() == node.head_hash():
            assert differences(explorer, node) == []
        else:
            unfinished += 1
    assert unfinished >= 2
    explorer.start()
    explorer.wait_for(node)
    assert differences(explorer, node) == []
    assert explorer.rows("SELECT count(*) FROM reorganisations")[0][0] >= KILLS_AMID


def _run_for(process: subprocess.Popen[bytes], seconds: float) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)


def _half_written(explorer: Explorer) -> list[int]:
    """Blocks without all of their transactions, or not on top of their parent."""
    if explorer.tip() is None:
        return []
    rows = explorer.rows(
        "SELECT b.number FROM blocks b WHERE b.transactions <> "
        "(SELECT count(*) FROM transactions t WHERE t.id >> 20 = b.id) OR b.number > 0 AND NOT EXISTS "
        "(SELECT 1 FROM blocks p WHERE p.hash = b.parent_hash AND p.number = b.number - 1)"
    )
    return [row["number"] for row in rows]


def test_an_index_process_that_is_killed_is_started_anew_and_the_page_says_so(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(3, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    (child,) = _children(explorer)
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: "signal SIGKILL" in (explorer.health()["problem"] or ""), "its end to be said")
    assert explorer.get("/").status == 200
    node.grow(2, RICH[0])
    wait_until(lambda: explorer.health()["indexed"] == node.height(), "another one to go on")
    assert explorer.health()["problem"] is None
    assert differences(explorer, node) == []


def test_the_index_process_ends_with_a_server_that_is_killed(
    town: Town, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(town.node)
    (child,) = _children(explorer)
    explorer.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "its end")


def _children(explorer: Explorer) -> list[psutil.Process]:
    assert explorer.process is not None
    return psutil.Process(explorer.process.pid).children()
