"""REST says what the index has, each list whole and in order, and refuses what it cannot read."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from explorer.words import checksummed
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, SEALER
from tests.explorer.running import Explorer, Page, configuration
from tests.explorer.trading_town import EDGE_SERVER, HOSTILE, SALE_WEI_PER_mE, Town


@pytest.fixture(scope="module")
def served(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """One explorer of the town for all of this module; it knows nobody's name but by ETSC."""
    directory = tmp_path_factory.mktemp("rest")
    explorer = Explorer(directory, configuration(directory, town.node, contract=town.etsc.address))
    explorer.start()
    try:
        yield explorer
    finally:
        explorer.kill()


def read(explorer: Explorer, path: str) -> Any:
    page = explorer.get(path)
    assert page.status == 200, page.text
    assert page.headers["content-type"] == "application/json"
    return json.loads(page.text)


def whole(explorer: Explorer, path: str, limit: int = 3) -> list[dict[str, Any]]:
    """A list, read page by page."""
    items: list[dict[str, Any]] = []
    following: str | None = f"{path}?limit={limit}"
    while following is not None:
        page = read(explorer, following)
        assert 0 < len(page["items"]) <= limit
        items += page["items"]
        following = page["next"]
    return items


def address_of(row: sqlite3.Row, column: str) -> str:
    return checksummed(bytes(row[column]))


def hashes(rows: list[sqlite3.Row]) -> list[str]:
    return ["0x" + row["hash"].hex() for row in rows]


def test_every_list_of_the_chain_holds_each_row_once_and_newest_first(town: Town, explorer: Explorer) -> None:
    blocks = explorer.rows("SELECT hash FROM blocks WHERE canonical ORDER BY number DESC")
    assert [block["hash"] for block in whole(explorer, "/rest/blocks")] == hashes(blocks)
    ordered = "ORDER BY number DESC, position DESC"
    every = explorer.rows(f"SELECT hash FROM transactions {ordered}")
    assert [tx["hash"] for tx in whole(explorer, "/rest/transactions")] == hashes(every)
    contract = bytes.fromhex(town.etsc.address[2:])
    own = explorer.rows(
        f"SELECT hash FROM transactions WHERE recipient = ? OR created = ? {ordered}", contract, contract
    )
    listed = whole(explorer, f"/rest/addresses/{town.etsc.address}/transactions", 7)
    assert [tx["hash"] for tx in listed] == hashes(own)
    for number in (1, 2):
        within = explorer.rows(f"SELECT hash FROM transactions WHERE number = ? {ordered}", number)
        listed = whole(explorer, f"/rest/blocks/{number}/transactions", 2)
        assert [tx["hash"] for tx in listed] == hashes(within)
    accounts = whole(explorer, "/rest/accounts")
    tallies = explorer.rows(
        "SELECT address, count FROM tallies WHERE kind = 'account' ORDER BY count DESC, address DESC"
    )
    assert [(row["address"], row["transactions"]) for row in accounts] == [
        (address_of(row, "address"), row["count"]) for row in tallies
    ]


def test_every_list_of_the_market_holds_each_row_once_and_newest_first(
    town: Town, explorer: Explorer
) -> None:
    slots = whole(explorer, "/rest/slots", 2)
    assert [slot["slot"] for slot in slots] == list(range(town.slot, 0, -1))
    assert {(slot["seller"], slot["price_wei_per_mE"]) for slot in slots} == {
        (EDGE_SERVER.address, str(SALE_WEI_PER_mE))
    }
    prices = whole(explorer, "/rest/prices", 1)
    assert [(price["slot"], price["prosumer"]) for price in prices] == [
        (at, None) for at in range(town.slot, 0, -1)
    ]
    for path, kind in (("demands", "bought"), ("trades", "delivered")):
        rows = explorer.rows("SELECT * FROM entries WHERE kind = ? ORDER BY slot DESC, id DESC", kind)
        listed = whole(explorer, f"/rest/{path}", 2)
        assert [each["id"] for each in listed] == [str(row["id"]) for row in rows]
        assert [each["number"] for each in listed] == [row["number"] for row in rows]
    demands = {(each["slot"], each["prosumer"]): each for each in whole(explorer, "/rest/demands")}
    last = demands[3, town.prosumers[2].address]
    assert (last["coins"], last["cost_wei"]) == (7_001, str(7_001 * SALE_WEI_PER_mE))
    trades = {(each["slot"], each["buyer"]): each for each in whole(explorer, "/rest/trades")}
    last = trades[3, town.prosumers[2].address]
    assert (last["retailer"], last["energy"], last["cost"]) == (town.retailers[0].address, 11_668, 7_001)
    hours = whole(explorer, "/rest/hours", 1)
    assert sum(hour["cost"] for hour in hours) == sum(trade["cost"] for trade in trades.values())
    assert sum(hour["trades"] for hour in hours) == len(trades)
    account = town.prosumers[2].address
    rows = explorer.rows(
        "SELECT id, coins_after FROM entries WHERE account = ? ORDER BY id DESC", bytes.fromhex(account[2:])
    )
    entries = whole(explorer, f"/rest/addresses/{account}/entries", 2)
    assert [(entry["id"], entry["after"]["coins"]) for entry in entries] == [
        (str(row["id"]), row["coins_after"]) for row in rows
    ]


