"""Summaries over seeds, against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

from errors import TestbedError
from learning.statistics import summary


def test_an_interquartile_mean_leaves_out_both_quarters() -> None:
    seen = summary([1000.0, 1.0, 2.0, 3.0, 4.0, -500.0, 2.0, 3.0])
    assert seen.iqm == pytest.approx(2.5)
    assert seen.mean == pytest.approx(515 / 8)
    assert seen.n == 8


def test_the_interval_of_a_mean_is_that_of_the_normal_law_for_many_values() -> None:
    values = np.random.default_rng(4).normal(3.0, 2.0, 400)
    seen = summary(list(values))
    error = values.std(ddof=1) / np.sqrt(400)
    assert seen.ci is not None
    assert seen.ci[0] == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert seen.ci[1] == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_it_repeats_itself() -> None:
    assert summary([1.0, 4.0, 2.0, 8.0]) == summary([1.0, 4.0, 2.0, 8.0])


def test_equal_values_are_certain_and_one_value_is_not() -> None:
    assert summary([2.0] * 5).ci == (2.0, 2.0)
    assert summary([2.0]).ci is None
    assert summary([2.0]).to_json() == {"mean": 2.0, "iqm": 2.0, "ci": None, "n": 1}


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_what_has_no_mean_is_refused(values: list[float]) -> None:
    with pytest.raises(TestbedError, match="not allowed"):
        summary(values)
