"""Fig. 3: what four prosumers demand while DMA-UBRL learns, under unified and under discriminated pricing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Picture

from experiments.drawing import BLACK, SERIES, legend, line, panels
from experiments.fig4cd_claims import BREAK_EVEN
from experiments.figure import Claim, Figure, chosen, mean, means, over_seeds, rank_correlation, why
from experiments.runs import FOLLOWER_GAP, LEADER_GAP, Run, Training
from experiments.sweep import Results
from learning.game import Game
from learning.learner import LEARNERS
from learning.strategies import exact, measure
from market.equilibrium import solve
from market.mining import mining_utility
from market.parameters import Parameters, Pricing
from market.presets import PRESETS, preset

_CHECKPOINTS = 40
_NEARLY_EQUAL = 0.2  # of the mean: the largest difference of demands that are called similar
_CLOSE = 0.05
_FALLS = -0.9  # rank correlation of prices and demands
_FOUR = 4
_GAPS = ("leader_gap", "follower_gap")
_DASHES: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 0.8}


def _games(pricing: Pricing) -> dict[str, Parameters]:
    names = ("interior", "trend") if pricing == "unified" else ("discriminated", "trend")
    return {name: replace(preset(name, _FOUR), pricing=pricing) for name in names}


def _training(parameters: Parameters, seed: int, steps: int) -> Training:
    return Training(parameters, LEARNERS["dma-ubrl"], seed, steps, min(steps, _CHECKPOINTS))


def _runs(pricing: Pricing, seeds: int, steps: int) -> list[Run]:
    return [_training(game, seed, steps) for game in _games(pricing).values() for seed in range(seeds)]


def _data(pricing: Pricing, results: Results, seeds: int, steps: int) -> pd.DataFrame:
    records = []
    for name, parameters in _games(pricing).items():
        best = measure(exact(Game(parameters)))
        for i in range(_FOUR):
            records += [
                {
                    "preset": name,
                    "prosumer": i + 1,
                    "policy": "dma-ubrl",
                    "step": checkpoint["step"],
                    "price": checkpoint["prices"][i],
                    "demand": checkpoint["demands"][i],
                    **{key: checkpoint[key] for key in _GAPS},
                }
                for seed in range(seeds)
                for checkpoint in results[_training(parameters, seed, steps)]
            ]
            records.append(
                {
                    "preset": name,
                    "prosumer": i + 1,
                    "policy": "equilibrium",
                    "step": steps,
                    "price": best.prices[i],
                    "demand": best.demands[i],
                    "leader_gap": best.leader_gap,
                    "follower_gap": best.follower_gap,
                }
            )
    return over_seeds(records, ("price", "demand", *_GAPS))


def _draw(data: pd.DataFrame) -> Picture:
    names = list(dict.fromkeys(data["preset"]))
    titles = [f"{quantity}, {name}" for name in names for quantity in ("demand", "price")]
    units = ["elecoins a slot", "ether per elecoin"]
    picture, axes = panels(titles, "thousand slots", units, columns=2)
    data = data.assign(thousands=data["step"] / 1000)
    unified = all(
        chosen(data, policy="equilibrium", quantity="price", preset=name)["mean"].nunique() == 1
        for name in names
        if name != "trend"
    )
    for row, name in enumerate(names):
        for column, quantity in enumerate(("demand", "price")):
            panel = axes[2 * row + column]
            for i in range(_FOUR):
                mine = chosen(data, preset=name, prosumer=i + 1, quantity=quantity)
                if unified and quantity == "price" and i:
                    continue
                together = unified and quantity == "price"
                label, colour = ("all prosumers", BLACK) if together else (f"prosumer {i + 1}", SERIES[i])
                line(panel, chosen(mine, policy="dma-ubrl"), "thousands", label, colour)
                level = mean(mine, policy="equilibrium")
                panel.axhline(level, color=colour, **_DASHES)
    axes[-1].plot([], [], color=BLACK, label="equilibrium on the grid", **_DASHES)
    legend(picture, axes)
    return picture


def _last(data: pd.DataFrame, name: str, quantity: str, policy: str = "dma-ubrl") -> list[float]:
    """What each prosumer came to."""
    mine = chosen(data, preset=name, policy=policy, quantity=quantity)
    return means(mine, step=mine["step"].max())


def _shown(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _converges(data: pd.DataFrame, name: str) -> Claim:
    """From which checkpoint on every prosumer's mean demand stays near its last."""
    rows = chosen(data, preset=name, policy="dma-ubrl", quantity="demand")
    table = rows.pivot(index="step", columns="prosumer", values="mean")
    apart = ((table - table.iloc[-1]).abs() / table.iloc[-1].abs().clip(lower=1e-9)).max(axis=1)
    settled = table.index[(apart[::-1] <= _CLOSE).cummin()[::-1]][0]
    wanted = _last(data, name, "demand", "equilibrium")
    off = max(abs(x - best) / max(best, 1e-9) for x, best in zip(table.iloc[-1], wanted, strict=True))
    leader, follower = (_last(data, name, gap)[0] for gap in _GAPS)
    holds = bool(settled < table.index[-1] and leader <= LEADER_GAP and follower <= FOLLOWER_GAP)
    return Claim(
        "DMA-UBRL converges, and to the equilibrium.",
        "paper",
        name,
        holds,
        f"every demand stays within 5 % of its last from slot {settled:,} on; there the best deviation gains"
        f" the leader {leader:.2%} and a follower {follower:.2%}; demands are at most {off:.1%} from the"
        " equilibrium on the same grid",
        why(
            holds,
            if_so="The learnt values rank the actions rightly when exploration has ended, after 80 % of the"
            " slots.",
            if_not="The slots are too few for it.",
        ),
    )


