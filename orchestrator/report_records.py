"""What a report's records say, for whoever tells of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any


def prosumer_names(report: dict[str, Any]) -> list[str]:
    """Names in the order of x, w and the equilibrium's demands, shape (N,)."""
    return [one["name"] for one in report["participants"] if one["role"] == "prosumer"]


def complete_slots(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [record for record in report["slot_records"] if record["complete"]]


def acted(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
