"""Meters report cumulative readings and repeat none; retailers offer exactly what is not yet on offer."""

from __future__ import annotations

from typing import Any

import pytest

from bots.meter import Meter, MeterView
from bots.retailer import Retailer, RetailerView
from contracts.etsc import Etsc
from errors import TestbedError
from tests.bots.helpers import ALICE, CONTRACT, NORTH, settings

ETSC = Etsc(CONTRACT)
GENERATES = {"user": NORTH, "kind": "retailer", "generation_Wh_per_slot": 100, "baseline_Wh": 7000}
CONSUMES = {"user": ALICE, "kind": "prosumer"}


def meter(private: dict[str, Any]) -> Meter:
    return Meter(settings("meter", private), ETSC)


@pytest.mark.parametrize(
    ("slot", "cumulative"), [(2, 7100), (3, 7200), (4, 7300), (5, 7400), (6, 7400)], ids=str
)
def test_a_retailer_s_meter_reports_one_slot_s_worth_ahead_and_one_more_with_each_slot(
    slot: int, cumulative: int
) -> None:
    (action,) = meter(GENERATES).decide(MeterView(20, slot, 19, 0, 7000, 0)).actions
    assert action.call == ETSC.generation(cumulative)


def test_a_reading_that_the_chain_has_is_not_sent_again() -> None:
    assert meter(GENERATES).decide(MeterView(20, 3, 19, 0, 7200, 0)).actions == ()


def test_slots_missed_by_a_meter_are_caught_up_in_one_reading() -> None:
    (action,) = meter(GENERATES).decide(MeterView(20, 5, 19, 0, 7100, 0)).actions
    assert action.note == {"cumulative_Wh": 7400}


def test_a_prosumer_s_meter_reports_that_all_it_received_was_used() -> None:
    (action,) = meter(CONSUMES).decide(MeterView(20, 3, 19, 500, 0, 1200)).actions
    assert action.call == ETSC.consumption(1700)


def test_with_nothing_received_there_is_nothing_to_report() -> None:
    assert meter(CONSUMES).decide(MeterView(20, 3, 19, 0, 0, 1200)).actions == ()


@pytest.mark.parametrize("private", [GENERATES, CONSUMES], ids=["retailer", "prosumer"])
def test_a_meter_is_done_when_the_last_slot_is_over(private: dict[str, Any]) -> None:
    assert not meter(private).decide(MeterView(23, 5, 20, 0, 7400, 0)).done
    assert meter(private).decide(MeterView(24, 5, 20, 0, 7400, 0)).done
    assert meter(private).decide(MeterView(21, 6, 20, 0, 7400, 0)).done


def test_the_last_consumption_is_reported_before_the_meter_is_done() -> None:
    decision = meter(CONSUMES).decide(MeterView(24, 5, 20, 500, 0, 1200))
    assert decision.actions
    assert not decision.done


def test_a_meter_of_no_kind_is_refused() -> None:
    with pytest.raises(TestbedError, match="kind = 'solar'"):
        meter({"user": ALICE, "kind": "solar"})


def retailer() -> Retailer:
    return Retailer(settings("retailer", {}), ETSC, NORTH)


@pytest.mark.parametrize(("power", "offered", "quantity"), [(100, 0, 100), (150, 100, 50)])
def test_a_retailer_offers_what_is_not_yet_on_offer(power: int, offered: int, quantity: int) -> None:
    (action,) = retailer().decide(RetailerView(20, 3, 19, power, offered)).actions
    assert action.call == ETSC.offer(quantity)


def test_what_is_on_offer_is_not_offered_again() -> None:
    assert retailer().decide(RetailerView(20, 3, 19, 100, 100)).actions == ()


def test_a_retailer_offers_before_the_first_slot_and_stops_after_the_last() -> None:
    assert retailer().decide(RetailerView(20, 2, 0, 100, 0)).actions
    assert retailer().decide(RetailerView(24, 5, 20, 100, 0)).done