def test_a_block_is_found_by_its_height_and_by_its_hash(town: Town, explorer: Explorer) -> None:
    on_chain = town.node.ask("eth_getBlockByNumber", "0x1", False)
    block = read(explorer, "/rest/blocks/1")
    assert block == read(explorer, f"/rest/blocks/{on_chain['hash']}")
    assert (block["hash"], block["parent_hash"]) == (on_chain["hash"], on_chain["parentHash"])
    assert block["state_root"] == on_chain["stateRoot"]
    assert block["extra_data"] == on_chain["extraData"]
    assert block["base_fee_wei"] == str(int(on_chain["baseFeePerGas"], 16))
    assert block["transactions"] == len(on_chain["transactions"])
    assert (block["sealer"], block["canonical"]) == (SEALER.address, True)
    assert read(explorer, "/rest/blocks/0")["sealer"] is None


def test_a_transaction_tells_its_call_and_its_events_decoded(town: Town, explorer: Explorer) -> None:
    trade = whole(explorer, "/rest/trades", 50)[0]
    sent = read(explorer, f"/rest/addresses/{trade['buyer']}/transactions?limit=200")["items"]
    tx_hash = next(tx["hash"] for tx in sent if tx["number"] == trade["number"] and tx["function"] == "trade")
    told = read(explorer, f"/rest/transactions/{tx_hash}")
    arguments = {argument["name"]: (argument["kind"], argument["value"]) for argument in told["arguments"]}
    assert arguments["quantity"] == ("energy", str(trade["energy"]))
    (event,) = told["events"]
    assert (event["name"], told["events_in_all"]) == ("Traded", 1)
    by_name = {argument["name"]: argument["value"] for argument in event["arguments"]}
    assert by_name["buyer"] == trade["buyer"]
    assert by_name["cost"] == str(trade["cost"])
    receipt = town.node.ask("eth_getTransactionReceipt", tx_hash)
    assert told["gas_price_wei"] == str(int(receipt["effectiveGasPrice"], 16))
    assert told["confirmations"] == town.node.height() - trade["number"] + 1
    assert (told["success"], told["orphaned_in"]) == (True, [])
    deployment = whole(explorer, "/rest/transactions", 50)[-1]
    arguments = read(explorer, f"/rest/transactions/{deployment['hash']}")["arguments"]
    (servers,) = [argument for argument in arguments if argument["kind"] == "list"]
    assert [server["value"] for server in servers["value"]] == [EDGE_SERVER.address]


def test_an_account_has_its_name_its_standing_and_its_ether(town: Town, explorer: Explorer) -> None:
    prosumer = town.prosumers[0].address
    account = read(explorer, f"/rest/addresses/{prosumer.lower()}")
    assert (account["address"], account["name"]) == (prosumer, HOSTILE)
    assert account["balance_wei"] == str(int(town.node.ask("eth_getBalance", prosumer, "latest"), 16))
    assert account["nonce"] == account["transactions"] > 0
    sold = read(explorer, f"/rest/addresses/{EDGE_SERVER.address}")
    assert sold["standing"]["coins"] < 10**9
    assert int(sold["standing"]["credit_wei"]) > 0
    contract = read(explorer, f"/rest/addresses/{town.etsc.address}")
    assert contract["created_by"] == whole(explorer, "/rest/transactions", 50)[-1]["hash"]
    assert read(explorer, f"/rest/addresses/{SEALER.address}")["sealed"] == town.node.height()
    stranger = read(explorer, "/rest/addresses/0x" + "ab" * 20)
    assert (stranger["standing"], stranger["balance_wei"], stranger["problem"]) == (None, "0", None)


def test_status_and_nodes_say_how_the_explorer_stands(town: Town, explorer: Explorer) -> None:
    status = read(explorer, "/rest/status")
    assert status["indexed"] == status["head"] == town.node.height()
    assert (status["lag"], status["chain_id"], status["consensus"]) == (0, 40506, "clique")
    assert status["contract"] == town.etsc.address
    assert status["genesis_hash"] == town.node.ask("eth_getBlockByNumber", "0x0", False)["hash"]
    counted = explorer.rows("SELECT count(*) AS count FROM transactions")[0]["count"]
    assert status["transactions"] == counted
    (node,) = read(explorer, "/rest/nodes")
    assert (node["name"], node["head"], node["problem"]) == ("node-1", town.node.height(), None)


