"""`up` goes on where a testbed stands, and several testbeds do not disturb each other."""

from __future__ import annotations

from typing import Any

from chain.rpc import HttpRpc
from tests.e2e.conftest import SMALL
from tests.e2e.refused import refused
from tests.e2e.running import Home, Market

_FIXED = ("name", "engine", "consensus", "chain_id", "genesis_hash", "contract", "explorer_url")


def _same_chain(before: dict[str, Any], after: dict[str, Any]) -> bool:
    urls = [[node["rpc_url"] for node in status["nodes"]] for status in (before, after)]
    return urls[0] == urls[1] and all(before[key] == after[key] for key in _FIXED)


def _height(status: dict[str, Any]) -> int:
    return min(int(node["block"]) for node in status["nodes"])


def test_up_on_a_running_testbed_changes_nothing(market: Market) -> None:
    services, status = market.instances(), market.status()
    after = market.up()
    assert market.instances() == services
    assert _same_chain(status, after)


def test_down_keeps_the_chain_and_up_goes_on_with_it(market: Market) -> None:
    before = market.status()
    market.down()
    try:
        stopped = market.status()
        assert market.instances() == {}
        assert {node["state"] for node in stopped["nodes"]} <= {"absent", "exited (0)"}
        assert {node["block"] for node in stopped["nodes"]} == {None}
        campaign = market.home.run("campaign", "run", "--name", market.name, "--slots", "1")
        refused(campaign, 1, "does not run", "testbed up")
        market.down()  # a second time it finds nothing to stop
    finally:
        after = market.up()
    assert _same_chain(before, after)
    assert _height(after) >= _height(before)


def test_three_testbeds_run_side_by_side(market: Market, home: Home) -> None:
    others = [Market(home, name, market.engine, SMALL) for name in ("town", "village")]
    all_of_them = [market.status(), *(other.up() for other in others)]
    urls = [url for status in all_of_them for url in _addresses(status)]
    assert len(set(urls)) == len(urls) == 12
    assert len({status["chain_id"] for status in all_of_them}) == 3
    assert len({status["genesis_hash"] for status in all_of_them}) == 3
    subnets = [each.opened().plan.subnet for each in (market, *others)]
    assert len(set(subnets)) == (3 if market.engine == "docker" else 1)
    for status in all_of_them:
        for node in status["nodes"]:
            with HttpRpc(node["rpc_url"]) as rpc:
                assert int(rpc.request("eth_chainId"), 16) == status["chain_id"]
                assert int(rpc.request("net_peerCount"), 16) == 2
    others[0].destroy()
    assert others[0].leftovers() == []
    assert {node["state"] for node in others[1].status()["nodes"]} == {"running"}


def _addresses(status: dict[str, Any]) -> list[str]:
    return [status["explorer_url"], *(node["rpc_url"] for node in status["nodes"])]
