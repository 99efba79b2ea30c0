"""What the chain runs is compared with the plan, quantity by quantity, on a real node."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chain.rpc import HttpRpc, Rpc
from chain.wallet import Wallet
from contracts.etsc import Etsc
from errors import EnvironmentFault
from genesis.block import genesis_block
from orchestrator.config import CampaignConfig, Config, MarketConfig
from orchestrator.participants import keys_of, participants_of
from orchestrator.registration import Registration
from tests.explorer.gethnode import CHAIN_ID, RICH, SEALER, GethNode, wait_until

_KNOWN = "test test test test test test test test test test test junk"
_OTHER = "legal winner thank year wave sausage worth useful legal winner thank yellow"
_MARKET: dict[str, Any] = {"prosumers": 2, "retailers": 1}
_CONFIG = Config(market=MarketConfig(**_MARKET), campaign=CampaignConfig(declared_slots=100))


def _registration(config: Config, mnemonic: str = _KNOWN, **others: str) -> Registration:
    """`others` are addresses in the place of participants' own."""
    addresses = {name: key.address for name, key in keys_of(config, mnemonic).items()}
    planned = {name: others.get(name.replace("-", "_"), address) for name, address in addresses.items()}
    return Registration(config, config.market.game, participants_of(config, planned))


@pytest.fixture(scope="module")
def node() -> Iterator[GethNode]:
    """A chain with the market of _CONFIG on it."""
    administrator = keys_of(_CONFIG, _KNOWN)["administrator"]
    block = genesis_block(
        chain_id=CHAIN_ID,
        timestamp=int(time.time()),
        # All of them: one sends what moves on a sealer that got stuck.
        allocation_wei={account: 10**24 for account in (administrator.address, *(w.address for w in RICH))},
        clique_signers=[SEALER.address],
    )
    with tempfile.TemporaryDirectory(prefix="reg-") as directory:  # short: a socket's path is limited
        node = GethNode.create(Path(directory) / "node", block)
        try:
            node.start()
            registration = _registration(_CONFIG)
            with HttpRpc(node.rpc_url) as rpc:
                registration.send(rpc, [node.rpc_url], administrator, CHAIN_ID)
                wait_until(lambda: registration.is_done(rpc), "the registration")
            yield node
        finally:
            node.stop()


@pytest.fixture
def rpc(node: GethNode) -> Iterator[Rpc]:
    with HttpRpc(node.rpc_url) as rpc:
        yield rpc


def test_a_chain_as_it_was_planned_is_taken(rpc: Rpc) -> None:
    _registration(_CONFIG).verify(rpc, first_start=True)


@pytest.mark.parametrize(
    ("market", "campaign", "said"),
    [
        ({}, {"slot_deadline_blocks": 17}, ["slot_deadline_blocks is 16, expected 17"]),
        ({"p_min": 9.0}, {}, ["min_unit_price is 10000000000000000, expected 9000000000000000"]),
        ({"p_max": 46.0}, {}, ["max_unit_price is 45000000000000000, expected 46000000000000000"]),
        ({}, {"declared_slots": 101}, ["total_elecoins is 9000000, expected 9090000"]),
        ({"Q": 0.5}, {}, ["meter_limit is 50000, expected 60000", "unit_power_price is 600, expected 500"]),
    ],
)
def test_what_was_constructed_otherwise_is_named_with_both_amounts(
    rpc: Rpc, market: dict[str, Any], campaign: dict[str, Any], said: list[str]
) -> None:
    planned = Config(
        market=MarketConfig(**_MARKET, **market),
        campaign=CampaignConfig(**{"declared_slots": 100} | campaign),
    )
    with pytest.raises(EnvironmentFault) as caught:
        _registration(planned).verify(rpc, first_start=False)
    assert caught.value.what.partition(": ")[2] == "; ".join(said)
    assert caught.value.where == _registration(_CONFIG).contract


def test_the_administration_may_change_hands_but_not_before_the_first_start(node: GethNode, rpc: Rpc) -> None:
    registration = _registration(_CONFIG)
    etsc = Etsc(registration.contract)
    planned, other = Wallet(keys_of(_CONFIG, _KNOWN)["administrator"].private_key), RICH[0]
    _hand_over(node, etsc, planned, other)
    registration.verify(rpc, first_start=False)
    words = f"administrator is {other.address}, expected {planned.address}"
    with pytest.raises(EnvironmentFault, match=words):
        registration.verify(rpc, first_start=True)
    _hand_over(node, etsc, other, planned)
    registration.verify(rpc, first_start=True)


def _hand_over(node: GethNode, etsc: Etsc, giver: Wallet, taker: Wallet) -> None:
    node.send(giver, etsc.offer_administration(taker.address))
    node.send(taker, etsc.take_administration())


def test_a_meter_may_be_exchanged_but_not_before_the_first_start(node: GethNode, rpc: Rpc) -> None:
    registration = _registration(_CONFIG)
    etsc, keys = Etsc(registration.contract), keys_of(_CONFIG, _KNOWN)
    administrator = Wallet(keys["administrator"].private_key)
    user, own = keys["retailer-1"].address, keys["meter-retailer-1"].address
    node.send(administrator, etsc.rotate_meter(user, RICH[1].address))
    try:
        registration.verify(rpc, first_start=False)
        with pytest.raises(EnvironmentFault, match="retailer-1 is not registered as it should be"):
            registration.verify(rpc, first_start=True)
    finally:
        node.send(administrator, etsc.rotate_meter(user, own))
    registration.verify(rpc, first_start=True)


def test_a_user_that_was_never_registered_is_missed_at_every_start(rpc: Rpc) -> None:
    for first_start in (True, False):
        with pytest.raises(EnvironmentFault, match="prosumer-2 is not registered as it should be"):
            _registration(_CONFIG, prosumer_2=RICH[2].address).verify(rpc, first_start=first_start)


@pytest.mark.parametrize("first_start", [True, False])
def test_another_edge_server_than_planned_is_named(rpc: Rpc, first_start: bool) -> None:
    other = RICH[2].address
    words = rf"edge-server-2 \({other}\) is no edge server; the edge servers were allotted \d+ of 9000000 mE"
    with pytest.raises(EnvironmentFault, match=words):
        _registration(_CONFIG, edge_server_2=other).verify(rpc, first_start=first_start)


def test_one_edge_server_more_than_planned_is_noticed(rpc: Rpc) -> None:
    addresses = {name: key.address for name, key in keys_of(_CONFIG, _KNOWN).items()}
    everybody = participants_of(_CONFIG, addresses)
    planned = replace(everybody, edge_servers=everybody.edge_servers[:2])
    with pytest.raises(EnvironmentFault, match=r": the edge servers were allotted 6000000 of 9000000 mE"):
        Registration(_CONFIG, _CONFIG.market.game, planned).verify(rpc, first_start=True)


def test_an_address_without_this_contract_is_refused(rpc: Rpc) -> None:
    with pytest.raises(EnvironmentFault, match="is not this version's ETSC"):
        _registration(_CONFIG, _OTHER).verify(rpc, first_start=True)
