"""`testbed experiment`: what it prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from errors import TestbedError
from orchestrator.cli import app


def test_an_unknown_experiment_is_refused_with_the_nearest_known(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="unknown experiment 'fig4'") as refused:
        CliRunner().invoke(app, ["experiment", "fig4", "--out", str(tmp_path)], catch_exceptions=False)
    assert refused.value.fix is not None
    assert "Did you mean 'fig4" in refused.value.fix
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["--seeds", "0"], ["--steps", "0"], ["--out", __file__]])
def test_a_wrong_use_ends_with_2(words: list[str]) -> None:
    assert CliRunner().invoke(app, ["experiment", "fig4e", *words]).exit_code == 2


def test_programs_get_one_line_and_people_every_claim(tmp_path: Path) -> None:
    words = ["experiment", "fig4e", "--seeds", "2", "--out", str(tmp_path)]
    answered = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    seen = json.loads(answered.stdout.splitlines()[-1])
    assert set(seen) == {
        *("folder", "report", "learner_runs", "learner_seconds", "updates_per_second"),
        *("genetic_runs", "genetic_seconds", "damaged", "claims"),
    }
    (first, *_) = seen["claims"]["fig4e"]
    assert set(first) == {"says", "by", "preset", "holds", "seen", "why", "exact", "impossible"}
    said = " ".join(CliRunner().invoke(app, words, catch_exceptions=False).stdout.split())
    for claim in seen["claims"]["fig4e"]:
        assert " ".join(claim["says"].split()) in said
    assert (tmp_path / "reproduction" / "fig4e.svg").is_file()
