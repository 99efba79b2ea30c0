"""What is inside a chart's picture: marks along the axes, lines, bands and bars, as the text of an SVG.

A picture is as wide as its place and of one height in pixels; places along x are percentages, so that letters
keep their size on a phone. Lines are drawn in a square of 1000 by 1000 that is stretched over the plot.
Everything here is made of numbers, and of the ticks' labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

LEFT, WIDTH = 13.0, 84.0  # of the plot, in percent of the picture
TOP, BOTTOM = 10, 24  # pixels above and below the plot
_SIDE = 1000
_LETTER = 0.022  # of the plot's width, that of a letter on a phone
# By which values differ at most that are equal but for being rounded to thousandths of an elecoin and to Wh.
_ALIKE = 1e-3
_SMALLEST = 1e-6  # what is closer together is the same to whoever looks
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)

T = TypeVar("T")
Tick = tuple[int, str]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """At most so many round values, the first at or below `low`, the last at or above `high`; low < high."""
    magnitude = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (nice * scale * magnitude for scale in (1.0, 10.0, 100.0) for nice in _NICE):
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            return [index * step for index in range(first, last + 1)]
    raise ValueError(f"no ticks from {low} to {high}")


def brief(value: float, step: float) -> str:
    """A mark's label: as many digits as tell it from its neighbours, thousands and more as k, M, G, T."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            unit = 1e3 if letter == "k" else size
            return f"{_plain(value / unit, step / unit)}{letter}" if abs(value) < 1e16 else f"{value:.0e}"
    return _plain(value, step)


def _plain(value: float, step: float) -> str:
    places = next((each for each in range(8) if math.isclose(round(step, each), step, rel_tol=1e-6)), 8)
    return f"{value:,.{places}f}" if round(value, places) else "0"


def number_ticks(runs: Sequence[tuple[int, int]]) -> list[Tick]:
    """Where round numbers stand on an axis whose places are runs of numbers, first and last of each."""
    first, last = runs[0][0], runs[-1][1]
    magnitude = 10 ** max(0, len(str(last - first)) - 2)
    steps = (nice * magnitude for nice in (1, 2, 5, 10, 20, 50))
    step = next(each for each in steps if (last - first) / each < 5)
    found: dict[int, str] = {}
    place = 0
    for number in range(-(-first // step) * step, last + 1, step):
        while runs[place][1] < number:
            place += 1
        found.setdefault(place, str(number))
    return list(found.items()) or [(0, str(first))]


@dataclass(frozen=True)
class Scale:
    """The y axis, from the first mark to the last."""

    marks: Sequence[float]

    @classmethod
    def over(cls, low: float, high: float, most: int = 5) -> Scale:
        largest = max(abs(low), abs(high))
        if high - low <= max(_ALIKE * largest, _SMALLEST):  # one value: give it room
            room = max(largest * 0.05, 20 * _SMALLEST) if largest > _SMALLEST else 1.0
            low, high = low - room, high + room
        if 0 < low < 0.4 * high:
            low = 0.0
        return cls(ticks(low, high, most))

    def y(self, value: float, height: int) -> float:
        """From the top of the picture, pixels."""
        part = (self.marks[-1] - value) / (self.marks[-1] - self.marks[0])
        return TOP + part * (height - TOP - BOTTOM)


def frame(scale: Scale, marks: Sequence[tuple[float, str]], height: int, middle: bool) -> str:
    """Lines across the plot with their values beside them, and what stands below it."""
    parts = []
    step = scale.marks[1] - scale.marks[0]
    for value in scale.marks:
        y = scale.y(value, height)
        parts.append(
            f'<line class="grid" x1="{LEFT}%" x2="{LEFT + WIDTH}%" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 1.2}%" y="{y + 4:.1f}" text-anchor="end">{brief(value, step)}</text>'
        )
    for place, text in marks:
        anchor = "end" if place > 0.95 and not middle else "middle"
        x = LEFT + WIDTH * place
        parts.append(f'<text x="{x:.2f}%" y="{height - 6}" text-anchor="{anchor}">{text}</text>')
    return "".join(parts)


def apart(marks: Sequence[Tick], places: int, middle: bool = False) -> list[tuple[float, str]]:
    """Those that have room beside one another on a phone, each with where it is, from 0 to 1.

    `middle` where a place is a stretch of the axis, not a point.
    """
    shown: list[tuple[float, str]] = []
    free_from = -1.0
    for index, text in marks:
        place = (index + 0.5) / places if middle else _place(index, places)
        half = len(text) * _LETTER / 2
        if place - half >= free_from:
            shown.append((place, text))
            free_from = place + half + _LETTER
    return shown


def _place(index: int, count: int) -> float:
    return index / (count - 1) if count > 1 else 0.5


class Lines:
    """Draws lines with so many places, all on one scale."""

    def __init__(self, count: int, scale: Scale) -> None:
        self._xs = [round(_SIDE * _place(index, count)) for index in range(count)]
        self._top = scale.marks[-1]
        self._factor = _SIDE / (scale.marks[-1] - scale.marks[0])

    def within(self, height: int, inner: str) -> str:
        return (
            f'<svg class="plot" x="{LEFT}%" y="{TOP}" width="{WIDTH}%" height="{height - TOP - BOTTOM}" '
            f'viewBox="0 0 {_SIDE} {_SIDE}" preserveAspectRatio="none">{inner}</svg>'
        )

    def path(self, values: Sequence[float | None]) -> str:
        """A line through the values, broken where one is missing; a single value becomes a dot."""
        return "".join(
            _drawn(self._xs[first : first + len(run)], self._ys(run)) for first, run in _runs(values)
        )

    def band(self, spread: Sequence[tuple[float, float] | None]) -> str:
        parts = []
        for first, run in _runs(spread):
            xs = self._xs[first : first + len(run)]
            low, high = self._ys([each[0] for each in run]), self._ys([each[1] for each in run])
            parts.append(_drawn([*xs, *reversed(xs)], [*high, *reversed(low)]) + "z")
        return "".join(parts)

    def _ys(self, values: Sequence[float]) -> list[int]:
        top, factor = self._top, self._factor
        return [round((top - value) * factor) for value in values]


def _drawn(xs: Sequence[int], ys: Sequence[int]) -> str:
    """From point to point, each told from the one before: that takes half the letters."""
    if len(xs) == 1:
        return f"M{xs[0]} {ys[0]}h0"
    steps = [f"{x - a} {y - b}" for x, a, y, b in zip(xs[1:], xs, ys[1:], ys, strict=False)]
    return f"M{xs[0]} {ys[0]}l" + " ".join(steps)


def _runs(values: Sequence[T | None]) -> Iterator[tuple[int, list[T]]]:
    """Stretches without a gap: where each begins, and its values."""
    run: list[T] = []
    for index, value in enumerate(values):
        if value is not None:
            run.append(value)
        elif run:
            yield index - len(run), run
            run = []
    if run:
        yield len(values) - len(run), run


def bar(look: str, place: int, places: int, bottom: float, top: float) -> str:
    """Between two heights in pixels from the top."""
    each = WIDTH / places
    return (
        f'<rect class="{look}" x="{LEFT + each * (place + 0.12):.2f}%" y="{top:.1f}" '
        f'width="{each * 0.76:.2f}%" height="{max(bottom - top, 0.5):.1f}"/>'
    )
