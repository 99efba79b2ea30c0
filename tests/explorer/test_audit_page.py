"""The audit's page passes what is honest and shows what is not, account by account."""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from chain.call import Call
from chain.rpc import HttpRpc
from explorer import conservation
from explorer.index.readers import Readers
from market.units import price_to_wei_per_mE
from tests.contracts.compiler import checked_in
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import RICH, GethNode, genesis, wait_until
from tests.explorer.running import Explorer, configuration
from tests.explorer.test_pages import words
from tests.explorer.trading_town import EDGE_SERVER, TERMS, Town, meter_of

_PRICE = price_to_wei_per_mE(27)
DEEP = 3  # blocks, with clique


@pytest.fixture(scope="module")
def node() -> Iterator[GethNode]:
    """For the contracts that are not honest."""
    with tempfile.TemporaryDirectory(prefix="aud-") as directory:  # short: a socket's path is limited
        node = GethNode.create(Path(directory) / "node", genesis())
        try:
            node.start()
            yield node
        finally:
            node.stop()


@pytest.fixture(scope="module")
def honest(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    directory = tmp_path_factory.mktemp("audit")
    settings = configuration(directory, town.node, contract=town.etsc.address, accounts=town.accounts())
    explorer = Explorer(directory, settings)
    try:
        explorer.start()
        explorer.wait_for(town.node)
        yield explorer
    finally:
        explorer.kill()


def audit(explorer: Explorer, block: int | str = "") -> str:
    """What a reader of the audit of that block sees, with names alone where an address stands beside one."""
    page = explorer.get(f"/audit?block={block}")
    assert page.status == 200
    return re.sub(r" 0x\w+…\w+", "", words(page.text))


def failures(explorer: Explorer, block: int) -> set[tuple[str, str, str]]:
    """(account, quantity, by how much) of each figure that differs."""
    page = explorer.get(f"/audit?block={block}").text
    listed = re.search(r'<ul class="failures">(.*?)</ul>', page, re.DOTALL)
    items = re.findall(r"<li>(.*?)</li>", listed[1], re.DOTALL) if listed else []
    found = set()
    for item in items:
        account, _, rest = re.sub(r" 0x\w+…\w+", "", words(item)).strip().partition(": ")
        told = re.fullmatch(r"(.+) ([+-]) ?([\d.,]+ \w+)", rest.strip())
        assert told is not None, rest
        found.add((account.strip(), told[1], told[2] + told[3]))
    assert (words(page).count("figures differ") == 1) == bool(found)
    return found


def test_an_honest_market_agrees_at_every_block(town: Town, honest: Explorer) -> None:
    created = honest.rows("SELECT min(number) AS number FROM transactions WHERE created IS NOT NULL")[0]
    tip = town.node.height()
    honest.wait_for(town.node)
    for block in range(created["number"], tip + 1):
        text = audit(honest, block)
        assert f"Conservation audit at block {block}" in text
        assert "all agree" in text
        assert not failures(honest, block)
    assert "not yet 3 deep" in audit(honest, tip)
    assert "not yet 3 deep" not in audit(honest, tip - DEEP)
    users = re.search(r"all agree (\d+) figures of (\d+) users and (\d+) edge servers", audit(honest, tip))
    assert users is not None
    assert (int(users[2]), int(users[3])) == (len(town.prosumers) + len(town.retailers), 1)
    assert int(users[1]) >= 6 * int(users[2]) + 3 + 6


def test_without_a_block_it_is_of_the_newest_that_is_deep_enough(town: Town, honest: Explorer) -> None:
    honest.wait_for(town.node)
    deep = town.node.height() - DEEP
    assert f"Conservation audit at block {deep} " in audit(honest)
    assert f"the newest that is {DEEP} deep is {deep}" in audit(honest, deep - 1)


def test_the_figures_are_the_contracts_in_the_state_of_that_block(town: Town, honest: Explorer) -> None:
    prosumer, retailer = town.prosumers[2].address, town.retailers[0].address
    its_entries = "SELECT number FROM entries WHERE kind = 'bought' AND account = ? ORDER BY id"
    bought = honest.rows(its_entries, bytes.fromhex(prosumer[2:]))[0]["number"]
    with HttpRpc(town.node.rpc_url) as rpc:
        user, seller, server = rpc.fetch_all(
            [town.etsc.user(prosumer), town.etsc.user(retailer), town.etsc.edge_server(EDGE_SERVER.address)],
            bought,
        )
    assert user.coins + user.power > 0  # it may have traded in the same block
    text = audit(honest, bought)
    assert f"prosumer-3 {user.coins / 1000:g} elecoins {user.power / 1000:g} kWh 0 kWh 0 kWh" in text
    assert f"{seller.power / 1000:,g} kWh" in text
    assert f"{server.stock / 1000:,.10g} elecoins" in text
    assert f"{server.reserve / 1e18:g} ether" in text
    # What the buyer paid in this block, with the fee of it.
    assert re.search(r"prosumer-3 -\d+\.\d+ ether yes", text.partition("Ether that changed hands")[2])
    assert "entries before" in text
    assert "entries after" in text


def test_the_same_figures_are_a_file(town: Town, honest: Explorer) -> None:
    honest.wait_for(town.node)
    block = town.node.height() - DEEP
    answer = honest.get(f"/audit.csv?block={block}")
    assert answer.headers["content-disposition"] == f'attachment; filename="tests-audit-{block}.csv"'
    rows = answer.csv_rows()
    counted = re.search(r"all agree (\d+) figures", audit(honest, block))
    assert counted is not None
    assert len(rows) == int(counted[1])
    assert {(row["block"], row["agree"]) for row in rows} == {(str(block), "true")}
    with HttpRpc(town.node.rpc_url) as rpc:
        user = rpc.fetch_all([town.etsc.user(town.prosumers[2].address)], block)[0]
    mine = {row["quantity"]: row for row in rows if row["account"] == town.prosumers[2].address}
    assert {name: int(row["is"]) for name, row in mine.items() if name in ("coins", "power")} == {
        "coins": user.coins,
        "power": user.power,
    }
    assert {row["unit"] for row in rows} == {"mE", "Wh", "wei"}
    assert f'href="/audit.csv?block={block}"' in honest.get(f"/audit?block={block}").text
    assert honest.get("/audit.csv?block=0").status == 409


@pytest.mark.parametrize("block", ["x", "-1", "1e3", "99999999", "9" * 18, "9" * 500, "%00", "0x1"])
def test_a_block_that_there_is_not_is_said_to_be_missing(honest: Explorer, block: str) -> None:
    assert honest.get(f"/audit?block={block}").status == 404
    assert honest.get(f"/audit.csv?block={block}").status == 404


def test_before_the_contract_there_is_nothing_to_compare(honest: Explorer) -> None:
    assert "Nothing can be compared at block 0: ETSC was deployed in block 1" in audit(honest, 0)
    assert honest.get("/audit?block=1&after=0xzz").status == 200


def test_a_contract_that_is_no_etsc_is_said_to_be_none(node: GethNode, make_explorer: ExplorerMaker) -> None:
    # Whatever is asked of it, it answers with a word of zeros.
    answers, creates = bytes.fromhex("60206000f3"), bytes.fromhex("6460206000f36000526005601bf3")
    (tx_hash,) = node.send(RICH[20], Call(None, creates, 0, 100_000))
    other = node.ask("eth_getTransactionReceipt", tx_hash)["contractAddress"]
    assert node.ask("eth_getCode", other, "latest") == "0x" + answers.hex()
    explorer = make_explorer(node, contract=other)
    explorer.wait_for(node)
    said = "what answers at the contract's address is no ETSC"
    wait_until(lambda: said in html.unescape(audit(explorer, node.height())), "the books of the contract")
    page = explorer.get("/etsc?function=user&account=" + other)
    assert page.status == 200
    assert "other code" in words(page.text)
    assert "the answer is not what ETSC's interface says" in html.unescape(words(page.text))


def _play(node: GethNode, mutant: str) -> tuple[Town, int]:
    """A market on a dishonest contract, at a block up to which it was honest."""
    town = Town.found(node, artifact=checked_in(mutant))
    node.send(meter_of(0), town.etsc.generation(10_000))
    node.send(town.retailers[0], town.etsc.offer(10_000))
    node.send(EDGE_SERVER, town.etsc.open_slot(1, _PRICE))
    return town, node.height()


def _explorer_of(town: Town, make_explorer: ExplorerMaker) -> Explorer:
    explorer = make_explorer(town.node, contract=town.etsc.address, accounts=town.accounts())
    explorer.wait_for(town.node)
    return explorer


def test_elecoins_minted_by_a_self_trade_show_at_who_has_them(
    node: GethNode, make_explorer: ExplorerMaker
) -> None:
    town, _ = _play(node, "SelfTradeMint")
    (retailer,) = town.retailers
    node.send(retailer, town.etsc.buy_token(EDGE_SERVER.address, 3_000, _PRICE, _PRICE))
    sound = node.height()
    node.send(retailer, town.etsc.trade(retailer.address, 5_000))
    explorer = _explorer_of(town, make_explorer)
    assert not failures(explorer, sound)
    # The books have both sides of the trade, which cancel out; the contract has kept the last.
    assert failures(explorer, node.height()) == {
        ("retailer-1", "coins", "+3 elecoins"),
        ("retailer-1", "power", "-5 kWh"),
        ("All accounts", "coins + stock by the contract", "+3 elecoins"),
        ("All accounts", "power by the contract", "-5 kWh"),
    }
    text = audit(explorer, node.height())
    assert "retailer-1 6 elecoins must be 3 elecoins + 3 elecoins" in text


def test_a_trade_without_its_event_shows_at_both_who_traded(
    node: GethNode, make_explorer: ExplorerMaker
) -> None:
    town, _ = _play(node, "SilentTrade")
    prosumer, (retailer,) = town.prosumers[1], town.retailers
    node.send(prosumer, town.etsc.buy_token(EDGE_SERVER.address, 3_000, _PRICE, _PRICE))
    node.send(prosumer, town.etsc.trade(retailer.address, 1_001))
    sound = node.height()
    node.send(prosumer, town.etsc.trade(retailer.address, 2_000))
    explorer = _explorer_of(town, make_explorer)
    assert not failures(explorer, sound)
    assert failures(explorer, node.height()) == {
        ("prosumer-2", "coins", "-1.2 elecoins"),
        ("prosumer-2", "power", "+2 kWh"),
        ("retailer-1", "coins", "+1.2 elecoins"),
        ("retailer-1", "power", "-2 kWh"),
        ("retailer-1", "offered", "-2 kWh"),
    }


def test_a_redemption_that_pays_more_than_it_says_shows_at_the_contract_and_at_who_was_paid(
    node: GethNode, make_explorer: ExplorerMaker
) -> None:
    town, _ = _play(node, "OverpaidRedemption")
    prosumer = town.prosumers[1]
    node.send(prosumer, town.etsc.buy_token(EDGE_SERVER.address, 3_000, _PRICE, _PRICE))
    node.send(EDGE_SERVER, town.etsc.set_buy_back_price(TERMS.min_unit_price - 1))
    sound = node.height()
    node.send(prosumer, town.etsc.redeem(EDGE_SERVER.address, 1_000, 0))
    paid = node.height()
    node.grow(1, RICH[20])
    explorer = _explorer_of(town, make_explorer)
    assert not failures(explorer, sound)
    missing = "-0.000000000000001 ether"
    sums = {
        ("All accounts", "ether held, by the books", missing),
        ("All accounts", "ether held, by the contract", missing),
    }
    assert failures(explorer, paid) == sums | {
        ("ETSC", "ether in this block", missing),
        ("prosumer-2", "ether in this block", "+0.000000000000001 ether"),
    }
    assert failures(explorer, node.height()) == sums


def test_a_node_that_does_not_keep_the_state_is_said_not_to(make_explorer: ExplorerMaker) -> None:
    with tempfile.TemporaryDirectory(prefix="aud-") as directory:
        node = GethNode.create(Path(directory) / "node", genesis())
        node.keeps = "full"
        try:
            node.start()
            town = Town.found(node)
            town.play([1.0, 2.0, 3.0])
            # Of what it has only in memory Geth writes but a few states when it ends.
            node.stop()
            node.start()
            explorer = _explorer_of(town, make_explorer)
            text = audit(explorer, node.height() - 5)
            assert f"Nothing can be compared at block {node.height() - 5}: the node has no state" in text
            assert "--gcmode archive" in text
            assert "all agree" in audit(explorer, node.height())
            node.stop()
            wait_until(lambda: explorer.health()["problem"] is not None, "the loss to be noticed")
            assert "Nothing can be compared at block" in audit(explorer, 5)
        finally:
            node.stop()


def test_the_accounts_of_one_page_follow_those_of_the_page_before(town: Town, honest: Explorer) -> None:
    tip, seen, after = town.node.height(), [], b""
    with closing(Readers()) as readers:
        readers.point_at(honest.index)
        with readers.reading() as index:
            while page := conservation.parties(index, tip, after, 2):
                assert len(page) <= 2
                seen += [party.account for party in page]
                after = page[-1].account
            everybody = conservation.parties(index, tip, b"", 100)
    assert seen == [party.account for party in everybody]
    registered = {EDGE_SERVER, *town.prosumers, *town.retailers}
    assert {"0x" + account.hex() for account in seen} == {each.address.lower() for each in registered}
