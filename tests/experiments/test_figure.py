"""What figures are made of: means over seeds, trends, and claims that can fail."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from experiments.catalogue import FIGURES
from experiments.figure import mean, over_seeds, rank_correlation, trend
from experiments.mining import simulate
from market.mining import success_probability
from market.parameters import Parameters


def test_seeds_become_a_mean_with_its_interval() -> None:
    records = [{"preset": "a", "price": float(value), "gap": 0.5} for value in range(12)]
    records.append({"preset": "b", "price": 7.0, "gap": 0.0})
    rows = over_seeds(records, ("price", "gap"))
    assert list(rows.columns) == ["preset", "quantity", "mean", "low", "high", "n"]
    assert len(rows) == 4
    first = rows.iloc[0]
    assert (first["mean"], first["n"]) == (5.5, 12)
    assert 3.5 < first["low"] < 5.5 < first["high"] < 7.5
    alone = rows[(rows["preset"] == "b") & (rows["quantity"] == "price")].iloc[0]
    assert (alone["low"], alone["mean"], alone["high"], alone["n"]) == (7.0, 7.0, 7.0, 1)


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


def _fig4(x: str, values: list[float], **columns: dict[str, list[float]]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for policy, quantities in columns.items():
        for quantity, means in quantities.items():
            for value, each in zip(values, means, strict=True):
                row = {"preset": "made up", x: value, "policy": policy.replace("_", "-"), "n": 1}
                rows.append({**row, "quantity": quantity, "mean": each, "low": each, "high": each})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("utilities", "holds"), [([3.0, 2.0, 1.0], True), ([1.0, 2.0, 3.0], False)])
def test_fig4a_follows_its_data(utilities: list[float], holds: bool) -> None:
    curves = {"prosumer_utility": utilities, "price": [10.0, 11.0, 12.0], "demand": [5.0, 5.0, 5.0]}
    server = {"prosumer_utility": [0.0, 0.0, 9.0]}
    data = _fig4("N", [2, 3, 4], dma_ubrl=curves, equilibrium=curves, ga_server=server)
    falls, dearer, badly, reaches = FIGURES["fig4a"].claims(data)
    assert (falls.holds, falls.exact) == (holds, holds)
    assert dearer.holds is holds
    assert badly.holds is False
    assert reaches.holds is True


def test_what_is_learnt_and_what_is_exact_are_told_apart() -> None:
    curves = {"prosumer_utility": [3.0, 2.0, 1.0], "price": [10.0] * 3, "demand": [5.0] * 3}
    learned = {**curves, "prosumer_utility": [3.0, 2.0, 4.0]}
    server = {"prosumer_utility": [0.0] * 3}
    falls = FIGURES["fig4a"].claims(
        _fig4("N", [2, 3, 4], dma_ubrl=learned, equilibrium=curves, ga_server=server)
    )[0]
    assert (falls.holds, falls.exact) == (False, True)
    assert "The learnt curve differs" in falls.why


@pytest.mark.parametrize(("at_half", "holds"), [(5.0, True), (-5.0, False)])
def test_the_break_even_of_fig4c_follows_its_data(at_half: float, holds: bool) -> None:
    curves = {
        "trade_utility": [-9.0, 0.5, at_half, 20.0],
        "demand": [9.0, 8.0, 7.0, 6.0],
        "price": [17.8] * 4,
    }
    data = _fig4("Q", [0.4, 0.45, 0.5, 0.55], dma_ubrl=curves, equilibrium=curves)
    breaks_even = FIGURES["fig4c"].claims(data)[2]
    assert "0.45" in breaks_even.says
    assert (breaks_even.holds, breaks_even.exact) == (holds, holds)
