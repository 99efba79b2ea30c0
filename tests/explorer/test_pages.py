"""What a reader sees: each page says the truth, and nobody's text becomes markup."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import time

import pytest

from chain.rpc import HttpRpc
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, SEALER, genesis, peer, wait_until
from tests.explorer.running import ROOT, Explorer
from tests.explorer.trading_town import EDGE_SERVER, HOSTILE, Town


def words(page: str) -> str:
    """The text that a reader of the page sees."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_overview_shows_height_consensus_market_and_the_last_trades(town: Town, explorer: Explorer) -> None:
    text = words(explorer.get("/").text)
    assert f"Height {town.node.height():,}" in text
    assert "clique chain id 40506" in text
    assert f"Slot {town.slot}" in text
    assert "27.1849 ether per elecoin" in text
    for demand in ("6.250", "3.000", "7.001"):  # elecoins in the last slot, beside those of the one before
        assert demand in text
    assert "12.345" in text
    assert "node-1 0x" in text  # the sealer, by name


def test_a_trade_is_told_in_human_units_with_names_and_decoded_input(town: Town, explorer: Explorer) -> None:
    slot = explorer.rows("SELECT hash FROM transactions WHERE sender = ? ORDER BY number DESC, position DESC",
                         bytes.fromhex(town.prosumers[2].address[2:]))  # fmt: skip
    text = words(explorer.get("/tx/0x" + slot[0]["hash"].hex()).text)
    assert "success" in text
    assert re.search(
        r"prosumer-3 0x\w+…\w+ bought 11\.668 kWh from retailer-1 0x\w+…\w+ for 7\.001 elecoins", text
    )
    assert "trade retailer retailer-1" in text
    assert town.retailers[0].address in text


def test_a_failed_transaction_says_so(town: Town, explorer: Explorer) -> None:
    failed = town.fail()
    explorer.wait_for(town.node)
    text = words(explorer.get("/tx/" + failed).text)
    assert "Status failed" in text
    assert "A failed transaction leaves no events." in text


def test_the_deployment_shows_the_constructors_arguments(town: Town, explorer: Explorer) -> None:
    created = explorer.rows("SELECT hash FROM transactions WHERE created IS NOT NULL")[0]["hash"]
    text = words(explorer.get("/tx/0x" + created.hex()).text)
    assert "total elecoins 1,000,000 elecoins" in text
    assert "unit power price 0.6 elecoins/kWh" in text
    assert "slot deadline blocks 20" in text
    assert "min unit price 10 ether/elecoin max unit price 45 ether/elecoin meter limit 1,000 kWh" in text
    assert EDGE_SERVER.address in text


def test_an_address_shows_what_it_owns_by_the_contract_and_what_it_did(
    town: Town, explorer: Explorer
) -> None:
    prosumer = town.prosumers[2].address
    text = words(explorer.get("/address/" + prosumer.lower()).text)
    assert prosumer in text  # EIP-55, however it was asked for
    with HttpRpc(town.node.rpc_url) as rpc:
        user = rpc.fetch(town.etsc.user(prosumer))
        balance_wei = int(rpc.request("eth_getBalance", prosumer, "latest"), 16)
    whole, rest = divmod(balance_wei, 10**18)
    assert f"Ether {whole:,}.{f'{rest:018d}'.rstrip('0')} ether" in text
    assert f"Electricity held {user.power / 1000:g} kWh" in text
    assert "bought 7.001 elecoins from edge-server-1" in text
    assert "Credit to withdraw" in words(explorer.get("/address/" + EDGE_SERVER.address).text)


def test_the_older_pages_of_an_address_hold_each_transaction_once(town: Town, explorer: Explorer) -> None:
    path: str | None = "/address/" + town.etsc.address
    seen: list[str] = []
    while path is not None:
        page = explorer.get(path).text
        seen += re.findall(
            r'href="/tx/(0x\w{64})" title="\w+">0x\w{8}…', page.partition("transactions-title")[2]
        )
        older = re.search(r'href="(\?before=[\d.]+)"', page)
        path = None if older is None else path.partition("?")[0] + older[1]
    contract = bytes.fromhex(town.etsc.address[2:])
    rows = explorer.rows(
        "SELECT hash FROM transactions WHERE recipient = ? OR created = ? "
        "ORDER BY number DESC, position DESC",
        contract,
        contract,
    )
    assert len(rows) > 25
    assert seen == ["0x" + row["hash"].hex() for row in rows]


def test_block_pages_open_by_number_and_by_hash(town: Town, explorer: Explorer) -> None:
    block = town.node.ask("eth_getBlockByNumber", "0x1", False)
    by_number, by_hash = explorer.get("/block/1").text, explorer.get("/block/" + block["hash"]).text
    assert by_number == by_hash
    assert block["hash"] in words(by_number)
    assert SEALER.address in words(by_number)


