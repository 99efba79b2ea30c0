"""Every experiment makes data, pictures and claims, the same each time; the report in docs/ is its data's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from experiments.catalogue import FIGURES
from experiments.experiment import Outcome, read_data, run_experiments
from experiments.figure import chosen, mean, means
from experiments.reproduction import document
from experiments.runs import Training
from learning.learner import LEARNERS
from market.presets import preset
from tests.experiments.conftest import SEEDS, STEPS

DOCS = Path(__file__).parents[2] / "docs"


def test_every_experiment_leaves_data_and_pictures(outcome: Outcome) -> None:
    names = {path.name for path in outcome.folder.iterdir() if path.is_file()}
    assert names == {f"{name}.{kind}" for name in FIGURES for kind in ("csv", "png", "svg")}
    assert outcome.report == outcome.folder.parent / "reproduction.md"
    for name, claims in outcome.claims.items():
        data = read_data(outcome.folder / f"{name}.csv")
        assert {"quantity", "mean", "low", "high", "n"} <= set(data.columns)
        assert (data["low"] <= data["high"]).all()
        assert claims == FIGURES[name].claims(data)
        assert claims


def test_a_second_run_computes_nothing_and_gives_the_same_bytes(outcome: Outcome, tmp_path: Path) -> None:
    shutil.copytree(outcome.folder / "runs", tmp_path / "reproduction" / "runs")
    names = ["fig3a", "fig4a", "fig4e", "gap"]
    again = run_experiments(names, SEEDS, STEPS, tmp_path)
    assert again.learners.computed == again.searches.computed == 0
    assert again.report is None
    for name in names:
        for kind in ("csv", "png", "svg"):
            file = f"{name}.{kind}"
            assert (again.folder / file).read_bytes() == (outcome.folder / file).read_bytes(), file


def test_the_report_names_every_claim_and_picture(outcome: Outcome) -> None:
    assert outcome.report is not None
    text = outcome.report.read_text()
    assert f"testbed experiment all --seeds {SEEDS} --steps {STEPS}" in text
    for name, claims in outcome.claims.items():
        assert f"](reproduction/{name}.png)" in text
        for claim in claims:
            assert f"| {claim.says} | {claim.by} | {claim.preset} |" in text


def _committed() -> dict[str, pd.DataFrame]:
    return {name: read_data(DOCS / "reproduction" / f"{name}.csv") for name in FIGURES}


def test_the_report_in_the_repository_is_what_its_data_say() -> None:
    text = document(_committed(), "reproduction", 12, 200_000)
    assert (DOCS / "reproduction.md").read_text() == text


def test_a_row_of_the_report_comes_out_again() -> None:
    """Twelve trainings of the preset `interior`, as Fig. 4(b) has them for N = 8."""
    seeds = [
        Training(preset("interior"), LEARNERS["dma-ubrl"], seed, 200_000).compute()[-1] for seed in range(12)
    ]
    rows = chosen(_committed()["fig4b"], preset="interior", N=8, policy="dma-ubrl")
    for quantity in ("price", "server_utility"):
        found = sum(seed[quantity] for seed in seeds) / len(seeds)
        assert mean(rows, quantity=quantity) == pytest.approx(found, rel=1e-6)


def test_the_report_holds_the_known_figures() -> None:
    data = _committed()
    exact = chosen(data["fig4a"], policy="equilibrium", preset="trend")
    utilities, trade = means(exact, quantity="prosumer_utility"), means(exact, quantity="trade_utility")
    assert (utilities[0], utilities[-1]) == pytest.approx((82.1, 55.2), abs=0.05)
    assert (trade[0], trade[-1]) == pytest.approx((134.0, 468.5), abs=0.2)
    over_Q = chosen(data["fig4c"], policy="equilibrium", preset="trend", quantity="trade_utility")
    assert mean(over_Q, Q=0.45) == pytest.approx(2.6, abs=0.05)
    assert mean(over_Q, Q=0.35) == pytest.approx(-625, abs=0.5)
    interior = chosen(data["fig4b"], policy="equilibrium", preset="interior", N=8)
    assert mean(interior, quantity="price") == pytest.approx(27.187914, abs=1e-6)
    assert mean(interior, quantity="trade_utility") == pytest.approx(692.474428, abs=1e-6)
    assert mean(interior, quantity="prosumer_utility") == pytest.approx(20.397300, abs=1e-6)


def test_the_learner_reaches_in_the_report_what_it_is_to_reach() -> None:
    (claim,) = (c for c in FIGURES["gap"].claims(_committed()["gap"]) if c.says.startswith("dma-ubrl ends"))
    assert claim.holds
