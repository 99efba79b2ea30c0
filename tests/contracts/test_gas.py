"""What each call costs, from the receipts of a real Geth."""

from __future__ import annotations

import pytest

from tests.contracts.market import Market

# Gas, with three edge servers. A change of more than 1 % is a decision: then change the figure here.
MEASURED = {
    "deploy": 1_473_312,
    "empower": 73_603,
    "bindMeter": 75_506,
    "generation, first": 33_333,
    "offer, first": 31_091,
    "openSlot, first": 34_510,
    "buyToken, first": 38_591,
    "trade, first": 39_248,
    "consumption, first": 33_776,
    "deficit, first": 37_097,
    "generation, later": 33_333,
    "offer, later": 31_091,
    "openSlot, later": 31_710,
    "buyToken, later": 38_591,
    "trade, later": 39_248,
    "consumption, later": 33_776,
    "deficit, later": 37_097,
    "withdraw": 34_776,
}


def test_calls_cost_what_was_measured_and_half_of_their_limits_at_most(market: Market) -> None:
    etsc, chain = market.etsc, market.chain
    newcomer, meter = chain.wallet().address, chain.wallet().address
    empower, bind = etsc.empower("newcomer", newcomer, True, True), etsc.bind_meter(newcomer, meter)
    empowered, bound = chain.do(market.administrator, empower, bind)
    used = {
        "deploy": market.deployed.gas_used,
        "empower": empowered.gas_used,
        "bindMeter": bound.gas_used,
    }
    for when, cumulative in (("first", 10_000), ("later", 20_000)):
        used[f"generation, {when}"] = market.generate(market.retailer, cumulative).gas_used
        used[f"offer, {when}"] = market.offer(market.retailer, 5_000).gas_used
        used[f"openSlot, {when}"] = market.open().gas_used
        used[f"buyToken, {when}"] = market.buy(market.prosumer, 5_000).gas_used
        used[f"trade, {when}"] = market.trade(market.prosumer, market.retailer, 2_000).gas_used
        used[f"consumption, {when}"] = market.consume(market.prosumer, cumulative // 10).gas_used
        used[f"deficit, {when}"] = market.consume(market.retailers[1], cumulative).gas_used
    used["withdraw"] = chain.do(market.edge_server, etsc.withdraw())[0].gas_used
    assert used == pytest.approx(MEASURED, rel=0.01)

    smallest_limit = min(call.gas for call in (etsc.offer(1), etsc.withdraw(), empower, bind))
    calls = {name: gas for name, gas in used.items() if name not in {"deploy", "empower", "bindMeter"}}
    assert 2 * max(calls.values()) <= smallest_limit
    assert 2 * max(used["empower"], used["bindMeter"]) <= min(empower.gas, bind.gas)
