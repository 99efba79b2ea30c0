"""A node that lies, stammers or falls silent: it is named on the page, and nothing wrong is stored."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.chain.liar import http
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import RICH, wait_until
from tests.explorer.lying_node import Lie, LyingNode, lying_node, truth
from tests.explorer.running import Explorer, differences
from tests.explorer.trading_town import Town


def _changed(method: str, **changes: Any) -> Lie:
    """A lie that changes keys of the answers of one method; a key that is ... is left out."""

    def lie(asked: str, result: Any) -> Any:
        if asked != method or not isinstance(result, dict):
            return result
        told = copy.deepcopy(result) | changes
        return {key: value for key, value in told.items() if value is not ...}

    return lie


def _instead(method: str, value: Any) -> Lie:
    return lambda asked, result: value if asked == method else result


def _one_fewer(asked: str, result: Any) -> Any:
    """Blocks whose last transaction is left out."""
    if asked == "eth_getBlockByNumber" and result and result["transactions"]:
        return {**result, "transactions": result["transactions"][:-1]}
    return result


def _other_parents(asked: str, result: Any) -> Any:
    """Blocks with their transactions that stand on no block of the chain."""
    if asked == "eth_getBlockByNumber" and result and result["transactions"]:
        return {**result, "parentHash": "0x" + "77" * 32}
    return result


_BLOCK, _RECEIPT = "eth_getBlockByNumber", "eth_getTransactionReceipt"
# Through the liar there is no debug_getRawReceipts, as on a published address: receipts come singly.
LIES: dict[str, tuple[Lie, str]] = {
    "another genesis": (_changed(_BLOCK, hash="0x" + "11" * 32), "another chain"),
    "half an answer": (lambda *_: http(b'[{"jsonrpc":"2.0","id":1,"resu', length=400), "no answer"),
    "no JSON": (lambda *_: http(b"<html>502 Bad Gateway</html>"), "no answer"),
    "an error page": (lambda *_: http(b"out of order", status="503 Service Unavailable"), "503"),
    "one value for a batch": (lambda *_: http(b"7"), "not JSON-RPC"),
    "nothing for a block": (_instead(_BLOCK, 7), "no block"),
    "a block without a hash": (_changed(_BLOCK, hash=...), "malformed"),
    "a hash of another length": (_changed(_BLOCK, parentHash="0x1234"), "malformed"),
    "a number that is no number": (_changed(_BLOCK, gasUsed="many"), "malformed"),
    "a number beyond all numbers": (_changed(_BLOCK, timestamp=hex(2**80)), "malformed"),
    "receipts that are missing": (_instead(_RECEIPT, None), "has no receipt"),
    "receipts of another block": (_changed(_RECEIPT, blockHash="0x" + "22" * 32), "has no receipt"),
    "receipts without logs": (_changed(_RECEIPT, logs=...), "malformed"),
    "receipts with other gas": (_changed(_RECEIPT, gasUsed="0x1"), "do not add up"),
    "a transaction left out": (_one_fewer, "do not add up"),
    "blocks that do not follow": (_other_parents, "does not follow"),
}


@pytest.fixture(scope="module")
def liar(town: Town) -> Iterator[LyingNode]:
    with lying_node(town.node) as between:
        yield between


@pytest.fixture
def misled(town: Town, liar: LyingNode, make_explorer: ExplorerMaker) -> Iterator[Explorer]:
    """An explorer that knows the chain through the liar alone, and which chain it must be."""
    yield make_explorer(
        nodes=[liar.configured()],
        contract=town.etsc.address,
        genesis_hash=town.node.genesis_hash(),
        start=False,
    )
    liar.lie = truth


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_named_nothing_of_it_is_stored_and_the_truth_is_taken_up(
    town: Town, liar: LyingNode, misled: Explorer, name: str
) -> None:
    liar.lie, words = LIES[name]
    misled.start()
    wait_until(lambda: words in (misled.health()["problem"] or ""), f"“{words}” to be said")
    assert words in misled.get("/").text
    stored = misled.rows("SELECT number, hash FROM blocks")
    for row in stored:
        told = town.node.ask("eth_getBlockByNumber", hex(row["number"]), False)
        assert "0x" + row["hash"].hex() == told["hash"]
    liar.lie = truth
    misled.wait_for(town.node)
    wait_until(lambda: misled.health()["problem"] is None, "the problem to be gone")
    assert differences(misled, town.node) == []


def test_a_lie_about_new_blocks_leaves_what_is_indexed(town: Town, liar: LyingNode, misled: Explorer) -> None:
    misled.start()
    misled.wait_for(town.node)
    before = misled.tip()
    liar.lie = _instead(_RECEIPT, None)
    town.node.grow(1, RICH[20])
    wait_until(lambda: "has no receipt" in (misled.health()["problem"] or ""), "the lie to be named")
    assert misled.tip() == before
    (only,) = differences(misled, town.node)
    assert only.startswith("the index ends at block")
    liar.lie = truth
    misled.wait_for(town.node)


def test_a_node_that_does_not_answer_holds_up_no_page(town: Town, liar: LyingNode, misled: Explorer) -> None:
    released = threading.Event()

    def silence(method: str, result: Any) -> Any:
        released.wait(60)
        return result

    liar.lie = silence
    misled.start()
    try:
        assert "Waiting for the chain" in misled.get("/").text
        wait_until(lambda: "timed out" in (misled.health()["problem"] or ""), "the silence to be named")
    finally:
        released.set()
    liar.lie = truth
    misled.wait_for(town.node)
    assert differences(misled, town.node) == []


def test_a_node_that_is_gone_and_comes_back_is_followed_again(
    town: Town, make_explorer: ExplorerMaker
) -> None:
    with lying_node(town.node) as between:
        explorer = make_explorer(nodes=[between.configured()], contract=town.etsc.address)
        explorer.wait_for(town.node)
    wait_until(lambda: "Connection refused" in (explorer.health()["problem"] or ""), "its end to be named")
    page = explorer.get("/")
    assert page.status == 200
    assert "Shown is what is indexed" in page.text
    with lying_node(town.node) as between:
        explorer.write_config(nodes=[between.configured()])
        town.node.grow(1, RICH[20])
        explorer.wait_for(town.node)
    assert differences(explorer, town.node) == []
