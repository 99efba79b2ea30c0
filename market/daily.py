"""Series of one day that repeat in every day of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def slot_of_day(slot: int, slots_per_day: int) -> int:
    """Which slot of the day, from 0, a slot of a campaign is: slot 1 is the first of a day."""
    return (slot - 1) % slots_per_day


def in_slot(series: Sequence[T], slot: int) -> T:
    """What a day's series, one value a slot, has in a slot of a campaign."""
    return series[slot_of_day(slot, len(series))]
