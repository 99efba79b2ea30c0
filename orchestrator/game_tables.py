"""What people and programs see of the game: its equilibrium, and how close a training came."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from market.equilibrium import solve
from market.mining import mining_utility
from market.parameters import Parameters
from market.presets import PRESETS

if TYPE_CHECKING:
    from learning.statistics import Summary
    from orchestrator.training import Training

_BOUNDS = {
    "p_min": "the lowest price allowed",
    "p_max": "the highest price allowed",
    "x_min": "the least demand allowed",
    "x_max": "the largest demand allowed",
}


def equilibrium_json(preset: str, parameters: Parameters) -> dict[str, Any]:
    """Prices in ether per elecoin, demands in elecoins, utilities as equations (2) and (3) have them."""
    solution = solve(parameters)
    return {
        "preset": preset,
        **asdict(solution),
        "mean_prosumer_utility": solution.mean_prosumer_utility,
        "mining_utility": mining_utility(parameters),
        "parameters": asdict(parameters),
    }


def show_equilibrium(out: Console, preset: str, parameters: Parameters) -> None:
    solution = solve(parameters)
    # What a preset shows need not hold of other values.
    same = parameters == PRESETS[preset].parameters
    out.print(f"[bold]{preset}[/bold]{': ' + PRESETS[preset].shows if same else ', with other values'}\n")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("prosumer", "w", "price", "demand", "utility"):
        table.add_column(column, justify="left" if column == "prosumer" else "right")
    rows = zip(parameters.w, solution.prices, solution.demands, solution.prosumer_utilities, strict=True)
    for index, (w, price, demand, utility) in enumerate(rows):
        table.add_row(str(index + 1), f"{w:.4g}", f"{price:.6f}", f"{demand:.6f}", f"{utility:.6f}")
    out.print(table)
    mining = mining_utility(parameters)
    out.print(
        f"\nserver utility          {solution.server_utility:.6f}"
        f"  (trade {solution.server_utility - mining:.6f}, mining {mining:.6f})"
        f"\nmean prosumer utility   {solution.mean_prosumer_utility:.6f}"
        f"\n{'price' if parameters.pricing == 'unified' else 'mean price':24}{solution.price:.6f}"
        f"  ({parameters.pricing} pricing, ether per elecoin)"
    )
    binding = _binding(parameters, solution.binding) or "none: the closed forms hold"
    out.print(f"bounds that bind        {binding}")


def _binding(parameters: Parameters, names: Collection[str]) -> str:
    """What binds in words, prosumers counted from 1 as in the table."""
    said = []
    for key, words in _BOUNDS.items():
        who = [int(name[name.index("[") + 1 : -1]) + 1 for name in names if name.startswith(f"{key}[")]
        if key in names or who:
            text = f"{key} = {getattr(parameters, key):g}, {words}"
            plural = "s" if len(who) > 1 else ""
            said.append(text + (f" (prosumer{plural} {', '.join(map(str, who))})" if who else ""))
    return "; ".join(said)


def show_training(out: Console, training: Training) -> None:
    first, best = training.learned[0], training.equilibrium
    out.print(
        f"[bold]{training.algorithm}[/bold]: {len(training.learned)} seeds of {first.steps:,} slots,"
        f" {training.updates_per_second / 1e6:.1f} M updates/s on a core\n"
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("", "mean", "95 % interval", "IQM", "equilibrium", "distance"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name, quantity, unit in (
        ("price", "price", 1.0),
        ("demand", "mean_demand", 1.0),
        ("server utility", "server_utility", 1.0),
        ("prosumer utility", "mean_prosumer_utility", 1.0),
        ("leader gap, %", "leader_gap", 100.0),
        ("follower gap, %", "follower_gap", 100.0),
        ("NashConv", "nashconv", 1.0),
    ):
        seen = training.summary(quantity)
        # A gap is a distance itself.
        distance = None if unit == 100 or quantity == "nashconv" else training.distance(quantity)
        table.add_row(
            name,
            f"{seen.mean * unit:.3f}",
            _interval(seen, unit),
            f"{seen.iqm * unit:.3f}",
            f"{getattr(best, quantity) * unit:.3f}",
            "" if distance is None else f"{distance:.2%}",
        )
    out.print(table)
    parameters = training.game.parameters
    out.print("\nbounds that bind")
    out.print(f"  learnt       {_learnt_bounds(parameters, training) or 'none'}")
    out.print(f"  equilibrium  {_binding(parameters, best.binding) or 'none'}")
    out.print(
        "\nGaps are what the best deviation would gain; the equilibrium is the exact one on the same grid."
        "\nDemand and utility are means over the prosumers; IQM is the interquartile mean over the seeds.",
        style="dim",
    )


def _learnt_bounds(parameters: Parameters, training: Training) -> str:
    """As `_binding`, with how many of the seeds play it: bounds of as many seeds together."""
    bounds, seeds = training.bounds(), len(training.learned)
    said = []
    for count in sorted(set(bounds.values()), reverse=True):
        same = [name for name, often in bounds.items() if often == count]
        said.append(f"{_binding(parameters, same)} ({count} of {seeds} seeds)")
    return "; ".join(said)


def _interval(seen: Summary, unit: float) -> str:
    if seen.ci is None:
        return "one seed has none"
    low, high = (bound * unit for bound in seen.ci)
    return f"{low:.3f} … {high:.3f}"
