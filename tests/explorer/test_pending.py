"""/pending shows the pool of the node that the index follows, as the node has it."""

from __future__ import annotations

import re

import pytest

from chain.call import Call
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, wait_until
from tests.explorer.test_pages import words
from tests.explorer.trading_town import Town
from tests.explorer.walking import hashes, rows


@pytest.fixture
def still(make_node: NodeMaker) -> Town:
    """A market whose node seals nothing for now, so that what it is sent stays in its pool."""
    town = Town.found(make_node())
    town.node.ask("miner_stop")
    return town


def test_what_waits_is_shown_by_sender_and_nonce_with_what_it_calls_and_its_fee(
    still: Town, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(still.node, contract=still.etsc.address, accounts=still.accounts())
    explorer.wait_for(still.node)
    assert "0 pending, 0 queued at node-1" in words(explorer.get("/pending").text)
    offers = still.node.hand_over(still.retailers[0], (1, still.etsc.retract()), (0, still.etsc.offer(5_000)))
    waits = still.node.hand_over(RICH[7], (3, Call(RICH[8].address, b"", 2 * 10**18)))
    wait_until(
        lambda: "2 pending, 1 queued at node-1" in words(explorer.get("/pending").text), "the pool to be seen"
    )
    page = explorer.get("/pending").text
    assert hashes(page, "Table of what is pending", "tx") == [offers[1].hash, offers[0].hash]  # by nonce
    assert hashes(page, "Table of what is queued", "tx") == [waits[0].hash]
    first, second = ([words(cell).strip() for cell in row] for row in rows(page, "Table of what is pending"))
    assert first[0].startswith("retailer-1 0x")
    assert first[1] == str(offers[1].nonce)
    assert (first[3], second[3]) == ("offer", "retract")
    assert first[4].startswith("ETSC 0x")
    assert first[6] == "20 Gwei"
    assert re.fullmatch(r"0\.00\d+ ether", first[7])
    (queued,) = ([words(cell).strip() for cell in row] for row in rows(page, "Table of what is queued"))
    assert (queued[1], queued[3], queued[5]) == ("3", "transfer", "2 ether")
    still.node.ask("miner_start")
    wait_until(
        lambda: "0 pending, 1 queued" in words(explorer.get("/pending").text), "the pool to be seen again"
    )


def test_of_many_the_first_200_are_shown_and_all_are_counted(
    still: Town, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(still.node)
    explorer.wait_for(still.node)
    for signer in RICH[2:6]:
        still.node.hand_over(signer, *((ahead, Call(RICH[8].address, b"", 1)) for ahead in range(60)))
    wait_until(lambda: "240 pending, 0 queued" in words(explorer.get("/pending").text), "the pool to be seen")
    page = explorer.get("/pending").text
    assert "These are the first 200 of 240." in words(page)
    assert len(rows(page, "Table of what is pending")) == 200
    assert len(set(hashes(page, "Table of what is pending", "tx"))) == 200


def test_a_node_that_keeps_its_pool_to_itself_is_said_to(town: Town, make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer(town.node, start=False)
    explorer.write_config(nodes=[{**explorer.config["nodes"][0], "ipc_path": None}])
    explorer.start()
    explorer.wait_for(town.node)
    answer = explorer.get("/pending")
    assert answer.status == 200
    assert "the node keeps its pool to itself: it does not answer `txpool`" in words(answer.text)


def test_without_a_node_the_page_says_so(make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer()
    answer = explorer.get("/pending")
    assert answer.status == 200
    assert "What waits is not known: no node answers at the moment" in words(answer.text)
