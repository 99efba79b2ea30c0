"""The lists of blocks and transactions hold each canonical one once, newest first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chain.call import Call
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import RICH, GethNode, genesis
from tests.explorer.running import Explorer
from tests.explorer.test_pages import words
from tests.explorer.walking import hashes, pages

_BLOCKS = 120


@pytest.fixture(scope="module")
def long() -> Iterator[GethNode]:
    with tempfile.TemporaryDirectory(prefix="exl-") as directory:
        node = GethNode.create(Path(directory) / "node", genesis())
        try:
            node.start()
            node.grow(_BLOCKS, RICH[0])
            yield node
        finally:
            node.stop()


@pytest.fixture
def forked(long: GethNode, make_explorer: ExplorerMaker) -> Explorer:
    """An explorer that has seen the last three blocks replaced by others."""
    explorer = make_explorer(long)
    explorer.wait_for(long)
    long.rewind(long.height() - 3)
    long.grow(5, RICH[1], value=7)
    explorer.wait_for(long)
    assert explorer.rows("SELECT count(*) FROM blocks WHERE NOT canonical")[0][0] >= 3
    return explorer


def test_the_pages_of_blocks_hold_each_canonical_block_once(forked: Explorer) -> None:
    walked = list(pages(forked, "/blocks"))
    seen = [block for page in walked for block in hashes(page, "Blocks", "block")]
    rows = forked.rows("SELECT hash FROM blocks WHERE canonical ORDER BY number DESC")
    assert len(walked) > 2
    assert seen == ["0x" + row["hash"].hex() for row in rows]
    assert f"{len(rows)} in the chain" in words(walked[0])
    assert "data-follow" in walked[0]
    assert "data-follow" not in walked[1]  # what is old does not change
    assert 'href="?">← Newest' in walked[1]


def test_the_pages_of_transactions_hold_each_canonical_transaction_once(forked: Explorer) -> None:
    walked = list(pages(forked, "/txs"))
    seen = [tx for page in walked for tx in hashes(page, "Transactions", "tx")]
    rows = forked.rows(
        "SELECT t.hash FROM transactions t JOIN blocks b ON b.id = t.id >> 20 WHERE b.canonical "
        "ORDER BY t.number DESC, t.position DESC"
    )
    assert len(walked) > 2
    assert seen == ["0x" + row["hash"].hex() for row in rows]
    assert f"{len(rows)} in the chain" in words(walked[0])


def test_a_place_that_is_none_shows_the_newest(forked: Explorer) -> None:
    for path in ("/blocks", "/txs"):
        newest = forked.get(path).text
        for nonsense in ("", "x", "-1", "9" * 40, "1.2.3", "%00", "0x10", "1e5"):
            assert forked.get(f"{path}?before={nonsense}").text == newest, nonsense
    assert "None older than that." in words(forked.get("/blocks?before=0").text)
    assert "None older than that." in words(forked.get("/txs?before=0.0").text)
    assert len(hashes(forked.get("/blocks?before=" + "9" * 18).text, "Blocks", "block")) == 25


def test_a_new_block_stands_first_as_soon_as_it_is_indexed(long: GethNode, forked: Explorer) -> None:
    (sent,) = long.send(RICH[2], Call(RICH[3].address, b"", 5))
    forked.wait_for(long)
    assert hashes(forked.get("/txs").text, "Transactions", "tx")[0] == sent
    assert hashes(forked.get("/blocks").text, "Blocks", "block")[0] == long.head_hash()


def test_before_the_first_block_and_transaction_the_lists_say_so(make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer()
    assert "No block is indexed yet." in words(explorer.get("/blocks").text)
    assert "No transaction is indexed yet." in words(explorer.get("/txs").text)
