"""Meter readings are cumulative facts: repeated they add nothing, and none is lost."""

from __future__ import annotations

import pytest

from contracts.events import Consumed, Generated
from tests.contracts.market import Market

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
    market.chain.do(thief, market.etsc.generation(1_000_000), market.etsc.consumption(5))
    assert market.user(market.retailer) == before
    user = market.user(market.prosumer)
    assert (user.generated, user.power) == (1_000_000, 999_995)
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


def test_power_beyond_its_field_is_refused_and_not_wrapped(trading: Market) -> None:
    trading.generate(trading.prosumer, UINT48_MAX)
    refusal = trading.chain.refusal(trading.prosumer, trading.etsc.trade(trading.retailer.address, 1))
    assert (refusal.name, refusal.values) == ("Panic", {"code": 0x11})
