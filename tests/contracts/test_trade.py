"""Offers and trades: nothing free, nothing twice, nothing from oneself."""

from __future__ import annotations

import pytest

from contracts.events import Offered, Retracted, Traded
from contracts.reverts import SelfTrade
from tests.contracts.market import PRICE, UNIT_POWER_PRICE, Market


def test_a_trade_pays_at_the_unit_price_and_moves_the_electricity(trading: Market) -> None:
    receipt = trading.trade(trading.prosumer, trading.retailer, 5_000)
    buyer, retailer = trading.user(trading.prosumer), trading.user(trading.retailer)
    assert (buyer.power, buyer.coins) == (5_000, 10_000 - 3_000)
    assert (retailer.power, retailer.offered, retailer.coins) == (5_000, 5_000, 3_000)
    (event,) = trading.events_in(receipt)
    assert isinstance(event, Traded)
    assert (event.slot, event.buyer, event.retailer) == (
        1,
        trading.prosumer.address,
        trading.retailer.address,
    )
    assert (event.quantity, event.cost) == (5_000, 3_000)


@pytest.mark.parametrize(
    ("quantity_wh", "cost_me"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (1_000, 600), (1_001, 601)]
)
def test_the_cost_is_rounded_up_so_that_dust_is_not_free(
    trading: Market, quantity_wh: int, cost_me: int
) -> None:
    assert 0 <= cost_me * 1000 - quantity_wh * UNIT_POWER_PRICE < 1000
    check = trading.etsc.check_qualification(trading.prosumer.address, trading.retailer.address, quantity_wh)
    assert trading.chain.rpc.fetch(check) == cost_me
    trading.trade(trading.prosumer, trading.retailer, quantity_wh)
    assert trading.user(trading.retailer).coins == cost_me


def test_many_small_trades_never_cost_less_than_one_large(trading: Market) -> None:
    trading.chain.do(trading.prosumer, *[trading.etsc.trade(trading.retailer.address, 1) for _ in range(20)])
    assert trading.user(trading.prosumer).power == 20
    assert trading.user(trading.retailer).coins == 20 > 20 * UNIT_POWER_PRICE / 1000


def test_nobody_trades_with_himself(trading: Market) -> None:
    trading.buy(trading.retailer, 1_000)
    refusal = trading.chain.refusal(trading.retailer, trading.etsc.trade(trading.retailer.address, 1_000))
    assert (refusal.name, refusal.values) == ("SelfTrade", {"account": trading.retailer.address})


def test_nothing_is_no_trade_and_no_offer(trading: Market) -> None:
    trade = trading.etsc.trade(trading.retailer.address, 0)
    assert trading.chain.refusal(trading.prosumer, trade).name == "ZeroQuantity"
    assert trading.chain.refusal(trading.retailer, trading.etsc.offer(0)).name == "ZeroQuantity"


def test_only_a_registered_generator_sells(trading: Market) -> None:
    refusal = trading.chain.refusal(trading.prosumer, trading.etsc.trade(trading.stranger.address, 1))
    assert (refusal.name, refusal.values) == ("NotRegistered", {"account": trading.stranger.address})
    other = trading.prosumers[1].address
    refusal = trading.chain.refusal(trading.prosumer, trading.etsc.trade(other, 1))
    assert (refusal.name, refusal.values) == ("NoGenRight", {"account": other})


@pytest.mark.parametrize("quantity", [10_001, 2**48 + 1, 2**255])
def test_a_retailer_sells_only_what_it_offered(trading: Market, quantity: int) -> None:
    trading.generate(trading.retailer, 50_000)
    refusal = trading.chain.refusal(trading.prosumer, trading.etsc.trade(trading.retailer.address, quantity))
    assert refusal.name == "InsufficientOffer"
    assert refusal.values == {
        "retailer": trading.retailer.address,
        "offered": 10_000,
        "quantity": quantity,
    }


def test_what_was_sold_is_not_sold_again(trading: Market) -> None:
    trading.buy(trading.prosumers[1], 10_000)
    trading.trade(trading.prosumer, trading.retailer, 10_000)
    late = trading.chain.send(trading.prosumers[1], trading.etsc.trade(trading.retailer.address, 10_000))[0]
    assert not late.ok
    assert trading.user(trading.prosumers[1]).coins == 10_000


