"""Charts drawn on the server: each is a picture with a name and a description, and a table below it.

Colours are classes of the style sheet, so the pages need neither scripts nor styles of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from explorer import plots
from explorer.plots import Lines, Scale, Tick

REFERENCE = "reference"
COLOURS = 8
_HEIGHT, _SMALL_HEIGHT = 220, 110
_NONE = "–"


@dataclass(frozen=True)
class Label:
    """What something is called; where that is somebody else's text, `title` has the address."""

    text: str
    title: str = ""
    link: str = ""

    @property
    def html(self) -> Markup:
        title = f' title="{escape(self.title)}"' if self.title else ""
        if self.link:
            return Markup(f'<a href="{escape(self.link)}"{title}>{escape(self.text)}</a>')
        return Markup(f"<span{title}>{escape(self.text)}</span>") if title else escape(self.text)


@dataclass(frozen=True)
class Series:
    """A value for each place along x, None where there is none; `spread` has the least and the most that each
    is the mean of. `look` is a class of the style sheet: "s0" to "s7", or REFERENCE."""

    label: Label
    values: Sequence[float | None]
    look: str = "s0"
    spread: Sequence[tuple[float, float] | None] | None = None


@dataclass(frozen=True)
class Panel:
    """A small chart among others of the same scale."""

    label: Label
    series: Sequence[Series]


@dataclass(frozen=True)
class Axis:
    """Along x: what the places are, each one's name in the table and, where there is room, below the plot.

    Names and ticks are numbers or times, never somebody's text.
    """

    name: str
    places: Sequence[str]
    ticks: Sequence[Tick]


@dataclass(frozen=True)
class Unit:
    """What values are measured in, and how many places after the point a table has."""

    name: str
    places: int = 3

    def said(self, value: float | None) -> str:
        return _NONE if value is None else f"{value:,.{self.places}f}"


def look(index: int) -> str:
    """The class of the colour of a series."""
    return f"s{index % COLOURS}"


def line_chart(key: str, title: str, axis: Axis, series: Sequence[Series], unit: Unit) -> Markup:
    """Lines over one axis. `key` is unique on the page."""
    scale = _scale(series, 5)
    frame = plots.frame(scale, plots.apart(axis.ticks, len(axis.places)), _HEIGHT, middle=False)
    drawn = _lines(series, Lines(len(axis.places), scale), _HEIGHT)
    picture = _picture(key, title, _told(series, axis, unit), _HEIGHT, frame + drawn)
    return _figure(picture, series, _table(title, axis, [(one.label, one) for one in series], unit), unit)


def panels(key: str, title: str, axis: Axis, small: Sequence[Panel], unit: Unit) -> Markup:
    """A chart for each panel, all of one scale, and one table for all of them."""
    every = [series for panel in small for series in panel.series]
    scale = _scale(every, 4)
    ends = [axis.ticks[0], *axis.ticks[1:][-1:]]
    frame = plots.frame(scale, plots.apart(ends, len(axis.places)), _SMALL_HEIGHT, middle=False)
    lines = Lines(len(axis.places), scale)
    drawn = []
    for index, panel in enumerate(small):
        name, told = f"{title}: {panel.label.text}", _told(panel.series, axis, unit)
        inner = frame + _lines(panel.series, lines, _SMALL_HEIGHT)
        picture = _picture(f"{key}-{index}", name, told, _SMALL_HEIGHT, inner)
        drawn.append(f'<div class="panel"><p>{panel.label.html}</p>{picture}</div>')
    columns = [(_heading(panel, series), series) for panel in small for series in panel.series]
    looks = list({series.look: series for series in every}.values())
    grid = Markup(f'<div class="panels">{"".join(drawn)}</div>')
    return _figure(grid, looks, _table(title, axis, columns, unit), unit)


def bar_chart(key: str, title: str, axis: Axis, series: Sequence[Series], unit: Unit) -> Markup:
    """Bars that stand on one another; values are not negative, and None is nothing."""
    places = len(axis.places)
    stacks = [
        [value or 0.0 for value in values] for values in zip(*(one.values for one in series), strict=True)
    ]
    highest = max(map(math.fsum, stacks), default=0.0)
    scale = Scale(plots.ticks(0.0, highest or 1.0))
    parts = [plots.frame(scale, plots.apart(axis.ticks, places, middle=True), _HEIGHT, middle=True)]
    for place, stack in enumerate(stacks):
        below = 0.0
        for one, value in zip(series, stack, strict=True):
            if value:
                bottom, top = scale.y(below, _HEIGHT), scale.y(below + value, _HEIGHT)
                parts.append(plots.bar(one.look, place, places, bottom, top))
                below += value
    picture = _picture(key, title, _told(series, axis, unit), _HEIGHT, "".join(parts))
    return _figure(picture, series, _table(title, axis, [(one.label, one) for one in series], unit), unit)


