"""What the chain runs is compared with the plan, quantity by quantity, on a real node."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
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


def _registration(config: Config, mnemonic: str = _KNOWN) -> Registration:
    addresses = {name: key.address for name, key in keys_of(config, mnemonic).items()}
    return Registration(config, config.market.game, participants_of(config, addresses))


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


def test_an_address_without_this_contract_is_refused(rpc: Rpc) -> None:
    with pytest.raises(EnvironmentFault, match="is not this version's ETSC"):
        _registration(_CONFIG, _OTHER).verify(rpc, first_start=True)
