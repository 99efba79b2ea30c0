"""The explorer of a testbed: its index is the chain's, can be made anew at any moment, and is told apart
from one that is not; its pages have the campaigns."""

from __future__ import annotations

import signal
import sqlite3
import stat
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Market, Ran, wait_until


def explorer(market: Market, *words: str, env: dict[str, str] | None = None) -> Ran:
    command, *options = words
    return market.home.run("explorer", command, "--name", market.name, *options, env=env)


def checked(market: Market, *options: str) -> dict[str, Any]:
    ran = explorer(market, "check", "--json", *options)
    compared: dict[str, Any] = ran.json
    assert (ran.code == 0) == compared["ok"], ran.err
    return compared


def index_of(market: Market) -> Path:
    genesis = str(market.status()["genesis_hash"])
    return market.directory / "explorer" / "index" / f"{genesis[2:]}.sqlite"


@pytest.fixture(autouse=True)
def no_index_set_aside(market: Market) -> Iterator[None]:
    yield
    for path in index_of(market).parent.glob("*.aside-*"):
        path.unlink()


def test_the_index_of_a_market_that_has_traded_is_the_chains(market: Market, played: dict[str, Any]) -> None:
    compared = checked(market)
    assert compared["differences"] == compared["unchecked"] == []
    assert compared["rows"]["slots"] >= played["slots"]
    for table in ("blocks", "transactions", "logs", "tallies", "participants", "prices", "entries", "hours"):
        assert compared["rows"][table] > 0, table
    said = explorer(market, "check")
    assert said.code == 0
    assert "The index is the chain's." in said.out


def test_each_node_can_be_asked_whether_the_index_is_its_chains(market: Market) -> None:
    for node in market.status()["nodes"]:
        assert checked(market, "--rpc", node["rpc_url"])["ok"]


def test_an_index_that_is_not_the_chains_ends_the_check_with_1_and_says_what_differs(
    market: Market, played: dict[str, Any], tmp_path: Path
) -> None:
    copy = tmp_path / "copy.sqlite"
    with closing(sqlite3.connect(index_of(market))) as original, closing(sqlite3.connect(copy)) as changed:
        original.backup(changed)
        # Blocks that were replaced have it too, where three signers sealed beside one another.
        deployed = changed.execute(
            "SELECT t.id, t.number, t.position FROM transactions t JOIN blocks b ON b.id = t.id >> 20 "
            "WHERE t.created IS NOT NULL AND b.canonical"
        )
        transaction, *place = deployed.fetchone()
        changed.execute("UPDATE transactions SET status = 0 WHERE id = ?", (transaction,))
        changed.commit()
    said = explorer(market, "check", "--index", str(copy))
    assert said.code == 1
    assert f"transactions {place[0]} {place[1]}: status is 0 in the index, 1 on the chain" in said.out
    assert "testbed explorer rebuild" in said.err
    assert checked(market, "--index", str(copy))["found"] == 1


def test_a_rebuild_makes_another_index_of_the_same_chain_and_keeps_the_former(
    market: Market, played: dict[str, Any]
) -> None:
    index = index_of(market)
    before = index.stat().st_ino
    ran = explorer(market, "rebuild")
    assert ran.code == 0, ran.err
    (aside,) = index.parent.glob("*.aside-*.sqlite")
    assert str(aside) in ran.out
    assert aside.stat().st_ino == before != index.stat().st_ino
    assert market.status()["services"] == {"explorer": "running"}
    assert checked(market)["ok"]
    assert checked(market, "--index", str(aside))["ok"]


def test_a_rebuild_that_is_interrupted_leaves_an_explorer_that_runs_on_a_whole_index(market: Market) -> None:
    for words in ("stopping the explorer", "indexing the chain"):
        begun = market.home.begin("explorer", "rebuild", "--name", market.name)
        begun.says(words)
        # It may have ended before.
        assert begun.signal(signal.SIGINT).code in (0, 130)
        assert market.status()["services"] == {"explorer": "running"}
        wait_until(lambda: explorer(market, "open", env={"BROWSER": "true"}).code == 0, "the explorer")
        wait_until(lambda: explorer(market, "check").code == 0, "the index")


def test_open_starts_the_browser_with_the_address_and_prints_it(market: Market, tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    url = market.status()["explorer_url"]
    ran = explorer(market, "open", env={"BROWSER": f"{browser} %s"})
    assert (ran.code, ran.out.strip()) == (0, url)
    assert opened.read_text().strip() == url
    without = explorer(market, "open", env={"BROWSER": "", "PATH": str(tmp_path), "DISPLAY": ""})
    assert (without.code, without.out.strip()) == (0, url)
    assert "open the address yourself" in without.err


def test_the_pages_have_the_campaigns(market: Market, played: dict[str, Any]) -> None:
    with urllib.request.urlopen(f"{market.status()['explorer_url']}/campaigns", timeout=20) as response:
        assert played["id"] in response.read().decode()


def test_where_the_testbed_is_down_each_command_says_what_to_do(market: Market) -> None:
    market.down()
    try:
        for command in ("open", "check"):
            ran = explorer(market, command)
            assert ran.code == 1
            assert f"`testbed up --name {market.name}`" in ran.err
        ran = explorer(market, "rebuild")
        assert ran.code == 0
        assert "testbed up" in ran.err
        assert not index_of(market).exists()
    finally:
        market.up()
    wait_until(lambda: explorer(market, "check").code == 0, "the new index")


def test_a_rebuild_starts_no_node_that_died(market: Market) -> None:
    market.kill("vm")
    try:
        wait_until(lambda: _state(market, "vm") != "running", "the node to be dead")
        index = index_of(market)
        before = index.stat().st_ino
        ran = explorer(market, "rebuild")
        assert ran.code == 1
        assert "not running: vm" in ran.err
        assert index.stat().st_ino == before
        assert market.status()["services"] == {"explorer": "running"}
    finally:
        market.up()


def _state(market: Market, name: str) -> str:
    return next(str(node["state"]) for node in market.status()["nodes"] if node["name"] == name)
