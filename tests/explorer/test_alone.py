"""`serve --rpc URL`: the explorer of any chain, with no testbed around it. On Geth, and on Anvil, whose chain
has another client, other receipts and no consensus, and moves as it is told."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chain.call import Call
from chain.rpc import HttpRpc
from contracts.etsc import is_deployed_code
from explorer.__main__ import main
from explorer.alone import folder_of
from explorer.check import compare
from tests.explorer.anvilnode import AnvilNode
from tests.explorer.gethnode import RICH, GethNode, free_ports, wait_until
from tests.explorer.running import Explorer, differences
from tests.explorer.trading_town import Town


class Alone(Explorer):
    """Started with the address of a node, and what else the test gives."""

    def __init__(self, directory: Path, node: GethNode, *options: str) -> None:
        (port,) = free_ports(1)
        self.node = node
        self.more = options
        super().__init__(directory, {"port": port, "index": str(directory / "index")})

    def options(self) -> list[str]:
        port, index = str(self.config["port"]), str(self.config["index"])
        return ["--rpc", self.node.rpc_url, "--port", port, "--index", index, *self.more]

    def wait_to_say(self, words: str, path: str = "/") -> None:
        """The pages are told of what was written a moment after it was."""
        wait_until(lambda: words in self.get(path).text, words)

    def wait_to_find(self, contract: str | None) -> None:
        wait_until(lambda: self.health()["contract"] == contract, "the contract")

    @property
    def index(self) -> Path:
        """Of the chain that is shown now."""
        shown = self.health()["genesis_hash"] or "0xnone"
        return Path(self.config["index"]) / f"{shown[2:]}.sqlite"


AloneMaker = Callable[..., Alone]


@pytest.fixture
def serve_alone(tmp_path: Path) -> Iterator[AloneMaker]:
    explorers: list[Alone] = []

    def make(node: GethNode, *options: str) -> Alone:
        explorers.append(Alone(tmp_path, node, *options))
        explorers[-1].start()
        return explorers[-1]

    try:
        yield make
    finally:
        for explorer in explorers:
            explorer.kill()


@pytest.fixture
def anvil() -> Iterator[AnvilNode]:
    """Not started yet."""
    with tempfile.TemporaryDirectory(prefix="exa-") as directory:
        node = AnvilNode.on(Path(directory) / "anvil")
        try:
            yield node
        finally:
            node.stop()


def test_a_geth_is_served_by_its_address_alone_and_its_market_is_found(
    town: Town, serve_alone: AloneMaker
) -> None:
    explorer = serve_alone(town.node)
    explorer.wait_for(town.node)
    assert differences(explorer, town.node) == []
    explorer.wait_to_find(town.etsc.address)
    assert explorer.health()["name"] == town.node.rpc_url.removeprefix("http://")
    explorer.wait_to_say("27.1849")
    explorer.wait_to_say("clique")


def test_what_is_said_at_the_start_is_used(town: Town, serve_alone: AloneMaker) -> None:
    ws_url = f"ws://127.0.0.1:{town.node.ws}"
    explorer = serve_alone(
        town.node, "--name", "A <b>name</b>", "--ws", ws_url, "--ipc", town.node.ipc_path, "--contract",
        town.etsc.address, "--allow-host", "power.example",
    )  # fmt: skip
    explorer.wait_for(town.node)
    assert "A &lt;b&gt;name&lt;/b&gt;" in explorer.get("/").text
    assert explorer.get("/", host="power.example").status == 200
    assert explorer.get("/", host="else.example").status == 400
    wait_until(lambda: "no IPC path" not in explorer.get("/nodes").text, "the peers, which IPC tells")


def test_an_anvil_is_served_and_an_etsc_that_is_deployed_there_is_found(
    anvil: AnvilNode, serve_alone: AloneMaker
) -> None:
    anvil.start()
    explorer = serve_alone(anvil)
    explorer.wait_for(anvil)
    assert explorer.health()["contract"] is None
    town = Town.found(anvil)
    town.play([1.0, 2.0, 3.0])
    town.fail()
    explorer.wait_for(anvil)
    explorer.wait_to_find(town.etsc.address)
    assert is_deployed_code(bytes.fromhex(anvil.ask("eth_getCode", town.etsc.address, "latest")[2:]))
    assert differences(explorer, anvil) == []
    assert len(explorer.rows("SELECT 1 FROM entries WHERE kind = 'received'")) == 3
    explorer.wait_to_say("27.1849")


def test_new_blocks_of_an_anvil_come_over_its_websocket(anvil: AnvilNode, serve_alone: AloneMaker) -> None:
    anvil.start()
    explorer = serve_alone(anvil)
    settings = (Path(explorer.config["index"]) / "explorer.json").read_text()
    assert f'"ws_url": "ws://127.0.0.1:{anvil.http}"' in settings
    explorer.wait_for(anvil)
    anvil.grow(5, RICH[0])
    explorer.wait_for(anvil)
    assert differences(explorer, anvil) == []


def test_an_anvil_that_begins_another_chain_gets_another_index_and_nothing_of_the_old_is_shown(
    anvil: AnvilNode, serve_alone: AloneMaker
) -> None:
    anvil.start()
    old = Town.found(anvil)
    hashes = old.play([1.0, 2.0, 3.0])
    explorer = serve_alone(anvil)
    explorer.wait_for(anvil)
    first, head = explorer.index, anvil.head_hash()
    anvil.stop()
    wait_until(lambda: explorer.health()["problem"] is not None, "the news that nobody answers")
    explorer.wait_to_say("Waiting for the chain")
    assert explorer.get(f"/tx/{hashes[0]}").status == 200  # until another chain answers, the old one is shown
    anvil.start()
    anvil.grow(2, RICH[3])
    explorer.wait_for(anvil)
    assert differences(explorer, anvil) == []
    assert explorer.index != first
    explorer.wait_to_find(None)
    for gone in (f"/tx/{hashes[0]}", f"/block/{head}"):
        assert explorer.get(gone).status == 404
    assert old.etsc.address not in explorer.get("/").text
    assert first.exists()
    assert {path.name for path in first.parent.glob("*.sqlite")} == {first.name, explorer.index.name}


def test_reorganisations_of_an_anvil_of_every_depth_to_20_are_followed_row_by_row(
    anvil: AnvilNode, serve_alone: AloneMaker
) -> None:
    anvil.start()
    town = Town.found(anvil)
    explorer = serve_alone(anvil)
    for depth in range(1, 21):
        with HttpRpc(anvil.rpc_url) as rpc:
            town.slot = rpc.fetch(town.etsc.slot()).number  # what a reorganisation has left of them
        anvil.grow(depth, RICH[20])  # none of them is like the empty one that takes its place
        town.play([1.0, 2.0, float(depth)])
        explorer.wait_for(anvil)
        replaced = anvil.head_hash()
        anvil.ask("anvil_reorg", depth, [])
        if depth % 2:
            anvil.send(RICH[21], Call(RICH[22].address, b"", depth))
        explorer.wait_for(anvil)
        assert differences(explorer, anvil) == []
        explorer.wait_to_say("replaced by a reorganisation", f"/block/{replaced}")
    # Anvil takes its blocks away one by one, and may be looked at in between.
    (seen,) = explorer.rows("SELECT sum(depth) AS blocks, max(depth) AS deepest FROM reorganisations")
    orphans = len(explorer.rows("SELECT 1 FROM blocks WHERE NOT canonical"))
    assert seen["blocks"] == orphans == sum(range(1, 21))
    assert seen["deepest"] > 10


def test_what_a_node_no_longer_knows_is_named_by_the_check_and_the_rest_is_compared(
    anvil: AnvilNode, serve_alone: AloneMaker
) -> None:
    anvil.options = ("--prune-history", "4")
    anvil.start()
    Town.found(anvil).play([1.0, 2.0, 3.0])
    explorer = serve_alone(anvil)
    explorer.wait_for(anvil)
    index, height = explorer.index, anvil.height()
    explorer.stop()
    anvil.grow(20, RICH[20])
    with HttpRpc(anvil.rpc_url, 20) as rpc:
        compared = compare(index, rpc)
    assert (compared.ok, compared.number, compared.behind) == (True, height, 20)
    (said,) = compared.unchecked
    assert said.startswith(f"how everybody stands at block {height}: ")


def test_a_node_that_is_not_there_at_the_start_is_waited_for_and_said(
    anvil: AnvilNode, serve_alone: AloneMaker
) -> None:
    explorer = serve_alone(anvil)
    assert f"{anvil.rpc_url} does not answer yet" in explorer.log.read_text()
    explorer.wait_to_say(f"{anvil.rpc_url}: no answer from the node")
    assert "Waiting for the chain" in explorer.get("/").text
    anvil.start()
    anvil.grow(1, RICH[0])
    explorer.wait_for(anvil)
    assert differences(explorer, anvil) == []
    assert "Waiting for the chain" not in explorer.get("/").text


def test_two_explorers_do_not_write_one_index(
    town: Town, serve_alone: AloneMaker, capsys: pytest.CaptureFixture[str]
) -> None:
    explorer = serve_alone(town.node)
    explorer.wait_for(town.node)
    folder = str(explorer.config["index"])
    before = (Path(folder) / "explorer.json").read_text()
    assert main(["serve", "--rpc", town.node.rpc_url, "--index", folder, "--name", "second"]) == 3
    assert f"{folder}: another explorer writes its index there" in capsys.readouterr().err
    assert (Path(folder) / "explorer.json").read_text() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rpc", "file:///etc/passwd"], "--rpc must be an http:// or https:// address"),
        (["--rpc", "http://x", "--ws", "http://x"], "--ws must be a ws:// or wss:// address"),
        (["--rpc", "http://x", "--contract", "0x12"], "--contract must be an address"),
        (["--rpc", "http://x", "--port", "65536"], "--port must be from 0 to 65535"),
    ],
)
def test_an_option_that_is_wrong_is_named_with_what_is_allowed(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_file_and_an_option_that_the_file_says_are_refused_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--config", str(tmp_path / "explorer.json"), "--port", "8080"])
    assert ended.value.code == 2
    assert "--port goes with --rpc" in capsys.readouterr().err


def test_each_address_has_an_index_of_its_own_in_the_cache_and_a_key_in_it_stays_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path))
    addresses = ["http://127.0.0.1:8545", "http://127.0.0.1:8546", "https://node.example/v3/s3cret"]
    addresses.append("https://user:s3cret@node.example/v3")
    folders = [folder_of(address) for address in addresses]
    assert len(set(folders)) == len(addresses)
    assert all(folder.parent == tmp_path / "explorer" for folder in folders)
    assert "127.0.0.1-8545" in folders[0].name
    assert not [folder for folder in folders if "s3cret" in folder.name]
