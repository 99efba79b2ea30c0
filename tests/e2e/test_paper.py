"""The profile `paper`: no file, eight prosumers, the equilibrium, with whatever engine the machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.running import Home, read_report


def test_a_newcomers_two_commands_play_the_papers_game(home: Home) -> None:
    status = home.ok("up", "--json").json
    assert [node["name"] for node in status["nodes"]] == ["laptop-a", "laptop-b", "vm"]
    summary = home.ok("campaign", "run", "--slots", "3", "--json").json
    assert summary["slots"] == 3
    assert summary["conservation"]["ok"] is True
    assert summary["died"] == []
    report = read_report(Path(summary["report_dir"]))
    assert len(report["parameters"]["w"]) == 8
    assert report["policy"] == "equilibrium"
    for record in report["slot_records"]:
        assert record["price"] == pytest.approx(report["equilibrium"]["price"], rel=1e-9)
        # Whoever was too late for a slot of this busy machine bought nothing; the others their optimum.
        for x, optimum in zip(record["x"], report["equilibrium"]["demands"], strict=True):
            assert x is None or x == pytest.approx(optimum, abs=1e-3)
    assert summary["slots_complete"] > 0
