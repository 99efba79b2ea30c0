"""Fig. 4(a)–4(d): the utilities of both sides with more prosumers, and with dearer electricity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Picture

from experiments.drawing import BLACK, BLUE, GREEN, ORANGE, VERMILION, legend, line, panels
from experiments.fig4ab_claims import EQUAL, fig4a_claims, fig4b_claims
from experiments.fig4cd_claims import fig4c_claims, fig4d_claims
from experiments.figure import Figure, chosen, over_seeds
from experiments.runs import Run, Search, Training, measured
from experiments.sweep import Results
from learning.game import Game
from learning.genetic import SIDES
from learning.learner import LEARNERS
from learning.strategies import uniform
from market.equilibrium import solve
from market.mining import mining_utility
from market.parameters import Parameters
from market.presets import preset

_PROSUMERS = range(2, 9)
_ELECTRICITY_PRICES = tuple(round(0.35 + 0.05 * step, 2) for step in range(12))
_PLAYED = ("price", "demand", "electricity", "server_utility", "trade_utility", "prosumer_utility")
_GAPS = ("leader_gap", "follower_gap")
_QUANTITIES = (*_PLAYED, *_GAPS)
_POLICIES = {
    "dma-ubrl": ("DMA-UBRL", VERMILION, 0),
    "ga-prosumer": ("GA for prosumers", BLUE, 1),
    "ga-server": ("GA for the server", GREEN, 2),
    "random": ("random", ORANGE, 3),
    "equilibrium": ("equilibrium", BLACK, None),
}


# Between the first two are the harmonic and the geometric mean of w. Every other is between these two when it
# joins, so that it raises the price and lowers the mean utility.
_EXTREMES_FIRST = (0.07, 0.4, 0.14, 0.145, 0.148, 0.15, 0.15, 0.15)
_SEARCHED = ("trend", "interior", "interior, w ascending")
"""Where the genetic algorithm stands beside: the others only tell of the price."""


def _series() -> dict[str, Parameters]:
    """Games of eight prosumers, who join in the order of w: in the presets the last has the smallest."""
    interior = preset("interior")
    return {
        "trend": preset("trend"),
        "interior": interior,
        "interior, w ascending": replace(interior, w=interior.w[::-1]),
        "interior, extremes first": replace(interior, w=_EXTREMES_FIRST),
        EQUAL: replace(interior, w=(0.1,) * 8),
    }


def _with_prosumers() -> Iterator[tuple[str, int, Parameters]]:
    for name, game in _series().items():
        for n in _PROSUMERS:
            yield name, n, replace(game, w=game.w[:n])


def _with_prices() -> Iterator[tuple[str, float, Parameters]]:
    for name in ("trend", "interior"):
        for Q in _ELECTRICITY_PRICES:
            yield name, Q, replace(preset(name), Q=Q)


def _training(parameters: Parameters, seed: int, steps: int) -> Training:
    return Training(parameters, LEARNERS["dma-ubrl"], seed, steps)


def _runs_a(seeds: int, steps: int) -> list[Run]:
    games = list(_with_prosumers())
    trainings = [_training(game, seed, steps) for _, _, game in games for seed in range(seeds)]
    searches = [
        Search(game, side, seed)
        for name, _, game in games
        if name in _SEARCHED
        for side in SIDES
        for seed in range(seeds)
    ]
    return [*trainings, *searches]


def _runs_c(seeds: int, steps: int) -> list[Run]:
    return [_training(game, seed, steps) for _, _, game in _with_prices() for seed in range(seeds)]


def _record(g: Parameters, found: dict[str, Any]) -> dict[str, float]:
    """Means over prosumers, the server's trade without U_m and k·e_c, electricity in kWh, and the gaps where
    they were measured."""
    demand = sum(found["demands"]) / g.prosumers
    return {
        "price": found["price"],
        "demand": demand,
        "electricity": demand / g.Q,
        "server_utility": found["server_utility"],
        "trade_utility": found["server_utility"] - mining_utility(g) + g.k * g.e_c,
        "prosumer_utility": sum(found["prosumer_utilities"]) / g.prosumers,
        **{gap: found[gap] for gap in _GAPS if gap in found},
    }


def _baselines(g: Parameters) -> dict[str, dict[str, Any]]:
    return {"random": measured(uniform(Game(g))), "equilibrium": vars(solve(g))}


def _data_a(results: Results, seeds: int, steps: int) -> pd.DataFrame:
    records = []
    for name, n, g in _with_prosumers():
        by = {"preset": name, "N": n}
        for seed in range(seeds):
            learned = results[_training(g, seed, steps)][-1]
            records.append({**by, "policy": "dma-ubrl", **_record(g, learned)})
            for side in SIDES if name in _SEARCHED else ():
                found = results[Search(g, side, seed)][0]
                records.append({**by, "policy": f"ga-{side}", **_record(g, found)})
        records += [{**by, "policy": policy, **_record(g, each)} for policy, each in _baselines(g).items()]
    return over_seeds(records, _QUANTITIES)


def _data_c(results: Results, seeds: int, steps: int) -> pd.DataFrame:
    records = []
    for name, Q, g in _with_prices():
        by = {"preset": name, "Q": Q}
        for seed in range(seeds):
            learned = results[_training(g, seed, steps)][-1]
            records.append({**by, "policy": "dma-ubrl", **_record(g, learned)})
        records += [{**by, "policy": policy, **_record(g, each)} for policy, each in _baselines(g).items()]
    return over_seeds(records, _QUANTITIES)


def _draw(x: str, label: str, quantity: str, unit: str, data: pd.DataFrame) -> Picture:
    names = list(dict.fromkeys(data["preset"]))
    picture, axes = panels(names, label, [unit], columns=min(3, len(names)))
    for panel, name in zip(axes, names, strict=True):
        for policy, (words, colour, index) in _POLICIES.items():
            rows = chosen(data, preset=name, policy=policy, quantity=quantity)
            if len(rows):
                line(panel, rows, x, words, colour, index)
        if quantity == "server_utility":
            panel.axhline(0, color=BLACK, linewidth=0.4)
    legend(picture, axes)
    return picture


_MORE = "prosumers N"
_DEARER = "Q, elecoins per kWh"
FIG4A = Figure(
    "fig4a",
    "Fig. 4(a): mean utility of the prosumers with more of them",
    _runs_a,
    _data_a,
    partial(_draw, "N", _MORE, "prosumer_utility", "mean utility of prosumers"),
    fig4a_claims,
)
FIG4B = Figure(
    "fig4b",
    "Fig. 4(b): utility of the edge server with more prosumers",
    _runs_a,
    _data_a,
    partial(_draw, "N", _MORE, "server_utility", "utility of the server"),
    fig4b_claims,
)
FIG4C = Figure(
    "fig4c",
    "Fig. 4(c): utility of the edge server with dearer electricity between prosumers",
    _runs_c,
    _data_c,
    partial(_draw, "Q", _DEARER, "server_utility", "utility of the server"),
    fig4c_claims,
)
FIG4D = Figure(
    "fig4d",
    "Fig. 4(d): mean utility of the prosumers with dearer electricity between them",
    _runs_c,
    _data_c,
    partial(_draw, "Q", _DEARER, "prosumer_utility", "mean utility of prosumers"),
    fig4d_claims,
)
