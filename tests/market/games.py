"""Games for the property tests: with bounds anywhere, and with none in reach but x >= 0."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from market.parameters import Parameters, Pricing

LOOSE: dict[str, Any] = {"p_min": 1e-9, "p_max": 1e9, "x_min": 0.0, "x_max": 1e9}


@st.composite
def loose_games(draw: st.DrawFn, pricing: Pricing = "unified", spread: float = 30.0) -> Parameters:
    """Games without a bound in reach but x >= 0, which binds for whoever wants too little.

    w are at most `spread` apart; k is set by u = θH/(ηk), which is (c/k)² and must be above 1.
    """
    theta, eta = draw(st.floats(1, 500)), draw(st.floats(0.05, 3))
    w_min = draw(st.floats(0.005, 0.5))
    w = tuple(w_min * each for each in draw(st.lists(st.floats(1, spread), min_size=1, max_size=7)))
    H = len(w) / sum(1 / each for each in w)
    values: dict[str, Any] = {"theta": theta, "eta": eta, "w": w, "pricing": pricing, **LOOSE}
    # Utilities are near θ·N, so e_c·k of any size must not hide them.
    values["k"] = theta * H / eta / draw(st.floats(1.02, 100))
    values["e_c"] = draw(st.floats(0, 10))
    return Parameters(Q=draw(st.floats(0.1, 3)), **values)


def _widths(largest: float) -> st.SearchStrategy[float]:
    """Of ranges: none at all, or one that rounding cannot fill."""
    return st.just(0.0) | st.floats(1e-3, largest)


@st.composite
def games(draw: st.DrawFn, pricing: Pricing = "unified", x_min: float | None = None) -> Parameters:
    """Games in which any bound may bind, for one prosumer, for all, or for none."""
    p_min = draw(st.floats(0.5, 40))
    least = draw(st.floats(0, 5)) if x_min is None else x_min
    values: dict[str, Any] = {
        "theta": draw(st.floats(10, 300)),
        "eta": draw(st.floats(0.1, 1)),
        "Q": draw(st.floats(0.2, 1.5)),
        "w": tuple(draw(st.lists(st.floats(0.02, 0.5), min_size=1, max_size=6))),
        "p_min": p_min,
        "p_max": p_min + draw(_widths(60)),
        "x_min": least,
        "x_max": least + draw(_widths(20)),
        "e_c": draw(st.floats(0, 5)),
        "pricing": pricing,
    }
    # c > k is k < θH/η.
    largest = values["theta"] / values["eta"] * len(values["w"]) / sum(1 / w for w in values["w"])
    return Parameters(k=draw(st.floats(min(0.5, largest / 2), min(20.0, 0.999 * largest))), **values)
