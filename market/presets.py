"""Complete sets of parameters. The paper's page with half of its values is lost, so each preset says which
values are the paper's, which are reconstructed, and what they were chosen to show.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace

from errors import TestbedError
from market.parameters import Parameters, demand_whole, evenly_spaced_intentions, refused

_STATED = (
    "The paper states N = 8, M = 1, R_f = 200, r = 3, s = 200, λ = 0.01, l = 1, k = 8, Q = 0.6 and η = 0.3."
)


@dataclass(frozen=True)
class Preset:
    """`shows` is one line; `origin` tells the paper's values from the reconstructed ones."""

    parameters: Parameters
    shows: str
    origin: str
    intentions: Callable[[int], tuple[float, ...]]
    """w for N prosumers. Raises TestbedError where the preset has none for so many."""


def _first_of(name: str, w: tuple[float, ...]) -> Callable[[int], tuple[float, ...]]:
    def first(prosumers: int) -> tuple[float, ...]:
        if not 1 <= prosumers <= len(w):
            raise refused(f"number of prosumers of preset {name!r}", prosumers, f"in 1..{len(w)}, or give w")
        return w[:prosumers]

    return first


_TREND_W = (0.177, 0.149, 0.146, 0.136, 0.093, 0.084, 0.080, 0.076)
_DISCRIMINATED_W = (0.20, 0.165, 0.13, 0.10)

PRESETS: dict[str, Preset] = {
    "interior": Preset(
        Parameters(),
        "No bound binds: the closed forms hold, and the learner is measured here.",
        f"{_STATED} θ = 100, w within ±7 % of 0.1, p in [10, 45] and x in [0, 15] are reconstructed: the"
        " equilibrium is well inside the bounds, and demands nearly equal, as in Fig. 3(a).",
        evenly_spaced_intentions,
    ),
    "trend": Preset(
        Parameters(w=_TREND_W, p_min=1.0, p_max=17.8, x_max=20.0),
        "The price cap binds: the trends of Fig. 3(a) and 4(a)–4(d), and the break-even near Q = 0.45.",
        f"{_STATED} θ = 100, w, p in [1, 17.8], x in [0, 20] and e_c = 0 are reconstructed: p_max is about"
        " k/0.45, since with e_c = 0 the server breaks even at Q = 0.45 only under such a cap; w descends, so"
        " that each further prosumer brings the mean utility down.",
        _first_of("trend", _TREND_W),
    ),
    "discriminated": Preset(
        Parameters(w=_DISCRIMINATED_W, x_max=8.0, pricing="discriminated"),
        "A price for each of four prosumers: the higher the price, the smaller the demand, as in Fig. 3(b).",
        f"{_STATED} For Fig. 3 it takes four prosumers. θ = 100, w, p in [10, 45] and x in [0, 8] are"
        " reconstructed: demand falls with price across prosumers only where w > 4kη/θ = 0.096 and no cap"
        " binds, and a grid of 40 demands shows that only where its steps are small.",
        _first_of("discriminated", _DISCRIMINATED_W),
    ),
}


def preset(name: str, prosumers: int | None = None) -> Parameters:
    """The preset's parameters, with N prosumers if given.

    Raises TestbedError, with a suggestion, for a name that is no preset, and where it has no such N.
    """
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        raise TestbedError(
            f"unknown preset {name!r}, allowed: {', '.join(sorted(PRESETS))}",
            fix=f"Did you mean {close[0]!r}?" if close else None,
        )
    chosen = PRESETS[name]
    if prosumers is None:
        return chosen.parameters
    demand_whole("number of prosumers", prosumers)
    return replace(chosen.parameters, w=chosen.intentions(prosumers))
