"""What a report sets beside its slots: one equilibrium, or one for each slot of the day that they follow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from market.daily import in_slot, slot_of_day
from market.units import Q_to_mE_per_kWh, mE_to_Wh
from orchestrator.markdown import table


def equilibrium_in(report: dict[str, Any], slot: int) -> dict[str, Any]:
    """The equilibrium of a slot of the campaign. A report may be older than profiles."""
    day = report.get("day")
    found: dict[str, Any] = report["equilibrium"] if day is None else in_slot(day["equilibria"], slot)
    return found


def mean_equilibrium(report: dict[str, Any], records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The equilibrium that means over these records are set beside: the mean over the same slots. `binding`
    has every bound that holds a choice in one of them."""
    same: dict[str, Any] = report["equilibrium"]
    if report.get("day") is None or not records:
        return same
    slots = [equilibrium_in(report, record["slot"]) for record in records]
    return {
        **{key: _mean([slot[key] for slot in slots]) for key in ("price", "server_utility")},
        **{
            key: [_mean(values) for values in zip(*(slot[key] for slot in slots), strict=True)]
            for key in ("demands", "prosumer_utilities")
        },
        "binding": list(dict.fromkeys(bound for slot in slots for bound in slot["binding"])),
    }


def short_deliveries(report: dict[str, Any], record: dict[str, Any]) -> list[bool]:
    """For each purchase of a slot, whether less electricity arrived than the elecoins pay for."""
    Q = Q_to_mE_per_kWh(report["parameters"]["Q"])
    return [
        (y_Wh or 0) < mE_to_Wh(x_mE, Q)
        for x_mE, y_Wh in zip(record["x_mE"], record["y_Wh"], strict=True)
        if x_mE is not None
    ]


def day_section(report: dict[str, Any]) -> Iterator[str]:
    yield "## The day that the slots follow"
    yield ""
    yield f"{report['day']['source']}. In a slot a prosumer's intention is its w times its load, and the"
    yield "retailers together generate N·x_max/Q times the generation; both are 1 on the day's average. What"
    yield "nobody bought stays on offer in the slots after. c > k holds in every slot."
    yield ""
    columns = ("from", "mean load", "generation", "equilibrium price", "equilibrium Σx", "bounds that bind")
    yield from table((*columns, "purchases not delivered in full"), _rows(report))


def _rows(report: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for each slot of the day."""
    day = report["day"]
    for index, equilibrium in enumerate(day["equilibria"]):
        minutes = index * 24 * 60 // day["slots_per_day"]
        short = [
            each
            for record in report["slot_records"]
            if slot_of_day(record["slot"], day["slots_per_day"]) == index
            for each in short_deliveries(report, record)
        ]
        yield (
            f"{minutes // 60:02}:{minutes % 60:02}",
            f"{_mean([load[index] for load in day['loads']]):.3f}",
            f"{day['generation'][index]:.3f}",
            f"{equilibrium['price']:.4f}",
            f"{math.fsum(equilibrium['demands']):.4f}",
            ", ".join(equilibrium["binding"]) or "none",
            f"{sum(short)} of {len(short)}",
        )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
