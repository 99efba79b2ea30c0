"""The index is the chain: row by row, after kills and after reorganisations."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from explorer.index.database import file_of
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


def test_after_a_restart_a_node_that_is_merely_behind_takes_no_block_back(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    block = genesis()
    behind, ahead = make_node(block), make_node(block)
    behind.ask("miner_stop")
    ahead.grow(4, RICH[0])
    peer(behind, ahead)
    wait_until(lambda: behind.head_hash() == ahead.head_hash(), "the nodes to agree")
    behind.ask("admin_removePeer", ahead.ask("admin_nodeInfo")["enode"])
    wait_until(lambda: not ahead.ask("admin_peers"), "the cut")
    ahead.grow(5, RICH[0])
    assert behind.height() < ahead.height()
    explorer = make_explorer(behind, ahead)
    explorer.wait_for(ahead)
    for _ in range(3):
        explorer.stop()
        explorer.start()
        explorer.wait_for(ahead)
    ahead.grow(1, RICH[0])
    explorer.wait_for(ahead)
    assert explorer.rows("SELECT * FROM reorganisations") == []
    assert differences(explorer, ahead) == []


def test_another_chain_has_an_index_of_its_own_and_the_former_one_is_kept(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    first = make_node(genesis(timestamp=1_700_000_000))
    first.grow(2, RICH[0])
    explorer = make_explorer(first)
    explorer.wait_for(first)
    former = explorer.index
    second = make_node(genesis(timestamp=1_700_000_001))
    second.grow(1, RICH[0])
    # While it runs: the node behind the address is another one from now on.
    explorer.write_config(
        nodes=[{**explorer.config["nodes"][0], "rpc_url": second.rpc_url, "ipc_path": None}]
    )
    wait_until(lambda: explorer.health()["indexed"] == second.height(), "the other chain")
    assert first.head_hash() not in explorer.get("/").text
    assert explorer.get(f"/block/{first.head_hash()}").status == 404
    assert explorer.get(f"/block/{second.head_hash()}").status == 200
    with closing(sqlite3.connect(former)) as connection:
        assert connection.execute("SELECT count(*) FROM blocks").fetchone() == (3,)
    former.rename(former.with_suffix(".former"))
    assert differences(explorer, second) == []


def test_a_node_of_another_chain_than_declared_is_refused_by_name(
    town: Town, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(town.node, genesis_hash="0x" + "11" * 32)
    wait_until(lambda: "another chain" in (explorer.health()["problem"] or ""), "the refusal")
    assert explorer.health()["indexed"] is None
    assert "another chain" in explorer.get("/").text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not a database, but somebody's file" * 200, "it cannot be read"),
        (None, "it was written by another version of the explorer (schema 1)"),
    ],
    ids=["no database", "another version"],
)
def test_a_file_that_is_no_index_of_this_version_is_set_aside(
    town: Town, make_explorer: ExplorerMaker, content: bytes | None, why: str
) -> None:
    explorer = make_explorer(town.node, start=False)
    file = file_of(Path(explorer.config["index"]), bytes.fromhex(town.node.genesis_hash()[2:]))
    file.parent.mkdir()
    if content is None:
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript("CREATE TABLE blocks (number INTEGER); PRAGMA user_version = 1")
    else:
        file.write_bytes(content)
    before = file.read_bytes()
    explorer.start()
    wait_until(lambda: explorer.health()["indexed"] == town.node.height(), "a new index")
    (aside,) = file.parent.glob("*.aside-1.sqlite")
    assert aside.read_bytes() == before
    assert f"set aside as {aside.name}: {why}" in explorer.get("/").text
    aside.rename(aside.with_suffix(".kept"))
    assert differences(explorer, town.node) == []
