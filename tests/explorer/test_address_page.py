"""The page of an address: who it is, what it owns, what it did, and that its name is written rightly."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from chain.rpc import HttpRpc
from explorer.words import checksummed
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, SEALER, wait_until
from tests.explorer.running import Explorer
from tests.explorer.test_pages import words
from tests.explorer.trading_town import ADMINISTRATOR, EDGE_SERVER, Town, meter_of
from tests.explorer.walking import hashes, pages, rows


@dataclass(frozen=True)
class Held:
    coins: str
    power: str


def _held(town: Town, account: str) -> Held:
    with HttpRpc(town.node.rpc_url) as rpc:
        user = rpc.fetch(town.etsc.user(account))
    return Held(f"{user.coins / 1000:,.3f}", f"{user.power / 1000:,.3f}")


def test_it_says_role_balances_and_how_many_transactions(town: Town, explorer: Explorer) -> None:
    prosumer = town.prosumers[2].address
    text = words(explorer.get("/address/" + prosumer).text)
    sent = explorer.rows(
        "SELECT count(*) FROM transactions t JOIN blocks b ON b.id = t.id >> 20 "
        "WHERE b.canonical AND ?1 IN (sender, recipient)",
        bytes.fromhex(prosumer[2:]),
    )[0][0]
    assert "prosumer-3 prosumer" in text
    assert f"Transactions {sent} of which it sent {sent}" in text
    assert re.search(r"In ETSC user since block [1-9]", text)
    assert "Electricity held" in text
    sealer = words(explorer.get("/address/" + SEALER.address).text)
    assert f"Blocks sealed {town.node.height():,}" in sealer
    assert "In ETSC edge-server since block 1" in words(explorer.get("/address/" + EDGE_SERVER.address).text)
    assert "In ETSC meter since block" in words(explorer.get("/address/" + meter_of(0).address).text)


@pytest.mark.parametrize("who", ["prosumer", "retailer", "edge-server"])
def test_its_entries_end_where_the_contract_says_that_it_stands(
    town: Town, explorer: Explorer, who: str
) -> None:
    account = {
        "prosumer": town.prosumers[1].address,
        "retailer": town.retailers[0].address,
        "edge-server": EDGE_SERVER.address,
    }[who]
    entries = rows(explorer.get("/address/" + account).text, "Table of what it did in the market")
    assert len(entries) > 3
    if who == "edge-server":
        with HttpRpc(town.node.rpc_url) as rpc:
            stock = rpc.fetch(town.etsc.edge_server(account)).stock
        assert entries[0][-1] == f"{stock / 1000:,.3f}"
    else:
        held = _held(town, account)
        assert entries[0][-2:] == [held.coins, held.power]


def test_entries_are_told_in_words_with_who_was_on_the_other_side(town: Town, explorer: Explorer) -> None:
    def told(account: str) -> str:
        return re.sub(r" 0x\w+(…\w+)?", "", words(explorer.get("/address/" + account).text))

    prosumer = told(town.prosumers[2].address)
    assert "bought 7.001 elecoins from edge-server-1 for 190.32163 ether" in prosumer
    assert "bought 11.668 kWh from retailer-1 for 7.001 elecoins" in prosumer
    retailer = told(town.retailers[0].address)
    assert "sold 11.668 kWh to prosumer-3 for 7.001 elecoins" in retailer
    assert "offered 500 kWh" in retailer
    assert "generated 1,000 kWh" in retailer
    server = told(EDGE_SERVER.address)
    assert "sold 7.001 elecoins to prosumer-3" in server
    assert "began with 1,000,000 elecoins to sell" in server


def test_the_pages_of_its_entries_hold_each_once(make_node: NodeMaker, make_explorer: ExplorerMaker) -> None:
    town = Town.found(make_node())
    for _ in range(6):
        town.play([0.1, 0.2, 0.3])
    explorer = make_explorer(town.node, contract=town.etsc.address, accounts=town.accounts())
    explorer.wait_for(town.node)
    retailer = town.retailers[0].address
    walked = list(pages(explorer, "/address/" + retailer, "entries"))
    seen = [tx for page in walked for tx in hashes(page, "Table of what it did in the market", "tx")]
    in_all = explorer.rows("SELECT count(*) FROM entries WHERE account = ?", bytes.fromhex(retailer[2:]))[0][
        0
    ]
    assert len(walked) > 1
    assert len(seen) == in_all > 25
    # Of the transactions all pages show the newest: the two lists go on apart.
    assert len({tuple(hashes(page, "Transactions of the address", "tx")) for page in walked}) == 1
    assert f'href="/address/{retailer}/statement.csv"' in walked[0]
    assert "data-follow" in walked[0]
    assert "data-follow" not in walked[1]


def test_a_contract_names_the_transaction_that_created_it(town: Town, explorer: Explorer) -> None:
    created = explorer.rows("SELECT hash FROM transactions WHERE created IS NOT NULL")[0]["hash"].hex()
    page = explorer.get("/address/" + town.etsc.address).text
    assert f'href="/tx/0x{created}"' in page
    assert re.search(r"Created by administrator 0x\w+…\w+ in 0x\w+…\w+ , block 1", words(page))
    code = town.node.ask("eth_getCode", town.etsc.address, "latest")
    assert f"Code {len(code) // 2 - 1:,} bytes" in words(page)
    assert "Code" not in words(explorer.get("/address/" + ADMINISTRATOR.address).text)


def test_who_is_not_configured_bears_the_name_that_etsc_knows(
    town: Town, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(town.node)
    explorer.wait_for(town.node)
    assert "prosumer-2" in words(explorer.get("/address/" + town.prosumers[1].address).text)
    assert "edge-server" in words(explorer.get("/address/" + EDGE_SERVER.address).text)


def test_without_a_node_it_still_says_what_the_events_tell(town: Town, make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer(town.node, contract=town.etsc.address, accounts=town.accounts())
    explorer.wait_for(town.node)
    nodes = [{**explorer.config["nodes"][0], "rpc_url": "http://127.0.0.1:9", "ws_url": None}]
    explorer.write_config(nodes=nodes)
    wait_until(lambda: explorer.health()["problem"] is not None, "the loss to be noticed")
    prosumer = town.prosumers[1].address
    text, held = words(explorer.get("/address/" + prosumer).text), _held(town, prosumer)
    assert "Ether not known: no node answers at the moment" in text
    assert f"Elecoins {float(held.coins):g} elecoins by its events" in text
    assert f"Electricity held {float(held.power.replace(',', '')):,.10g} kWh" in text


def test_an_address_with_a_wrong_checksum_is_told_so(town: Town, explorer: Explorer) -> None:
    right = town.prosumers[0].address
    at = next(at for at, letter in enumerate(right) if at > 1 and letter.isalpha())
    wrong = right[:at] + right[at].swapcase() + right[at + 1 :]
    for path in ("/address/", "/token/", "/search?q="):
        answer = explorer.get(path + wrong)
        assert answer.status == 400
        assert wrong in words(answer.text)
        assert "checksum (EIP-55)" in words(answer.text)
    for written in (right, right.lower(), "0x" + right[2:].upper()):
        assert explorer.get("/address/" + written).status == 200


def test_a_token_is_the_contract_or_else_an_address(town: Town, explorer: Explorer) -> None:
    etsc, other = town.etsc.address, RICH[3].address
    assert explorer.get("/token/" + etsc).headers["location"] == "/etsc"
    assert explorer.get("/token/" + other.lower()).headers["location"] == "/address/" + other
    assert explorer.get("/token/hello").status == 404


def test_every_link_to_an_address_is_checksummed(town: Town, explorer: Explorer) -> None:
    paths = ["/", "/blocks", "/txs", "/accounts", "/forks", "/pending", "/search?q=prosumer", "/block/3"]
    paths += ["/address/" + town.etsc.address, "/address/" + town.prosumers[0].address]
    for path in paths:
        linked = re.findall(r'href="/address/(0x\w{40})', explorer.get(path).text)
        assert linked or path == "/pending"
        assert all(address == checksummed(bytes.fromhex(address[2:])) for address in linked)
