"""/market says what it does not know, and why: without a campaign's report, with a damaged one, before a slot
is deep enough, before there is a market at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.explorer.campaign_files import write
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH
from tests.explorer.html_tables import table_of, tables_of
from tests.explorer.played_campaigns import UNIFIED, campaign, floats, playing, write_campaigns
from tests.explorer.played_market import ADMINISTRATOR, PlayedMarket, accounts
from tests.explorer.running import Explorer
from tests.explorer.test_pages import words


@pytest.fixture(scope="module")
def market() -> Iterator[PlayedMarket]:
    with playing() as market:
        yield market


@pytest.fixture
def campaigns(market: PlayedMarket, tmp_path: Path) -> Path:
    """The same two, to be changed."""
    return write_campaigns(market, tmp_path)


@pytest.fixture
def own_explorer(market: PlayedMarket, campaigns: Path, make_explorer: ExplorerMaker) -> Explorer:
    """One whose campaigns a test changes."""
    explorer = make_explorer(
        market.node, contract=market.etsc.address, accounts=accounts(), campaigns=str(campaigns)
    )
    explorer.wait_for(market.node)
    return explorer


def test_without_a_campaigns_report_nothing_is_made_up(
    market: PlayedMarket, make_explorer: ExplorerMaker, tmp_path: Path
) -> None:
    explorer = make_explorer(market.node, contract=market.etsc.address, accounts=accounts())
    explorer.wait_for(market.node)

    def check() -> str:
        page = explorer.get("/market").text
        text = words(page)
        assert "No campaign's parameters are known for these slots" in text
        assert "Utilities are not known either." in text
        assert not [table for table in tables_of(page) if table.caption.startswith("Utility")]
        assert all("equilibrium" not in " ".join(table.head) for table in tables_of(page))
        assert (
            table_of(page, f"{text.split(' blocks, ')[0].split()[-1]} blocks").row("node-1")[3] == "not known"
        )
        return text

    assert "report" not in check().partition("No campaign's parameters")[0]
    # A folder that is not there yet, one with another chain's campaign, and one of another contract.
    explorer.write_config(campaigns=str(tmp_path / "campaigns"))
    check()
    write(
        tmp_path / "campaigns",
        campaign(market, UNIFIED, (1, 2))
        | {"chain": {"genesis_hash": "0x" + "11" * 32, "contract": market.etsc.address}},
    )
    other = campaign(market, UNIFIED, (1, 2), id="0002")
    other["chain"]["contract"] = ADMINISTRATOR.address
    write(tmp_path / "campaigns", other)
    check()


def test_a_damaged_report_is_named_and_the_others_count(
    market: PlayedMarket, campaigns: Path, own_explorer: Explorer
) -> None:
    (campaigns / "0003").mkdir()
    (campaigns / "0003" / "report.json").write_text('{"kind": "campaign report", "version": 1')
    wrong = campaign(market, UNIFIED, (5,), id="0004")
    del wrong["parameters"]["eta"]
    write(campaigns, wrong)
    fewer = campaign(market, UNIFIED, (5,), id="0005")
    fewer["participants"] = [each for each in fewer["participants"] if each["name"] != "prosumer-3"]
    write(campaigns, fewer)
    market.node.grow(1, RICH[20])
    own_explorer.wait_for(market.node)
    text = words(own_explorer.get("/market").text)
    for place in ("0003/report.json", "0004/report.json", "0005/report.json"):
        assert f"The report {place} is damaged" in text
    assert "campaign 0001 (slots 1 to 2, policy equilibrium)" in text
    assert "campaign 0002 (slots 3 to 4" in text
    assert "For 1 of these slots no campaign's parameters are known" in text
    shutil.rmtree(campaigns / "0003")
    write(campaigns, campaign(market, UNIFIED, (5,), id="0004"))
    market.node.grow(1, RICH[20])
    own_explorer.wait_for(market.node)
    text = words(own_explorer.get("/market").text)
    assert "0003" not in text
    assert "campaign 0004 (slots 5 to 5" in text


def test_a_slot_that_is_not_deep_enough_has_no_utility_yet(
    market: PlayedMarket, campaigns: Path, own_explorer: Explorer
) -> None:
    write(campaigns, campaign(market, UNIFIED, (5,), id="0003"))
    text = own_explorer.get("/market?slots=1").text
    assert floats(table_of(text, "Utility of the edge server").column("reached"))[0] is not None
    # Three blocks on top are enough for Clique; an explorer that stands at two has none.
    node = market.node
    height = node.height()
    try:
        node.rewind(market.ends[5] + 2)
        own_explorer.wait_for(node)
        text = own_explorer.get("/market?slots=1").text
        assert floats(table_of(text, "Utility of the edge server").column("reached"))[0] is None
        assert floats(table_of(text, "Demand of all together").column("bought"))[0] == 1.0
    finally:
        node.grow(height - node.height(), RICH[20], value=2)
    own_explorer.wait_for(node)
    text = own_explorer.get("/market?slots=1").text
    assert floats(table_of(text, "Utility of the edge server").column("reached"))[0] is not None


def test_hostile_names_and_reports_are_text(
    market: PlayedMarket, make_explorer: ExplorerMaker, tmp_path: Path
) -> None:
    hostile = '"><img src=x onerror=alert(1)>\u202e\u0007</svg><script>alert(1)</script>' + "x" * 500
    folder = tmp_path / "campaigns"
    report = campaign(market, UNIFIED, (1, 2, 3, 4), id="0001")
    write(folder, {**report, "policy": hostile})
    (folder / "0001" / "report.json").rename(folder / "0001" / "moved.json")
    odd = folder / '"><script>alert(2)<'
    (folder / "0001").rename(odd)
    (odd / "moved.json").rename(odd / "report.json")
    (folder / "0002<script>").mkdir()
    (folder / "0002<script>" / "report.json").write_text(hostile)
    named = [{**each, "name": hostile} for each in accounts()]
    explorer = make_explorer(
        market.node, contract=market.etsc.address, accounts=named, name=hostile, campaigns=str(folder)
    )
    explorer.wait_for(market.node)
    for path in ("/market", "/market?slots=2&to=3", "/nodes"):
        page = explorer.get(path).text
        assert page.count("<script") == 1  # the explorer's own
        assert "<img" not in page
        assert not {"\u202e", "\u0007"} & set(page)
        assert "x" * 100 not in page
    assert "0002&lt;script&gt;/report.json is damaged" in explorer.get("/market").text


def test_before_the_first_slot_and_before_the_contract_it_says_so(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    explorer = make_explorer(node)
    answer = explorer.get("/market")
    assert answer.status == 404
    assert "No ETSC is known yet" in words(answer.text)
    founded = PlayedMarket.found(node)
    explorer.write_config(contract=founded.etsc.address)
    explorer.wait_for(node)
    node.grow(1, RICH[20])
    explorer.wait_for(node)
    assert "has not opened a slot yet" in words(explorer.get("/market").text)
