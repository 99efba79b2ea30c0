"""Learnt policies and discriminated prices on a real chain, beside the same policies without one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning.genetic import Side, corner
from learning.policy_file import load
from market.equilibrium import solve
from market.units import Wh_to_kWh
from market.utilities import delivered_utility
from orchestrator.profiles import slot_games
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


@pytest.mark.parametrize("engine", ["process"], indirect=True)  # what is played depends on no engine
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


@pytest.mark.parametrize("engine", ["process"], indirect=True)  # what is played depends on no engine
@pytest.mark.parametrize(("policy", "side"), [("ga-prosumer", "prosumer"), ("ga-server", "server")])
def test_what_a_genetic_algorithm_found_for_one_side_is_played(
    market: Market, policy: str, side: Side
) -> None:
    campaign = market.campaign("--slots", "1", "--policy", policy, "--seed", "3")
    assert campaign["conservation"]["ok"] is True
    report = campaign["report"]
    assert (report["policy"], report["policy_file"]) == (policy, None)
    best = corner(market.opened().game, side)
    (record,) = report["slot_records"]
    assert record["price"] == pytest.approx(best.price, rel=1e-3)
    assert record["x"] == pytest.approx(best.demands, rel=1e-3)
    _agrees_with_simulation(report)


@pytest.mark.parametrize("engine", ["process"], indirect=True)
def test_a_policy_file_is_played_as_it_stands_and_kept_beside_the_report(
    market: Market, tmp_path: Path
) -> None:
    path = tmp_path / "mine.npz"
    w = json.dumps(market.opened().game.w)
    market.home.ok(
        "learn", "--seeds", "1", "--steps", "100", "--grid", "7", "--set", f"w={w}", "--out", str(path)
    )
    campaign = market.campaign("--slots", "2", "--policy", str(path), "--seed", "3")
    assert campaign["conservation"]["ok"] is True
    report = campaign["report"]
    assert (report["policy"], report["policy_origin"]["steps"]) == ("dma-ubrl", 100)
    kept, mine = load(Path(campaign["report_dir"]) / report["policy_file"]), load(path)
    np.testing.assert_array_equal(kept.strategies.leader, mine.strategies.leader)
    np.testing.assert_array_equal(kept.strategies.followers, mine.strategies.followers)
    grid = mine.strategies.game
    for record in report["slot_records"]:
        assert np.abs(grid.prices - record["price"]).min() < 1e-9
        assert all(np.abs(grid.demands - x).min() < _ROUNDING for x in record["x"])
    _agrees_with_simulation(report)


def test_each_prosumer_pays_its_own_price_and_each_slot_has_its_own_loads(home: Home) -> None:
    """Discriminated prices and a day of two slots, on one testbed."""
    market_config = {"preset": "discriminated", "prosumers": 2, "retailers": 1}
    profiles = {"slots_per_day": 2, "customers": ["h0", "g0"]}
    market = Market(home, "town", "process", {**SMALL, "market": {**market_config, "profiles": profiles}})
    market.up()
    campaign = market.campaign("--slots", "2", "--policy", "equilibrium")
    assert campaign["conservation"]["ok"] is True
    report = read_report(Path(campaign["report_dir"]))
    testbed = market.opened()
    games = slot_games(testbed.game, testbed.config.market.loads)
    night, day = (solve(game) for game in games)
    assert night.prices[0] > night.prices[1]
    assert abs(day.price / night.price - 1) > 0.05
    assert [tuple(loads) for loads in report["day"]["loads"]] == list(testbed.config.market.loads)
    for record, game, best in zip(report["slot_records"], games, (night, day), strict=True):
        assert record["prices"] == pytest.approx(best.prices, rel=1e-9)
        assert record["x"] == pytest.approx(best.demands, abs=_ROUNDING)
        assert record["server_utility"] == pytest.approx(best.server_utility, rel=_ROUNDING)
        utilities = (
            delivered_utility(Wh_to_kWh(y_Wh), x, price, theta=game.theta, eta=game.eta, w=w)
            for y_Wh, x, price, w in zip(record["y_Wh"], record["x"], record["prices"], game.w, strict=True)
        )
        assert record["prosumer_utilities"] == pytest.approx(tuple(utilities), rel=1e-6)
    _agrees_with_simulation(report)
    ran = market.home.run("campaign", "run", "--name", market.name, "--policy", "ga-server")
    refused(ran, 1, "market.profiles", "made for one w")
