"""/accounts lists every address that a transaction names, the most active first, with what it owns."""

from __future__ import annotations

import re
from collections import Counter

from eth_utils.address import to_checksum_address

from chain.call import Call
from chain.rpc import HttpRpc
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, GethNode, wait_until
from tests.explorer.running import Explorer
from tests.explorer.test_pages import words
from tests.explorer.trading_town import Town
from tests.explorer.walking import pages, rows


def _counted(node: GethNode) -> Counter[str]:
    """Transactions of each address, by the node."""
    counts: Counter[str] = Counter()
    with HttpRpc(node.rpc_url) as rpc:
        for number in range(1, node.height() + 1):
            for tx in rpc.request("eth_getBlockByNumber", hex(number), True)["transactions"]:
                created = rpc.request("eth_getTransactionReceipt", tx["hash"])["contractAddress"]
                counts.update({tx["from"], tx["to"], created} - {None})
    return counts


def _address(cells: list[str]) -> str:
    found = re.search(r"/address/(0x\w{40})", cells[0])
    assert found is not None
    return found[1]


def test_the_pages_hold_each_account_once_by_its_number_of_transactions(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    strangers = [to_checksum_address(f"0x{at:040x}") for at in range(0x1000, 0x1000 + 120)]
    node.send_at_once(
        (RICH[0], [Call(stranger, b"", 10**15) for stranger in strangers]),
        (RICH[1], [Call(stranger, b"", 1) for stranger in strangers[:30]]),
    )
    explorer = make_explorer(node)
    explorer.wait_for(node)
    walked = list(pages(explorer, "/accounts"))
    cells = [row for page in walked for row in rows(page, "Accounts")]
    seen = [(_address(row), int(row[2].replace(",", ""))) for row in cells]
    expected = {to_checksum_address(address): count for address, count in _counted(node).items()}
    assert len(walked) > 2
    assert len(seen) == len(expected)
    assert dict(seen) == expected
    assert [count for _, count in seen] == sorted(expected.values(), reverse=True)
    assert f"{len(seen)}, by number of transactions" in words(walked[0])
    last = next(row for row in cells if _address(row) == strangers[-1])
    assert words(last[3]).strip() == "0.001 ether"


def test_an_account_stands_with_role_ether_elecoins_and_electricity(town: Town, explorer: Explorer) -> None:
    by_address = {_address(row): row for row in rows(explorer.get("/accounts").text, "Accounts")}
    with HttpRpc(town.node.rpc_url) as rpc:
        for retailer in town.retailers:
            user = rpc.fetch(town.etsc.user(retailer.address))
            row = by_address[retailer.address]
            assert "retailer-1" in words(row[0])
            assert words(row[1]).strip() == "retailer"
            assert row[4] == f"{user.coins / 1000:,.3f}"
            assert row[5] == f"{user.power / 1000:,.3f}"
            wei = int(rpc.request("eth_getBalance", retailer.address, "latest"), 16)
            assert f"{wei // 10**18:,}." in row[3]
    assert words(by_address[town.etsc.address][4]).strip() == "–"  # the contract is in nobody's books


def test_a_place_that_is_none_shows_the_first(explorer: Explorer) -> None:
    first = explorer.get("/accounts").text
    for nonsense in ("x", "5", "5.0x12", "9" * 30 + ".0x" + "00" * 20, "-1.0x" + "00" * 20, "%00"):
        assert explorer.get("/accounts?before=" + nonsense).text == first
    assert "None with fewer transactions." in words(explorer.get("/accounts?before=0.0x" + "00" * 20).text)


def test_without_a_node_the_list_stands_and_says_why_balances_are_missing(
    town: Town, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(town.node, contract=town.etsc.address, accounts=town.accounts())
    explorer.wait_for(town.node)
    nodes = [{**explorer.config["nodes"][0], "rpc_url": "http://127.0.0.1:9", "ws_url": None}]
    explorer.write_config(nodes=nodes)
    wait_until(lambda: explorer.health()["problem"] is not None, "the loss to be noticed")
    page = explorer.get("/accounts").text
    assert "Balances in ether are not known: no node answers at the moment." in words(page)
    assert len(rows(page, "Accounts")) >= 8
