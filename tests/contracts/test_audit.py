"""The audit passes what is honest and catches what is not, on real chains."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from chain.call import Call
from contracts.audit import Audit, Check, audit
from contracts.etsc import EdgeServer, Meter, Slot, Terms, User
from contracts.events import TYPES
from contracts.ledger import ommer_reward
from errors import TestbedError
from orchestrator.dag import dag_directory
from tests.contracts.chain import ETHER, Chain
from tests.contracts.compiler import checked_in
from tests.contracts.geth import running_geth
from tests.contracts.market import DEADLINE_BLOCKS, MIN_PRICE, PRICE, Market, open_market
from tests.contracts.session import Session


def audit_of(market: Market, block: int | None = None) -> Audit:
    chain = market.chain
    return audit(
        chain.rpc,
        market.etsc.address,
        chain.head() if block is None else block,
        chain.genesis_alloc,
        [chain.sealer],
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_honest_session_passes_at_every_block_that_is_asked(fresh_chain: Chain, seed: int) -> None:
    market = open_market(fresh_chain)
    Session(market, seed).play(slots=8)
    head = fresh_chain.head()
    for block in (market.deployed.block, head // 2, head):
        found = audit_of(market, block)
        assert found.ok, found.failures
        header = fresh_chain.rpc.request("eth_getBlockByNumber", hex(block), False)
        assert (found.block, found.block_hash) == (block, header["hash"])

    # The session was one that the audit could have failed on.
    assert found.totals["transactions"] > 100
    assert found.totals["failed_transactions"] > 5
    for name in ("generated_Wh", "consumed_Wh", "deficit_Wh", "redeemed_mE"):
        assert found.totals[name] > 0, name
    for name in ("purchases_wei", "withdrawals_wei", "redemptions_wei"):
        assert found.totals[name] > 0, name
    happened = {event.name for event in fresh_chain.rpc.fetch(market.etsc.events(0, "latest"))}
    assert happened == set(TYPES)
    assert found.totals["burnt_wei"] > 0
    assert found.totals["tips_wei"] > 0
    checked = {
        (check.kind, check.quantity) for check in found.checks if check.account == market.prosumer.address
    }
    assert checked == {
        ("elecoins", "coins"),
        *(("electricity", name) for name in ("power", "generated", "consumed", "deficit", "offered")),
        *(("registry", name) for name in ("registered", "name", "gen_right", "trans_right", "meter")),
        ("ether", "balance"),
    }
    # Every field of every record that the contract has is compared with its book.
    quantities = {check.quantity for check in found.checks}
    for record in (User, Meter, EdgeServer, Slot, Terms):
        assert {field.name for field in fields(record)} <= quantities
    assert {"unit_power_price", "allotments", "total"} <= quantities
    assert {"paused", "administrator", "successor", f"price for {market.prosumer.address}"} <= quantities


def test_a_seller_that_comes_back_after_an_overdue_slot_sells_at_its_new_price(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain)
    market.open(PRICE)
    fresh_chain.grow(DEADLINE_BLOCKS)
    fresh_chain.do(market.stranger, market.etsc.open_slot(2, 0))
    fresh_chain.do(market.edge_server, market.etsc.open_slot(2, PRICE + 1))
    assert (market.slot().seller, market.slot().price) == (market.edge_server.address, PRICE + 1)
    found = audit_of(market)
    assert found.ok, found.failures


def test_a_new_administrator_has_no_successor(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain)
    fresh_chain.do(market.administrator, market.etsc.offer_administration(market.stranger.address))
    assert audit_of(market).ok
    fresh_chain.do(market.stranger, market.etsc.take_administration())
    found = audit_of(market)
    assert found.ok, found.failures
    assert ("successor", "") in {(check.quantity, check.actual) for check in found.checks}


def test_every_account_of_the_genesis_and_every_sealer_is_checked(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain)
    found = audit_of(market)
    accounts = {check.account.lower() for check in found.checks if check.quantity == "balance"}
    assert {*fresh_chain.genesis_alloc, fresh_chain.sealer.lower(), market.etsc.address.lower()} <= accounts


def test_elecoins_minted_by_self_trade_are_caught(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain, checked_in("SelfTradeMint"))
    market.generate(market.retailer, 5_000)
    market.offer(market.retailer, 5_000)
    market.open()
    market.buy(market.retailer, 3_000)
    assert audit_of(market).ok
    market.trade(market.retailer, market.retailer, 5_000)
    assert market.user(market.retailer).coins == 6_000

    failures = {(check.account, check.quantity): check for check in audit_of(market).failures}
    coins = failures[market.retailer.address, "coins"]
    assert (coins.expected, coins.actual) == (3_000, 6_000)
    circulating = failures["all", "coins + stock"]
    assert circulating.difference == 3_000


def test_a_trade_without_its_event_is_caught(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain, checked_in("SilentTrade"))
    market.generate(market.retailer, 5_000)
    market.offer(market.retailer, 5_000)
    market.open()
    market.buy(market.prosumer, 3_000)
    market.trade(market.prosumer, market.retailer, 1_001)
    assert audit_of(market).ok
    market.trade(market.prosumer, market.retailer, 2_000)

    failed = {(check.account, check.quantity) for check in audit_of(market).failures}
    assert failed == {
        *((market.prosumer.address, quantity) for quantity in ("coins", "power")),
        *((market.retailer.address, quantity) for quantity in ("coins", "power", "offered")),
    }


def test_terms_that_are_announced_otherwise_than_they_are_are_caught(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain, checked_in("WrongTerms"))
    (price,) = audit_of(market).failures
    assert (price.quantity, price.difference) == ("unit_power_price", -1)
    market.generate(market.retailer, 5_000)
    market.offer(market.retailer, 5_000)
    market.open()
    market.buy(market.prosumer, 3_000)
    market.trade(market.prosumer, market.retailer, 1_000)
    failed = {check.quantity: check.difference for check in audit_of(market).failures}
    assert failed == {"unit_power_price": -1, "trades at the unit price": -1}


def test_a_redemption_that_pays_more_than_it_says_is_caught(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain, checked_in("OverpaidRedemption"))
    market.open()
    market.buy(market.prosumer, 3_000)
    fresh_chain.do(market.edge_server, market.etsc.set_buy_back_price(MIN_PRICE))
    market.redeem(market.prosumer, 1_000)
    assert audit_of(market).ok
    fresh_chain.do(market.edge_server, market.etsc.set_buy_back_price(MIN_PRICE - 1))
    market.redeem(market.prosumer, 1_000)

    differences = {(check.account, check.quantity): check.difference for check in audit_of(market).failures}
    assert differences == {
        (market.prosumer.address, "balance"): 1_000,
        (market.etsc.address, "balance"): -1_000,
        (market.etsc.address, "purchases - redemptions - withdrawals"): -1_000,
        (market.etsc.address, "credits + reserves"): -1_000,
    }


def test_ether_that_came_from_nowhere_is_caught(fresh_chain: Chain) -> None:
    """As if the genesis block had given somebody less than it did."""
    market = open_market(fresh_chain)
    fresh_chain.genesis_alloc[market.stranger.address.lower()] -= 1
    failed = {(check.account, check.quantity) for check in audit_of(market).failures}
    assert failed == {(market.stranger.address, "balance"), ("all", "allocated - burnt + rewards")}


def test_a_sealer_that_nobody_named_is_caught(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain)
    found = audit(
        fresh_chain.rpc,
        market.etsc.address,
        fresh_chain.head(),
        fresh_chain.genesis_alloc,
        [fresh_chain.wallet().address],
    )
    assert {check.quantity for check in found.failures} == {"tips + rewards of the sealers"}


@pytest.mark.pow
def test_the_rewards_of_proof_of_work_are_accounted_for(geth: Path) -> None:
    reward_wei = 2 * ETHER  # since Constantinople (EIP-1234)
    with running_geth(geth, accounts=40, dag=dag_directory()) as chain:
        market = open_market(chain)
        market.open()
        market.buy(market.prosumer, 1_000)
        block = chain.head()

        def audited(wei: int) -> Audit:
            arguments = (chain.rpc, market.etsc.address, block, chain.genesis_alloc, [chain.sealer])
            return audit(*arguments, block_reward_wei=wei)

        found = audited(reward_wei)
        assert found.ok, found.failures
        assert found.totals["rewards_wei"] >= block * reward_wei
        assert not audited(reward_wei - 1).ok


@pytest.mark.parametrize(("age", "gwei"), [(1, 1_750_000_000), (2, 1_500_000_000), (6, 500_000_000)])
def test_an_ommer_is_worth_an_eighth_less_for_each_block_above_it(age: int, gwei: int) -> None:
    assert ommer_reward(age, 2 * ETHER) == gwei * 10**9


def test_contracts_that_were_created_keep_the_ether_they_were_given(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain)
    thrifty = bytes.fromhex("00")  # STOP: a contract without code
    fresh_chain.do(market.stranger, Call(None, thrifty, value=12_345, gas=100_000))
    fresh_chain.do(market.stranger, Call(fresh_chain.wallet().address, b"", 1, 21_000))
    assert audit_of(market).ok


def test_a_chain_that_is_too_short_or_has_no_contract_is_said_to_be_so(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain)
    with pytest.raises(TestbedError, match="shorter"):
        audit_of(market, fresh_chain.head() + 1)
    with pytest.raises(TestbedError, match="no ETSC answers"):
        audit_of(market, market.deployed.block - 1)


def test_an_audit_is_written_as_json_without_losing_a_wei(fresh_chain: Chain) -> None:
    market = open_market(fresh_chain)
    found = audit_of(market)
    again = json.loads(json.dumps(found.to_json()))
    assert again["ok"] is True
    assert again["checked"] == len(found.checks)
    assert int(again["totals"]["allocated_wei"]) == sum(fresh_chain.genesis_alloc.values())
    assert all(check["expected"] == check["actual"] for check in again["checks"])
    assert {check["difference"] for check in again["checks"]} == {"0", None}


def test_a_name_or_an_address_that_differs_fails_and_has_no_difference() -> None:
    check = Check("registry", "0x" + "12" * 20, "name", "prosumer-1", "")
    assert not check.ok
    assert check.difference is None
    assert Check("ether", "all", "total", 5, 3).difference == -2
