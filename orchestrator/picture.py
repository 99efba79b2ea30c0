"""The picture of a campaign: price, demands and utilities per slot over the closed-form equilibrium.

Every prosumer has a small panel of its own, because lines of many colours in one panel can be read neither
with a random policy nor in print. With more prosumers than fit, one panel shows their mean and range.
The same report gives the same bytes, so a repeated campaign can be compared file by file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from typing import IO, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from experiments.drawing import BLUE, VERMILION, save, styled
from orchestrator.report_day import equilibrium_in
from orchestrator.report_records import prosumer_names

_DATA, _EQUILIBRIUM, _ABSENT = BLUE, VERMILION, "#DDDDDD"
_DASHES: dict[str, Any] = {"color": _EQUILIBRIUM, "linestyle": (0, (4, 2)), "linewidth": 1.1}
_EDGES: dict[str, Any] = {"color": _EQUILIBRIUM, "linestyle": (0, (1, 2)), "linewidth": 0.7}
_COLUMNS = 4
_MOST_PANELS = 12
# With more slots than this, dots touch in a small panel.
_MOST_APART = 30
_STEPS = [1, 2, 2.5, 5, 10]
# Beyond this many slots a vector picture of every point would be too large to open.
_MOST_VECTORS = 2000
# Inches.
_WIDTH, _LEFT, _RIGHT, _BOTTOM, _TOP = 7.4, 0.72, 0.12, 0.45, 0.9
_LABEL = 0.31
_WIDE_HEIGHT, _SMALL_HEIGHT, _GAP, _SMALL_GAP, _BLOCK_GAP = 1.6, 0.85, 0.75, 0.26, 0.9

Values = Sequence[float | None]


def draw(report: dict[str, Any], *, svg: IO[bytes], png: IO[bytes]) -> None:
    """Draws the report's picture in both formats; needs no display."""
    with styled():
        save(_Picture(report).figure, svg=svg, png=png)


