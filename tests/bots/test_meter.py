"""Meters report cumulative readings and repeat none, and no more at once than ETSC takes."""

from __future__ import annotations

from typing import Any

import pytest

from bots.meter import Meter, MeterView
from contracts import etsc
from contracts.etsc import Etsc
from errors import TestbedError
from tests.bots.helpers import ALICE, CONTRACT, NORTH, PRICE, SELLER, SOUTH, settings, user

ETSC = Etsc(CONTRACT)
LIMITED = {"limit_Wh_per_block": 1000}
GENERATES = {
    "user": NORTH,
    "kind": "retailer",
    "first_reading_Wh": 100,
    "generation_Wh": [100],
    "baseline_Wh": 7000,
} | LIMITED
CONSUMES = {"user": ALICE, "kind": "prosumer"} | LIMITED
METER = SOUTH


def meter(private: dict[str, Any]) -> Meter:
    return Meter(settings("meter", private), ETSC, METER)


def view(head: int, slot: int, opened_at: int, **seen: int) -> MeterView:
    """Nothing received, generated or consumed so far, and a limit that binds nothing, unless told."""
    values = {"power_Wh": 0, "generated_Wh": 0, "consumed_Wh": 0, "allowance_Wh": 10**6}
    return MeterView(head, slot, opened_at, **(values | seen))


@pytest.mark.parametrize(
    ("slot", "cumulative"), [(2, 7100), (3, 7200), (4, 7300), (5, 7400), (6, 7400)], ids=str
)
def test_a_retailer_s_meter_reports_one_slot_s_worth_ahead_and_one_more_with_each_slot(
    slot: int, cumulative: int
) -> None:
    (action,) = meter(GENERATES).decide(view(20, slot, 19, generated_Wh=7000)).actions
    assert action.call == ETSC.generation(cumulative)


def test_a_day_s_generation_repeats_and_a_dark_slot_sends_nothing() -> None:
    sun = meter(GENERATES | {"generation_Wh": [0, 50]})
    # Slots 3, 4 and 5 are the campaign's 1, 2 and 3: dark, bright, dark.
    for slot, due in ((2, 7100), (4, 7150)):
        (action,) = sun.decide(view(20, slot, 19, generated_Wh=7000)).actions
        assert action.call == ETSC.generation(due)
    assert sun.decide(view(20, 3, 19, generated_Wh=7100)).actions == ()
    assert sun.decide(view(20, 5, 19, generated_Wh=7150)).actions == ()


def test_a_reading_that_the_chain_has_is_not_sent_again() -> None:
    assert meter(GENERATES).decide(view(20, 3, 19, generated_Wh=7200)).actions == ()


def test_slots_missed_by_a_meter_are_caught_up_in_one_reading() -> None:
    (action,) = meter(GENERATES).decide(view(20, 5, 19, generated_Wh=7100)).actions
    assert action.note == {"cumulative_Wh": 7400}


def test_a_prosumer_s_meter_reports_that_all_it_received_was_used() -> None:
    (action,) = meter(CONSUMES).decide(view(20, 3, 19, power_Wh=500, consumed_Wh=1200)).actions
    assert action.call == ETSC.consumption(1700)


def test_with_nothing_received_there_is_nothing_to_report() -> None:
    assert meter(CONSUMES).decide(view(20, 3, 19, consumed_Wh=1200)).actions == ()


@pytest.mark.parametrize("allowance_Wh", [0, 250], ids=str)
def test_a_reading_rises_by_no_more_than_its_allowance_in_the_next_block(allowance_Wh: int) -> None:
    seen = view(20, 3, 19, power_Wh=5000, generated_Wh=2000, consumed_Wh=1200, allowance_Wh=allowance_Wh)
    (generation,) = meter(GENERATES).decide(seen).actions
    assert generation.call == ETSC.generation(2000 + 1000 + allowance_Wh)
    (consumption,) = meter(CONSUMES).decide(seen).actions
    assert consumption.call == ETSC.consumption(1200 + 1000 + allowance_Wh)


@pytest.mark.parametrize(("private", "reading"), [(GENERATES, 2000 + 1300), (CONSUMES, 1200 + 1070)])
def test_generation_and_consumption_have_allowances_of_their_own(
    private: dict[str, Any], reading: int
) -> None:
    account = user(power=5000, generated=2000, consumed=1200)
    answers = [etsc.Slot(3, 19, SELLER, PRICE), account, etsc.Meter(NORTH, 300, 70)]
    (action,) = meter(private).play(20, answers).actions
    assert action.note == {"cumulative_Wh": reading}


def test_a_meter_whose_place_another_one_took_ends_with_a_word() -> None:
    with pytest.raises(TestbedError, match=f"meter-1: {METER} reports for nobody any more"):
        meter(CONSUMES).play(20, [etsc.Slot(3, 19, SELLER, PRICE), user(), None])


@pytest.mark.parametrize("private", [GENERATES, CONSUMES], ids=["retailer", "prosumer"])
def test_a_meter_is_done_when_the_last_slot_is_over(private: dict[str, Any]) -> None:
    assert not meter(private).decide(view(23, 5, 20, generated_Wh=7400)).done
    assert meter(private).decide(view(24, 5, 20, generated_Wh=7400)).done
    assert meter(private).decide(view(21, 6, 20, generated_Wh=7400)).done


def test_the_last_consumption_is_reported_before_the_meter_is_done() -> None:
    decision = meter(CONSUMES).decide(view(24, 5, 20, power_Wh=500, consumed_Wh=1200))
    assert decision.actions
    assert not decision.done


def test_a_meter_of_no_kind_is_refused() -> None:
    with pytest.raises(TestbedError, match="kind = 'solar'"):
        meter({"user": ALICE, "kind": "solar"} | LIMITED)
