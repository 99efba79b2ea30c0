"""What the page of a transaction says of what came of it: why it failed, what moved inside, that it waits."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_abi.abi import encode

from chain.call import Call
from chain.rpc import HttpRpc, nonce_of
from chain.wallet import Wallet
from contracts.artifact import ARTIFACT
from contracts.etsc import contract_address
from explorer.words import ether
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import CHAIN_ID, FEES, RICH, GethNode, genesis, wait_until
from tests.explorer.running import Explorer, configuration
from tests.explorer.test_pages import words
from tests.explorer.trading_town import EDGE_SERVER, HOSTILE, TERMS, SALE_WEI_PER_mE, Town
from tests.explorer.walking import rows

# Reverts with whatever it is called with: CALLDATACOPY(0, 0, size), REVERT(0, size).
_ECHO = bytes.fromhex("366000600037366000fd")
# Sends half of what it is sent to the account that it is called with, and the same once more to an account
# that refuses it: CALL(gas, calldata[0], value/2, …), POP, CALL(gas, calldata[1], value/2, …), STOP.
_SPLIT = bytes.fromhex("6000600060006000600234046000355af1506000600060006000600234046020355af100")
# Calls itself until its gas ends.
_DEEP = bytes.fromhex("60006000600060006000305af100")
_STRANGER = "0x" + "c5" * 20


@dataclass
class Scene:
    """A market, and contracts that fail and pay in every way."""

    town: Town
    echo: str
    split: str
    deep: str

    @property
    def node(self) -> GethNode:
        return self.town.node

    def revert(self, data: bytes) -> str:
        return self.node.send(RICH[5], Call(self.echo, data))[0]


def _creation(runtime: bytes) -> bytes:
    """Code that leaves `runtime` behind: CODECOPY, RETURN."""
    size = len(runtime).to_bytes(1, "big")
    return (
        bytes.fromhex("60") + size + bytes.fromhex("600c60003960") + size + bytes.fromhex("6000f3") + runtime
    )


def _deploy(node: GethNode, signer: Wallet, runtime: bytes) -> str:
    with HttpRpc(node.rpc_url) as rpc:
        nonce = rpc.fetch(nonce_of(signer.address))
    node.send(signer, Call(None, _creation(runtime)))
    return contract_address(signer.address, nonce)


def deploy_echo(node: GethNode, signer: Wallet) -> str:
    """A contract that reverts with whatever it is called with."""
    return _deploy(node, signer, _ECHO)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="ext-") as directory:
        node = GethNode.create(Path(directory) / "node", genesis())
        try:
            node.start()
            town = Town.found(node)
            town.play([1.0, 2.0, 3.0])
            echo = deploy_echo(node, RICH[5])
            split, deep = (_deploy(node, RICH[5], code) for code in (_SPLIT, _DEEP))
            yield Scene(town, echo, split, deep)
        finally:
            node.stop()


@pytest.fixture(scope="module")
def explorer(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """Of the scene; `read` waits for it."""
    directory, town = tmp_path_factory.mktemp("explorer"), scene.town
    changes = {"contract": town.etsc.address, "accounts": town.accounts()}
    explorer = Explorer(directory, configuration(directory, town.node, **changes))
    try:
        explorer.start()
        yield explorer
    finally:
        explorer.kill()


def read(explorer: Explorer, scene: Scene, tx_hash: str) -> str:
    explorer.wait_for(scene.node)
    return words(explorer.get("/tx/" + tx_hash).text)


def test_an_error_of_etsc_is_told_by_name_in_words_and_with_its_values(
    scene: Scene, explorer: Explorer
) -> None:
    text = read(explorer, scene, scene.town.fail())
    assert "Status failed InsufficientOffer the retailer 0x" in text
    # Its values by name, with the retailer as who it is and amounts in their units.
    assert re.search(r"retailer retailer-1 0x\w+ offered [\d,.]+ kWh quantity 1,000,000,000 kWh Block", text)


def test_out_of_gas_is_said_as_such(scene: Scene, explorer: Explorer) -> None:
    call = scene.town.etsc.trade(scene.town.retailers[0].address, 1)
    (sent,) = scene.node.send(scene.town.prosumers[0], Call(call.to, call.data, 0, 22_500))
    assert "Status failed it ran out of gas: its limit was 22,500" in read(explorer, scene, sent)


def test_a_function_that_etsc_has_not_is_said_to_be_none(scene: Scene, explorer: Explorer) -> None:
    (sent,) = scene.node.send(RICH[5], Call(scene.town.etsc.address, b"\1\2\3\4"))
    text = read(explorer, scene, sent)
    assert "Transaction unknown call" in text
    assert "failed ETSC has no such function, or not with these arguments" in text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "failed it reverted without a reason"),
        (
            bytes.fromhex("08c379a0") + encode(["string"], ["the shop is closed"]),
            "failed Error the shop is closed Block",
        ),
        (
            bytes.fromhex("4e487b71") + encode(["uint256"], [0x11]),
            "failed Panic a check of the Solidity language failed with code 17 Block",
        ),
        (b"\xde\xad\xbe\xef" + b"\1" * 5, "with data that is no known error: 0xdeadbeef0101010101"),
        # Cut in the middle: the selector of Error before what is no string.
        (bytes.fromhex("08c379a0") + b"\xff" * 40, "with data that is no known error: 0x08c379a0ffff"),
    ],
)
def test_the_reason_of_any_contract_is_read_from_the_trace(
    scene: Scene, explorer: Explorer, data: bytes, said: str
) -> None:
    assert said in read(explorer, scene, scene.revert(data))


def test_an_error_of_the_same_form_from_another_contract_is_not_put_into_etscs_words(
    scene: Scene, explorer: Explorer
) -> None:
    selector = next(key for key, entry in ARTIFACT.errors.items() if entry["name"] == "NotEdgeServer")
    text = read(explorer, scene, scene.revert(selector + encode(["address"], [RICH[7].address])))
    assert "failed NotEdgeServer it reverted with an error of this form" in text
    assert "is not an edge server" not in text


def test_a_reason_that_is_markup_stays_text(scene: Scene, explorer: Explorer) -> None:
    text = HOSTILE + "\u202e\u0007" + "y" * 3000
    sent = scene.revert(bytes.fromhex("08c379a0") + encode(["string"], [text]))
    explorer.wait_for(scene.node)
    page = explorer.get("/tx/" + sent).text
    assert page.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\u202e" not in page
    assert "y" * 1000 not in page


def test_ether_that_etsc_pays_out_is_shown_as_moved_inside(scene: Scene, explorer: Explorer) -> None:
    (sent,) = scene.node.send(EDGE_SERVER, scene.town.etsc.withdraw())
    explorer.wait_for(scene.node)
    (cells,) = rows(explorer.get("/tx/" + sent).text, "Table of internal transfers")
    assert scene.town.etsc.address in cells[1]
    assert EDGE_SERVER.address in cells[2]
    earned_wei = 6_000 * (SALE_WEI_PER_mE - TERMS.min_unit_price)
    assert f'title="{ether(earned_wei)}"' in cells[3]
    traded = explorer.rows("SELECT t.hash FROM transactions t JOIN logs l ON l.id >> 20 = t.id >> 20 "
                           "AND l.position = t.position WHERE t.value_wei = '0' AND t.sender = ?",
                           bytes.fromhex(scene.town.prosumers[1].address[2:]))[0]["hash"]  # fmt: skip
    assert "Internal transfers None: no contract moved ether inside it." in words(
        explorer.get("/tx/0x" + traded.hex()).text
    )


def test_only_what_was_not_undone_counts_as_moved(scene: Scene, explorer: Explorer) -> None:
    arguments = encode(["address", "address"], [_STRANGER, scene.echo])
    (sent,) = scene.node.send(RICH[5], Call(scene.split, arguments, 3 * 10**18))
    explorer.wait_for(scene.node)
    page = explorer.get("/tx/" + sent).text
    assert "Status success" in words(page)
    (cells,) = rows(page, "Table of internal transfers")  # and not the one that was refused
    assert words(cells[0]).strip() == "call"
    assert _STRANGER in cells[2].lower()
    assert words(cells[3]).strip() == "1.5 ether"


def test_calls_that_lie_too_deep_in_one_another_are_no_error_of_the_server(
    scene: Scene, explorer: Explorer
) -> None:
    (sent,) = scene.node.send(RICH[5], Call(scene.deep, b"", 0, 29_000_000))
    text = read(explorer, scene, sent)
    assert "Status success" in text
    assert "calls lie too deep in one another to be read" in text


def test_without_debug_it_says_why_the_reason_is_not_known(
    scene: Scene, make_explorer: ExplorerMaker
) -> None:
    failed = scene.town.fail()
    (moved,) = scene.node.send(RICH[5], Call(scene.split, encode(["address", "address"], [_STRANGER] * 2), 4))
    explorer = make_explorer(scene.node, contract=scene.town.etsc.address, start=False)
    explorer.write_config(nodes=[{**explorer.config["nodes"][0], "ipc_path": None}])
    explorer.start()
    closed = "the node does not answer `debug` to the explorer"
    assert f"Status failed why is not known: {closed}" in read(explorer, scene, failed)
    assert f"Whether a contract moved ether inside it is not known: {closed}" in read(explorer, scene, moved)


def test_the_reason_of_a_deep_transaction_is_still_told_when_the_node_is_gone(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    echo = deploy_echo(node, RICH[5])
    reason = bytes.fromhex("08c379a0") + encode(["string"], ["deep down"])
    (deep,) = node.send(RICH[5], Call(echo, reason))
    node.grow(4, RICH[6])
    (fresh,) = node.send(RICH[5], Call(echo, reason))
    explorer = make_explorer(node)
    explorer.wait_for(node)
    for tx_hash in (deep, fresh):
        assert "failed Error deep down" in words(explorer.get("/tx/" + tx_hash).text)
    node.stop()
    wait_until(lambda: explorer.health()["problem"] is not None, "the loss to be noticed")
    assert "failed Error deep down" in words(explorer.get("/tx/" + deep).text)
    # The other may still be replaced by another branch: nothing is kept of it.
    assert "why is not known: no node answers" in words(explorer.get("/tx/" + fresh).text)


def test_confirmations_say_whether_campaigns_would_count_it(scene: Scene, explorer: Explorer) -> None:
    (sent,) = scene.node.send(RICH[6], Call(RICH[7].address, b"", 1))
    on_top = scene.node.height() - int(scene.node.ask("eth_getTransactionByHash", sent)["blockNumber"], 16)
    assert on_top < 3
    text = read(explorer, scene, sent)
    assert f"Confirmations {on_top + 1} not yet deep enough {on_top} of the 3 blocks on top of it" in text
    scene.node.grow(3, RICH[8])
    assert "deep enough for campaigns and audits" in read(explorer, scene, sent)


def test_a_waiting_transaction_is_shown_as_pending_until_it_is_included(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    town = Town.found(node)
    explorer = make_explorer(node, contract=town.etsc.address, accounts=town.accounts())
    explorer.wait_for(node)
    node.ask("miner_stop")
    call, signer = town.etsc.offer(5_000), town.retailers[0]
    first, third = (signer.sign(call, nonce, CHAIN_ID, FEES) for nonce in (0, 2))
    assert explorer.get("/tx/" + first.hash).status == 404
    with HttpRpc(node.rpc_url) as rpc:
        for signed in (first, third):
            rpc.request("eth_sendRawTransaction", signed.raw)
    wait_until(lambda: explorer.get("/tx/" + first.hash).status == 200, "the pool to be looked at")
    text = words(explorer.get("/tx/" + first.hash).text)
    assert "Status pending it waits in the node's pool to be included" in text
    assert "Transaction offer" in text
    assert "offer quantity 5 kWh" in text
    assert "Fee at most 0.00" in text
    assert "pending behind 2 earlier transactions of its sender" in words(
        explorer.get("/tx/" + third.hash).text
    )
    node.ask("miner_start")
    wait_until(lambda: node.ask("eth_getTransactionReceipt", first.hash) is not None, "the block")
    explorer.wait_for(node)
    assert "Status failed" in words(explorer.get("/tx/" + first.hash).text)  # nothing was metered yet


def test_a_transaction_of_a_replaced_block_says_so_and_whether_it_waits_again(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(2, RICH[0])
    signed = RICH[1].sign(Call(RICH[2].address, b"", 5), 0, CHAIN_ID, FEES)
    with HttpRpc(node.rpc_url) as rpc:
        rpc.request("eth_sendRawTransaction", signed.raw)
        wait_until(lambda: node.ask("eth_getTransactionReceipt", signed.hash) is not None, "the block")
        explorer = make_explorer(node)
        explorer.wait_for(node)
        node.rewind(1)
        node.grow(3, RICH[3])
        explorer.wait_for(node)
        replaced = "The block that included this transaction was replaced by a reorganisation"
        assert replaced in words(explorer.get("/tx/" + signed.hash).text)
        node.ask("miner_stop")
        rpc.batch([("eth_sendRawTransaction", [signed.raw])])  # the node may have kept it itself
        wait_until(
            lambda: (
                "It waits in the pool again." in words(explorer.get("/tx/" + signed.hash).text)
                or node.ask("eth_getTransactionReceipt", signed.hash) is not None
            ),
            "the pool to be looked at",
        )
        node.ask("miner_start")
        node.grow(1, RICH[3])
        wait_until(lambda: node.ask("eth_getTransactionReceipt", signed.hash) is not None, "the block")
    explorer.wait_for(node)
    text = words(explorer.get("/tx/" + signed.hash).text)
    assert "Status success" in text
    assert "It was also included in block" in text
