"""Buying elecoins, and paying out what an edge server earned."""

from __future__ import annotations

from chain.call import Call
from chain.rpc import balance_of
from contracts.events import Purchased, Withdrawn
from tests.contracts.market import MIN_PRICE, PRICE, Market


def test_a_purchase_moves_elecoins_and_credits_the_ether(market: Market) -> None:
    market.open()
    stock = market.server(market.edge_server).stock
    receipt = market.buy(market.prosumer, 6_653)
    assert market.user(market.prosumer).coins == 6_653
    server = market.server(market.edge_server)
    assert server.stock == stock - 6_653
    assert (server.credit, server.reserve) == (6_653 * (PRICE - MIN_PRICE), 6_653 * MIN_PRICE)
    assert market.chain.rpc.fetch(balance_of(market.etsc.address)) == 6_653 * PRICE
    (event,) = market.events_in(receipt)
    assert isinstance(event, Purchased)
    assert (event.slot, event.buyer, event.edge_server) == (
        1,
        market.prosumer.address,
        market.edge_server.address,
    )
    assert (event.amount, event.price) == (6_653, PRICE)


def test_buying_nothing_is_recorded(market: Market) -> None:
    market.open()
    (event,) = market.events_in(market.buy(market.prosumer, 0), "Purchased")
    assert isinstance(event, Purchased)
    assert event.amount == 0


def test_a_price_raised_before_inclusion_buys_nothing(market: Market) -> None:
    market.open(PRICE)
    buy = market.etsc.buy_token(market.edge_server.address, 100, PRICE, PRICE)
    market.open(PRICE + 1)
    refusal = market.chain.refusal(market.prosumer, buy)
    assert (refusal.name, refusal.values) == ("PriceTooHigh", {"price": PRICE + 1, "maxPrice": PRICE})
    assert not market.chain.send(market.prosumer, buy)[0].ok
    assert market.user(market.prosumer).coins == 0


def test_a_limit_above_the_price_pays_the_price(market: Market) -> None:
    market.open(PRICE)
    market.chain.do(market.prosumer, market.etsc.buy_token(market.edge_server.address, 100, PRICE * 2, PRICE))
    assert market.chain.rpc.fetch(balance_of(market.etsc.address)) == 100 * PRICE


def test_the_ether_sent_is_exact(market: Market) -> None:
    market.open()
    exact = market.etsc.buy_token(market.edge_server.address, 100, PRICE, PRICE)
    for sent in (0, exact.value - 1, exact.value + 1):
        refusal = market.chain.refusal(market.prosumer, Call(exact.to, exact.data, sent, exact.gas))
        assert (refusal.name, refusal.values) == ("WrongPayment", {"sent": sent, "due": exact.value})


def test_no_edge_server_sells_more_than_its_stock(market: Market) -> None:
    market.open(MIN_PRICE)
    stock = market.server(market.edge_server).stock
    for amount in (stock + 1, 2**48 + 1, 2**255):
        call = market.etsc.buy_token(market.edge_server.address, amount, MIN_PRICE, 0)
        refusal = market.chain.refusal(market.prosumer, call)
        assert refusal.name == "InsufficientStock"
        assert refusal.values == {
            "edgeServer": market.edge_server.address,
            "stock": stock,
            "amount": amount,
        }
    market.buy(market.prosumer, stock, MIN_PRICE)
    server = market.server(market.edge_server)
    assert (server.stock, server.credit, server.reserve) == (0, 0, stock * MIN_PRICE)


def test_elecoins_come_from_an_edge_server_that_has_a_price(market: Market) -> None:
    market.open()
    nobody = market.etsc.buy_token(market.retailer.address, 1, PRICE, PRICE)
    refusal = market.chain.refusal(market.prosumer, nobody)
    assert (refusal.name, refusal.values) == ("NotEdgeServer", {"account": market.retailer.address})
    silent = market.edge_servers[1].address
    refusal = market.chain.refusal(market.prosumer, market.etsc.buy_token(silent, 1, PRICE, 0))
    assert (refusal.name, refusal.values) == ("NoPriceYet", {"edgeServer": silent})


def test_an_edge_server_withdraws_what_it_earned_and_no_more(market: Market) -> None:
    market.open()
    market.buy(market.prosumer, 1_000)
    market.chain.do(market.edge_servers[1], market.etsc.open_slot(2, PRICE))
    call = market.etsc.buy_token(market.edge_servers[1].address, 500, PRICE, PRICE)
    market.chain.do(market.prosumer, call)

    rpc = market.chain.rpc
    before = rpc.fetch(balance_of(market.edge_server.address))
    receipt = market.chain.do(market.edge_server, market.etsc.withdraw())[0]
    found = rpc.request("eth_getTransactionReceipt", receipt.hash)
    fee = receipt.gas_used * int(found["effectiveGasPrice"], 16)
    assert rpc.fetch(balance_of(market.edge_server.address)) == before - fee + 1_000 * (PRICE - MIN_PRICE)
    server = market.server(market.edge_server)
    assert (server.credit, server.reserve) == (0, 1_000 * MIN_PRICE)
    assert market.server(market.edge_servers[1]).credit == 500 * (PRICE - MIN_PRICE)
    assert rpc.fetch(balance_of(market.etsc.address)) == 1_000 * MIN_PRICE + 500 * PRICE
    (event,) = market.events_in(receipt)
    assert isinstance(event, Withdrawn)
    assert (event.edge_server, event.amount) == (
        market.edge_server.address,
        1_000 * (PRICE - MIN_PRICE),
    )

    refusal = market.chain.refusal(market.edge_server, market.etsc.withdraw())
    assert (refusal.name, refusal.values) == (
        "NothingToWithdraw",
        {"edgeServer": market.edge_server.address},
    )


def test_everybody_pays_his_own_price(market: Market) -> None:
    one, other = market.prosumers
    server = market.edge_server.address
    own = {one.address: PRICE + 7}
    market.chain.do(market.edge_server, market.etsc.open_discriminated_slot(1, PRICE, own))
    refusal = market.chain.refusal(one, market.etsc.buy_token(server, 10, PRICE, PRICE))
    assert (refusal.name, refusal.values) == ("PriceTooHigh", {"price": PRICE + 7, "maxPrice": PRICE})
    refusal = market.chain.refusal(other, market.etsc.buy_token(server, 10, PRICE + 7, PRICE + 7))
    assert refusal.values == {"sent": 10 * (PRICE + 7), "due": 10 * PRICE}
    (event,) = market.events_in(market.buy(one, 10, PRICE + 7))
    assert isinstance(event, Purchased)
    assert event.price == PRICE + 7
    market.buy(other, 10, PRICE)
    assert market.chain.rpc.fetch(balance_of(market.etsc.address)) == 20 * PRICE + 70
