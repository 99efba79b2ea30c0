"""Uncles as proof of work makes them: two miners who knew nothing of each other meet, and go on together."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.explorer.asking_etherscan import ask
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import SEALERS, GethNode, genesis, peer, wait_until
from tests.explorer.running import differences
from tests.explorer.test_pages import words

pytestmark = pytest.mark.pow

_MINING_SECONDS = 180.0  # on a busy machine


def mine_until(miner: GethNode, done: Callable[[], bool]) -> None:
    miner.ask("miner_start", 1)
    wait_until(done, "a block to be mined", _MINING_SECONDS)
    miner.ask("miner_stop")


def has_mined(miner: GethNode) -> bool:
    """Stops it where it has."""
    if miner.height() == 0:
        return False
    miner.ask("miner_stop")
    return True


def weight(node: GethNode) -> int:
    return int(node.ask("eth_getBlockByNumber", "latest", False)["totalDifficulty"], 16)


def block_at(node: GethNode, number: int) -> dict[str, Any]:
    block: dict[str, Any] = node.ask("eth_getBlockByNumber", hex(number), False)
    return block


def with_uncles(node: GethNode) -> list[int]:
    return [number for number in range(1, node.height() + 1) if block_at(node, number)["uncles"]]


def gained(node: GethNode, who: str, number: int) -> int:
    before, after = (int(node.ask("eth_getBalance", who, hex(at)), 16) for at in (number - 1, number))
    return after - before


def test_uncles_of_a_real_chain_are_indexed_shown_and_paid_as_the_node_pays_them(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    block = genesis(signers=0)
    miners = one, other = make_node(block, signer=0), make_node(block, signer=1)
    explorer = make_explorer(one, other, consensus="pow")
    # All in a list: each is stopped at its first block, whoever is first.
    wait_until(lambda: all([has_mined(each) for each in miners]), "both to mine alone", _MINING_SECONDS)
    lost = block_at(other, 1)["hash"]
    mine_until(one, lambda: weight(one) > weight(other))
    peer(one, other)
    wait_until(lambda: other.head_hash() == one.head_hash(), "the miners to agree", _MINING_SECONDS)
    # Whoever mined what was left names it, as long as that is no more than six blocks ago.
    mine_until(other, lambda: bool(with_uncles(other)))
    wait_until(lambda: other.head_hash() == one.head_hash(), "the miners to agree", _MINING_SECONDS)
    explorer.wait_for(one)
    assert differences(explorer, one) == []

    number = with_uncles(one)[0]
    named = block_at(one, number)["uncles"]
    assert named == [lost]
    assert ["0x" + row["hash"].hex() for row in explorer.rows("SELECT hash FROM uncles")] == named
    page = explorer.get(f"/block/{number}").text
    assert all(f"/block/{each}" in page for each in named)
    uncle = one.ask("eth_getUncleByBlockNumberAndIndex", hex(number), "0x0")
    # A page of its own, or that of the orphan, where the index followed that branch for a while.
    told = rf"Uncle in block {number} as its uncle 0|It stands as an uncle in block \S+ at height {number}\b"
    assert re.search(told, words(explorer.get(f"/block/{lost}").text))
    assert "0 uncles" not in words(explorer.get("/forks").text)

    paid = ask(explorer, module="block", action="getblockreward", blockno=number)["result"]
    got = {each["miner"]: 0 for each in paid["uncles"]} | {paid["blockMiner"]: int(paid["blockReward"])}
    for each in paid["uncles"]:
        got[each["miner"]] += int(each["blockreward"])
    assert int(paid["uncleInclusionReward"]) == 2 * 10**18 // 32  # which is in blockReward already
    assert uncle["miner"] in got
    assert got == {who: gained(one, who, number) for who in got}
    assert set(got) <= {each.address.lower() for each in SEALERS}
