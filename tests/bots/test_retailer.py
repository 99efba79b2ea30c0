"""Retailers offer exactly what is not yet on offer, and redeem what they earned once a slot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from bots.decision import Decision
from bots.journal import Journal
from bots.retailer import Retailer, RetailerView
from contracts.etsc import EdgeServer, Etsc, Slot, User
from contracts.events import Traded
from tests.bots.helpers import ALICE, CONTRACT, NORTH, P_MIN, PRICE, SELLER, SOUTH, settings, till, user

ETSC = Etsc(CONTRACT)
OTHER_SELLER = "0x" + "5f" * 20


@pytest.fixture
def retailer(tmp_path: Path) -> Retailer:
    return retailer_of(tmp_path)


def retailer_of(tmp_path: Path) -> Retailer:
    journal = Journal(tmp_path / "journal.jsonl", CONTRACT)
    return Retailer(settings("retailer", {"min_unit_price_wei_per_mE": P_MIN}), ETSC, journal, NORTH)


@pytest.mark.parametrize(("power", "offered", "quantity"), [(100, 0, 100), (150, 100, 50)])
def test_it_offers_what_is_not_yet_on_offer(
    retailer: Retailer, power: int, offered: int, quantity: int
) -> None:
    (action,) = retailer.decide(RetailerView(20, 3, 19, power, offered)).actions
    assert action.call == ETSC.offer(quantity)


def test_what_is_on_offer_is_not_offered_again(retailer: Retailer) -> None:
    assert retailer.decide(RetailerView(20, 3, 19, 100, 100)).actions == ()


def test_it_offers_before_the_first_slot_and_stops_after_the_last(retailer: Retailer) -> None:
    assert retailer.decide(RetailerView(20, 2, 0, 100, 0)).actions
    assert retailer.decide(RetailerView(24, 5, 20, 100, 0)).done


def sold(slot: int, cost: int, retailer: str = NORTH) -> Traded:
    return Traded(
        slot=slot,
        buyer=ALICE,
        retailer=to_checksum_address(retailer),
        quantity=cost,
        cost=cost,
        block_number=1,
        block_hash="0xb",
        tx_hash="0xt",
        log_index=0,
    )


def look(
    retailer: Retailer, slot: Slot, account: User, server: EdgeServer | None = None, *trades: Traded
) -> Decision:
    """One head: exactly what it asked for is answered."""
    asked = [read.method for read in retailer.reads()]
    answers: list[Any] = [slot, account]
    if len(asked) > 2:
        assert asked == ["eth_call", "eth_call", "eth_call", "eth_getLogs"]
        answers += [server or till(10_000), list(trades)]
    return retailer.play(slot.opened_at_block, answers)


def opened(slot: int, at_block: int, seller: str = SELLER) -> Slot:
    return Slot(slot, at_block, seller, PRICE)


def test_what_it_earned_up_to_the_slot_before_is_redeemed_at_the_seller_s_price(retailer: Retailer) -> None:
    assert look(retailer, opened(3, 10), user(coins=700)).actions == ()  # nothing is known of the seller yet
    trades = [sold(3, 500), sold(4, 30), sold(4, 2000, SOUTH)]
    (action,) = look(retailer, opened(4, 12), user(coins=700), None, *trades).actions
    assert (action.name, action.slot) == ("redeem", 4)
    assert action.call == ETSC.redeem(SELLER, 670, P_MIN)


def test_no_more_is_redeemed_than_the_seller_has_sold_and_not_bought_back(retailer: Retailer) -> None:
    look(retailer, opened(3, 10), user(coins=700))
    (action,) = look(retailer, opened(4, 12), user(coins=700), till(sold_mE=123)).actions
    assert action.call == ETSC.redeem(SELLER, 123, P_MIN)


@pytest.mark.parametrize(
    ("coins", "server"),
    [(700, till(10_000, buy_back_price=0)), (700, till(sold_mE=0)), (30, till(10_000)), (0, till(10_000))],
    ids=["the seller buys none", "the seller sold none", "all was earned in this slot", "nothing earned"],
)
def test_there_is_nothing_to_redeem_where(retailer: Retailer, coins: int, server: EdgeServer) -> None:
    look(retailer, opened(3, 10), user(coins=coins))
    assert look(retailer, opened(4, 12), user(coins=coins), server, sold(4, 30)).actions == ()


def test_a_trade_mined_while_it_looked_is_not_taken_for_earlier_earnings(retailer: Retailer) -> None:
    look(retailer, opened(3, 10), user(coins=0))
    assert look(retailer, opened(4, 12), user(coins=0), None, sold(4, 30)).actions == ()


@pytest.mark.parametrize("slot", [2, 6])
def test_outside_the_campaign_it_redeems_nothing(retailer: Retailer, slot: int) -> None:
    look(retailer, opened(slot, 10), user(coins=700))
    assert look(retailer, opened(slot, 10), user(coins=700)).actions == ()


def test_an_offer_and_a_redemption_leave_together(retailer: Retailer) -> None:
    look(retailer, opened(3, 10), user())
    actions = look(retailer, opened(4, 12), user(coins=700, power=90)).actions
    assert [action.name for action in actions] == ["offer", "redeem"]


def test_another_seller_s_till_is_asked_for_before_anything_is_redeemed_there(retailer: Retailer) -> None:
    look(retailer, opened(3, 10), user(coins=700))
    assert look(retailer, opened(4, 12, OTHER_SELLER), user(coins=700)).actions == ()
    (action,) = look(retailer, opened(4, 12, OTHER_SELLER), user(coins=700)).actions
    assert action.call == ETSC.redeem(OTHER_SELLER, 700, P_MIN)


def test_a_slot_that_a_reorganisation_moved_back_is_looked_at_again_first(retailer: Retailer) -> None:
    look(retailer, opened(4, 12), user(coins=700))
    assert look(retailer, opened(4, 11), user(coins=700)).actions == ()
    assert look(retailer, opened(4, 11), user(coins=700)).actions


def test_what_was_signed_for_a_slot_is_not_signed_again_after_a_restart(tmp_path: Path) -> None:
    def redeemed(slot: int) -> list[str]:
        retailer = retailer_of(tmp_path)
        look(retailer, opened(slot, 10 + slot), user(coins=700))
        return [a.name for a in look(retailer, opened(slot, 10 + slot), user(coins=700)).actions]

    assert redeemed(4) == ["redeem"]
    line = {"type": "signed", "slot": 4, "action": "redeem", "nonce": 1, "hash": "0xh", "raw": "0xr"}
    Journal(tmp_path / "journal.jsonl", CONTRACT).append([line])
    assert redeemed(4) == []
    assert redeemed(5) == ["redeem"]
