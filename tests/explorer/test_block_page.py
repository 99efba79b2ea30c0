"""What the page of a block says: how deep it lies, what it replaced, whose turn it was, its uncles."""

from __future__ import annotations

import re
from typing import Any

from chain.call import Call
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, SEALER, SEALERS, genesis, wait_until
from tests.explorer.lying_node import Lie, lying_node
from tests.explorer.running import Explorer
from tests.explorer.test_pages import words
from tests.explorer.trading_town import Town
from tests.explorer.walking import hashes, rows

_MINER = "0x" + "ab" * 20
_UNCLES = {"0x" + "a1" * 32: 3, "0x" + "a2" * 32: 2}  # by hash: height; both in block 4


def test_the_newest_block_is_not_yet_deep_enough_and_one_below_three_others_is(
    town: Town, explorer: Explorer
) -> None:
    head = town.node.height()
    newest = words(explorer.get(f"/block/{head}").text)
    assert "Confirmations 1 not yet deep enough 0 of the 3 blocks on top of it that campaigns" in newest
    assert "Confirmations 3 not yet deep enough 2 of the 3" in words(explorer.get(f"/block/{head - 2}").text)
    assert "Confirmations 4 deep enough" in words(explorer.get(f"/block/{head - 3}").text)


def test_with_proof_of_work_six_blocks_are_needed(town: Town, make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer(town.node, consensus="pow")
    explorer.wait_for(town.node)
    head = town.node.height()
    assert "Confirmations 4 not yet deep enough 3 of the 6" in words(explorer.get(f"/block/{head - 3}").text)
    assert "Confirmations 7 deep enough" in words(explorer.get(f"/block/{head - 6}").text)


def test_a_replaced_block_and_the_one_in_its_place_name_each_other(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(4, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    lost = node.head_hash()
    node.rewind(3)
    node.grow(2, RICH[1], value=9)
    explorer.wait_for(node)
    stands = node.ask("eth_getBlockByNumber", "0x4", False)["hash"]
    orphan, canonical = explorer.get("/block/" + lost).text, explorer.get("/block/4").text
    assert "Block 4 orphan" in words(orphan)
    assert "was replaced by a reorganisation" in words(orphan)
    assert "Confirmations 0, orphaned" in words(orphan)
    assert f'href="/block/{stands}"' in orphan
    assert "stood at this height and was orphaned" in words(canonical)
    assert f'href="/block/{lost}"' in canonical
    assert stands in words(canonical)


def test_a_signer_out_of_its_turn_is_told_from_one_in_turn(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    block = genesis(signers=2)
    order = sorted(SEALERS[:2], key=lambda sealer: bytes.fromhex(sealer.address[2:]))
    for sealer, turn in ((order[0], "out of turn"), (order[1], "in turn")):  # of block 1
        node = make_node(block, SEALERS.index(sealer))
        node.grow(1, RICH[0])
        explorer = make_explorer(node)
        explorer.wait_for(node)
        text = words(explorer.get("/block/1").text)
        assert f"({turn})" in text
        assert sealer.address in text
        explorer.stop()
        explorer.index.unlink()


def test_a_block_of_many_transactions_is_shown_in_parts(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    transfers = [Call(RICH[9].address, b"", at) for at in range(50)]
    node.send_at_once(*((signer, transfers) for signer in RICH[:3]))
    explorer = make_explorer(node)
    explorer.wait_for(node)
    parts = [explorer.get(f"/block/1{query}").text for query in ("", "?from=50", "?from=100")]
    mined = node.ask("eth_getBlockByNumber", "0x1", False)["transactions"]
    assert len(mined) == 150
    label = "Transactions of the block"
    assert [tx for part in parts for tx in hashes(part, label, "tx")] == mined
    for part, told in zip(parts, ("1 to 50", "51 to 100", "101 to 150"), strict=True):
        assert f"{told} of 150" in words(part)
    for nonsense in ("-1", "x", "9" * 18, "9" * 40):
        assert explorer.get(f"/block/1?from={nonsense}").status == 200


def _with_uncles(number: int, truth: Lie) -> Lie:
    """A node that says of one block that it includes uncles, which no chain of clique does."""

    def told(method: str, result: Any) -> Any:
        result = truth(method, result)
        if method == "eth_getBlockByNumber" and result and int(result["number"], 16) == number:
            return {**result, "uncles": list(_UNCLES)}
        if method == "eth_getUncleByBlockHashAndIndex":
            uncle_hash, height = left.pop(0)
            left.append((uncle_hash, height))
            return {
                "hash": uncle_hash,
                "number": hex(height),
                "miner": _MINER,
                "timestamp": hex(1_700_000_000),
                "difficulty": hex(131_072),
            }
        return result

    left = list(_UNCLES.items())
    return told


def test_the_uncles_of_a_block_are_listed_and_found_by_their_hash(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(4, RICH[0])
    with lying_node(node) as between:
        between.lie = _with_uncles(4, between.lie)
        explorer = make_explorer(nodes=[between.configured()], consensus="pow")
        wait_until(lambda: explorer.tip() == node.head_hash(), "the index to reach the head")
        wait_until(lambda: explorer.get("/block/4").status == 200, "the page")
        page = explorer.get("/block/4").text
        (first, second) = rows(page, "Table of uncles")
        for cells, (uncle_hash, height) in zip((first, second), _UNCLES.items(), strict=True):
            assert f"/block/{uncle_hash}" in cells[0]
            assert words(cells[1]).strip() == str(height)
            assert _MINER in cells[3].lower()
        for uncle_hash, height in _UNCLES.items():
            found = explorer.get("/search?q=" + uncle_hash)
            assert (found.status, found.headers["location"]) == (303, "/block/" + uncle_hash)
            uncle = words(explorer.get("/block/" + uncle_hash).text)
            assert f"Block {height} uncle" in uncle
            assert re.search(r"Uncle in block 4 as its uncle [01]", uncle)
            assert _MINER in uncle.lower()
        assert explorer.get("/block/0x" + "a3" * 32).status == 404
        forks = words(explorer.get("/forks").text)
        assert "0 orphans, 0 reorganisations, 2 uncles" in forks
        # Both are of one miner who has no block in the chain.
        assert re.search(r"0xababab…ababab 0 0 2 100\.00 %", forks.lower())
        assert SEALER.address[:8] in forks
