"""A price opens a slot; a silent edge server delays the market and cannot stop it."""

from __future__ import annotations

import pytest

from chain.call import Call
from contracts.events import SlotOpened
from tests.contracts.market import DEADLINE_BLOCKS, PRICE, Market


def seal_until(market: Market, height: int) -> None:
    """Lets the chain grow: on this chain a block is sealed for each transaction."""
    while market.chain.head() < height:
        market.chain.do(market.stranger, Call(market.stranger.address, b"", gas=21_000))


def test_an_edge_servers_price_opens_the_next_slot(market: Market) -> None:
    receipt = market.open(PRICE)
    slot = market.slot()
    assert (slot.number, slot.seller, slot.price) == (1, market.edge_server.address, PRICE)
    assert slot.opened_at_block == receipt.block
    (event,) = market.events_in(receipt)
    assert isinstance(event, SlotOpened)
    assert (event.slot, event.seller, event.price) == (1, market.edge_server.address, PRICE)
    assert event.tx_hash == receipt.hash


def test_an_unchanged_price_opens_a_slot_too(market: Market) -> None:
    market.open(PRICE)
    market.open(PRICE)
    assert (market.slot().number, market.slot().price) == (2, PRICE)


@pytest.mark.parametrize("number", [0, 1, 3, 2**200])
def test_slots_are_opened_in_their_order_and_once(market: Market, number: int) -> None:
    market.open()
    refusal = market.chain.refusal(market.edge_server, market.etsc.open_slot(number, PRICE))
    assert (refusal.name, refusal.values) == ("SlotNotNext", {"slot": number, "next": 2})


def test_a_price_of_zero_or_beyond_its_field_is_refused(market: Market) -> None:
    assert market.chain.refusal(market.edge_server, market.etsc.open_slot(1, 0)).name == "ZeroPrice"
    refusal = market.chain.refusal(market.edge_server, market.etsc.open_slot(1, 2**96))
    assert (refusal.name, refusal.values) == ("ValueTooLarge", {"value": 2**96, "limit": 2**96 - 1})


def test_anybody_opens_an_overdue_slot_at_the_old_price_and_seller(market: Market) -> None:
    market.open(PRICE)
    opened_at = market.slot().opened_at_block
    call = market.etsc.open_slot(2, 1)
    # A call at the latest block runs with that block's number: up to the deadline it is refused.
    seal_until(market, opened_at + DEADLINE_BLOCKS)
    refusal = market.chain.refusal(market.stranger, call)
    assert refusal.name == "SlotNotOverdue"
    assert refusal.values == {
        "blockNumber": opened_at + DEADLINE_BLOCKS,
        "deadline": opened_at + DEADLINE_BLOCKS,
    }
    receipt = market.chain.do(market.stranger, call)[0]
    assert receipt.block == opened_at + DEADLINE_BLOCKS + 1
    slot = market.slot()
    assert (slot.number, slot.seller, slot.price) == (2, market.edge_server.address, PRICE)
    assert slot.opened_at_block == receipt.block


def test_the_block_of_the_deadline_is_still_too_early_for_a_transaction(market: Market) -> None:
    market.open(PRICE)
    opened_at = market.slot().opened_at_block
    seal_until(market, opened_at + DEADLINE_BLOCKS - 1)
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
    seal_until(market, market.slot().opened_at_block + DEADLINE_BLOCKS + 1)
    assert market.chain.refusal(market.stranger, market.etsc.open_slot(1, PRICE)).name == "NoSellerYet"
