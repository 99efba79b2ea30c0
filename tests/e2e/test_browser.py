"""The explorer's pages in a real browser: readable for everybody, live, and with nothing from elsewhere.

Takes a screenshot of each page in light, dark and on a phone. With TESTBED_SCREENSHOTS=DIR (as `make
screenshots` sets it) the market is the paper's, trades for longer, and the pictures are left in DIR.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browsing import DESK, PHONE, SCHEMES, Visit
from tests.e2e.conftest import SMALL
from tests.e2e.running import Market, new_home, wait_until

pytestmark = pytest.mark.xdist_group("browser")  # one market and one browser for all

FIRST_PAINT_BYTES = 60_000
PAGES = (
    *("overview", "blocks", "block", "transactions", "transaction", "address", "edge-server"),
    *("accounts", "pending", "forks", "nodes", "market", "campaigns", "contract", "audit", "search"),
    *("exports", "api", "missing"),
)


@dataclass(frozen=True)
class Shown:
    """An explorer of a market that has traded, and where each of its pages is."""

    url: str
    paths: dict[str, str]


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    pictures = "TESTBED_SCREENSHOTS" in os.environ
    with new_home() as home:
        market = Market(home, "market", "process", {} if pictures else SMALL)
        market.up()
        for slots, policy in (("60", "dma-ubrl"), ("20", "random")) if pictures else (("3", "random"),):
            market.campaign("--slots", slots, "--policy", policy)
        yield Shown(explorer_url(market), paths_of(market))


def explorer_url(market: Market) -> str:
    return str(market.status()["explorer_url"])


def paths_of(market: Market) -> dict[str, str]:
    def asked(path: str) -> Any:
        with urllib.request.urlopen(explorer_url(market) + path, timeout=30) as answer:
            return json.load(answer)

    contract = str(market.status()["contract"]["address"])
    listed = market.home.ok("accounts", "--name", market.name, "--json").json
    people = {row["name"]: row["address"] for row in listed["accounts"]}
    transactions = asked("/rest/transactions?limit=200")["items"]
    trade = next(row for row in transactions if row["function"] == "trade")
    return {
        "overview": "/",
        "blocks": "/blocks",
        "block": f"/block/{trade['number']}",
        "transactions": "/txs",
        "transaction": f"/tx/{trade['hash']}",
        "address": f"/address/{people['prosumer-1']}",
        "edge-server": f"/address/{people['edge-server-1']}",
        "accounts": "/accounts",
        "pending": "/pending",
        "forks": "/forks",
        "nodes": "/nodes",
        "market": "/market",
        "campaigns": "/campaigns",
        "contract": "/etsc",
        "audit": "/audit",
        "search": "/search?q=prosumer",
        "exports": "/export",
        "api": "/docs",
        "missing": f"/tx/0x{'00' * 32}",
        "token": f"/token/{contract}",
    }


@pytest.fixture(scope="module")
def phone(browser: Browser, shown: Shown) -> Iterator[Visit]:
    with closing(Visit(browser, shown.url, **PHONE)) as visit:
        yield visit


@pytest.fixture(scope="module")
def with_and_without_scripts(browser: Browser, shown: Shown) -> Iterator[tuple[Visit, Visit]]:
    with (
        closing(Visit(browser, shown.url, viewport=DESK)) as scripted,
        closing(Visit(browser, shown.url, viewport=DESK, java_script_enabled=False)) as plain,
    ):
        yield scripted, plain


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable_for_everybody_and_complete_by_itself(
    browser: Browser, shown: Shown, pictures: Path, name: str
) -> None:
    with closing(Visit(browser, shown.url, viewport=DESK)) as visit:
        visit.page.goto(shown.paths[name], wait_until="load")
        weight = visit.weight()
        for scheme in SCHEMES:
            visit.page.emulate_media(color_scheme=scheme)
            assert visit.faults() == [], scheme
            visit.take_picture(pictures / f"{name}-{scheme}.png")
        assert [url for url in visit.asked if not url.startswith(shown.url)] == []
        if name != "missing":  # the browser itself complains of a 404
            assert visit.complaints == []
        assert 0 < weight <= FIRST_PAINT_BYTES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone(shown: Shown, phone: Visit, pictures: Path, name: str) -> None:
    phone.page.goto(shown.paths[name], wait_until="load")
    assert phone.too_wide() <= 0
    if name in ("overview", "market"):
        phone.take_picture(pictures / f"{name}-phone.png")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_the_same_without_scripts(
    shown: Shown, with_and_without_scripts: tuple[Visit, Visit], name: str
) -> None:
    texts = []
    for visit in with_and_without_scripts:
        visit.page.goto(shown.paths[name], wait_until="load")
        found = visit.page.locator("main h1, main h2, main th").all_inner_texts()
        texts.append({re.sub("[0-9][0-9,]*", "N", text) for text in found})  # the chain goes on meanwhile
    assert texts[0] == texts[1]
    assert texts[0]


def test_a_new_block_comes_to_an_open_page_by_itself(browser: Browser, shown: Shown) -> None:
    visit = Visit(browser, shown.url, viewport=DESK)
    visit.page.goto("/", wait_until="load")
    height = visit.page.locator("#tiles dd").first.inner_text()
    wait_until(lambda: visit.page.locator("#tiles dd").first.inner_text() != height, "a newer block")
    assert len([url for url in visit.asked if url.endswith(".js")]) < 5
    visit.close()


def test_the_keyboard_alone_leads_to_the_content_and_finds_a_block(browser: Browser, shown: Shown) -> None:
    visit = Visit(browser, shown.url, viewport=DESK)
    page = visit.page
    page.goto("/blocks", wait_until="load")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    page.locator("input[name=q]").focus()
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/block/2")
    visit.close()