def test_what_was_offered_and_then_consumed_is_not_sold(trading: Market) -> None:
    trading.consume(trading.retailer, 9_000)
    refusal = trading.chain.refusal(trading.prosumer, trading.etsc.trade(trading.retailer.address, 1_001))
    assert refusal.name == "InsufficientPower"
    assert refusal.values == {
        "retailer": trading.retailer.address,
        "power": 1_000,
        "quantity": 1_001,
    }
    assert trading.chain.refusal(trading.retailer, trading.etsc.offer(1)).name == "InsufficientPower"
    trading.trade(trading.prosumer, trading.retailer, 1_000)
    assert trading.user(trading.retailer).power == 0


def test_nobody_buys_electricity_beyond_his_elecoins(trading: Market) -> None:
    trading.buy(trading.prosumers[1], 5)
    call = trading.etsc.trade(trading.retailer.address, 9)  # 5.4 mE
    refusal = trading.chain.refusal(trading.prosumers[1], call)
    assert refusal.name == "InsufficientCoins"
    assert refusal.values == {"account": trading.prosumers[1].address, "coins": 5, "needed": 6}


def test_the_qualification_tells_the_cause_that_the_trade_would(trading: Market) -> None:
    check = trading.etsc.check_qualification(trading.prosumer.address, trading.prosumer.address, 1)
    with pytest.raises(SelfTrade) as caught:
        trading.chain.rpc.fetch(check)
    assert caught.value.values == {"account": trading.prosumer.address}
    assert str(caught.value) == f"ETSC refused: {trading.prosumer.address} cannot trade with itself"


def test_offers_add_up_to_at_most_the_power(market: Market) -> None:
    market.generate(market.retailer, 1_000)
    market.offer(market.retailer, 400)
    receipt = market.offer(market.retailer, 600)
    assert market.user(market.retailer).offered == 1_000
    (event,) = market.events_in(receipt)
    assert isinstance(event, Offered)
    assert (event.slot, event.retailer, event.quantity) == (0, market.retailer.address, 600)
    for quantity in (1, 2**48, 2**255):
        refusal = market.chain.refusal(market.retailer, market.etsc.offer(quantity))
        assert refusal.name == "InsufficientPower"
        assert refusal.values == {
            "retailer": market.retailer.address,
            "power": 0,
            "quantity": quantity,
        }


def test_a_retailer_takes_back_its_whole_offer_and_may_offer_again(trading: Market) -> None:
    trading.trade(trading.prosumer, trading.retailer, 4_000)
    receipt = trading.chain.do(trading.retailer, trading.etsc.retract())[0]
    (event,) = trading.events_in(receipt)
    assert isinstance(event, Retracted)
    assert (event.slot, event.retailer, event.quantity) == (1, trading.retailer.address, 6_000)
    assert (trading.user(trading.retailer).offered, trading.user(trading.retailer).power) == (0, 6_000)
    refusal = trading.chain.refusal(trading.prosumer, trading.etsc.trade(trading.retailer.address, 1))
    assert refusal.name == "InsufficientOffer"
    assert trading.chain.refusal(trading.retailer, trading.etsc.retract()).name == "ZeroQuantity"
    trading.offer(trading.retailer, 6_000)
    trading.trade(trading.prosumer, trading.retailer, 6_000)


def test_electricity_that_was_bought_can_be_sold_on(trading: Market) -> None:
    reseller = trading.retailers[1]
    trading.buy(reseller, 1_000)
    trading.trade(reseller, trading.retailer, 1_000)
    trading.offer(reseller, 1_000)
    trading.trade(trading.prosumer, reseller, 1_000)
    assert trading.user(reseller).coins == 1_000
    assert trading.user(trading.prosumer).power == 1_000


def test_two_transactions_that_leave_together_both_succeed(trading: Market) -> None:
    buyer = trading.prosumers[1]
    receipts = trading.chain.send(
        buyer,
        trading.etsc.buy_token(trading.edge_server.address, 600, PRICE, PRICE),
        trading.etsc.trade(trading.retailer.address, 1_000),
    )
    assert [receipt.ok for receipt in receipts] == [True, True]
    assert trading.user(buyer).power == 1_000