@pytest.mark.parametrize(
    ("wanted", "goes_to"),
    [
        ("12", "/block/12"),
        ("0x" + "ab" * 32, "/tx/0x" + "ab" * 32),
        ("prosumer-2", None),
        ("ETSC", None),
        ("node-1", "/address/" + SEALER.address),
    ],
)
def test_search_finds_numbers_hashes_and_names(
    town: Town, explorer: Explorer, wanted: str, goes_to: str | None
) -> None:
    known = {"prosumer-2": town.prosumers[1].address, "ETSC": town.etsc.address}
    answer = explorer.get("/search?q=" + wanted)
    assert answer.status == 303
    assert answer.headers["location"] == (goes_to or "/address/" + known[wanted])


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/block/99999999", "99999999"),
        ("/block/999999999999999999999999", "999999999999999999999999"),
        ("/block/-1", "-1"),
        ("/tx/0x" + "00" * 32, "0x" + "00" * 32),
        ("/tx/hello", "hello"),
        ("/address/0x12", "0x12"),
        ("/nowhere", "/nowhere"),
        ("/static/..%2Fconfig.py", "/static/"),
        ("/search?q=nobody", "nobody"),
    ],
)
def test_what_is_not_there_is_named_on_a_404_page(explorer: Explorer, path: str, wanted: str) -> None:
    answer = explorer.get(path)
    assert answer.status == 404
    assert wanted in words(answer.text)


@pytest.mark.parametrize(
    "path", ["/block/1?from=x", "/address/0x" + "00" * 20 + "?before=1.x", "/search?q=%00%ff"]
)
def test_nonsense_in_a_query_is_no_error_of_the_server(explorer: Explorer, path: str) -> None:
    assert explorer.get(path).status < 500


def test_hostile_names_are_text_on_every_page(town: Town, make_explorer: ExplorerMaker) -> None:
    hostile = '"><img src=x onerror=alert(1)>\u202e\u0007' + "x" * 500
    accounts = [{**account, "name": hostile, "role": HOSTILE} for account in town.accounts()]
    explorer = make_explorer(town.node, contract=town.etsc.address, accounts=accounts, name=hostile)
    explorer.wait_for(town.node)
    empowered = explorer.rows(
        "SELECT t.hash, t.number FROM logs l "
        "JOIN transactions t ON t.id = (l.id >> 20 << 20) + l.position WHERE instr(l.data, ?)",
        HOSTILE.encode(),
    )[0]
    prosumer = town.prosumers[0].address
    paths = ["/", "/nodes", f"/block/{empowered['number']}", "/tx/0x" + empowered["hash"].hex()]
    paths += ["/address/" + prosumer, "/address/" + town.etsc.address]
    paths += ["/blocks", "/txs", "/accounts", "/pending", "/forks", "/market", "/etsc", "/docs"]
    paths += ["/search?q=%3Cimg%3E", "/search?q=img", "/search?q=img:1"]
    for path in paths:
        page = explorer.get(path).text
        assert "<img" not in page
        assert page.count("<script") == 1  # the explorer's own
        assert "\u202e" not in page
        assert "\u0007" not in page
        assert "x" * 100 not in page
    for path in paths[3:5]:  # the name that the contract holds, as text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in explorer.get(path).text


