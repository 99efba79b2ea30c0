"""A price opens a slot; a silent edge server delays the market and cannot stop it."""

from __future__ import annotations

import pytest

from contracts.events import PricePosted, ProsumerPricePosted, SlotOpened
from tests.contracts.market import DEADLINE_BLOCKS, MAX_PRICE, MIN_PRICE, PRICE, Market


def grow_until(market: Market, height: int) -> None:
    market.chain.grow(height - market.chain.head())


def test_an_edge_servers_price_opens_the_next_slot(market: Market) -> None:
    receipt = market.open(PRICE)
    slot = market.slot()
    assert (slot.number, slot.seller, slot.price) == (1, market.edge_server.address, PRICE)
    assert slot.opened_at_block == receipt.block
    opened, posted = market.events_in(receipt)
    assert isinstance(opened, SlotOpened)
    assert (opened.slot, opened.seller, opened.price) == (1, market.edge_server.address, PRICE)
    assert isinstance(posted, PricePosted)
    assert (posted.slot, posted.edge_server, posted.price) == (1, market.edge_server.address, PRICE)


def test_an_unchanged_price_opens_a_slot_too(market: Market) -> None:
    market.open(PRICE)
    market.open(PRICE)
    assert (market.slot().number, market.slot().price) == (2, PRICE)


@pytest.mark.parametrize("number", [0, 3, 2**200])
def test_slots_are_opened_in_their_order_and_once(market: Market, number: int) -> None:
    market.open()
    refusal = market.chain.refusal(market.edge_server, market.etsc.open_slot(number, PRICE))
    assert (refusal.name, refusal.values) == ("SlotNotNext", {"slot": number, "next": 2})


@pytest.mark.parametrize("price", [0, MIN_PRICE - 1, MAX_PRICE + 1, 2**255])
def test_a_price_beyond_the_terms_is_refused(market: Market, price: int) -> None:
    values = {"price": price, "lowest": MIN_PRICE, "highest": MAX_PRICE}
    own = {market.prosumer.address: price}
    for call in (
        market.etsc.open_slot(1, price),
        market.etsc.open_discriminated_slot(1, price, {}),
        market.etsc.open_discriminated_slot(1, PRICE, own),
    ):
        refusal = market.chain.refusal(market.edge_server, call)
        assert (refusal.name, refusal.values) == ("PriceOutOfBounds", values)


@pytest.mark.parametrize("price", [MIN_PRICE, MAX_PRICE])
def test_the_bounds_of_the_terms_are_prices(market: Market, price: int) -> None:
    market.open(price)
    assert market.slot().price == price


def test_edge_servers_join_a_slot_with_their_own_prices_once_each(market: Market) -> None:
    market.open(PRICE)
    first, second, third = market.edge_servers
    receipt = market.chain.do(second, market.etsc.open_slot(1, PRICE + 1))[0]
    (event,) = market.events_in(receipt)
    assert isinstance(event, PricePosted)
    assert (event.slot, event.edge_server, event.price) == (1, second.address, PRICE + 1)
    market.chain.do(third, market.etsc.open_slot(1, PRICE + 2))
    prices = [market.price_for(server, market.prosumer) for server in market.edge_servers]
    assert prices == [PRICE, PRICE + 1, PRICE + 2]
    assert (market.slot().seller, market.slot().price) == (first.address, PRICE)
    for server in market.edge_servers:
        for again in (market.etsc.open_slot(1, PRICE), market.etsc.open_discriminated_slot(1, PRICE, {})):
            refusal = market.chain.refusal(server, again)
            assert refusal.name == "PriceAlreadyPosted"
            assert refusal.values == {"edgeServer": server.address, "slot": 1}
    # Who kept silent in a slot keeps its price, and can still open the next one.
    market.chain.do(second, market.etsc.open_slot(2, PRICE + 5))
    prices = [market.price_for(server, market.prosumer) for server in market.edge_servers]
    assert prices == [PRICE, PRICE + 5, PRICE + 2]
    assert market.slot().seller == second.address


def test_nobody_else_joins_a_slot(market: Market) -> None:
    market.open()
    refusal = market.chain.refusal(market.prosumer, market.etsc.open_slot(1, PRICE))
    assert (refusal.name, refusal.values) == ("SlotNotNext", {"slot": 1, "next": 2})
    refusal = market.chain.refusal(market.prosumer, market.etsc.open_discriminated_slot(2, PRICE, {}))
    assert (refusal.name, refusal.values) == ("NotEdgeServer", {"account": market.prosumer.address})


