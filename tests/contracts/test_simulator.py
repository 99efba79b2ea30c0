"""The contract behaves the same on the local simulator and on Geth, to the unit of gas."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chain.rpc import balance_of
from contracts.audit import audit
from tests.contracts.chain import Chain
from tests.contracts.market import Market, open_market
from tests.contracts.test_gas import measured


def state(market: Market) -> dict[str, Any]:
    """Every record of everybody who takes part, and of the market."""
    rpc, etsc = market.chain.rpc, market.etsc
    everybody = [
        market.administrator,
        *market.edge_servers,
        *market.users,
        *market.meters.values(),
        market.stranger,
    ]
    records = {
        wallet.address: rpc.fetch_all(
            [
                etsc.user(wallet.address),
                etsc.edge_server(wallet.address),
                etsc.price_for(market.edge_server.address, wallet.address),
            ]
        )
        for wallet in everybody
    }
    return {
        **records,
        "slot": rpc.fetch(etsc.slot()).number,
        "paused": rpc.fetch(etsc.paused()),
        "administration": rpc.fetch_all([etsc.administrator(), etsc.successor()]),
        "ether": rpc.fetch(balance_of(etsc.address)),
    }


def history(market: Market) -> list[dict[str, Any]]:
    """The events without where they stand: how many transactions share a block is the client's matter."""
    place = ("block_number", "block_hash", "log_index")
    return [
        {"event": event.name} | {key: value for key, value in asdict(event).items() if key not in place}
        for event in market.chain.rpc.fetch(market.etsc.events(0, "latest"))
    ]


def test_the_simulator_and_geth_agree_on_gas_events_and_state(fresh_chain: Chain, simulator: Chain) -> None:
    on_geth, simulated = open_market(fresh_chain), open_market(simulator)
    assert on_geth.etsc.address == simulated.etsc.address
    assert measured(on_geth).used == measured(simulated).used
    assert state(on_geth) == state(simulated)
    assert history(on_geth) == history(simulated)
    for market in (on_geth, simulated):
        chain = market.chain
        found = audit(chain.rpc, market.etsc.address, chain.head(), chain.genesis_alloc, [chain.sealer])
        assert found.ok, found.failures
