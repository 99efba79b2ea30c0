"""What figures are made of: means over seeds, trends, and claims that can fail."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from experiments.figure import Claim, mean, over_seeds, rank_correlation, trend
from experiments.mining import simulate
from market.mining import success_probability
from market.parameters import Parameters


def test_seeds_become_a_mean_with_its_interval() -> None:
    records = [{"preset": "a", "price": float(value), "gap": 0.5} for value in range(12)]
    records.append({"preset": "b", "price": 7.0, "gap": 0.0})
    rows = over_seeds(records, ("price", "gap"))
    assert list(rows.columns) == ["preset", "quantity", "mean", "iqm", "low", "high", "n"]
    assert len(rows) == 4
    first = rows.iloc[0]
    assert (first["mean"], first["iqm"], first["n"]) == (5.5, 5.5, 12)
    assert 3.5 < first["low"] < 5.5 < first["high"] < 7.5
    alone = rows[(rows["preset"] == "b") & (rows["quantity"] == "price")].iloc[0]
    assert (alone["low"], alone["mean"], alone["high"], alone["n"]) == (7.0, 7.0, 7.0, 1)
    assert alone["iqm"] == 7.0


def test_an_outlier_moves_the_mean_and_not_the_interquartile_mean() -> None:
    (row,) = over_seeds([{"gap": value} for value in (0.0, 0.1, 0.1, 0.9)], ("gap",)).to_dict("records")
    assert (row["mean"], row["iqm"]) == (pytest.approx(0.275), pytest.approx(0.1))


def test_a_group_has_the_quantities_that_were_measured_in_it() -> None:
    records = [{"policy": "learnt", "price": 1.0, "gap": 0.1}, {"policy": "searched", "price": 2.0}]
    rows = over_seeds(records, ("price", "gap"))
    assert list(zip(rows["policy"], rows["quantity"], strict=True)) == [
        ("learnt", "price"),
        ("learnt", "gap"),
        ("searched", "price"),
    ]


def test_what_the_equilibrium_does_is_not_called_impossible() -> None:
    claim = Claim("It rises.", "paper", "interior", True, "it rises", "Noise.", False, "It cannot.")
    with pytest.raises(ValueError, match=r"'It rises.' is called impossible, and the equilibrium is so"):
        replace(claim, exact=True)
    assert replace(claim, exact=True, impossible="").exact is True


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3, 4], "rises"),
        ([4.0, 3.0, 2.5, 1.0], "falls"),
        ([100.0, 100.4, 99.8], "is flat"),
        ([0, 0, 0], "is flat"),
        ([1, 3, 2, 1], "shows no trend"),
    ],
)
def test_a_trend_is_a_rank_correlation(values: list[float], expected: str) -> None:
    assert trend(values) == expected


def test_a_rank_correlation_is_spearman_s() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 20, 25, 99]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    assert rank_correlation([1, 2, 3], [5, 5, 5]) == 0


def test_one_mean_is_one_row() -> None:
    data = pd.DataFrame({"x": [1, 1, 2], "mean": [1.0, 2.0, 3.0]})
    assert mean(data, x=2) == 3
    with pytest.raises(ValueError, match="too many"):
        mean(data, x=1)


@pytest.mark.parametrize("servers", [1, 3])
def test_simulated_mining_wins_as_often_as_equation_1_says(servers: int) -> None:
    parameters = Parameters(alpha=tuple(range(1, servers + 1)), seller=servers - 1, s=50.0)
    expected = success_probability(parameters, servers - 1)
    assert simulate(parameters, 20_000, 1) == pytest.approx(expected, abs=0.015)
    assert simulate(parameters, 500, 1) == simulate(parameters, 500, 1) != simulate(parameters, 500, 2)
