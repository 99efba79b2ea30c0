"""The audit passes what is honest and catches what is not, on real chains."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from chain.call import Call
from contracts.audit import Audit, audit
from contracts.ledger import ommer_reward
from errors import TestbedError
from orchestrator.dag import dag_directory
from tests.contracts.compiler import checked_in
from tests.contracts.geth import ETHER, Chain, running_chain
from tests.contracts.market import PRICE, Market, open_market


def audit_of(market: Market, block: int | None = None) -> Audit:
    chain = market.chain
    return audit(
        chain.rpc,
        market.etsc.address,
        chain.head() if block is None else block,
        chain.genesis_alloc,
        [chain.sealer],
    )


def play(market: Market, seed: int, rounds: int) -> None:
    """Everybody does random things; some are refused, and a refused transaction pays its gas."""
    draw = random.Random(seed)
    chain, etsc = market.chain, market.etsc
    readings = {wallet.address: [0, 0] for wallet in market.users}
    for slot in range(1, rounds + 1):
        price = draw.randint(PRICE // 2, 2 * PRICE)
        seller = draw.choice(market.edge_servers)
        chain.send(seller, etsc.open_slot(slot, price))
        for retailer in market.retailers:
            readings[retailer.address][0] += draw.randint(0, 20_000)
            chain.send(market.meter_of(retailer), etsc.generation(readings[retailer.address][0]))
            chain.send(retailer, etsc.offer(draw.randint(1, 15_000)))
        for user in market.users:
            amount, quantity = draw.randint(0, 8_000), draw.randint(1, 9_000)
            chain.send(
                user,
                etsc.buy_token(seller.address, amount, draw.randint(price - 1, price + PRICE), price),
                etsc.trade(draw.choice(market.retailers).address, quantity),
            )
            readings[user.address][1] += draw.randint(0, 9_000)
            chain.send(market.meter_of(user), etsc.consumption(readings[user.address][1]))
        if draw.random() < 0.5:
            chain.send(draw.choice(market.edge_servers), etsc.withdraw())
        chain.send(market.stranger, Call(market.prosumer.address, b"", draw.randint(0, ETHER), 21_000))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_honest_session_passes_at_every_block_that_is_asked(fresh_chain: Chain, seed: int) -> None:
    market = open_market(fresh_chain)
    play(market, seed, rounds=8)
    head = fresh_chain.head()
    for block in (market.deployed.block, head // 2, head):
        found = audit_of(market, block)
        assert found.ok, found.failures
        header = fresh_chain.rpc.request("eth_getBlockByNumber", hex(block), False)
        assert (found.block, found.block_hash) == (block, header["hash"])

    # The session was one that the audit could have failed on.
    assert found.totals["transactions"] > 100
    assert found.totals["failed_transactions"] > 5
    for name in ("generated_Wh", "consumed_Wh", "deficit_Wh", "purchases_wei", "withdrawals_wei"):
        assert found.totals[name] > 0, name
    assert found.totals["burnt_wei"] > 0
    assert found.totals["tips_wei"] > 0
    checked = {
        (check.kind, check.quantity) for check in found.checks if check.account == market.prosumer.address
    }
    assert checked == {
        ("elecoins", "coins"),
        *(("electricity", name) for name in ("power", "generated", "consumed", "deficit", "offered")),
        ("ether", "balance"),
    }


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
    assert circulating.actual - circulating.expected == 3_000


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
    with running_chain(geth, accounts=40, dag=dag_directory()) as chain:
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
    assert all(int(check["expected"]) == int(check["actual"]) for check in again["checks"])
