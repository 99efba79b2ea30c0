"""Meter readings are cumulative facts: repeated they add nothing, and none is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.etsc import Meter
from contracts.events import Consumed, Generated, MeterBound, MeterRotated
from contracts.reverts import ReadingTooHigh
from tests.contracts.chain import Chain
from tests.contracts.market import METER_LIMIT, NOBODY, TERMS, Market, open_market

UINT48_MAX = 2**48 - 1


def test_what_is_generated_is_at_the_users_disposal(market: Market) -> None:
    receipt = market.generate(market.retailer, 10_000)
    market.generate(market.retailer, 12_500)
    user = market.user(market.retailer)
    assert (user.generated, user.power) == (12_500, 12_500)
    (event,) = market.events_in(receipt)
    assert isinstance(event, Generated)
    assert (event.slot, event.user, event.cumulative) == (0, market.retailer.address, 10_000)


def test_what_is_consumed_leaves_the_users_power(market: Market) -> None:
    market.generate(market.retailer, 10_000)
    receipt = market.consume(market.retailer, 4_000)
    user = market.user(market.retailer)
    assert (user.consumed, user.power, user.deficit) == (4_000, 6_000, 0)
    (event,) = market.events_in(receipt)
    assert isinstance(event, Consumed)
    assert (event.user, event.cumulative, event.deficit) == (market.retailer.address, 4_000, 0)


def test_consumption_beyond_the_power_is_a_recorded_deficit(market: Market) -> None:
    market.generate(market.retailer, 1_000)
    market.consume(market.retailer, 1_500)
    receipt = market.consume(market.retailer, 1_700)
    user = market.user(market.retailer)
    assert (user.power, user.consumed, user.deficit) == (0, 1_700, 700)
    (event,) = market.events_in(receipt)
    assert isinstance(event, Consumed)
    assert event.deficit == 700
    market.generate(market.retailer, 1_200)
    assert market.user(market.retailer).power == 200


def test_a_reading_repeated_adds_nothing(market: Market) -> None:
    for _ in range(2):
        market.generate(market.retailer, 10_000)
        market.consume(market.retailer, 3_000)
    user = market.user(market.retailer)
    assert (user.generated, user.consumed, user.power) == (10_000, 3_000, 7_000)


def test_a_reading_never_falls(market: Market) -> None:
    market.generate(market.retailer, 10_000)
    market.consume(market.retailer, 3_000)
    meter = market.meter_of(market.retailer)
    account = market.retailer.address
    refusal = market.chain.refusal(meter, market.etsc.generation(9_999))
    assert refusal.name == "ReadingFell"
    assert refusal.values == {"account": account, "last": 10_000, "cumulative": 9_999}
    refusal = market.chain.refusal(meter, market.etsc.consumption(2_999))
    assert refusal.name == "ReadingFell"
    assert refusal.values == {"account": account, "last": 3_000, "cumulative": 2_999}


def test_a_stolen_meter_speaks_for_its_own_user_only(market: Market) -> None:
    thief = market.meter_of(market.prosumer)
    before = market.user(market.retailer)
    market.chain.do(thief, market.etsc.generation(100_000), market.etsc.consumption(5))
    assert market.user(market.retailer) == before
    user = market.user(market.prosumer)
    assert (user.generated, user.power) == (100_000, 99_995)
    for move in (
        market.etsc.offer(1),
        market.etsc.trade(market.retailer.address, 1),
        market.etsc.buy_token(market.edge_server.address, 0, 0, 0),
    ):
        refusal = market.chain.refusal(thief, move)
        assert (refusal.name, refusal.values) == ("NotRegistered", {"account": thief.address})


@pytest.mark.parametrize("reading", [2**48, 2**255])
def test_a_reading_beyond_its_field_is_refused_and_not_cut(market: Market, reading: int) -> None:
    meter = market.meter_of(market.retailer)
    for call in (market.etsc.generation(reading), market.etsc.consumption(reading)):
        refusal = market.chain.refusal(meter, call)
        assert (refusal.name, refusal.values) == ("ValueTooLarge", {"value": reading, "limit": UINT48_MAX})


def test_power_beyond_its_field_is_refused_and_not_wrapped(chain: Chain) -> None:
    market = open_market(chain, terms=replace(TERMS, meter_limit=UINT48_MAX))
    chain.grow()
    market.generate(market.prosumer, UINT48_MAX)
    market.generate(market.retailer, 1)
    market.offer(market.retailer, 1)
    market.open()
    market.buy(market.prosumer, 10)
    refusal = chain.refusal(market.prosumer, market.etsc.trade(market.retailer.address, 1))
    assert (refusal.name, refusal.values) == ("ValueTooLarge", {"value": 2**48, "limit": UINT48_MAX})


def test_a_reading_rises_by_so_much_a_block_and_no_more(market: Market) -> None:
    meter, account = market.meter_of(market.retailer), market.retailer.address
    events = market.chain.rpc.fetch(market.etsc.events(market.deployed.block, "latest", "MeterBound"))
    (bound,) = (event for event in events if isinstance(event, MeterBound) and event.user == account)
    blocks = market.chain.head() - bound.block_number
    record = market.chain.rpc.fetch(market.etsc.meter(meter.address))
    assert record == Meter(account, blocks * METER_LIMIT, blocks * METER_LIMIT)
    for call in (market.etsc.generation, market.etsc.consumption):
        refusal = market.chain.refusal(meter, call(blocks * METER_LIMIT + 1))
        assert isinstance(refusal, ReadingTooHigh)
        assert refusal.values == {
            "account": account,
            "increase": blocks * METER_LIMIT + 1,
            "allowance": blocks * METER_LIMIT,
        }
    # A transaction runs in the next block.
    market.generate(market.retailer, (blocks + 1) * METER_LIMIT)
    assert market.user(market.retailer).generated == (blocks + 1) * METER_LIMIT
    generated = market.chain.rpc.fetch(market.etsc.meter(meter.address))
    assert generated == Meter(account, 0, (blocks + 1) * METER_LIMIT)
    assert market.chain.refusal(meter, market.etsc.generation((blocks + 1) * METER_LIMIT + 1)).name == (
        "ReadingTooHigh"
    )
    market.consume(market.retailer, METER_LIMIT)


def test_a_meter_that_reports_the_same_again_spends_its_allowance(market: Market) -> None:
    """Otherwise a stolen key could save allowance up behind readings that look alive."""
    market.generate(market.retailer, 5)
    market.chain.grow(3)
    market.generate(market.retailer, 5)
    record = market.chain.rpc.fetch(market.etsc.meter(market.meter_of(market.retailer).address))
    assert record is not None
    assert record.generation_allowance == 0


def test_a_new_meter_goes_on_from_the_readings_of_the_old_one(market: Market) -> None:
    market.generate(market.retailer, 10_000)
    market.consume(market.retailer, 12_000)
    old, new = market.meter_of(market.retailer), market.chain.wallet()
    rotate = market.etsc.rotate_meter(market.retailer.address, new.address)
    receipt = market.chain.do(market.administrator, rotate)[0]
    (event,) = market.events_in(receipt)
    assert isinstance(event, MeterRotated)
    assert (event.user, event.old_meter, event.new_meter) == (
        market.retailer.address,
        old.address,
        new.address,
    )
    user = market.user(market.retailer)
    assert (user.meter, user.generated, user.consumed, user.deficit) == (new.address, 10_000, 12_000, 2_000)
    assert market.chain.rpc.fetch(market.etsc.meter(old.address)) is None
    assert market.chain.rpc.fetch(market.etsc.meter(new.address)) == Meter(market.retailer.address, 0, 0)
    refusal = market.chain.refusal(old, market.etsc.generation(10_001))
    assert (refusal.name, refusal.values) == ("NotMeter", {"caller": old.address})
    assert market.chain.refusal(new, market.etsc.generation(9_999)).name == "ReadingFell"
    market.chain.do(new, market.etsc.generation(10_500))
    market.chain.do(new, market.etsc.consumption(12_600))
    user = market.user(market.retailer)
    assert (user.generated, user.power, user.deficit) == (10_500, 0, 2_100)


def test_only_a_meter_that_is_bound_is_rotated_and_to_an_account_without_a_role(market: Market) -> None:
    newcomer = market.chain.wallet()
    market.chain.do(market.administrator, market.etsc.empower("new", newcomer.address, True, True))
    rotate = market.etsc.rotate_meter
    fresh, bound = market.chain.wallet().address, market.meter_of(market.retailer).address
    for call, cause, values in (
        (rotate(newcomer.address, fresh), "NoMeterBound", {"account": newcomer.address}),
        (rotate(market.stranger.address, fresh), "NotRegistered", {"account": market.stranger.address}),
        (rotate(market.retailer.address, bound), "RoleTaken", {"account": bound}),
        (rotate(market.retailer.address, NOBODY), "ZeroAddress", {}),
    ):
        refusal = market.chain.refusal(market.administrator, call)
        assert (refusal.name, refusal.values) == (cause, values)
