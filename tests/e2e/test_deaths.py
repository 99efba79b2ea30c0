"""Nodes and bots die, the testbed goes on: a campaign ends, its audit holds, its report names the dead."""

from __future__ import annotations

import signal
from typing import Any

import psutil
import pytest

from tests.e2e.running import Market, wait_until


# What a death means to the others depends on no engine; that it is noticed does, of a node and of a bot.
@pytest.mark.parametrize(
    ("engine", "victim"),
    [
        pytest.param("docker", "laptop-a", marks=pytest.mark.docker),
        pytest.param("docker", "prosumer-2", marks=pytest.mark.docker),
        *(("process", victim) for victim in ("laptop-a", "prosumer-2", "retailer-1", "edge-server-1")),
    ],
    indirect=["engine"],
)
def test_a_campaign_outlives_its(mortal_market: Market, victim: str) -> None:
    mortal_market.up()
    begun = mortal_market.begin_campaign(3)
    begun.says("slot 1 of 3")
    mortal_market.kill(victim)
    ran = begun.end()
    assert ran.code == 0, ran.err
    assert f"{victim} died" in ran.out
    report = mortal_market.last_report()
    assert [death["name"] for death in report["died"]] == [victim]
    assert report["audit"]["ok"] is True
    assert report["slots_played"] == 3
    if victim == "edge-server-1":
        # After the deadline others open the slots, and at the old price.
        assert len({record["price_wei_per_mE"] for record in report["slot_records"]}) == 1
        assert report["slot_records"][-1]["opened_by"].startswith("prosumer-")
    status = mortal_market.up()
    assert {node["state"] for node in status["nodes"]} == {"running"}
    assert status["services"] == {"explorer": "running"}


def test_nothing_mined_is_lost_when_all_nodes_are_killed(mortal_market: Market) -> None:
    before = mortal_market.up()
    mortal_market.campaign("--slots", "1")
    accounts = _elecoins(mortal_market)
    height = _height(mortal_market.status())
    for node in before["nodes"]:
        mortal_market.kill(node["name"])
    wait_until(lambda: _states(mortal_market.status()) == {"exited"}, "the nodes to be dead")
    after = mortal_market.up()
    assert after["genesis_hash"] == before["genesis_hash"]
    assert _height(after) >= height
    assert _elecoins(mortal_market) == accounts
    assert mortal_market.campaign("--slots", "1")["conservation"]["ok"] is True


@pytest.mark.parametrize("engine", ["process"], indirect=True)  # containers have no supervisor
def test_a_killed_supervisor_costs_no_block(mortal_market: Market) -> None:
    before = mortal_market.up()
    supervisor = psutil.Process(int((mortal_market.directory / "supervisor" / "supervisord.pid").read_text()))
    supervisor.send_signal(signal.SIGKILL)
    wait_until(lambda: not supervisor.is_running(), "the supervisor to be dead")
    after = mortal_market.up()
    assert after["genesis_hash"] == before["genesis_hash"]
    assert _height(after) >= _height(before)
    # Three nodes, explorer and its index, throttle, supervisor: nothing twice.
    assert len(mortal_market.instances()) == 7


def _height(status: dict[str, Any]) -> int:
    return max(int(node["block"]) for node in status["nodes"])


def _states(status: dict[str, Any]) -> set[str]:
    return {str(node["state"]).split()[0] for node in status["nodes"]}


def _elecoins(market: Market) -> dict[str, Any]:
    listing = market.home.ok("accounts", "--name", market.name, "--json").json["accounts"]
    return {account["name"]: (account["elecoins"], account["power_kWh"]) for account in listing}
