"""`testbed equilibrium` and `testbed learn`: what they print, store and refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from errors import TestbedError
from learning.policy_file import load
from market.presets import PRESETS, preset
from orchestrator.cli import app

_FAST = ("--grid", "6", "--steps", "400", "--seeds", "2")


def said(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=False, env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    return result.stdout


def answered(*words: str) -> dict[str, Any]:
    value = json.loads(said(*words, "--json"))
    assert isinstance(value, dict)
    return value


def test_the_equilibrium_of_the_interior_preset_is_that_of_the_facts() -> None:
    seen = answered("equilibrium", "--preset", "interior")
    assert seen["price"] == pytest.approx(27.187914, abs=5e-7)
    assert seen["prices"] == [seen["price"]] * 8
    assert seen["server_utility"] - seen["mining_utility"] == pytest.approx(692.474428, abs=5e-7)
    assert sum(seen["prosumer_utilities"]) / 8 == pytest.approx(20.397300, abs=5e-7)
    assert (len(seen["demands"]), seen["binding"]) == (8, [])


def test_any_parameter_can_be_set_and_a_binding_bound_is_said() -> None:
    seen = answered("equilibrium", "--set", "p_max=20", "--set", "w=[0.12, 0.1]", "--set", "Q=0.5")
    assert seen["price"] == 20
    assert seen["binding"] == ["p_max"]
    assert seen["parameters"]["w"] == [0.12, 0.1]
    text = said("equilibrium", "--set", "x_max=4.0")
    assert "x_max = 4, the largest demand allowed (prosumers 1, 2, 3)" in " ".join(text.split())
    assert "none: the closed forms hold" in said("equilibrium")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_solved_and_told(name: str) -> None:
    text = said("equilibrium", "--preset", name)
    assert name in text
    assert max(map(len, text.splitlines())) <= 100
    assert answered("equilibrium", "--preset", name)["parameters"]["pricing"] == preset(name).pricing


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--preset", "interor"), "Did you mean 'interior'"),
        (("--set", "q=1"), "Did you mean 'Q'"),
        (("--set", "thetta=1"), "Did you mean 'theta'"),
        (("--set", "Q"), "is no key=value"),
        (("--set", "Q=half"), "is no JSON value"),
        (("--set", "Q=NaN"), "NaN is no number of JSON"),
        (("--set", "Q=Infinity"), "Infinity is no number of JSON"),
        (("--set", "Q=1e999"), "Q = inf is not allowed: it must be finite"),
        (("--set", f"k=1{'0' * 400}"), "k = a whole number of 1329 bits is not allowed: it must be finite"),
        (("--set", "Q=1e-308"), "Q = 1e-308 is not allowed: it must be >= 1e-20"),
        (("--set", "theta=1e300"), "theta = 1e+300 is not allowed: it must be <= 1e+20"),
        (("--set", "Q=0.5", "--set", "Q=0.6"), "Q is there twice"),
        (("--set", "w=[]"), "length of w = 0"),
        (("--set", "w=[0.1, -0.1]"), "w[1] = -0.1 is not allowed: it must be > 0"),
        (("--set", "w=[[0.1]]"), "w = [0.1] is not allowed: it must be a number"),
        (("--set", "k=40"), "c = √(kθH/η) = "),
        (("--set", "p_min=50"), "p_max = 45.0 is not allowed: it must be >= p_min = 50"),
        (("--set", 'pricing="auction"'), "pricing = 'auction'"),
    ],
)
def test_nonsense_is_answered_with_the_quantity_and_its_bound(words: tuple[str, ...], told: str) -> None:
    for command in ("equilibrium", "learn"):
        with pytest.raises(TestbedError) as refused:
            CliRunner().invoke(app, (command, *words), catch_exceptions=False)
        assert told in str(refused.value)


def test_a_training_says_how_close_it_came_and_keeps_its_policy(tmp_path: Path) -> None:
    path = tmp_path / "policies" / "policy.npz"
    seen = answered("learn", *_FAST, "--out", str(path), "--set", "w=[0.1]", "--learner", "gamma=0.5")
    assert (seen["algorithm"], seen["seeds"], seen["steps"]) == ("dma-ubrl", 2, 400)
    assert seen["price"]["ci"][0] <= seen["price"]["mean"] <= seen["price"]["ci"][1]
    assert seen["learner"]["gamma"] == 0.5
    assert seen["updates_per_second"] > 0
    for gap in ("leader_gap", "follower_gap", "nashconv"):
        assert seen[gap] == seen["summaries"][gap]["mean"] >= 0
    stored = load(path, replace(preset("interior"), w=(0.1,)))
    assert (stored.name, stored.origin["seed"]) == ("dma-ubrl", 0)


def test_a_training_is_a_table_for_people() -> None:
    text = said("learn", *_FAST, "--algorithm", "q")
    assert "2 seeds of 400 slots" in text
    assert "leader gap, %" in text
    assert "one seed has none" in said("learn", "--grid", "6", "--steps", "400", "--seeds", "1")


def test_a_bound_that_binds_in_a_training_is_said() -> None:
    words = ("learn", "--preset", "trend", "--grid", "6", "--steps", "4000", "--seeds", "2")
    seen = answered(*words)
    assert seen["binding"] == {"learnt": {"p_max": 2}, "equilibrium": ["p_max"]}
    text = " ".join(said(*words).split())
    bound = "p_max = 17.8, the highest price allowed"
    assert f"learnt {bound} (2 of 2 seeds) equilibrium {bound}" in text
    inside = answered("learn", *_FAST)
    assert inside["binding"]["equilibrium"] == []
    assert "equilibrium none" in " ".join(said("learn", *_FAST).split())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--algorithm", "dma-ubr"), "Did you mean 'dma-ubrl'"),
        (("--learner", "gama=0.5"), "Did you mean 'gamma'"),
        (("--learner", "gamma=1"), "gamma = 1 is not allowed: it must be in [0, 1)"),
        (("--learner", 'sigma="high"'), "sigma = 'high' is not allowed: it must be a number"),
        (("--learner", "sigma=true"), "sigma = True is not allowed"),
        (("--learner", "averages=1"), "averages = 1 is not allowed: it must be a truth value"),
        (("--grid", "1"), "price_points = 1"),
    ],
)
def test_a_training_that_cannot_be_is_refused(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(TestbedError) as refused:
        CliRunner().invoke(app, ("learn", *words), catch_exceptions=False)
    assert told in str(refused.value)


def test_solving_the_game_loads_no_learner() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from orchestrator.cli import app;"
        "assert CliRunner().invoke(app, ['equilibrium', '--json']).exit_code == 0;"
        "print(sorted({'numba', 'pandas', 'scipy', 'pymoo'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "[]"
