"""A day repeats from the campaign's first slot on."""

from __future__ import annotations

from market.daily import in_slot, slot_of_day


def test_slot_one_is_the_first_of_a_day_and_days_repeat() -> None:
    assert [slot_of_day(slot, 24) for slot in (1, 24, 25, 49)] == [0, 23, 0, 0]
    assert [in_slot("abc", slot) for slot in (1, 2, 3, 4, 7)] == ["a", "b", "c", "a", "a"]


def test_a_series_of_one_is_itself_in_every_slot() -> None:
    assert {in_slot((1.0,), slot) for slot in range(1, 100)} == {1.0}
