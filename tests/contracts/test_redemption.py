"""Selling elecoins back: what is held in reserve, who may redeem how much, and at what price."""

from __future__ import annotations

from dataclasses import replace

from chain.rpc import balance_of
from contracts.events import BuyBackPricePosted, Redeemed
from tests.contracts.market import MIN_PRICE, PRICE, Market


def test_elecoins_are_redeemed_at_the_buy_back_price(market: Market) -> None:
    market.open()
    market.buy(market.prosumer, 1_000)
    before = market.server(market.edge_server)
    back = MIN_PRICE // 2
    receipt = market.chain.do(market.edge_server, market.etsc.set_buy_back_price(back))[0]
    (posted,) = market.events_in(receipt)
    assert isinstance(posted, BuyBackPricePosted)
    assert (posted.edge_server, posted.price) == (market.edge_server.address, back)

    rpc = market.chain.rpc
    ether = rpc.fetch(balance_of(market.prosumer.address))
    receipt = market.redeem(market.prosumer, 300)
    (event,) = market.events_in(receipt)
    assert isinstance(event, Redeemed)
    assert (event.slot, event.user, event.edge_server) == (
        1,
        market.prosumer.address,
        market.edge_server.address,
    )
    assert (event.amount, event.price) == (300, back)
    found = rpc.request("eth_getTransactionReceipt", receipt.hash)
    fee = receipt.gas_used * int(found["effectiveGasPrice"], 16)
    assert rpc.fetch(balance_of(market.prosumer.address)) == ether - fee + 300 * back
    assert market.user(market.prosumer).coins == 700
    assert market.server(market.edge_server) == replace(
        before,
        buy_back_price=back,
        stock=before.stock + 300,
        credit=before.credit + 300 * (MIN_PRICE - back),
        reserve=700 * MIN_PRICE,
    )
    server = market.server(market.edge_server)
    assert rpc.fetch(balance_of(market.etsc.address)) == server.credit + server.reserve


def test_what_cannot_be_redeemed_is_refused_by_its_cause(trading: Market) -> None:
    first, second, _ = trading.edge_servers
    etsc, prosumer = trading.etsc, trading.prosumer

    def refusal(server: str, amount: int, min_price: int = 0) -> tuple[str, dict[str, object]]:
        revert = trading.chain.refusal(prosumer, etsc.redeem(server, amount, min_price))
        return revert.name, revert.values

    assert refusal(first.address, 1) == ("NotBuyingBack", {"edgeServer": first.address})
    for server in (first, second):
        trading.chain.do(server, etsc.set_buy_back_price(MIN_PRICE))
    assert refusal(first.address, 0) == ("ZeroQuantity", {})
    too_low = {"price": MIN_PRICE, "minPrice": MIN_PRICE + 1}
    assert refusal(first.address, 1, MIN_PRICE + 1) == ("PriceTooLow", too_low)
    coins = {"account": prosumer.address, "coins": 10_000, "needed": 10_001}
    assert refusal(first.address, 10_001) == ("InsufficientCoins", coins)
    # The second has sold nothing, so it holds no ether that it could pay with.
    reserve = {"edgeServer": second.address, "outstanding": 0, "amount": 1}
    assert refusal(second.address, 1) == ("InsufficientReserve", reserve)
    assert refusal(trading.stranger.address, 1) == ("NotEdgeServer", {"account": trading.stranger.address})
    stranger = trading.chain.refusal(trading.stranger, etsc.redeem(first.address, 1, 0))
    assert stranger.values == {"account": trading.stranger.address}
    trading.chain.do(first, etsc.set_buy_back_price(0))
    assert refusal(first.address, 1) == ("NotBuyingBack", {"edgeServer": first.address})


def test_no_edge_server_pays_more_than_the_lowest_price(market: Market) -> None:
    refusal = market.chain.refusal(market.edge_server, market.etsc.set_buy_back_price(MIN_PRICE + 1))
    values = {"price": MIN_PRICE + 1, "lowest": 0, "highest": MIN_PRICE}
    assert (refusal.name, refusal.values) == ("PriceOutOfBounds", values)
    refusal = market.chain.refusal(market.stranger, market.etsc.set_buy_back_price(1))
    assert (refusal.name, refusal.values) == ("NotEdgeServer", {"account": market.stranger.address})


def test_coins_earned_by_selling_electricity_are_redeemed_without_any_right(trading: Market) -> None:
    trading.trade(trading.prosumer, trading.retailer, 10_000)
    trading.chain.do(trading.edge_server, trading.etsc.set_buy_back_price(MIN_PRICE))
    trading.chain.do(trading.administrator, trading.etsc.set_rights(trading.retailer.address, False, False))
    trading.redeem(trading.retailer, 6_000)
    assert trading.user(trading.retailer).coins == 0
    # At that price nothing is left to the edge server, and all coins can be redeemed.
    trading.redeem(trading.prosumer, 4_000)
    server = trading.server(trading.edge_server)
    assert (server.reserve, server.credit) == (0, 10_000 * (PRICE - MIN_PRICE))
