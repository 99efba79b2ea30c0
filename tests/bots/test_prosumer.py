"""The prosumer plays each slot once: it buys what its policy says, trades it, and never buys twice."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bots.decision import Decision
from bots.journal import Journal
from bots.ledger import SlotRecord
from bots.prosumer import Prosumer, ProsumerView
from contracts.etsc import Etsc
from market.units import elecoins_to_mE
from market.utilities import prosumer_utility
from tests.bots.helpers import ALICE, CONTRACT, NORTH, PRICE, PROSUMER, SELLER, SOUTH, record, settings

ETSC = Etsc(CONTRACT)
BEST_mE = elecoins_to_mE(100 / (0.3 * 27) - 0.6 / 0.1)
BEST_Wh = BEST_mE * 1000 // 600


def prosumer(tmp_path: Path, **private: Any) -> Prosumer:
    journal = Journal(tmp_path / "journal.jsonl", CONTRACT)
    return Prosumer(settings("prosumer", PROSUMER | private), ETSC, journal, ALICE)


@pytest.fixture
def alice(tmp_path: Path) -> Prosumer:
    return prosumer(tmp_path)


def view(slot: int, head: int, *records: SlotRecord, **changes: Any) -> ProsumerView:
    opened_at = next((r.opened_at_block for r in records if r.slot == slot), 10)
    seen = ProsumerView(
        head=head,
        slot=slot,
        slot_opened_at_block=opened_at,
        seller=SELLER,
        price_wei_per_mE=PRICE,
        ledger={r.slot: r for r in records},
        offered_Wh={NORTH: 10**6, SOUTH: 10**6},
        signed_purchase=False,
        tried_retailers=(),
        closed_slots=frozenset(),
    )
    return dataclasses.replace(seen, **changes)


def names(decision: Decision) -> list[str]:
    return [action.name for action in decision.actions]


def test_it_buys_its_best_response_at_the_price_seen_and_trades_all_of_it_together(alice: Prosumer) -> None:
    buy, trade = alice.decide(view(3, 10, record(3, 10, {}))).actions
    assert buy.call == ETSC.buy_token(SELLER, BEST_mE, PRICE, PRICE)
    assert trade.call == ETSC.trade(trade.note["retailer"], BEST_Wh)


@pytest.mark.parametrize("slot", [2, 6])
def test_outside_the_campaign_it_does_nothing(alice: Prosumer, slot: int) -> None:
    assert alice.decide(view(slot, 10)).actions == ()


def test_what_was_bought_and_traded_is_not_bought_again(alice: Prosumer) -> None:
    assert alice.decide(view(3, 12, record(3, 10, {ALICE: BEST_mE}))).actions == ()


def test_a_purchase_signed_once_is_not_signed_again_though_the_chain_shows_none(alice: Prosumer) -> None:
    assert alice.decide(view(3, 12, record(3, 10, {}), signed_purchase=True)).actions == ()


def test_a_price_beyond_its_means_is_answered_by_a_recorded_zero(alice: Prosumer) -> None:
    (buy,) = alice.decide(view(3, 10, record(3, 10, {}), price_wei_per_mE=100 * 10**15)).actions
    assert buy.call == ETSC.buy_token(SELLER, 0, 100 * 10**15, 100 * 10**15)


def test_elecoins_too_few_for_one_Wh_are_not_bought(tmp_path: Path) -> None:
    poor = prosumer(tmp_path, x_max=0.001, Q=2.0)
    assert [a.note["x_mE"] for a in poor.decide(view(3, 10, record(3, 10, {}))).actions] == [0]


def test_only_a_retailer_that_offers_enough_is_traded_with(alice: Prosumer) -> None:
    offered = {NORTH: BEST_Wh - 1, SOUTH: BEST_Wh}
    _, trade = alice.decide(view(3, 10, record(3, 10, {}), offered_Wh=offered)).actions
    assert trade.note["retailer"] == SOUTH


def test_it_buys_though_nobody_offers_and_trades_when_somebody_does(alice: Prosumer) -> None:
    nothing = {NORTH: 0, SOUTH: 0}
    assert names(alice.decide(view(3, 10, record(3, 10, {}), offered_Wh=nothing))) == ["buy"]
    bought = record(3, 10, {ALICE: BEST_mE}, {})
    assert names(alice.decide(view(3, 11, bought, offered_Wh=nothing, signed_purchase=True))) == []
    (trade,) = alice.decide(view(3, 12, bought, signed_purchase=True)).actions
    assert trade.call == ETSC.trade(trade.note["retailer"], BEST_Wh)


@pytest.mark.parametrize("tried", [NORTH, SOUTH])
def test_a_trade_that_failed_is_tried_with_the_other_retailer(alice: Prosumer, tried: str) -> None:
    bought = record(3, 10, {ALICE: BEST_mE}, {})
    (trade,) = alice.decide(view(3, 12, bought, tried_retailers=(tried,), signed_purchase=True)).actions
    assert trade.note["retailer"] == ({NORTH, SOUTH} - {tried}).pop()


def test_the_retailer_is_drawn_anew_in_each_slot_and_the_same_after_a_restart(tmp_path: Path) -> None:
    def choices() -> list[str]:
        journal = Journal(tmp_path / "journal.jsonl", CONTRACT)
        alice = Prosumer(settings("prosumer", PROSUMER, slots=40), ETSC, journal, ALICE)
        views = [view(slot, 10, record(slot, 10, {})) for slot in range(3, 43)]
        return [alice.decide(seen).actions[1].note["retailer"] for seen in views]

    first = choices()
    assert set(first) == {NORTH, SOUTH}
    assert choices() == first


def test_after_the_deadline_it_opens_the_next_slot_at_the_old_price(alice: Prosumer) -> None:
    played = record(3, 10, {ALICE: BEST_mE})
    assert alice.decide(view(3, 19, played)).actions == ()
    (action,) = alice.decide(view(3, 20, played)).actions
    assert action.call == ETSC.open_slot(4, PRICE)


def test_the_second_prosumer_s_deadline_is_a_block_later(tmp_path: Path) -> None:
    second = prosumer(tmp_path, index=1)
    played = record(3, 10, {ALICE: BEST_mE})
    assert second.decide(view(3, 20, played)).actions == ()
    assert names(second.decide(view(3, 21, played))) == ["open"]


def test_nobody_opens_a_slot_after_the_campaign_s_last(alice: Prosumer) -> None:
    assert alice.decide(view(5, 999, record(5, 10, {}))).actions == ()


def test_the_result_of_a_slot_is_equation_3_of_what_was_settled(alice: Prosumer) -> None:
    (result,) = alice.decide(view(3, 14, record(3, 10, {ALICE: 6000}))).results
    assert (result["type"], result["x_mE"], result["y_Wh"]) == ("settled", 6000, 10_000)
    expected = prosumer_utility(6.0, 27.0, theta=100, eta=0.3, Q=0.6, w=0.1)
    assert result["utility"] == pytest.approx(expected, rel=1e-12)


def test_no_result_is_written_before_it_is_deep_enough(alice: Prosumer) -> None:
    assert alice.decide(view(3, 13, record(3, 10, {ALICE: 6000}))).results == ()


def test_elecoins_without_electricity_count_as_paid_and_nothing_received(alice: Prosumer) -> None:
    records = (record(3, 10, {ALICE: 6000}, {}), record(4, 14, {}))
    assert alice.decide(view(4, 16, *records, signed_purchase=True)).results == ()
    (result,) = alice.decide(view(4, 17, *records, signed_purchase=True)).results
    assert result["y_Wh"] == 0
    assert result["utility"] == pytest.approx(-0.3 * 6 * 27)


def test_a_slot_without_a_purchase_is_written_down_as_missed(alice: Prosumer) -> None:
    (result,) = alice.decide(view(4, 17, record(3, 10, {}), record(4, 14, {}))).results
    assert (result["type"], result["slot"]) == ("missed", 3)


def test_it_is_done_when_every_slot_has_a_result(alice: Prosumer) -> None:
    last = record(5, 20, {ALICE: 6000})
    assert alice.decide(view(5, 24, last, closed_slots=frozenset({3, 4}))).done
    assert not alice.decide(view(5, 24, last, closed_slots=frozenset({3}))).done


def test_what_it_missed_while_it_was_away_does_not_keep_it(alice: Prosumer) -> None:
    records = [record(slot, 10 * slot, {}) for slot in (3, 4, 5, 6)]
    decision = alice.decide(view(6, 99, *records))
    assert decision.done
    assert [(result["type"], result["slot"]) for result in decision.results] == [
        ("missed", 3),
        ("missed", 4),
        ("missed", 5),
    ]
