"""Whatever depth and way a reorganisation has: afterwards the index is the chain, row by row."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from chain.call import Call
from chain.rpc import HttpRpc, nonce_of
from tests.explorer.anvilnode import AnvilNode
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import CHAIN_ID, FEES, RICH, GethNode, genesis, peer, wait_until
from tests.explorer.running import Explorer, differences
from tests.explorer.trading_town import Town

DEEPEST = 64


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[AnvilNode]:
    node = AnvilNode.on(tmp_path / "anvil")
    node.start()
    try:
        yield node
    finally:
        node.stop()


@contextmanager
def load(node: GethNode) -> Iterator[None]:
    """Transfers, one after the other, for as long as the block lasts; a reorganisation may undo them."""
    ended = threading.Event()
    signer = RICH[21]

    def send() -> None:
        with HttpRpc(node.rpc_url) as rpc:
            while not ended.is_set():
                nonce = rpc.fetch(nonce_of(signer.address))
                raw = signer.sign(Call(RICH[22].address, b"", 1), nonce, CHAIN_ID, FEES).raw
                rpc.batch([("eth_sendRawTransaction", [raw])])  # one that comes twice is refused

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()


def test_each_depth_from_1_to_64(anvil: AnvilNode, make_explorer: ExplorerMaker) -> None:
    """Without other load: Anvil loses blocks for good where a transaction comes amid its reorganisation."""
    town = Town.found(anvil)
    anvil.ask("anvil_mine", hex(DEEPEST))
    explorer = make_explorer(anvil, contract=town.etsc.address)
    explorer.wait_for(anvil)
    replaced = 0
    for depth in range(1, DEEPEST + 1):
        town.play([1.0, depth / 10, 2.5])
        explorer.wait_for(anvil)
        before = hashes(anvil, depth)
        # The last blocks anew, empty: what the market did in them has not happened.
        anvil.ask("anvil_reorg", depth, [])
        after = hashes(anvil, depth)
        assert after[-1] != before[-1]
        # Deep down, an empty block is often sealed anew with the same time, and so the same hash.
        replaced += sum(old != new for old, new in zip(before, after, strict=True))
        explorer.wait_for(anvil)
        assert differences(explorer, anvil) == [], f"after {depth} blocks"
        town.slot = slot_of(town)
    told = [row["depth"] for row in explorer.rows("SELECT depth FROM reorganisations")]
    # Anvil takes back and seals anew while it is looked at, so that one may be seen as two.
    assert len(told) >= DEEPEST
    assert sum(told) >= replaced


def hashes(node: AnvilNode, blocks: int) -> list[str]:
    """Of the last blocks."""
    head = int(node.ask("eth_blockNumber"), 16)
    numbers = range(head - blocks + 1, head + 1)
    return [str(node.ask("eth_getBlockByNumber", hex(number), False)["hash"]) for number in numbers]


def test_up_to_64_blocks_are_replaced_under_load(make_node: NodeMaker, make_explorer: ExplorerMaker) -> None:
    node = make_node()
    town = Town.found(node)
    node.grow(DEEPEST, RICH[5])
    explorer = make_explorer(node, contract=town.etsc.address)
    explorer.wait_for(node)
    # Each takes about half a second, so not all of them: the test above has every depth.
    for depth in (*range(1, 9), *range(10, 31, 4), *range(34, DEEPEST, 5), DEEPEST):
        with load(node):
            town.play([1.0, depth / 10, 2.5])
            node.rewind(node.height() - depth)
            node.grow(2, RICH[6], value=depth)
        node.ask("miner_stop")
        assert settled(explorer, node) == [], f"after {depth} blocks"
        node.ask("miner_start")
        town.slot = slot_of(town)
        node.grow(max(0, DEEPEST + 20 - node.height()), RICH[7])


def settled(explorer: Explorer, node: GethNode) -> list[str]:
    """What differs when both stand still: what was being sealed as the miner was stopped may come yet."""
    explorer.wait_for(node)
    tip = explorer.tip()
    found = differences(explorer, node)
    return found if node.head_hash() == tip == explorer.tip() else settled(explorer, node)


def slot_of(town: Town) -> int:
    """The slot that the chain is in now."""
    with HttpRpc(town.node.rpc_url) as rpc:
        return rpc.fetch(town.etsc.slot()).number


# Most of the time of each passes in Geth, which looks every ten seconds whether a peer has a heavier chain.
@pytest.mark.parametrize(("depth", "busy"), [(1, False), (30, False), (DEEPEST, True)])
def test_two_isolated_nodes_of_one_signer_meet_and_the_index_takes_the_heavier_branch(
    make_node: NodeMaker, make_explorer: ExplorerMaker, depth: int, busy: bool
) -> None:
    block = genesis()
    mine, other = make_node(block), make_node(block)
    explorer = make_explorer(mine)
    with load(mine) if busy else nullcontext():  # the index follows meanwhile
        mine.grow(depth, RICH[2])
    mine.ask("miner_stop")  # the one signer must not go on with both branches
    assert settled(explorer, mine) == []
    replaced, lost = mine.head_hash(), mine.height()
    assert lost >= depth
    other.grow(lost + 3, RICH[3], value=2)
    peer(mine, other)
    with load(other):
        wait_until(lambda: mine.height() > lost, "the nodes to agree")
    other.ask("miner_stop")
    wait_until(lambda: mine.head_hash() == other.head_hash(), "the nodes to agree")
    explorer.wait_for(other)
    assert differences(explorer, other) == []
    gone = explorer.rows("SELECT canonical FROM blocks WHERE hash = ?", bytes.fromhex(replaced[2:]))
    assert [row["canonical"] for row in gone] == [0]
    assert explorer.rows("SELECT max(depth) FROM reorganisations")[0][0] == lost


def test_three_signers_one_of_whom_was_cut_off(make_node: NodeMaker, make_explorer: ExplorerMaker) -> None:
    """The one alone may seal a single block, which the two others' branch replaces."""
    block = genesis(period_seconds=1, signers=3)
    nodes = [make_node(block, signer=at) for at in range(3)]
    alone, *others = nodes
    for node in nodes:
        node.ask("miner_stop")
    for at, node in enumerate(nodes):
        for another in nodes[:at]:
            peer(node, another)
    wait_until(lambda: all(len(node.ask("admin_peers")) == 2 for node in nodes), "the nodes to meet")
    for node in nodes:
        node.ask("miner_start")
    explorer = make_explorer(*nodes)
    wait_until(lambda: min(node.height() for node in nodes) >= 4, "a chain of all three")
    enode = alone.ask("admin_nodeInfo")["enode"]
    for node in others:
        node.ask("admin_removePeer", enode)
        alone.ask("admin_removePeer", node.ask("admin_nodeInfo")["enode"])
    wait_until(lambda: len(alone.ask("admin_peers")) == 0, "the cut")
    cut = alone.height()
    wait_until(lambda: others[0].height() >= cut + 4, "the two to go on")
    for node in others:
        peer(alone, node)
    wait_until(lambda: alone.height() >= others[0].height() - 1, "the third to be back")
    for node in nodes:
        node.ask("miner_stop")
    wait_until(lambda: len({node.head_hash() for node in nodes}) == 1, "one head")
    assert settled(explorer, alone) == []


def test_after_a_rewind_and_other_blocks_the_index_follows_and_keeps_the_orphans(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(12, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    for depth, blocks in ((1, 2), (5, 6), (9, 3)):
        before = _hashes(explorer, canonical=1)
        lost = explorer.rows("SELECT hash FROM blocks WHERE canonical AND number = ?", node.height())[0][0]
        node.rewind(node.height() - depth)
        node.grow(blocks, RICH[depth], value=depth)
        explorer.wait_for(node)
        assert differences(explorer, node) == []
        orphans = _hashes(explorer, canonical=0)
        assert before - _hashes(explorer, canonical=1) <= orphans
        assert lost in orphans
        page = explorer.get("/block/0x" + lost.hex())
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


def _hashes(explorer: Explorer, canonical: int) -> set[bytes]:
    return {row["hash"] for row in explorer.rows("SELECT hash FROM blocks WHERE canonical = ?", canonical)}