def test_orphans_and_reorganisations_are_told(make_node: NodeMaker, make_explorer: ExplorerMaker) -> None:
    node = make_node()
    node.grow(3, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    replaced = node.ask("eth_getBlockByNumber", "0x3", True)
    node.rewind(2)
    node.grow(2, RICH[1], value=2)
    explorer.wait_for(node)
    (seen,) = whole(explorer, "/rest/reorganisations")
    assert (seen["ancestor"], seen["depth"], seen["old_tip"]) == (2, 1, replaced["hash"])
    assert read(explorer, f"/rest/blocks/{replaced['hash']}")["canonical"] is False
    assert replaced["hash"] in read(explorer, "/rest/blocks/3")["orphans"]
    listed = [block["hash"] for block in whole(explorer, "/rest/blocks")]
    assert replaced["hash"] not in listed


def test_before_anything_is_indexed_lists_are_empty_and_nothing_fails(make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer()
    document = read(explorer, "/rest/openapi.json")
    for path in document["paths"]:
        page = explorer.get("/rest" + path.format(block=0, hash="0x" + "ab" * 32, address="0x" + "ab" * 20))
        assert page.status == (404 if "{block}" in path or "{hash}" in path else 200), path
    assert read(explorer, "/rest/blocks") == {"items": [], "next": None}
    assert read(explorer, "/rest/status")["head"] is None
    assert read(explorer, "/rest/addresses/0x" + "ab" * 20)["problem"] == "no block is indexed yet"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/rest/blocks/999999", 404, "The index has no such block."),
        ("/rest/blocks/0x" + "ab" * 32, 404, "The index has no such block."),
        ("/rest/transactions/0x" + "ab" * 32, 404, "The index has no such transaction."),
        ("/rest/nothing", 404, "Not Found"),
        ("/rest/", 404, "Not Found"),
        ("/rest/blocks/latest", 422, "block: String should match"),
        ("/rest/blocks/" + "9" * 5000, 422, "block: String should match"),
        ("/rest/blocks?limit=201", 422, "limit: Input should be less than or equal to 200"),
        ("/rest/blocks?limit=0", 422, "limit"),
        ("/rest/blocks?before=-1", 422, "before"),
        ("/rest/transactions?before=12", 422, "before"),
        ("/rest/addresses/0x12", 422, "address: String should match"),
        ("/rest/addresses/0x%0A1/transactions", 422, "address: String should match"),
        ("/rest/no%0Asuch", 404, "Not Found"),
        ("/rest/prices?before=1.0x.0x", 422, "before"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_in_the_form_of_rfc_9457(
    explorer: Explorer, path: str, status: int, said: str
) -> None:
    page = explorer.get(path)
    assert (page.status, page.headers["content-type"]) == (status, "application/problem+json")
    problem = json.loads(page.text)
    assert problem["status"] == status
    assert problem["title"]
    assert said in problem["detail"]


def test_other_methods_are_not_allowed(explorer: Explorer) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        page = request(explorer, method, "/rest/blocks")
        assert (page.status, page.headers["allow"]) == (405, "GET")


def request(explorer: Explorer, method: str, path: str, **headers: str) -> Page:
    connection = http.client.HTTPConnection("127.0.0.1", explorer.config["port"], timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    told = {key.lower(): value for key, value in answer.getheaders()}
    page = Page(answer.status, told, answer.read().decode())
    connection.close()
    return page


@pytest.mark.parametrize("path", ["/rest/status", "/rest/openapi.json", "/api?module=stats&action=nodecount"])
def test_no_other_origin_may_read_an_answer_and_no_other_host_is_answered(
    explorer: Explorer, path: str
) -> None:
    page = request(explorer, "GET", path, Origin="https://elsewhere.example")
    assert page.status == 200
    assert not [name for name in page.headers if name.startswith("access-control-")]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    asked_first = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    assert request(explorer, "OPTIONS", path, **asked_first).status == 405
    for host in ("elsewhere.example", "127.0.0.1.elsewhere.example", "169.254.169.254"):
        assert explorer.get(path, host=host).status == 400


def test_the_page_for_programs_lists_every_action_and_resource_with_examples_that_work(
    explorer: Explorer,
) -> None:
    page = explorer.get("/docs")
    assert page.status == 200
    from explorer.api.etherscan import MODULES
    from explorer.api.proxy import METHODS

    for action in [*METHODS, *(name for actions in MODULES.values() for name in actions)]:
        assert f'<th scope="row" class="mono">{action}</th>' in page.text
    for path in read(explorer, "/rest/openapi.json")["paths"]:
        assert f'<th scope="row" class="mono">/rest{path}</th>' in page.text
    links = [
        part.partition('"')[0].replace("&amp;", "&") for part in page.text.split('<a class="mono" href="')[1:]
    ]
    assert len(links) > 50
    refused = {"ethsupply", "ethsupply2", "ethprice", "tokensupply", "tokenbalance"}
    for link in links:
        answer = explorer.get(link)
        assert answer.status == 200, link
        if not link.startswith("/api") or refused & set(link.replace("=", "&").split("&")):
            continue
        told = json.loads(answer.text)
        assert told.get("message") != "NOTOK", link
