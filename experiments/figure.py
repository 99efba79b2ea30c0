"""What a figure is: runs, the data made of them, a picture, and claims that the data bear out or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Picture

from experiments.runs import Run
from experiments.sweep import Results
from learning.statistics import summary

Trend = Literal["rises", "falls", "is flat", "shows no trend"]
FLAT = 0.01
"""Of the largest value: a range, or a step, below it is none."""
_MONOTONE = 0.9


@dataclass(frozen=True)
class Claim:
    """A sentence, who says it, under which preset it was tried, and what was seen.

    `holds` is of what was learnt or simulated; `exact` of the equilibrium, None where that is no question.
    `impossible` says why no values of the parameters make the equilibrium so, and under which conditions; it
    is empty where some do. Raises ValueError where it stands beside an equilibrium that is so.
    """

    says: str
    by: Literal["paper", "testbed"]
    preset: str
    holds: bool
    seen: str
    why: str
    exact: bool | None = None
    impossible: str = ""

    def __post_init__(self) -> None:
        if self.impossible and self.exact:
            raise ValueError(f"{self.preset}: {self.says!r} is called impossible, and the equilibrium is so")


@dataclass(frozen=True)
class Figure:
    """`runs(seeds, steps)`; `data(results, seeds, steps)` in long form; the rest is made from data."""

    name: str
    title: str
    runs: Callable[[int, int], list[Run]]
    data: Callable[[Results, int, int], pd.DataFrame]
    draw: Callable[[pd.DataFrame], Picture]
    claims: Callable[[pd.DataFrame], list[Claim]]


def over_seeds(records: Iterable[dict[str, Any]], quantities: Sequence[str]) -> pd.DataFrame:
    """One row for each group and quantity: columns of the group, quantity, mean, iqm, low, high, n.

    Each record is one seed's; what is none of `quantities` names its group, and a group need not have all of
    them. iqm is the interquartile mean; low and high are the 95 % bootstrap interval of the mean, and the
    mean itself where there is one value, as of exact solutions.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in records:
        names = tuple(name for name in record if name not in quantities)
        groups.setdefault(tuple((name, record[name]) for name in names), []).append(record)
    rows = []
    for group, members in groups.items():
        for quantity in (each for each in quantities if each in members[0]):
            seen = summary([member[quantity] for member in members])
            low, high = seen.ci or (seen.mean, seen.mean)
            spread = {"mean": seen.mean, "iqm": seen.iqm, "low": low, "high": high, "n": seen.n}
            rows.append({**dict(group), "quantity": quantity, **spread})
    return pd.DataFrame(rows)


def chosen(data: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows that have these values."""
    keep = np.ones(len(data), bool)
    for column, value in values.items():
        keep &= (data[column] == value).to_numpy()
    return data[keep]


def means(data: pd.DataFrame, **values: Any) -> list[float]:
    return [float(value) for value in chosen(data, **values)["mean"]]


def mean(data: pd.DataFrame, **values: Any) -> float:
    """The one mean of these rows. Raises ValueError where it is not one."""
    (value,) = means(data, **values)
    return value


def trend(values: Sequence[float]) -> Trend:
    """By rank correlation with the order, |ρ| ≥ 0.9; a range within 1 % of the largest value is flat."""
    numbers = np.asarray(values)
    if np.ptp(numbers) <= FLAT * np.abs(numbers).max():
        return "is flat"
    correlation = rank_correlation(range(len(numbers)), values)
    if abs(correlation) < _MONOTONE:
        return "shows no trend"
    return "rises" if correlation > 0 else "falls"


def rank_correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Spearman's ρ, ties sharing their rank; 0 where one side is constant."""
    ranks = pd.DataFrame({"left": list(left), "right": list(right)}).rank()
    if (ranks.nunique() < 2).any():
        return 0.0
    return float(ranks["left"].corr(ranks["right"]))


def why(holds: bool, *, if_so: str, if_not: str) -> str:
    """The reason for what was seen."""
    return if_so if holds else if_not


def run_of(values: Sequence[float], digits: int = 1) -> str:
    """First and last value, for a sentence."""
    return f"{values[0]:.{digits}f} → {values[-1]:.{digits}f}"
