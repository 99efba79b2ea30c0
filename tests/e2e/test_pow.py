"""Proof of work, as in the paper: the same commands, blocks by hashing, and etherbases that nobody holds."""

from __future__ import annotations

import pytest

from chain.rpc import HttpRpc
from tests.conftest import docker_fault
from tests.e2e.conftest import SMALL
from tests.e2e.running import Home, Market


@pytest.mark.pow
def test_a_campaign_with_proof_of_work(home: Home) -> None:
    engine = "process" if docker_fault() else "docker"
    market = Market(home, "mine", engine, {**SMALL, "chain": {"consensus": "pow"}})
    status = market.up()
    assert status["consensus"] == "pow"
    assert [node["state"] for node in status["nodes"]] == ["running"] * 3
    campaign = market.campaign("--slots", "2")
    assert campaign["slots"] == 2
    # Block rewards, those of uncles too, are part of what is counted.
    assert campaign["conservation"]["ok"] is True
    assert campaign["died"] == []
    mined = campaign["report"]["mining"]["blocks"]
    assert sum(mined.values()) == campaign["report"]["totals"]["blocks"] > 0
    for node in market.opened().plan.nodes:
        assert [path for path in node.directory.rglob("*keystore*") if path.is_file()] == []
        with HttpRpc(node.rpc_url) as rpc:
            assert rpc.request("eth_accounts") == []
    market.destroy()
    assert market.leftovers() == []
