"""A chart tells its numbers truly, to whoever sees it and to whoever does not."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from explorer.charts import REFERENCE, Axis, Label, Panel, Series, Unit, bar_chart, line_chart, panels
from explorer.mining import wilson
from explorer.plots import Lines, Scale, apart, brief, number_ticks, ticks
from tests.explorer.html_tables import tables_of

_UNIT = Unit("elecoins", 2)
_HOSTILE = '"><script>alert(1)</script>'

finite = st.floats(-1e15, 1e15, allow_nan=False)


def axis(count: int) -> Axis:
    return Axis(
        "slot", [str(n) for n in range(1, count + 1)], number_ticks([(n, n) for n in range(1, count + 1)])
    )


def tree(chart: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<page>{chart}</page>")


@given(
    st.tuples(finite, finite).filter(lambda ends: ends[1] - ends[0] > max(1e-6, 1e-9 * max(map(abs, ends))))
)
def test_marks_are_few_evenly_apart_and_reach_over_all_values(ends: tuple[float, float]) -> None:
    low, high = ends
    for most in (3, 4, 5):
        marks = ticks(low, high, most)
        step = marks[1] - marks[0]
        assert 2 <= len(marks) <= most
        assert marks[0] <= low + 1e-6 * step
        assert marks[-1] >= high - 1e-6 * step
        assert all(math.isclose(b - a, step, rel_tol=1e-6) for a, b in pairwise(marks))
        assert len({brief(mark, step) for mark in marks}) == len(marks) or high - low < 1e-4 * abs(high)


@pytest.mark.parametrize(("low", "high"), [(49.9816, 49.983), (725.6992, 725.7183), (-20.01, -20.0), (0, 0)])
def test_what_differs_by_rounding_alone_lies_together_in_the_middle(low: float, high: float) -> None:
    scale = Scale.over(low, high)
    first, last = scale.marks[0], scale.marks[-1]
    assert high - low < 0.02 * (last - first)
    assert first + 0.25 * (last - first) < low <= high < last - 0.25 * (last - first)


@given(st.floats(-1e6, 1e6), st.floats(2e-3, 10))
def test_what_differs_by_more_fills_the_height(low: float, part: float) -> None:
    high = low + max(part * abs(low), 2e-3)
    scale = Scale.over(low, high)
    assert high - low > 0.39 * (scale.marks[-1] - scale.marks[0])


@pytest.mark.parametrize(
    ("value", "step", "label"),
    [
        (0, 5, "0"),
        (27.5, 2.5, "27.5"),
        (0.25, 0.05, "0.25"),
        (8000, 2000, "8,000"),
        (-500, 250, "-500"),
        (20_000, 10_000, "20k"),
        (1_250_000, 250_000, "1.25M"),
        (3e9, 1e9, "3G"),
    ],
)
def test_marks_are_labelled_with_the_digits_that_tell_them_apart(
    value: float, step: float, label: str
) -> None:
    assert brief(value, step) == label


@given(st.integers(1, 10**9), st.integers(1, 500), st.integers(1, 9))
def test_labels_below_a_chart_never_touch_and_stand_where_their_slot_is(
    first: int, count: int, width: int
) -> None:
    runs = [(first + at * width, first + at * width + width - 1) for at in range(count)]
    marks = number_ticks(runs)
    assert 1 <= len(marks) <= 6
    assert all(runs[place][0] <= int(text) <= runs[place][1] for place, text in marks)
    shown = apart(Axis("slot", [""] * count, marks).ticks, count)
    assert shown
    # On a phone the plot is some 290 pixels wide, and a digit takes 6.2.
    edges = [(290 * at - 3.1 * len(text), 290 * at + 3.1 * len(text)) for at, text in shown]
    assert all(left[1] < right[0] for left, right in pairwise(edges))


@settings(max_examples=50)
@given(st.lists(st.one_of(st.none(), finite), min_size=1, max_size=30))
def test_any_values_make_a_chart_whose_table_has_them_all(values: Sequence[float | None]) -> None:
    chart = line_chart("x", "Price", axis(len(values)), [Series(Label("one"), values)], _UNIT)
    tree(chart)
    (table,) = tables_of(chart)
    assert table.caption == "Price, elecoins"
    assert table.head == ["slot", "one"]
    assert table.rows == [
        [str(at), "–" if value is None else f"{value:,.2f}"] for at, value in enumerate(values, 1)
    ]


def test_a_picture_has_a_name_and_a_description_with_its_figures() -> None:
    series = [Series(Label("bought"), [1.0, None, 3.5]), Series(Label("best"), [2.0] * 3, REFERENCE)]
    (picture,) = tree(line_chart("d", "Demand", axis(3), series, _UNIT)).iterfind(".//svg[@role='img']")
    told = [picture.find(f".//*[@id='{each}']") for each in picture.attrib["aria-labelledby"].split()]
    assert [each.text for each in told if each is not None] == [
        "Demand",
        "bought 1.00 to 3.50, last 3.50; best 2.00 (elecoins; slot 1 to 3)",
    ]


def test_a_reference_that_never_changes_is_one_row_and_one_that_does_is_a_column() -> None:
    def chart(*best: float | None) -> str:
        small = [
            Panel(Label(name), [Series(Label("bought"), values), Series(Label("best"), best, REFERENCE)])
            for name, values in (("a", [1.0, 2.0]), ("b", [3.0, 4.0]))
        ]
        return panels("p", "Demands", axis(2), small, _UNIT)

    (same,) = tables_of(chart(7.0, 7.0))
    assert same.head == ["slot", "a", "b"]
    assert same.rows == [["1", "1.00", "3.00"], ["2", "2.00", "4.00"]]
    assert same.foot == ["best", "7.00", "7.00"]
    (changing,) = tables_of(chart(7.0, None))
    assert changing.head == ["slot", "a", "a, best", "b", "b, best"]
    assert changing.rows == [["1", "1.00", "7.00", "3.00", "7.00"], ["2", "2.00", "–", "4.00", "–"]]


def test_a_line_is_where_its_values_are_and_breaks_where_one_is_missing() -> None:
    lines = Lines(5, Scale([0.0, 5.0, 10.0]))
    assert lines.path([0.0, 10.0, 5.0, 2.5, 0.0]) == "M0 1000l250 -1000 250 500 250 250 250 250"
    assert lines.path([0.0, 10.0, None, 5.0, None]) == "M0 1000l250 -1000M750 500h0"
    assert lines.path([None] * 5) == ""
    assert Lines(1, Scale([0.0, 10.0])).path([5.0]) == "M500 500h0"
    assert Lines(2, Scale([0.0, 10.0])).band([(2.0, 4.0), (5.0, 10.0)]) == "M0 600l1000 -600 0 500 -1000 300z"


def test_bars_stand_on_one_another_and_reach_their_sum() -> None:
    series = [
        Series(Label("a"), [1.0, 2.0], "s0"),
        Series(Label("b"), [3.0, None], "s1"),
        Series(Label("c"), [0.0, 6.0], "s2"),
    ]
    page = tree(bar_chart("b", "Sold", axis(2), series, _UNIT))
    bars = [
        (each.attrib["class"], float(each.attrib["y"]), float(each.attrib["height"]))
        for each in page.iterfind(".//rect")
    ]
    # 186 pixels for 0 to 8 kWh, from 10 pixels below the top.
    unit = 186 / 8
    assert [name for name, _, _ in bars] == ["s0", "s1", "s0", "s2"]
    assert [height for _, _, height in bars] == pytest.approx([unit, 3 * unit, 2 * unit, 6 * unit], abs=0.1)
    assert [y for _, y, _ in bars] == pytest.approx(
        [196 - unit, 196 - 4 * unit, 196 - 2 * unit, 196 - 8 * unit], abs=0.1
    )


def test_names_that_somebody_else_chose_are_text() -> None:
    label = Label(_HOSTILE, _HOSTILE, _HOSTILE)
    series = [Series(label, [1.0, 2.0])]
    for chart in (
        line_chart("x", _HOSTILE, axis(2), series, Unit(_HOSTILE)),
        panels("x", "T", axis(2), [Panel(label, series)], _UNIT),
        bar_chart("x", "T", axis(2), series, _UNIT),
    ):
        assert "<script" not in chart
        assert tree(chart).find(".//script") is None
        assert not re.search(r"\sstyle=", chart)


@pytest.mark.parametrize(("blocks", "of"), [(0, 10), (10, 10), (1, 1), (133, 400), (3, 20_000), (1, 7)])
def test_the_interval_of_a_share_is_wilsons(blocks: int, of: int) -> None:
    expected = binomtest(blocks, of).proportion_ci(0.95, method="wilson")
    assert wilson(blocks, of) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_of_no_block_every_share_is_possible() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
