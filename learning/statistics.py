"""Figures over seeds: mean, interquartile mean, and how certain the mean is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from errors import TestbedError

_RESAMPLES = 9999
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """`ci` is the 95 % bootstrap interval of the mean, None of a single value: it says nothing of others."""

    mean: float
    iqm: float
    ci: tuple[float, float] | None
    n: int

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "iqm": self.iqm, "ci": self.ci and list(self.ci), "n": self.n}


def summary(values: Sequence[float]) -> Summary:
    """Percentile bootstrap: the bias-corrected one is undefined where few seeds differ from the rest.

    The resamples are drawn with a fixed seed: the same values give the same interval. Raises TestbedError
    where there is no value, or one that is not finite.
    """
    from scipy import stats  # a third of a second to import

    numbers = np.asarray(values, dtype=float)
    if not numbers.size or not np.isfinite(numbers).all():
        raise TestbedError(f"values = {list(values)!r} is not allowed: there must be one, and all finite")
    mean, iqm = float(numbers.mean()), float(stats.trim_mean(numbers, 0.25))
    if numbers.size == 1:
        return Summary(mean, iqm, None, 1)
    interval = stats.bootstrap(
        (numbers,),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Summary(mean, iqm, (float(interval.low), float(interval.high)), int(numbers.size))
