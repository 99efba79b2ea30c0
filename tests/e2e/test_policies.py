"""Learnt policies and discriminated prices on a real chain, beside the same policies without one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from market.equilibrium import solve
from tests.e2e.conftest import SMALL
from tests.e2e.refused import refused
from tests.e2e.running import Home, Market, read_report

# Elecoins are whole thousandths on the chain, and electricity whole Wh.
_ROUNDING = 2e-3


def _agrees_with_simulation(report: dict[str, Any]) -> None:
    simulated = report["simulation"]
    records = [record for record in report["slot_records"] if record["complete"]]
    assert len(records) == simulated["slots"] > 0

    def mean(values: list[float]) -> float:
        return math.fsum(values) / len(values)

    assert mean([record["price"] for record in records]) == pytest.approx(simulated["price"], rel=1e-9)
    for i, demand in enumerate(simulated["demands"]):
        assert mean([record["x"][i] for record in records]) == pytest.approx(demand, abs=_ROUNDING)
    utility = mean([record["server_utility"] for record in records])
    assert utility == pytest.approx(simulated["server_utility"], rel=_ROUNDING)


def _decisions(report: dict[str, Any]) -> list[tuple[int, list[int]]]:
    return [(record["price_wei_per_mE"], record["x_mE"]) for record in report["slot_records"]]


def test_random_policies_decide_on_the_chain_as_in_simulation(played: dict[str, Any]) -> None:
    _agrees_with_simulation(played["report"])


def test_learnt_policies_decide_on_the_chain_as_in_simulation_and_again(market: Market) -> None:
    campaign = market.campaign("--slots", "2", "--policy", "dma-ubrl", "--seed", "3")
    assert campaign["conservation"]["ok"] is True
    report, directory = campaign["report"], Path(campaign["report_dir"])
    assert report["policy"] == "dma-ubrl"
    assert report["policy_origin"]["seed"] == 3
    _agrees_with_simulation(report)
    # A bot is told its own strategy and its own w, and nothing of the others'.
    for i, w in enumerate(report["parameters"]["w"], start=1):
        told = json.loads((market.directory / "bots" / f"prosumer-{i}" / "bot.json").read_text())["private"]
        assert told["w"] == w
        assert len(told["policy"]["probabilities"]) == len(told["policy"]["prices"]) == 40
        assert "policies" not in told
    again = market.campaign("--from", str(directory / "report.json"))
    assert again["report"]["policy"] == "dma-ubrl"
    assert _decisions(again["report"]) == _decisions(report)


def test_a_policy_for_another_game_is_refused_before_anything_is_played(
    market: Market, tmp_path: Path
) -> None:
    path = tmp_path / "policy.npz"
    market.home.ok("learn", "--seeds", "1", "--steps", "100", "--grid", "4", "--out", str(path))
    before = sorted((market.directory / "campaigns").glob("*"))
    ran = market.home.run("campaign", "run", "--name", market.name, "--policy", str(path))
    refused(ran, 1, "made for another game: w = ")
    assert sorted((market.directory / "campaigns").glob("*")) == before


def test_each_prosumer_pays_its_own_price_under_discriminated_pricing(home: Home) -> None:
    config = {**SMALL, "market": {"preset": "discriminated", "prosumers": 2, "retailers": 1}}
    market = Market(home, "town", "process", config)
    market.up()
    campaign = market.campaign("--slots", "2", "--policy", "equilibrium")
    assert campaign["conservation"]["ok"] is True
    report = read_report(Path(campaign["report_dir"]))
    best = solve(market.opened().game)
    assert best.prices[0] > best.prices[1]
    for record in report["slot_records"]:
        assert record["prices"] == pytest.approx(best.prices, rel=1e-9)
        assert record["x"] == pytest.approx(best.demands, abs=_ROUNDING)
        assert record["server_utility"] == pytest.approx(best.server_utility, rel=_ROUNDING)
    _agrees_with_simulation(report)
