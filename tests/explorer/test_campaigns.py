"""Campaigns side by side: what their reports say, whoever wrote them, and nothing that they do not."""

from __future__ import annotations

import html
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explorer import researcher
from market.parameters import Parameters
from orchestrator.report_text import report_text
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import RICH, wait_until
from tests.explorer.running import Explorer, configuration
from tests.explorer.test_pages import words
from tests.explorer.trading_town import Town
from tests.orchestrator.test_report import Choose, at_random, report_of

HOSTILE = '"><img src=x onerror=alert(1)>\u202e'
_SIMULATED = {
    "slots": 3,
    "price": 27.0,
    "prices": [27.0] * 8,
    "demands": [6.25] * 8,
    "server_utility": 790.5,
    "prosumer_utilities": [20.5] * 8,
}


def report(
    town: Town, number: int, slots: int = 3, choose: Choose | None = None, **changes: Any
) -> dict[str, Any]:
    """As a campaign on the town's chain would leave it."""
    chain = {
        "chain_id": 40506,
        "genesis_hash": town.node.genesis_hash(),
        "contract": town.etsc.address,
    }
    written = report_of(slots, choose, **{"id": f"{number:04d}", "chain": chain, **changes})
    for each in written["participants"]:
        each["role"] = each["role"].replace("-", " ")
    return written


def keep(folder: Path, content: dict[str, Any] | str, name: str = "") -> Path:
    if isinstance(content, dict):
        name, content = name or content["id"], json.dumps(content)
    (folder / name).mkdir(parents=True, exist_ok=True)
    path = folder / name / "report.json"
    path.with_suffix(".new").write_text(content)
    path.with_suffix(".new").rename(path)
    return path