def _scale(series: Iterable[Series], most: int) -> Scale:
    values = [value for one in series for value in one.values if value is not None]
    values += [end for one in series for ends in one.spread or () if ends is not None for end in ends]
    return Scale.over(min(values), max(values), most) if values else Scale.over(0.0, 1.0, most)


def _lines(series: Sequence[Series], lines: Lines, height: int) -> str:
    parts = [
        f'<path class="band {one.look}" d="{lines.band(one.spread)}"/>'
        for one in series
        if one.spread is not None
    ]
    # References first: what was measured lies above them.
    for one in sorted(series, key=lambda each: each.look != REFERENCE):
        parts.append(f'<path class="line {one.look}" d="{lines.path(one.values)}"/>')
    return lines.within(height, "".join(parts))


def _picture(key: str, title: str, told: str, height: int, inner: str) -> Markup:
    return Markup(
        f'<svg class="chart" width="100%" height="{height}" role="img" '
        f'aria-labelledby="{key}-title {key}-told"><title id="{key}-title">{escape(title)}</title>'
        f'<desc id="{key}-told">{escape(told)}</desc>{inner}</svg>'
    )


def _told(series: Sequence[Series], axis: Axis, unit: Unit) -> str:
    """What a reader who does not see the picture is told first; the rest is in the table."""
    places = axis.places
    told = []
    for one in series:
        values = [value for value in one.values if value is not None]
        if values:
            low, high, last = unit.said(min(values)), unit.said(max(values)), unit.said(values[-1])
            told.append(f"{one.label.text} {low if low == high else f'{low} to {high}, last {last}'}")
    over = f"{axis.name} {places[0]}" + (f" to {places[-1]}" if len(places) > 1 else "")
    return f"{'; '.join(told) or 'no value'} ({unit.name}; {over})"


def _figure(picture: Markup, series: Sequence[Series], table: Markup, unit: Unit) -> Markup:
    """The picture between its legend and its table."""
    rows = "".join(
        '<li><svg class="key" width="18" height="10" aria-hidden="true">'
        f'<line class="line {one.look}" x1="1" x2="17" y1="5" y2="5"/></svg>{one.label.html}</li>'
        for one in series
    )
    legend = f'<ul class="legend">{rows}<li class="unit">{escape(unit.name)}</li></ul>'
    return Markup(f'<div class="figure">{legend}{picture}{table}</div>')


def _heading(panel: Panel, series: Series) -> Label:
    text = f"{panel.label.text}, {series.label.text}" if series.look == REFERENCE else panel.label.text
    return Label(text, panel.label.title)


def _table(title: str, axis: Axis, columns: Sequence[tuple[Label, Series]], unit: Unit) -> Markup:
    """Every value. References that are the same at all places have a row of their own, not a column each."""
    references = [one for _, one in columns if one.look == REFERENCE]
    measured = [column for column in columns if column[1].look != REFERENCE]
    foot = ""
    if references and len(references) in (1, len(measured)) and all(map(_is_constant, references)):
        columns = measured
        same = [unit.said(one.values[0]) for one in references] * (len(measured) // len(references))
        name = escape(references[0].label.text)
        foot = f'<tfoot><tr><th scope="row">{name}</th><td>{"</td><td>".join(same)}</td></tr></tfoot>'
    head = "".join(f'<th scope="col">{label.html}</th>' for label, _ in columns)
    form = f"{{:,.{unit.places}f}}".format
    said = ([_NONE if value is None else form(value) for value in one.values] for _, one in columns)
    body = "".join(
        f'<tr><th scope="row">{place}</th><td>{"</td><td>".join(values)}</td></tr>'
        for place, *values in zip(axis.places, *said, strict=True)
    )
    return Markup(
        f"<details><summary>{escape(title)} as a table</summary>"
        f'<div class="scroll" role="region" aria-label="{escape(title)} as a table" tabindex="0">'
        f'<table class="figures"><caption>{escape(title)}, {escape(unit.name)}</caption>'
        f'<thead><tr><th scope="col">{escape(axis.name)}</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table></div></details>"
    )


def _is_constant(series: Series) -> bool:
    return None not in series.values and len(set(series.values)) == 1
