"""A campaign on a real chain: everybody trades, the audit holds, the report repeats it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from chain.rpc import HttpRpc
from contracts.etsc import Etsc
from market.units import Q_to_mE_per_kWh, Wh_to_mE
from market.utilities import prosumer_utility
from tests.e2e.conftest import SMALL
from tests.e2e.refused import refused
from tests.e2e.running import Market


def _decisions(campaign: dict[str, Any]) -> list[tuple[int, list[int]]]:
    return [(record["price_wei_per_mE"], record["x_mE"]) for record in campaign["report"]["slot_records"]]


def test_a_campaign_ends_with_one_line_for_programs(played: dict[str, Any]) -> None:
    assert played["slots"] == played["slots_complete"] == 4
    assert played["purchases"] == played["trades"] == 8
    assert played["conservation"]["ok"] is True
    assert played["conservation"]["checked"] > 0
    assert played["died"] == []
    assert played["interrupted"] is False
    assert played["id"]


def test_a_campaign_leaves_a_report_in_words_numbers_and_pictures(
    played: dict[str, Any], market: Market
) -> None:
    directory = Path(played["report_dir"])
    assert market.directory in directory.parents
    for name in ("report.json", "report.md", "report.svg", "report.png"):
        assert (directory / name).stat().st_size > 0
    bots = {bot.name for bot in market.opened().participants.bots}
    assert {path.stem for path in (directory / "logs").iterdir()} == bots
    assert {path.stem for path in (directory / "journals").iterdir()} == bots


def test_a_report_says_what_was_run(played: dict[str, Any], market: Market) -> None:
    report, status = played["report"], market.status()
    assert (report["engine"], report["consensus"]) == (market.engine, "clique")
    assert (report["policy"], report["seed"], report["slots"]) == ("random", 7, 4)
    assert report["chain"]["genesis_hash"] == status["genesis_hash"]
    assert report["configuration"]["market"]["prosumers"] == 2
    assert report["configuration"]["mnemonic"] is None
    assert market.opened().state.mnemonic not in Path(played["report_dir"], "report.json").read_text()
    assert report["versions"]["geth"] == "1.11.6"
    assert report["parameters"]["w"]
    for record in report["slot_records"]:
        assert record["complete"]
        assert record["price"] > 0
        assert all(x > 0 for x in record["x"])
        assert all(y > 0 for y in record["y_Wh"])


def test_what_retailers_earn_comes_back_and_is_reported_beside_the_utilities(
    played: dict[str, Any], market: Market
) -> None:
    report, testbed = played["report"], market.opened()
    (retailer,) = testbed.participants.retailers
    with HttpRpc(testbed.plan.nodes[0].rpc_url) as rpc:
        account = Etsc(testbed.registration.contract).user(retailer.address)
        earned_mE = [rpc.fetch(account, report["start_block"] - 1).coins]
    Q = report["parameters"]["Q"]
    for record in report["slot_records"]:
        earned_mE.append(earned_mE[-1] + sum(Wh_to_mE(y_Wh, Q_to_mE_per_kWh(Q)) for y_Wh in record["y_Wh"]))
    rows = report["redemptions"]
    assert rows
    assert len({row["slot"] for row in rows}) == len(rows)
    sold_back_mE = 0
    for row in rows:
        sold_back_mE += row["amount_mE"]
        assert sold_back_mE == earned_mE[row["slot"] - 1], "all that was earned before the slot"
        assert (row["user"], row["edge_server"]) == ("retailer-1", "edge-server-1")
        assert row["price"] == report["parameters"]["p_min"]
        assert int(row["paid_wei"]) == row["amount_mE"] * row["price_wei_per_mE"]
    assert report["totals"]["redeemed_elecoins"] == sold_back_mE / 1000
    text = Path(played["report_dir"], "report.md").read_text()
    assert f"| retailer-1 | edge-server-1 | {len(rows)} | {sold_back_mE / 1000:.3f} |" in text
    game = testbed.game
    for record in report["slot_records"]:
        for x, w, utility in zip(record["x"], game.w, record["prosumer_utilities"], strict=True):
            equation_3 = prosumer_utility(x, record["price"], theta=game.theta, eta=game.eta, Q=game.Q, w=w)
            assert utility == pytest.approx(equation_3, abs=0.01)  # the electricity is in whole Wh


@pytest.mark.parametrize("engine", ["process"], indirect=True)  # what is played depends on no engine
def test_a_market_that_buys_nothing_back_redeems_nothing(played: dict[str, Any], market: Market) -> None:
    assert played["report"]["redemptions"]
    path = market.home.directory / ".no-buy-back.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "market": {**SMALL["market"], "buy_back": 0}}))
    market.home.ok("up", "--name", market.name, "--config", str(path))
    try:
        campaign = market.campaign("--slots", "2")
        assert campaign["conservation"]["ok"] is True
        assert campaign["report"]["redemptions"] == []
    finally:
        market.up()


def test_nothing_of_a_campaign_runs_on_after_it(played: dict[str, Any], market: Market) -> None:
    assert played["slots"] == 4
    assert market.status()["services"] == {"explorer": "running"}


@pytest.mark.parametrize("engine", ["process"], indirect=True)  # what is played depends on no engine
def test_a_report_repeats_its_campaign_with_the_same_decisions(
    played: dict[str, Any], market: Market
) -> None:
    again = market.campaign("--from", str(Path(played["report_dir"]) / "report.json"))
    assert again["id"] != played["id"]
    assert again["report"]["first_slot"] > played["report"]["first_slot"]
    assert again["conservation"]["ok"] is True
    assert _decisions(again) == _decisions(played)


@pytest.mark.parametrize("engine", ["process"], indirect=True)  # what is played depends on no engine
def test_another_seed_decides_otherwise(played: dict[str, Any], market: Market) -> None:
    other = market.campaign("--slots", "2", "--policy", "random", "--seed", "8")
    assert other["conservation"]["ok"] is True
    assert all(a != b for a, b in zip(_decisions(other), _decisions(played), strict=False))


def test_slots_that_the_chain_was_not_funded_for_are_refused(market: Market) -> None:
    ran = market.home.run("campaign", "run", "--name", market.name, "--slots", "101")
    refused(ran, 1, "declared_slots")


def test_a_report_and_an_order_of_ones_own_are_refused_together(
    played: dict[str, Any], market: Market
) -> None:
    report = str(Path(played["report_dir"]) / "report.json")
    ran = market.home.run("campaign", "run", "--name", market.name, "--from", report, "--slots", "3")
    refused(ran, 2, "--from")