@pytest.fixture(scope="module")
def explorer(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """With a folder of campaigns, empty at first; each test takes names of its own."""
    directory = tmp_path_factory.mktemp("campaigns")
    settings = configuration(
        directory, town.node, contract=town.etsc.address, campaigns=str(directory / "campaigns")
    )
    explorer = Explorer(directory, settings)
    try:
        explorer.start()
        explorer.wait_for(town.node)
        yield explorer
    finally:
        explorer.kill()


def folder(explorer: Explorer) -> Path:
    return Path(explorer.config["campaigns"])


def news(explorer: Explorer, town: Town) -> None:
    """One more block: what the pages show is as of the newest news of the chain."""
    town.node.grow(1, RICH[20])
    height = town.node.height()
    wait_until(lambda: explorer.health()["indexed"] == height, "the news of the block")


def page_of(explorer: Explorer, town: Town, query: str = "") -> str:
    news(explorer, town)
    page = explorer.get("/campaigns" + query)
    assert page.status == 200
    return page.text


def rows(page: str) -> dict[str, str]:
    """What a reader sees of each campaign in the table, by its id."""
    table = page.partition('<table class="campaigns">')[2].partition("</table>")[0]
    bodies = [words(body).strip() for body in table.split("<tbody>")[1:]]
    return {body.split()[0]: html.unescape(body) for body in bodies}


def test_each_campaign_stands_beside_its_simulation_and_its_equilibrium(
    town: Town, explorer: Explorer
) -> None:
    written = report(town, 1, 20, at_random(Parameters())) | {"simulation": _SIMULATED, "seed": 7}
    keep(folder(explorer), written)
    keep(folder(explorer), report(town, 2))
    seen = rows(page_of(explorer, town))
    assert set(seen) >= {"0001", "0002"}
    complete = [record for record in written["slot_records"] if record["complete"]]
    price = math.fsum(record["price"] for record in complete) / len(complete)
    demand = math.fsum(math.fsum(record["x"]) for record in complete) / len(complete)
    first = seen["0001"]
    assert f"equilibrium seed 7 8 prosumers, unified {len(complete)} of 20 played of 20 ordered" in first
    assert f"chain {price:,.4f} {demand:,.3f}" in first
    deviations = [f"{value:+.2f} %" for value in (100 * (price - 27) / 27, 100 * (demand - 50) / 50)]
    assert f"simulation 27.0000 {deviations[0]} 50.000 {deviations[1]} 790.500" in first
    best = written["equilibrium"]["price"]
    assert f"equilibrium {best:.4f} {100 * (price - best) / best:+.2f} %" in first
    assert "holds of 1 figures" in first
    # The figures are those that the report itself tells in words.
    told = re.search(r"\| price, ether per elecoin +\| +([\d.]+) +\| +([\d.]+)", report_text(written))
    assert told is not None
    assert float(told[1]) == pytest.approx(price, rel=1e-4)


def test_a_campaign_leads_to_its_slots_its_blocks_and_its_audit(town: Town, explorer: Explorer) -> None:
    keep(folder(explorer), report(town, 11, 3))
    other = {"chain_id": 1, "genesis_hash": "0x" + "cd" * 32, "contract": town.etsc.address}
    keep(folder(explorer), report(town, 12, 3, chain=other))
    page = page_of(explorer, town)
    part = page.split('rowspan="3">0011')[1].split("</tbody>")[0]
    links = [html.unescape(link) for link in re.findall(r'href="([^"]+)"', part)]
    assert links == ["/market?slots=3&to=3", "/blocks?before=12", "/audit?block=11"]
    for link in links:
        assert explorer.get(link).status == 200
    assert "slots 1 to 3 blocks 5 to 11 audit at its end" in rows(page)["0011"]
    assert "on another chain" in rows(page)["0012"]
    assert "slots 1 to 3" not in rows(page)["0012"]


def test_a_failed_audit_deaths_and_an_early_end_are_said(town: Town, explorer: Explorer) -> None:
    broken = report(town, 21, 3, interrupted=True, died=[{"name": "node-2", "what": "exited (1)", "slot": 2}])
    broken["audit"] |= {"ok": False, "checked": 40, "failed": 2}
    keep(folder(explorer), broken)
    keep(folder(explorer), report(town, 22, 0, simulation=None))
    seen = rows(page_of(explorer, town))
    assert "2 differ of 40 figures" in seen["0021"]
    assert "interrupted died: node-2" in seen["0021"]
    assert "0 of 0 played of 1 ordered chain – – – –" in seen["0022"]


def test_a_damaged_report_is_named_and_hides_no_other(town: Town, explorer: Explorer) -> None:
    good = report(town, 31)
    keep(folder(explorer), good)
    text = json.dumps(good)
    for name, content in {
        "0032": text[:-40],
        "0033": "[" * 100_000,
        "0034": text.replace('"slots": 3', '"slots": 1e999'),
        "0035": text.replace('"theta": 100.0', '"theta": -1'),
        "0036": "null",
    }.items():
        keep(folder(explorer), content, name)
    (folder(explorer) / "0037").mkdir()  # a campaign that still runs
    (folder(explorer) / "notes.txt").write_text("")
    page = page_of(explorer, town)
    assert "0031" in rows(page)
    for name in ("0032", "0033", "0034", "0035", "0036"):
        assert f"The report {name}/report.json" in words(page)
        assert name not in rows(page)
    assert "0037" not in words(page)
    keep(folder(explorer), report(town, 32))
    assert "0032" in rows(page_of(explorer, town))
    for name in ("0033", "0034", "0035", "0036"):
        (folder(explorer) / name / "report.json").unlink()
    assert "0033" not in page_of(explorer, town)


def test_hostile_words_of_a_report_are_text(town: Town, explorer: Explorer) -> None:
    keep(folder(explorer), report(town, 41, policy=HOSTILE, created=HOSTILE))
    page = page_of(explorer, town)
    assert "<img" not in page
    assert "\u202e" not in page
    assert page.count("<script") == 1
    assert "&gt;&lt;img src=x" in page


def test_older_campaigns_follow_on_further_pages(town: Town, explorer: Explorer) -> None:
    for number in range(500, 530):
        keep(folder(explorer), report(town, number, 1))
    page = page_of(explorer, town)
    seen = list(rows(page))
    while older := re.search(r'href="(\?before=[^"]+)" rel="next"', page):
        page = page_of(explorer, town, html.unescape(older[1]))
        seen += rows(page)
    names = [path.parent.name for path in folder(explorer).glob("*/report.json")]
    assert seen == sorted(names, reverse=True)
    assert explorer.get("/campaigns?before=%00%ff").status == 200


def test_there_are_charts_of_prices_and_demands_with_their_tables(town: Town, explorer: Explorer) -> None:
    keep(folder(explorer), report(town, 901, 3))
    keep(folder(explorer), report(town, 902, 100, at_random(Parameters())))
    page = page_of(explorer, town)
    for title in ("Price by campaign", "Demand by campaign"):
        assert f"{title}: 0901 equilibrium" in page
        assert f"{title} as a table" in page
    assert page.count("<svg") > 4


def test_without_a_folder_the_page_says_so(town: Town, make_explorer: ExplorerMaker, tmp_path: Path) -> None:
    explorer = make_explorer(town.node, contract=town.etsc.address)
    explorer.wait_for(town.node)
    assert "This explorer is told of no folder" in words(explorer.get("/campaigns").text)
    assert 'href="/campaigns"' not in explorer.get("/").text
    explorer.write_config(campaigns=str(tmp_path / "nowhere"))
    said = "No campaign has left a report"
    wait_until(lambda: said in words(explorer.get("/campaigns").text), "the new configuration")


def test_a_report_is_read_again_only_where_it_changed(town: Town, tmp_path: Path) -> None:
    path = keep(tmp_path, report(town, 1, 2))
    (first,) = researcher.reports(tmp_path)
    assert researcher.reports(tmp_path)[0] is first
    os.utime(path, ns=(1, 1))
    (again,) = researcher.reports(tmp_path)
    assert again is not first
    assert again.played == first.played
    assert researcher.reports(None) == ()
    assert researcher.notices(tmp_path / "nowhere") == ()
