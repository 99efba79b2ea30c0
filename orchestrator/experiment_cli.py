"""The command `testbed experiment`: the paper's figures and what goes beyond them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.game_cli import AsJson, epilog, err, out

if TYPE_CHECKING:
    from experiments.experiment import Outcome

experiment_app = typer.Typer()

_SEEDS = 12
_STEPS = 200_000
_ALL = "all"


@experiment_app.command(
    epilog=epilog("testbed experiment fig4a --seeds 12", "testbed experiment all --out results")
)
def experiment(
    name: Annotated[
        str,
        typer.Argument(
            help="fig3a, fig3b, fig4a … fig4e, gap, exploration, welfare, servers, or all.", metavar="NAME"
        ),
    ],
    seeds: Annotated[int, typer.Option(min=1, help="How many trainings of each kind.")] = _SEEDS,
    steps: Annotated[int, typer.Option(min=1, help="How long each is, in slots.")] = _STEPS,
    folder: Annotated[
        Path, typer.Option("--out", "-o", help="Where results go; what is there is gone on with.")
    ] = Path("results"),
    ray: Annotated[
        str | None,
        typer.Option(help="A Ray cluster that computes it, instead of this machine.", metavar="ADDRESS"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a figure of the paper, or all: data, pictures, and which of the paper's claims hold."""
    from experiments.catalogue import FIGURES
    from experiments.experiment import run_experiments
    from orchestrator.game_options import unknown
    from orchestrator.progress import Step, progress_bar

    if name != _ALL and name not in FIGURES:
        raise unknown("experiment", name, [*FIGURES, _ALL])
    if folder.exists() and not folder.is_dir():
        raise typer.BadParameter(f"{folder} is no folder", param_hint="--out")
    names = list(FIGURES) if name == _ALL else [name]
    with progress_bar(err) as show:
        outcome = run_experiments(
            names, seeds, steps, folder, lambda what, done, left: show(Step(what, done, left)), ray
        )
    if as_json:
        print(json.dumps(_to_json(outcome), allow_nan=False))
    else:
        _show(outcome)


def _rate(outcome: Outcome) -> float | None:
    """Learner updates a second of all cores together, of what was computed now."""
    learners = outcome.learners
    return learners.updates / learners.seconds if learners.seconds else None


def _to_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "folder": str(outcome.folder),
        "report": outcome.report and str(outcome.report),
        "learner_runs": outcome.learners.computed,
        "learner_seconds": round(outcome.learners.seconds, 3),
        "updates_per_second": _rate(outcome) and round(_rate(outcome) or 0),
        "genetic_runs": outcome.searches.computed,
        "genetic_seconds": round(outcome.searches.seconds, 3),
        "damaged": outcome.learners.damaged + outcome.searches.damaged,
        "claims": {name: [vars(claim) for claim in claims] for name, claims in outcome.claims.items()},
    }


def _show(outcome: Outcome) -> None:
    from experiments.catalogue import FIGURES

    for name, claims in outcome.claims.items():
        out.print(f"\n[bold]{FIGURES[name].title}[/bold]")
        for claim in claims:
            verdict, style = ("holds", "green") if claim.holds else ("does not hold", "yellow")
            out.print(f"  [{style}]{verdict}[/{style}]  {claim.by}, {claim.preset}: {claim.says}")
            cannot = f"cannot follow from the model: {claim.impossible} " if claim.impossible else ""
            out.print(f"      {claim.seen}; {cannot}{claim.why}", style="dim", markup=False)
    rate = _rate(outcome)
    if rate:
        out.print(
            f"\n{outcome.learners.computed} trainings in {outcome.learners.seconds:.0f} s, {rate / 1e6:.1f} M"
            f" updates/s on all cores; {outcome.searches.computed} genetic searches in"
            f" {outcome.searches.seconds:.0f} s"
        )
    damaged = outcome.learners.damaged + outcome.searches.damaged
    if damaged:
        out.print(f"{damaged} stored results were damaged and have been made anew", style="yellow")
    out.print(f"\nData and pictures are in {outcome.folder}", soft_wrap=True)
    if outcome.report:
        out.print(f"The report is {outcome.report}", soft_wrap=True)
