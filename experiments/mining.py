"""Fig. 4(e): how likely an edge server wins a block, by the number of servers and the size of blocks."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Picture

from experiments.drawing import SERIES, legend, line, panels
from experiments.figure import Claim, Figure, chosen, means, over_seeds, trend, why
from experiments.runs import Run
from experiments.sweep import Results
from market.mining import mining_utility, success_probability
from market.parameters import Parameters
from market.presets import preset

_SERVERS = range(1, 11)
_SIZES = (25, 50, 100, 200, 400)
_PAPERS = 200
_BLOCKS = 20_000
_QUANTITIES = ("probability", "mining_utility")
_BY_CONSTRUCTION = (
    "The simulation assumes what equation (1) assumes, so it shows that the formula follows from these"
    " assumptions, not that they hold of real miners."
)


def _parameters(servers: int, size: int) -> Parameters:
    return replace(preset("interior"), alpha=(1.0,) * servers, s=float(size))


def simulate(parameters: Parameters, blocks: int, seed: int) -> float:
    """The part of blocks that the selling server won and kept.

    Servers find answers as independent Poisson processes with rates β; a block is kept unless anybody finds
    the next one before it has reached everybody, λ·l·s mean block times later. Equation (1) assumes the same,
    so the two agree by construction.
    """
    rng = np.random.default_rng(seed)
    g = parameters
    shares = np.array(g.alpha) / sum(g.alpha)
    found = rng.exponential(1.0, (blocks, len(shares))) / shares
    won = found.argmin(axis=1) == g.seller
    following = (rng.exponential(1.0, (blocks, len(shares))) / shares).min(axis=1)
    return float((won & (following > g.lam * g.l * g.s)).mean())


def _runs(seeds: int, steps: int) -> list[Run]:
    return []


def _data(results: Results, seeds: int, steps: int) -> pd.DataFrame:
    records = []
    for servers, size in product(_SERVERS, _SIZES):
        g = _parameters(servers, size)
        by = {"preset": "interior", "block_size": size, "M": servers}
        exact = {"probability": success_probability(g, 0), "mining_utility": mining_utility(g)}
        records.append({**by, "policy": "equation (1)", **exact})
        reward = g.R_f + g.r * g.s
        for seed in range(seeds):
            kept = simulate(g, _BLOCKS, seed)
            records.append(
                {**by, "policy": "simulated", "probability": kept, "mining_utility": reward * kept}
            )
    return over_seeds(records, _QUANTITIES)


def _draw(data: pd.DataFrame) -> Picture:
    units = ["probability of winning a block", "U_m, expected reward"]
    picture, axes = panels(units, "edge servers M, of equal power", units)
    for panel, quantity in zip(axes, _QUANTITIES, strict=True):
        for index, size in enumerate(_SIZES):
            rows = chosen(data, block_size=size, quantity=quantity)
            exact, simulated = (chosen(rows, policy=policy) for policy in ("equation (1)", "simulated"))
            line(panel, exact, "M", f"s = {size}", SERIES[index], None)
            panel.plot(
                simulated["M"], simulated["mean"], "o", markersize=3, color=SERIES[index],
                label="simulated" if index == 0 else None,
            )  # fmt: skip
    legend(picture, axes)
    return picture


def _claims(data: pd.DataFrame) -> list[Claim]:
    rows = chosen(data, policy="simulated", quantity="probability")
    by_servers = {size: means(rows, block_size=size) for size in _SIZES}
    more_servers = all(trend(values) == "falls" for values in by_servers.values())
    by_size = {servers: means(rows, M=servers) for servers in _SERVERS}
    larger = all(trend(values) == "falls" for values in by_size.values())
    exact = means(data, policy="equation (1)", quantity="probability")
    apart = max(abs(a - b) for a, b in zip(means(rows), exact, strict=True))
    rewards = dict(
        zip(_SIZES, means(data, policy="equation (1)", quantity="mining_utility", M=1), strict=True)
    )
    wasteful = rewards[_PAPERS] < 0.6 * max(rewards.values())
    return [
        Claim(
            "With more edge servers each is less likely to win a block.",
            "paper",
            "any",
            more_servers,
            f"simulated at s = {_PAPERS}: {by_servers[_PAPERS][0]:.3f} of blocks for one server,"
            f" {by_servers[_PAPERS][-1]:.3f} each for {len(_SERVERS)}; at most {apart:.4f} from equation (1)",
            why(
                more_servers,
                if_so=f"β = 1/M of the computing power. {_BY_CONSTRUCTION}",
                if_not="Unexplained.",
            ),
        ),
        Claim(
            "Larger blocks are kept less often.",
            "paper",
            "any",
            larger,
            f"simulated with one server: {by_size[1][0]:.3f} at s = {_SIZES[0]}, {by_size[1][-1]:.3f} at s ="
            f" {_SIZES[-1]}",
            why(larger, if_so=f"ρ = β·exp(−λls). {_BY_CONSTRUCTION}", if_not="Unexplained."),
        ),
        Claim(
            "The block size of the paper, s = 200, earns little more than half of what smaller blocks would.",
            "testbed",
            "any",
            wasteful,
            "U_m of one server: "
            + ", ".join(f"{value:.0f} at s = {size}" for size, value in rewards.items()),
            why(
                wasteful,
                if_so="(R_f + r·s)·exp(−λls) is greatest at s = 1/(λl) − R_f/r = 33.",
                if_not="Unexplained.",
            ),
        ),
    ]


FIG4E = Figure(
    "fig4e",
    "Fig. 4(e): probability of winning a block",
    _runs,
    _data,
    _draw,
    _claims,
)
