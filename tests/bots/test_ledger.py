"""The ledger says of each slot who bought and who received, and when nothing more can happen in it."""

from __future__ import annotations

from typing import Any

from bots.ledger import LedgerWindow, ended_at, ledger_of
from contracts.etsc import Etsc
from contracts.events import Event, PricePosted, Purchased, SlotOpened, Traded
from tests.bots.helpers import ALICE, BOB, CONTRACT, NORTH, PRICE, SELLER, record


def at(block: int) -> dict[str, Any]:
    return {"block_number": block, "block_hash": "0xb", "tx_hash": "0xt", "log_index": 0}


def opened(slot: int, block: int) -> Event:
    return SlotOpened(slot=slot, seller=SELLER, price=PRICE, **at(block))


def bought(slot: int, block: int, who: str, amount: int) -> Event:
    return Purchased(slot=slot, buyer=who, edge_server=SELLER, amount=amount, price=PRICE, **at(block))


def traded(slot: int, block: int, who: str, quantity: int) -> Event:
    return Traded(slot=slot, buyer=who, retailer=NORTH, quantity=quantity, cost=1, **at(block))


def test_events_become_one_record_a_slot() -> None:
    ledger = ledger_of([opened(3, 10), bought(3, 11, ALICE, 600), traded(3, 12, ALICE, 1000), opened(4, 13)])
    assert sorted(ledger) == [3, 4]
    assert (ledger[3].opened_at_block, ledger[3].price_wei_per_mE) == (10, PRICE)
    assert (ledger[3].bought_mE, ledger[3].traded_Wh) == ({ALICE: 600}, {ALICE: 1000})


def test_the_price_of_a_slot_is_what_its_seller_posted_last() -> None:
    def posted(block: int, server: str, price: int) -> Event:
        return PricePosted(slot=3, edge_server=server, price=price, **at(block))

    events = [opened(3, 10), posted(10, SELLER, PRICE), posted(11, BOB, 7)]
    assert ledger_of(events)[3].price_wei_per_mE == PRICE
    assert ledger_of([*events, posted(12, SELLER, PRICE + 1)])[3].price_wei_per_mE == PRICE + 1


def test_accounts_are_the_same_in_any_case() -> None:
    ledger = ledger_of([opened(3, 10), bought(3, 11, ALICE.upper().replace("X", "x"), 0)])
    assert ledger[3].finished(ALICE)


def test_events_of_a_slot_whose_opening_is_unknown_are_left_out() -> None:
    assert ledger_of([bought(3, 11, ALICE, 600)]) == {}


def test_one_is_finished_with_a_trade_or_with_nothing_bought() -> None:
    ledger = ledger_of([opened(3, 10), bought(3, 11, ALICE, 600), bought(3, 11, BOB, 0)])
    assert (ledger[3].finished(ALICE), ledger[3].finished(BOB), ledger[3].finished(NORTH)) == (
        False,
        True,
        False,
    )


def test_finished_counts_only_up_to_the_block_asked_for() -> None:
    ledger = ledger_of([opened(3, 10), bought(3, 11, ALICE, 600), traded(3, 14, ALICE, 1000)])
    assert not ledger[3].finished_by([ALICE], 13)
    assert ledger[3].finished_by([ALICE], 14)


def test_a_slot_ends_with_the_next_one_and_the_last_with_patience() -> None:
    ledger = {3: record(3, 10, {}), 4: record(4, 12, {})}
    assert ended_at(ledger, 3, last_slot=4, wait_blocks=5) == 12
    assert ended_at(ledger, 4, last_slot=4, wait_blocks=5) == 17
    assert ended_at(ledger, 4, last_slot=9, wait_blocks=5) is None
    assert ended_at(ledger, 9, last_slot=9, wait_blocks=5) is None


def from_block(window: LedgerWindow) -> int:
    _, (wanted,) = window.read().request("latest")
    return int(wanted["fromBlock"], 16)


def test_the_window_follows_the_oldest_slot_of_interest_with_room_for_a_reorganisation() -> None:
    window = LedgerWindow(Etsc(CONTRACT))
    assert from_block(window) == 0
    window.narrow({3: record(3, 10, {}), 4: record(4, 12, {})}, 4, 3, confirmations=3)
    assert from_block(window) == 7


def test_the_window_opens_again_when_it_lost_sight_of_the_open_slot() -> None:
    window = LedgerWindow(Etsc(CONTRACT))
    window.narrow({4: record(4, 12, {})}, 4, 4, confirmations=3)
    window.narrow({}, 4, 4, confirmations=3)
    assert from_block(window) == 0


def test_what_somebody_paid_is_his_own_price() -> None:
    own = Purchased(slot=3, buyer=ALICE, edge_server=SELLER, amount=600, price=PRICE + 7, **at(11))
    ledger = ledger_of([opened(3, 10), own])
    assert ledger[3].price_for(ALICE.upper().replace("X", "x")) == PRICE + 7
    assert ledger[3].price_for(BOB) == PRICE