def _claims_unified(data: pd.DataFrame) -> list[Claim]:
    claims = []
    for name in dict.fromkeys(data["preset"]):
        claims.append(_converges(data, name))
        demands = _last(data, name, "demand")
        spread = (max(demands) - min(demands)) / (sum(demands) / _FOUR)
        holds = 0 < spread <= _NEARLY_EQUAL
        claims.append(
            Claim(
                "Under unified pricing the prosumers' demands are nearly equal; diverse intentions make the"
                " small difference.",
                "paper",
                name,
                holds,
                f"demands {_shown(demands)}: apart by {spread:.1%} of their mean",
                why(
                    holds,
                    if_so="The demand θ/(ηp) − Q/w depends on w by its second, small term only.",
                    if_not="Q/w is no small part of the demand here.",
                ),
            )
        )
    return claims


def _claims_discriminated(data: pd.DataFrame) -> list[Claim]:
    claims = []
    for name in dict.fromkeys(data["preset"]):
        claims.append(_converges(data, name))
        prices, demands = _last(data, name, "price"), _last(data, name, "demand")
        correlation = rank_correlation(prices, demands)
        exact_prices = _last(data, name, "price", "equilibrium")
        holds = max(exact_prices) > min(exact_prices) and correlation <= _FALLS
        solved = solve(_games("discriminated")[name])
        exact_correlation = rank_correlation(solved.prices, solved.demands)
        g = PRESETS[name].parameters
        bound = 4 * g.k * g.eta / g.theta
        claims.append(
            Claim(
                "Where the price is higher, the demand is smaller.",
                "paper",
                name,
                holds,
                f"learnt: prices {_shown(prices)}, demands {_shown(demands)}, rank correlation"
                f" {correlation:+.2f}; equilibrium: {_shown(solved.prices)} and {_shown(solved.demands)}",
                why(
                    holds,
                    if_so=f"Each prosumer alone buys less at a higher price (eq. 4); across prosumers it"
                    f" takes w > 4kη/θ = {bound:.3f} and no binding cap, as here.",
                    if_not=f"The cap p_max = {g.p_max:g} binds for everybody: no price differs.",
                ),
                exact_correlation <= _FALLS,
            )
        )
        claims.append(_with_break_even(name, holds, exact_correlation <= _FALLS))
    return claims


def _with_break_even(name: str, learnt: bool, exactly: bool) -> Claim:
    """Two claims of the paper under one set of values: each can hold, but not both."""
    g = _games("discriminated")[name]
    below, above = (_trade(replace(g, Q=BREAK_EVEN + step)) for step in (-0.05, 0.05))
    breaks_even = below < 0 < above
    costly = preset("discriminated")
    e_c = _trade(replace(costly, Q=BREAK_EVEN)) / costly.k
    return Claim(
        f"… and with the same values Q ≤ {BREAK_EVEN} cannot offset the server's cost, as in Fig. 4(c).",
        "paper",
        name,
        learnt and breaks_even,
        f"demand {'falls' if exactly else 'does not fall'} with price; with a price for each, U_e − U_m is"
        f" {below:.1f} at Q = 0.40, {above:.1f} at 0.50",
        "",
        exactly and breaks_even,
        "Where demand falls with price, w > 4kη/θ, prices are above 2k/Q. Where Q ≤ 0.45 earns nothing and"
        f" e_c = 0, p_max ≤ k/0.45. Both take Q ≥ 0.9, and the paper has {g.Q:g}. Only an e_c that costs all"
        f" that the trade earns (under `discriminated` {e_c:.1f} kWh a slot) lets both be.",
    )


def _trade(g: Parameters) -> float:
    """U_e − U_m + k·e_c at the equilibrium."""
    return solve(g).server_utility - mining_utility(g) + g.k * g.e_c


FIG3A = Figure(
    "fig3a",
    "Fig. 3(a): convergence under unified pricing, four prosumers",
    lambda seeds, steps: _runs("unified", seeds, steps),
    lambda results, seeds, steps: _data("unified", results, seeds, steps),
    _draw,
    _claims_unified,
)
FIG3B = Figure(
    "fig3b",
    "Fig. 3(b): convergence under discriminated pricing, four prosumers",
    lambda seeds, steps: _runs("discriminated", seeds, steps),
    lambda results, seeds, steps: _data("discriminated", results, seeds, steps),
    _draw,
    _claims_discriminated,
)
