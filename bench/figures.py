"""What a benchmark found: both sides, their ratio, the limits, and how they are shown."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Side:
    """One side of a comparison: every value measured, in one unit, and the command lines behind them."""

    name: str
    unit: str
    values: Sequence[float]
    commands: Sequence[str]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "median": round(self.median, 4),
            "min": round(self.least, 4),
            "max": round(self.most, 4),
            "n": len(self.values),
            "values": [round(value, 4) for value in self.values],
            "commands": list(self.commands),
        }


@dataclass(frozen=True)
class Limit:
    """A figure and the bound that it is held to; in_each says how many single values keep it, of how many."""

    what: str
    value: float
    bound: float
    at_least: bool = False
    in_each: tuple[int, int] | None = None

    @property
    def holds(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sense = "at least" if self.at_least else "at most"
        each = "" if self.in_each is None else f", kept in {self.in_each[0]} of {self.in_each[1]}"
        return f"{self.what}: {self.value:.2f}, {sense} {self.bound:g} wanted{each}"

    def to_json(self) -> dict[str, Any]:
        sense = "at_least" if self.at_least else "at_most"
        content = {"what": self.what, "value": round(self.value, 4), sense: self.bound, "holds": self.holds}
        return (
            content if self.in_each is None else {**content, "kept": self.in_each[0], "of": self.in_each[1]}
        )


@dataclass(frozen=True)
class Rows:
    """Figures that are a table of their own."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Comparison:
    """Two sides (`sides[0]` is the floor) and figures beside them; `ratio` is what the first limit binds."""

    title: str
    sides: Sequence[Side]
    ratio: float
    limits: Sequence[Limit]
    figures: Mapping[str, Any] = field(default_factory=dict)
    rows: Rows | None = None
    more_rows: Rows | None = None

    @property
    def holds(self) -> bool:
        return all(limit.holds for limit in self.limits)

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "ratio": round(self.ratio, 4),
            "holds": self.holds,
            "limits": [limit.to_json() for limit in self.limits],
            "sides": [side.to_json() for side in self.sides],
            **self.figures,
        }


def show(out: Console, comparison: Comparison) -> None:
    out.print(f"[bold]{comparison.title}[/bold]")
    for rows in (comparison.rows, comparison.more_rows):
        if rows is None:
            continue
        first, *others = rows.headings
        single = Table(first)
        for heading in others:
            single.add_column(heading, justify="right")
        for row in rows.rows:
            single.add_row(*row)
        out.print(single)
    table = Table()
    table.add_column("side")
    for heading in ("unit", "median", "min", "max", "n"):
        table.add_column(heading, justify="right")
    for side in comparison.sides:
        figures = [f"{value:.2f}" for value in (side.median, side.least, side.most)]
        table.add_row(side.name, side.unit, *figures, str(len(side.values)))
    out.print(table)
    for side in comparison.sides:
        out.print(f"{side.name}:")
        for command in side.commands:
            out.print(f"  {command}", style="dim", markup=False, soft_wrap=True)
    for limit in comparison.limits:
        verdict, style = ("holds", "green") if limit.holds else ("missed", "red")
        out.print(f"[{style}]{verdict}[/{style}]  ", end="")
        out.print(str(limit), markup=False, soft_wrap=True)


def last_line(name: str, comparisons: Sequence[Comparison], load_before: Sequence[float]) -> str:
    """One JSON object; with several comparisons, `ratio` is of the one that stands worst to its limit."""

    def strain(comparison: Comparison) -> float:
        limit = comparison.limits[0]
        return limit.bound / limit.value if limit.at_least else limit.value / limit.bound

    worst = max(comparisons, key=strain)
    content = {
        "bench": name,
        "ratio": round(worst.ratio, 4),
        "holds": all(comparison.holds for comparison in comparisons),
        "machine": {
            "processors": os.cpu_count(),
            "load_before": [round(load, 2) for load in load_before],
            "load_after": [round(load, 2) for load in os.getloadavg()],
        },
        "comparisons": [comparison.to_json() for comparison in comparisons],
    }
    return json.dumps(content)
