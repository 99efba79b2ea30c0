"""Running experiments: sweeps first, then each figure's data, pictures and claims."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from errors.files import write_atomic
from experiments.catalogue import FIGURES
from experiments.drawing import save, styled
from experiments.figure import Claim
from experiments.reproduction import document
from experiments.runs import Run, Search, Training
from experiments.sweep import Results, Show, Swept, sweep

FOLDER = "reproduction"
_RUNS = "runs"


@dataclass(frozen=True)
class Outcome:
    """`claims` by figure; the two sweeps say what was computed now and how long it took."""

    folder: Path
    report: Path | None
    claims: dict[str, list[Claim]]
    learners: Swept
    searches: Swept


def run_experiments(
    names: Sequence[str],
    seeds: int,
    steps: int,
    out: Path,
    show: Show = lambda what, done, left: None,
    ray: str | None = None,
) -> Outcome:
    """Writes `out`/reproduction/NAME.csv, .png and .svg, and with all experiments `out`/reproduction.md.

    What an earlier run with the same code left in reproduction/runs is not computed again.
    """
    folder = out / FOLDER
    runs: list[Run] = [each for name in names for each in FIGURES[name].runs(seeds, steps)]
    # Apart, so that each has its time: a learner's rate says nothing with other work among it.
    trainings = [each for each in runs if isinstance(each, Training)]
    searches = [each for each in runs if isinstance(each, Search)]
    learned = sweep("learning", trainings, folder / _RUNS, show, ray)
    searched = sweep("genetic algorithm", searches, folder / _RUNS, show, ray)
    results: Results = {**learned.results, **searched.results}
    data: dict[str, pd.DataFrame] = {}
    for done, name in enumerate(names):
        show("figures", done / len(names), None)
        data[name] = _data(name, results, seeds, steps, folder)
    show("figures", 1.0, 0.0)
    report = None
    if set(names) == set(FIGURES):
        report = out / f"{FOLDER}.md"
        write_atomic(report, document(data, FOLDER, seeds, steps).encode())
    claims = {name: FIGURES[name].claims(rows) for name, rows in data.items()}
    return Outcome(folder, report, claims, learned, searched)


def _data(name: str, results: Results, seeds: int, steps: int, folder: Path) -> pd.DataFrame:
    """The figure's data as its file has them, so that whoever reads the file decides the same."""
    figure = FIGURES[name]
    text = figure.data(results, seeds, steps).to_csv(index=False, float_format="%.9g", lineterminator="\n")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / f"{name}.csv", text.encode())
    data = read_data(folder / f"{name}.csv")
    svg, png = io.BytesIO(), io.BytesIO()
    with styled():
        save(figure.draw(data), svg=svg, png=png)
    write_atomic(folder / f"{name}.svg", svg.getvalue())
    write_atomic(folder / f"{name}.png", png.getvalue())
    return data


def read_data(path: Path) -> pd.DataFrame:
    return pd.read_csv(path)