def test_answers_only_to_its_own_names(town: Town, make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer(town.node, allowed_hosts=["explorer.lab"])
    port = explorer.config["port"]
    for host in ("127.0.0.1", f"localhost:{port}", f"[::1]:{port}", "EXPLORER.lab:80"):
        assert explorer.get("/health", host).status == 200
    for host in ("evil.example", f"127.0.0.1.evil.example:{port}", "localhost@evil.example", ""):
        for path in ("/", "/health", "/static/live.js"):
            refused = explorer.get(path, host)
            assert refused.status == 400
            assert "tests" not in refused.text


def test_every_answer_forbids_foreign_content(explorer: Explorer) -> None:
    for path in ("/", "/nowhere", "/health"):
        policy = explorer.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    page = explorer.get("/").text
    assert not re.search(r"https?://", page)
    assert "style=" not in page


def test_serves_within_a_second_and_says_that_it_waits_while_no_node_answers(
    make_explorer: ExplorerMaker, request: pytest.FixtureRequest
) -> None:
    explorer = make_explorer(start=False)
    # Bound and not listened at: it refuses, and no other test's node can be given it meanwhile.
    held = socket.socket()
    request.addfinalizer(held.close)
    held.bind(("127.0.0.1", 0))
    closed = held.getsockname()[1]
    node = {
        "name": "gone",
        "device": "",
        "rpc_url": f"http://127.0.0.1:{closed}",
        "address": f"127.0.0.1:{closed}",
    }
    explorer.write_config(nodes=[node])
    started = time.monotonic()
    explorer.start()
    assert time.monotonic() - started < 3  # a second where nothing else runs; the tests share the machine
    wait_until(lambda: explorer.health()["problem"] is not None, "the problem to be noticed")
    wait_until(lambda: "down no answer" in words(explorer.get("/nodes").text), "the node to be tried")
    for path in ("/", "/nodes", "/blocks", "/txs", "/accounts", "/forks", "/address/0x" + "00" * 20):
        page = explorer.get(path)
        assert page.status == 200
        assert "Waiting for the chain." in words(page.text)
    nodes = words(explorer.get("/nodes").text)
    assert "down no answer from the node" in nodes
    assert "peers not visible: no IPC path is configured" in nodes
    health = explorer.health()
    assert (health["indexed"], health["head"], health["lag"]) == (None, None, None)


def test_keeps_showing_what_it_has_when_the_node_goes_and_goes_on_when_it_returns(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(3, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    node.stop()
    wait_until(lambda: explorer.health()["problem"] is not None, "the loss to be noticed")
    assert "up to block 3" in words(explorer.get("/").text)
    assert explorer.get("/block/2").status == 200
    node.start()
    node.grow(1, RICH[0])
    explorer.wait_for(node)
    assert explorer.health()["problem"] is None
    assert "Waiting" not in words(explorer.get("/").text)


def test_nodes_page_shows_heads_peers_and_directions_and_who_is_down(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    block = genesis()
    sealing, watching = make_node(block), make_node(block)
    watching.ask("miner_stop")
    peer(watching, sealing)
    sealing.grow(2, RICH[0])
    explorer = make_explorer(sealing, watching)

    def text() -> str:
        return words(explorer.get("/nodes").text)

    wait_until(
        lambda: re.search(r"Peers .*node-1 node-2 .*node-2 node-1 ", text()) is not None,
        "both ends of the link",
    )
    # Times are the nodes', with the rest of what each of them is; a link has none.
    wait_until(lambda: len(re.findall(r" \d+\.\d ms \d+\.\d\d ms ", text())) == 2, "them to be measured")
    seen = text()
    assert re.search(
        rf"node-1 device of node-1 127\.0\.0\.1:{sealing.p2p} Geth v1\.11\.6 2 0x\w+…\w+ 0 yes 1", seen
    )
    assert re.search(r"node-1 node-2 \w+…\w+ ← in 127\.0\.0\.1:\d+ Geth v1\.11\.6 node-2 ", seen)
    assert re.search(r"node-2 node-1 \w+…\w+ → out 127\.0\.0\.1:\d+ Geth v1\.11\.6 \* ", seen)
    assert "Measured from the explorer, not between two nodes" in seen
    watching.stop()
    wait_until(lambda: "down no answer from the node" in text(), "the loss to be noticed")
    assert "peers not visible" in text()


def test_health_names_chain_height_lag_and_contract(town: Town, explorer: Explorer) -> None:
    health = json.loads(explorer.get("/health").text)
    assert health["indexed"] == health["head"] == town.node.height()
    assert health["lag"] == 0
    assert health["genesis_hash"] == town.node.ask("eth_getBlockByNumber", "0x0", False)["hash"]
    assert health["contract"] == town.etsc.address


def test_a_contract_and_names_that_become_known_later_appear_without_a_restart(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    explorer = make_explorer(node)
    explorer.wait_for(node)
    assert "No ETSC is known yet" in words(explorer.get("/").text)
    town = Town.found(node)
    wait_until(lambda: explorer.health()["contract"] == town.etsc.address, "the deployment to be seen")
    explorer.wait_for(node)
    assert "has not opened a slot yet" in words(explorer.get("/").text)
    assert "prosumer-2" in explorer.get("/address/" + town.prosumers[1].address).text  # as registered
    accounts = [{**account, "name": "renamed " + account["name"]} for account in town.accounts()]
    explorer.write_config(accounts=accounts)
    path = "/address/" + town.prosumers[1].address
    wait_until(lambda: "renamed prosumer-2" in explorer.get(path).text, "the new configuration")


def test_a_broken_rewrite_of_the_configuration_is_said_and_the_last_good_one_kept(
    town: Town, own_explorer: Explorer
) -> None:
    own_explorer.write_config(prot=1)
    wait_until(lambda: "prot is not a key here" in own_explorer.get("/").text, "the complaint")
    assert own_explorer.health()["contract"] == town.etsc.address


def test_the_stream_announces_a_new_block(town: Town, explorer: Explorer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", explorer.config["port"], timeout=20)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert answer.readline() == b"retry: 1000\n"
    town.node.grow(1, RICH[21])
    while answer.readline() != b"event: change\n":
        pass
    connection.close()


def test_stops_cleanly_though_a_browser_is_listening(own_explorer: Explorer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", own_explorer.config["port"], timeout=20)
    connection.request("GET", "/events")
    connection.getresponse().readline()
    assert own_explorer.stop() == 0
    assert "Traceback" not in own_explorer.log.read_text()
    connection.close()


def test_needs_less_than_100_MiB_and_no_web3(own_explorer: Explorer, town: Town) -> None:
    for path in ("/", "/nodes", "/address/" + town.etsc.address, "/block/1") * 5:
        assert own_explorer.get(path).status == 200
    assert own_explorer.process is not None
    status = (ROOT / f"/proc/{own_explorer.process.pid}/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert resident is not None
    assert int(resident[1]) < 100 * 1024
    os.kill(own_explorer.process.pid, signal.SIGINT)
    assert own_explorer.process.wait(20) == 0
    own_explorer.process = None
