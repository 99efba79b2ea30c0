"""How close the learners come to the equilibrium over time, and what exploration does to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure as Picture

from experiments.drawing import BLACK, BLUE, SERIES, VERMILION, legend, line, panels
from experiments.figure import Claim, Figure, chosen, mean, over_seeds, why
from experiments.runs import FOLLOWER_GAP, GRID, LEADER_GAP, Run, Training, measured
from experiments.sweep import Results
from learning.game import Game
from learning.learner import LEARNERS, Learner
from learning.strategies import exact
from market.presets import preset

_PRICE = 0.02  # of the grid's optimum: how near the mean price is to be
_GAPS = ("leader_gap", "follower_gap", "nashconv", "price", "server_utility")
_CHECKPOINTS = 40


# How close, over time


def _gap_training(algorithm: str, seed: int, steps: int) -> Training:
    return Training(preset("interior"), LEARNERS[algorithm], seed, steps, min(steps, _CHECKPOINTS))


def _gap_runs(seeds: int, steps: int) -> list[Run]:
    return [_gap_training(name, seed, steps) for name in LEARNERS for seed in range(seeds)]


def _gap_data(results: Results, seeds: int, steps: int) -> pd.DataFrame:
    records = [
        {"preset": "interior", "policy": name, "step": each["step"], **{key: each[key] for key in _GAPS}}
        for name in LEARNERS
        for seed in range(seeds)
        for each in results[_gap_training(name, seed, steps)]
    ]
    best = measured(exact(Game(preset("interior"), GRID, GRID)))
    only = {key: best[key] for key in _GAPS}
    records.append({"preset": "interior", "policy": "equilibrium", "step": steps, **only})
    return over_seeds(records, _GAPS)


def _gap_draw(data: pd.DataFrame) -> Picture:
    titles = ("leader gap", "follower gap", "NashConv")
    units = ["part of U_e − U_m", "part of the mean U_p", "utility"]
    picture, axes = panels(titles, "thousand slots", units)
    data = data.assign(thousands=data["step"] / 1000)
    for panel, quantity in zip(axes, _GAPS, strict=False):
        for name, colour in zip(LEARNERS, SERIES, strict=False):
            line(panel, chosen(data, policy=name, quantity=quantity), "thousands", name, colour)
        smallest = chosen(data, quantity=quantity)["mean"]
        # Gaps of nothing are shown at the lower edge.
        panel.set_yscale("symlog", linthresh=max(1e-4, float(smallest[smallest > 0].min())))
        panel.set_ylim(bottom=0)
    for panel, wanted in zip(axes, (LEADER_GAP, FOLLOWER_GAP), strict=False):
        panel.axhline(wanted, color=BLACK, linewidth=0.6, linestyle=(0, (1, 2)), label="at most wanted")
    legend(picture, axes)
    return picture


def _gap_claims(data: pd.DataFrame) -> list[Claim]:
    last = chosen(data, step=data["step"].max())
    best = mean(last, policy="equilibrium", quantity="price")
    claims = []
    for name in LEARNERS:
        mine = chosen(last, policy=name).set_index("quantity")
        seen = {key: mine.loc[key] for key in ("leader_gap", "follower_gap", "price")}
        off = abs(seen["price"]["mean"] / best - 1)
        holds = bool(
            seen["leader_gap"]["mean"] <= LEADER_GAP
            and seen["follower_gap"]["mean"] <= FOLLOWER_GAP
            and off <= _PRICE
        )
        claims.append(
            Claim(
                f"{name} ends within {LEADER_GAP:.0%} (leader gap), {FOLLOWER_GAP:.1%} (follower gap) and"
                f" {_PRICE:.0%} (price) of the equilibrium.",
                "testbed",
                "interior",
                holds,
                f"leader {_share(seen['leader_gap'])}; followers {_share(seen['follower_gap'])}; price"
                f" {seen['price']['mean']:.2f} [{seen['price']['low']:.2f}, {seen['price']['high']:.2f}], IQM"
                f" {seen['price']['iqm']:.2f}, where the grid's optimum is {best:.2f}",
                why(
                    holds,
                    if_so="Its values are averages over each action's visits; “Sensitivity to exploration”"
                    " takes the schedule apart.",
                    if_not=_SHORT.get(name, "Unexplained."),
                ),
            )
        )
    return [*claims, _false_pass(last)]


_SHORT = {
    "dma-ubrl-paper": "A constant rate and no exploration of its own: “Sensitivity to exploration” tells"
    " what each costs.",
    "giga-wolf": "Its step is a length, not a probability: with one small enough to settle it is not"
    " there yet.",
    "phc": "Its one step makes the policy greedy while the values still move.",
}


def _share(row: pd.Series) -> str:
    return f"{row['mean']:.3%} [{row['low']:.3%}, {row['high']:.3%}], IQM {row['iqm']:.3%}"


def _false_pass(last: pd.DataFrame) -> Claim:
    """The server's utility under the paper's own setting beside its gap."""
    utility = mean(last, policy="dma-ubrl-paper", quantity="server_utility")
    best = mean(last, policy="equilibrium", quantity="server_utility")
    gap = mean(last, policy="dma-ubrl-paper", quantity="leader_gap")
    off = abs(utility / best - 1)
    holds = gap > LEADER_GAP and off < gap
    return Claim(
        "A utility near the equilibrium's does not show that the equilibrium was learnt.",
        "testbed",
        "interior",
        holds,
        f"dma-ubrl-paper: the server's utility is {off:.1%} from the equilibrium's, its gap is {gap:.1%}",
        why(
            holds,
            if_so="A wrong price and wrong demands cancel in the utility; a gap compares with the best"
            " answer.",
            if_not="Here the two tell the same.",
        ),
    )


# Sensitivity to exploration, and to the learning rate, which matters as much

_CONSTANT = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
_UNTIL = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
_FIXED_RATE = 0.1
_ARMS = {
    "constant, σ = 0.1": "probability of a random action",
    "constant, σ = max(1/n, 0.05)": "probability of a random action",
    "1 → 0, σ = 0.1": "part of the slots until it ends",
    "1 → 0, σ = max(1/n, 0.05)": "part of the slots until it ends",
}
"""Of exploration and learning rate, with what is varied in it."""


def _explorations() -> Iterator[tuple[str, float, Learner]]:
    averaging = LEARNERS["dma-ubrl"]
    fixed = replace(averaging, sigma=_FIXED_RATE, averages=False)
    rates = {"σ = 0.1": fixed, "σ = max(1/n, 0.05)": averaging}
    for rate, learner in rates.items():
        for value in _CONSTANT:
            yield f"constant, {rate}", value, replace(learner, explore_from=value, explore_to=value)
        for value in _UNTIL:
            yield f"1 → 0, {rate}", value, replace(learner, explore_for=value)


def _exploration_runs(seeds: int, steps: int) -> list[Run]:
    return [
        Training(preset("interior"), learner, seed, steps)
        for _, _, learner in _explorations()
        for seed in range(seeds)
    ]


def _exploration_data(results: Results, seeds: int, steps: int) -> pd.DataFrame:
    records = [
        {"preset": "interior", "policy": name, "value": value, **{key: found[key] for key in _GAPS}}
        for name, value, learner in _explorations()
        for seed in range(seeds)
        for found in results[Training(preset("interior"), learner, seed, steps)][-1:]
    ]
    return over_seeds(records, _GAPS)


def _exploration_draw(data: pd.DataFrame) -> Picture:
    picture, axes = panels(list(_ARMS), "", ["gap"], columns=2)
    for panel, (name, x) in zip(axes, _ARMS.items(), strict=True):
        panel.set_xlabel(x)
        for index, (quantity, colour) in enumerate((("leader_gap", VERMILION), ("follower_gap", BLUE))):
            rows = chosen(data, policy=name, quantity=quantity)
            line(panel, rows, "value", quantity.replace("_", " "), colour, index)
        panel.set_yscale("symlog", linthresh=1e-4)
        panel.set_ylim(0, 1)
    legend(picture, axes)
    return picture


def _exploration_claims(data: pd.DataFrame) -> list[Claim]:
    claims = []
    for name in _ARMS:
        rows = chosen(data, policy=name)
        leader, follower = (
            chosen(rows, quantity=key).set_index("value")["mean"] for key in ("leader_gap", "follower_gap")
        )
        met = [
            f"{value:g}"
            for value in leader.index
            if leader[value] <= LEADER_GAP and follower[value] <= FOLLOWER_GAP
        ]
        gaps = ", ".join(
            f"{value:g}: {leader[value]:.2%} and {follower[value]:.2%}" for value in leader.index
        )
        averages = "1/n" in name
        claims.append(
            Claim(
                f"Exploration {name}: some setting ends within 1 % (leader) and 0.5 % (followers).",
                "testbed",
                "interior",
                bool(met),
                f"leader and follower gap by {_ARMS[name]}: {gaps}",
                (f"Met at {', '.join(met)}. " if met else "")
                + (
                    "The values are averages over an action's visits, in which the noise of the others' play"
                    " cancels: they rank the actions rightly with little exploration, or with much that ends."
                    if averages
                    else "With a constant rate the values follow the noise of the others' play for ever, and"
                    " a policy that has settled on a wrong action does not find out."
                ),
            )
        )
    return claims


GAP = Figure(
    "gap", "How close: equilibrium gaps while learning", _gap_runs, _gap_data, _gap_draw, _gap_claims
)
EXPLORATION = Figure(
    "exploration",
    "Sensitivity to exploration",
    _exploration_runs,
    _exploration_data,
    _exploration_draw,
    _exploration_claims,
)