class _Picture:
    def __init__(self, report: dict[str, Any]) -> None:
        self.records: list[dict[str, Any]] = report["slot_records"]
        self.slots = [record["slot"] for record in self.records]
        self.complete = [record["complete"] for record in self.records]
        self.names = prosumer_names(report)
        self.w = report["parameters"]["w"]
        rows = math.ceil(len(self.names) / _COLUMNS) if len(self.names) <= _MOST_PANELS else 0
        block = rows * _SMALL_HEIGHT + (rows - 1) * _SMALL_GAP if rows else _WIDE_HEIGHT
        blocks = 2 * (_BLOCK_GAP + block) if rows else _BLOCK_GAP + block
        self.height = _TOP + _WIDE_HEIGHT + blocks + _BOTTOM
        self.figure = Figure(figsize=(_WIDTH, self.height))

        best = [equilibrium_in(report, slot) for slot in self.slots] or [report["equilibrium"]]
        half = (_WIDTH - _LEFT - _RIGHT - _GAP) / 2
        right = _LEFT + half + _GAP
        self._one(_LEFT, half, 0, "Price", "ether per elecoin", self._of("price"), [e["price"] for e in best])
        self._one(
            right, half, 0, "Utility of the server", "utility, eq. (2)", self._of("server_utility"),
            [e["server_utility"] for e in best],
        )  # fmt: skip
        under = _WIDE_HEIGHT + _BLOCK_GAP
        for title, unit, key, expected in (
            ("Demand of each prosumer", "elecoins", "x", [e["demands"] for e in best]),
            (
                "Utility of each prosumer",
                "utility, eq. (3)",
                "prosumer_utilities",
                [e["prosumer_utilities"] for e in best],
            ),
        ):
            if rows:
                self._each(under, title, unit, key, expected, rows)
                under += block + _BLOCK_GAP
            else:
                self._range(_LEFT if key == "x" else right, half, under, title, unit, key, expected)
        self._heading(report)

    def _of(self, key: str) -> Values:
        return [record[key] for record in self.records]

    def _axes(self, left: float, width: float, below_top: float, height: float) -> Axes:
        """Axes placed in inches from the left and from the top of the panels."""
        bottom = self.height - _TOP - below_top - height
        box = (left / _WIDTH, bottom / self.height, width / _WIDTH, height / self.height)
        axes = self.figure.add_axes(box)
        last = max(self.slots, default=1)
        axes.set_xlim(0.6 - 0.015 * last, 0.4 + 1.015 * last)
        axes.margins(x=0)
        if not self.slots:
            axes.set_xticks([])
            return axes
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
        return axes

    def _one(
        self, left: float, width: float, top: float, title: str, unit: str, values: Values, expected: Values
    ) -> None:
        axes = self._axes(left, width, top, _WIDE_HEIGHT)
        self._points(axes, values)
        self._line(axes, expected)
        axes.set_ylim(_limits([*values, *expected]))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=_STEPS))
        axes.set_ylabel(unit)
        axes.yaxis.set_label_coords((_LABEL - _LEFT) / width, 0.5)
        axes.set_xlabel("slot", labelpad=1)
        axes.set_title(title, loc="left", weight="bold")

    def _each(
        self, top: float, title: str, unit: str, key: str, expected: Sequence[Values], rows: int
    ) -> None:
        """One small panel for each prosumer, all with the same axes."""
        width = (_WIDTH - _LEFT - _RIGHT - (_COLUMNS - 1) * _SMALL_GAP) / _COLUMNS
        limits = _limits(
            [*chain.from_iterable(expected), *(value for record in self.records for value in record[key])]
        )
        height = rows * _SMALL_HEIGHT + (rows - 1) * _SMALL_GAP
        y = 1 - (_TOP + top - 0.3) / self.height
        self.figure.text(_LEFT / _WIDTH, y, title, weight="bold")
        self.figure.text(
            _LABEL / _WIDTH, 1 - (_TOP + top + height / 2) / self.height, unit, rotation=90,
            rotation_mode="anchor", ha="center", va="bottom",
        )  # fmt: skip
        for index, name in enumerate(self.names):
            row, column = divmod(index, _COLUMNS)
            axes = self._axes(
                _LEFT + column * (width + _SMALL_GAP),
                width,
                top + row * (_SMALL_HEIGHT + _SMALL_GAP),
                _SMALL_HEIGHT,
            )
            values = [record[key][index] for record in self.records]
            for first, last in self._gaps(values):
                axes.axvspan(first - 0.5, last + 0.5, color=_ABSENT, linewidth=0, zorder=0)
            self._points(axes, values)
            self._line(axes, [each[index] for each in expected])
            axes.set_ylim(limits)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3, steps=_STEPS))
            axes.set_title(f"{name}, w = {self.w[index]:.4g}", loc="left", fontsize=7, pad=3)
            below = index + _COLUMNS < len(self.names)
            axes.tick_params(labelleft=column == 0, labelbottom=not below)
            if not below:
                axes.set_xlabel("slot", labelpad=1)

    def _range(
        self,
        left: float,
        width: float,
        top: float,
        title: str,
        unit: str,
        key: str,
        expected: Sequence[Values],
    ) -> None:
        """Mean and range over the prosumers that acted, where each cannot have a panel."""
        axes = self._axes(left, width, top, _WIDE_HEIGHT)
        acted = [[value for value in record[key] if value is not None] for record in self.records]
        slots = [slot for slot, values in zip(self.slots, acted, strict=True) if values]
        low, high = [min(values) for values in acted if values], [max(values) for values in acted if values]
        axes.vlines(slots, low, high, color=_DATA, alpha=0.3, linewidth=self._size(), zorder=1)
        self._points(axes, [math.fsum(values) / len(values) if values else None for values in acted])
        known = [[value for value in each if value is not None] for each in expected]
        self._line(axes, [math.fsum(each) / len(each) for each in known])
        for edge in (min, max):
            self._steps(axes, [edge(each) for each in known], zorder=4, **_EDGES)
        axes.set_ylim(_limits([*chain.from_iterable(known), *low, *high]))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=_STEPS))
        axes.set_ylabel(unit)
        axes.yaxis.set_label_coords((_LABEL - _LEFT) / width, 0.5)
        axes.set_xlabel("slot", labelpad=1)
        axes.set_title(
            f"{title.replace('each prosumer', 'the prosumers')}: mean and range", loc="left", weight="bold"
        )

    def _points(self, axes: Axes, values: Values) -> None:
        """A dot for each slot, hollow where the slot is not complete."""
        for whole, fill in ((True, _DATA), (False, "white")):
            points = [
                (slot, value)
                for slot, value, complete in zip(self.slots, values, self.complete, strict=True)
                if value is not None and complete is whole
            ]
            if points:
                axes.plot(
                    *zip(*points, strict=True), "o", color=_DATA, markersize=self._size(), zorder=3,
                    markerfacecolor=fill, markeredgewidth=0.7, rasterized=len(self.slots) > _MOST_VECTORS,
                )  # fmt: skip

    def _line(self, axes: Axes, values: Values) -> None:
        """The equilibrium; above the dots where they are so many that they would hide it."""
        self._steps(axes, values, zorder=4 if len(self.slots) > _MOST_APART else 2, **_DASHES)

    def _steps(self, axes: Axes, values: Values, **style: Any) -> None:
        """A line across the panel, or a step for each slot where the slots follow a day."""
        known = [value for value in values if value is not None]
        if len(set(known)) == 1:
            axes.axhline(known[0], **style)
        elif known:
            # One more value than slots: the last step is as wide as the others.
            edges = [slot - 0.5 for slot in (*self.slots, self.slots[-1] + 1)]
            axes.step(edges, [*known, known[-1]], where="post", **style)

    def _size(self) -> float:
        """Of a dot, in points: small where there are many."""
        return max(1.6, min(4.0, 80 / max(1, len(self.slots))))

    def _gaps(self, values: Values) -> Iterator[tuple[int, int]]:
        """First and last slot of each run in which the prosumer did not act."""
        pairs = zip(self.slots, values, strict=True)
        for absent, run in groupby(pairs, key=lambda pair: pair[1] is None):
            if absent:
                slots = [slot for slot, _ in run]
                yield slots[0], slots[-1]

    def _heading(self, report: dict[str, Any]) -> None:
        played = (
            f"slots played: {len(self.slots)} of {report['slots']}" if self.slots else "no slot was played"
        )
        self.figure.text(
            _LEFT / _WIDTH, 1 - 0.2 / self.height, va="center", color="#444444",
            s=f"Campaign {report['id']} of {report['testbed']}, policy {report['policy']}, {played}",
        )  # fmt: skip
        dot: dict[str, Any] = {"color": _DATA, "marker": "o", "linestyle": "none", "markersize": 4}
        handles: list[Line2D | Patch] = [Line2D([], [], **_DASHES, label="equilibrium")]
        if any(self.complete):
            handles.insert(0, Line2D([], [], **dot, label="on chain"))
        if not all(self.complete):
            handles.append(Line2D([], [], **dot, markerfacecolor="white", label="slot not complete"))
        if len(self.names) > _MOST_PANELS:
            handles.append(Line2D([], [], **_EDGES, label="lowest and highest of the equilibrium"))
        elif any(None in record["x"] for record in self.records):
            handles.append(Patch(color=_ABSENT, label="did not act"))
        self.figure.legend(
            handles=handles, loc="center left", bbox_to_anchor=(_LEFT / _WIDTH, 1 - 0.42 / self.height),
            ncols=len(handles), frameon=False, borderaxespad=0, borderpad=0, handletextpad=0.5,
            columnspacing=1.5,
        )  # fmt: skip


def _limits(values: Values) -> tuple[float, float]:
    """Limits around all values, never so narrow that the last wei looks like a trend."""
    known = [value for value in values if value is not None]
    low, high = min(known), max(known)
    span = max(high - low, 0.1 * max(abs(low), abs(high)), 1e-6)
    middle = (low + high) / 2
    return middle - 0.58 * span, middle + 0.58 * span
