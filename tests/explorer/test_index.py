"""The index is the chain: row by row, after kills and after reorganisations."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from chain.call import Call
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, genesis, peer, wait_until
from tests.explorer.running import Explorer, differences
from tests.explorer.trading_town import Town


def test_index_equals_the_chain_row_by_row(town: Town, explorer: Explorer) -> None:
    assert differences(explorer, town.node) == []
    assert len(explorer.rows("SELECT 1 FROM logs")) > 20  # what was compared is not nothing


def test_a_new_block_is_indexed_soon_after_the_node_has_it(town: Town, explorer: Explorer) -> None:
    town.node.grow(1, RICH[20])
    wait_until(lambda: explorer.tip() == town.node.head_hash(), "the new block", patience_seconds=2)


def test_killed_at_random_points_it_resumes_and_ends_with_the_same_index(
    town: Town, make_explorer: ExplorerMaker
) -> None:
    town.node.grow(350, RICH[20])
    explorer = make_explorer(town.node, start=False)
    started = time.monotonic()
    explorer.start()
    explorer.wait_for(town.node)
    whole_run_seconds = time.monotonic() - started
    explorer.kill()
    draw = random.Random(7)
    unfinished = 0
    for _ in range(40):
        if explorer.tip() == town.node.head_hash():
            for path in explorer.index.parent.iterdir():
                path.unlink()
        kill_after(explorer, draw.uniform(0.3, 1.0) * whole_run_seconds)
        assert _half_written(explorer) == []
        if explorer.tip() not in (None, town.node.head_hash()):
            unfinished += 1
            town.node.grow(1, RICH[20])
        if unfinished == 4:
            break
    assert unfinished == 4  # so often it was killed in the middle
    explorer.start()
    explorer.wait_for(town.node)
    assert differences(explorer, town.node) == []
    assert explorer.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert explorer.rows("SELECT count(*) FROM blocks WHERE NOT canonical")[0][0] == 0


def kill_after(explorer: Explorer, seconds: float) -> None:
    """Start it, and kill it after that time whatever it is doing."""
    process = explorer.launch()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(seconds)
    explorer.kill()


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


def test_after_a_rewind_and_other_blocks_the_index_follows_and_keeps_the_orphans(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(12, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    for depth, blocks in ((1, 2), (5, 6), (9, 3)):
        before = {row["hash"] for row in explorer.rows("SELECT hash FROM blocks WHERE canonical")}
        lost = [explorer.rows("SELECT hash FROM blocks WHERE canonical AND number = ?", node.height())[0][0]]
        node.rewind(node.height() - depth)
        node.grow(blocks, RICH[depth], value=depth)
        explorer.wait_for(node)
        assert differences(explorer, node) == []
        canonical = {row["hash"] for row in explorer.rows("SELECT hash FROM blocks WHERE canonical")}
        orphans = {row["hash"] for row in explorer.rows("SELECT hash FROM blocks WHERE NOT canonical")}
        assert before - canonical <= orphans
        assert set(lost) <= orphans
        page = explorer.get("/block/0x" + lost[0].hex())
        assert page.status == 200
        assert "replaced by a reorganisation" in page.text
    assert explorer.rows("SELECT count(*) FROM reorganisations")[0][0] >= 3


def test_a_chain_that_only_shrank_is_followed_too(make_node: NodeMaker, make_explorer: ExplorerMaker) -> None:
    node = make_node()
    node.grow(6, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    node.rewind(2)
    explorer.wait_for(node)
    assert differences(explorer, node) == []


def test_two_isolated_nodes_of_one_signer_meet_and_the_index_takes_the_heavier_branch(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    block = genesis()
    mine, other = make_node(block), make_node(block)
    for node in (mine, other):
        node.send(RICH[0], Call(RICH[1].address, b"", 1))
    mine.grow(4, RICH[2])
    other.grow(9, RICH[3], value=2)
    explorer = make_explorer(mine)
    explorer.wait_for(mine)
    replaced = mine.head_hash()
    mine.ask("miner_stop")  # the one signer must not go on with both branches
    peer(mine, other)
    wait_until(lambda: mine.head_hash() == other.head_hash(), "the nodes to agree")
    explorer.wait_for(other)
    assert differences(explorer, other) == []
    gone = explorer.rows("SELECT canonical FROM blocks WHERE hash = ?", bytes.fromhex(replaced[2:]))
    assert [row["canonical"] for row in gone] == [0]


def test_of_several_nodes_the_heaviest_is_followed_and_the_next_when_it_dies(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    block = genesis()
    short, long = make_node(block), make_node(block)
    short.grow(3, RICH[0])
    long.grow(7, RICH[1])
    explorer = make_explorer(short, long)
    explorer.wait_for(long)
    long.stop()
    explorer.wait_for(short)
    assert differences(explorer, short) == []
    assert explorer.health()["problem"] is None


def test_the_index_of_another_chain_is_set_aside_with_a_notice(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    first = make_node(genesis(timestamp=1_700_000_000))
    first.grow(2, RICH[0])
    explorer = make_explorer(first)
    explorer.wait_for(first)
    explorer.stop()
    second = make_node(genesis(timestamp=1_700_000_001))
    second.grow(1, RICH[0])
    explorer.write_config(nodes=[{**explorer.config["nodes"][0], "rpc_url": second.rpc_url, "ws_url": None}])
    explorer.start()
    explorer.wait_for(second)
    assert differences(explorer, second) == []
    aside = explorer.index.with_name("index.aside-1.sqlite")
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT count(*) FROM blocks").fetchone() == (3,)
    assert "set aside as index.aside-1.sqlite" in explorer.get("/").text


def test_a_node_of_another_chain_than_declared_is_refused_by_name(
    town: Town, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(town.node, genesis_hash="0x" + "11" * 32)
    wait_until(lambda: "another chain" in (explorer.health()["problem"] or ""), "the refusal")
    assert explorer.health()["indexed"] is None
    assert "another chain" in explorer.get("/").text


def test_a_file_that_is_no_index_is_set_aside(town: Town, make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer(town.node, start=False)
    explorer.index.write_bytes(b"not a database, but somebody's file" * 200)
    explorer.start()
    explorer.wait_for(town.node)
    aside = explorer.index.with_name("index.aside-1.sqlite")
    assert aside.read_bytes().startswith(b"not a database")