def test_a_prosumers_own_price_is_for_that_prosumer_at_that_edge_server(market: Market) -> None:
    one, other = market.prosumers
    first, second, silent = market.edge_servers
    receipt = market.chain.do(
        first,
        market.etsc.open_discriminated_slot(1, PRICE, {one.address: PRICE + 7, other.address: PRICE - 7}),
    )[0]
    opened, posted, *own = market.events_in(receipt)
    assert isinstance(opened, SlotOpened)
    assert isinstance(posted, PricePosted)
    assert opened.price == posted.price == PRICE
    assert [
        (event.slot, event.edge_server, event.prosumer, event.price)
        for event in own
        if isinstance(event, ProsumerPricePosted)
    ] == [(1, first.address, one.address, PRICE + 7), (1, first.address, other.address, PRICE - 7)]
    market.chain.do(second, market.etsc.open_discriminated_slot(1, PRICE + 1, {one.address: PRICE + 2}))
    assert [market.price_for(server, one) for server in market.edge_servers] == [PRICE + 7, PRICE + 2, 0]
    assert [market.price_for(server, other) for server in market.edge_servers] == [PRICE - 7, PRICE + 1, 0]
    assert market.price_for(first, market.retailer) == PRICE
    server = market.server(first)
    assert (server.price, server.discriminated, server.priced_in_slot) == (PRICE, True, 1)
    assert not market.server(silent).discriminated


def test_a_later_posting_voids_own_prices_and_an_overdue_slot_does_not(market: Market) -> None:
    one, first = market.prosumer, market.edge_server
    market.chain.do(first, market.etsc.open_discriminated_slot(1, PRICE, {one.address: PRICE + 7}))
    grow_until(market, market.slot().opened_at_block + DEADLINE_BLOCKS)
    market.chain.do(market.stranger, market.etsc.open_slot(2, 1))
    assert market.price_for(first, one) == PRICE + 7
    market.chain.do(first, market.etsc.open_slot(2, PRICE + 1))
    assert market.price_for(first, one) == PRICE + 1
    market.chain.do(first, market.etsc.open_discriminated_slot(3, PRICE, {market.retailer.address: PRICE}))
    assert market.price_for(first, one) == PRICE


def test_anybody_opens_an_overdue_slot_at_the_old_price_and_seller(market: Market) -> None:
    market.open(PRICE)
    opened_at = market.slot().opened_at_block
    call = market.etsc.open_slot(2, 1)
    # A call at the latest block runs with that block's number: up to the deadline it is refused.
    grow_until(market, opened_at + DEADLINE_BLOCKS)
    refusal = market.chain.refusal(market.stranger, call)
    assert refusal.name == "SlotNotOverdue"
    assert refusal.values == {
        "blockNumber": opened_at + DEADLINE_BLOCKS,
        "deadline": opened_at + DEADLINE_BLOCKS,
    }
    receipt = market.chain.do(market.stranger, call)[0]
    assert receipt.block == opened_at + DEADLINE_BLOCKS + 1
    assert [event.name for event in market.events_in(receipt)] == ["SlotOpened"]
    slot = market.slot()
    assert (slot.number, slot.seller, slot.price) == (2, market.edge_server.address, PRICE)
    assert slot.opened_at_block == receipt.block


def test_the_block_of_the_deadline_is_still_too_early_for_a_transaction(market: Market) -> None:
    market.open(PRICE)
    opened_at = market.slot().opened_at_block
    grow_until(market, opened_at + DEADLINE_BLOCKS - 1)
    receipt = market.chain.send(market.stranger, market.etsc.open_slot(2, 1))[0]
    assert receipt.block == opened_at + DEADLINE_BLOCKS
    assert not receipt.ok


def test_another_edge_server_may_open_an_overdue_slot_at_a_price_of_its_own(market: Market) -> None:
    market.open(PRICE)
    second = market.edge_servers[1]
    market.chain.do(second, market.etsc.open_slot(2, PRICE + 1))
    slot = market.slot()
    assert (slot.number, slot.seller, slot.price) == (2, second.address, PRICE + 1)
    assert market.server(market.edge_server).price == PRICE


def test_nobody_opens_a_first_slot_that_has_no_price(market: Market) -> None:
    grow_until(market, market.slot().opened_at_block + DEADLINE_BLOCKS + 1)
    assert market.chain.refusal(market.stranger, market.etsc.open_slot(1, PRICE)).name == "NoSellerYet"


def test_before_the_first_price_there_is_nothing_to_go_on_with(market: Market) -> None:
    grow_until(market, market.deployed.block + DEADLINE_BLOCKS + 1)
    refusal = market.chain.refusal(market.stranger, market.etsc.open_slot(1, PRICE))
    assert (refusal.name, refusal.values) == ("NoSellerYet", {})
