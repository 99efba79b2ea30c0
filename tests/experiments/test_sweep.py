"""Sweeps give the same results however they are computed, and go on where they stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from errors import EnvironmentFault, TestbedError
from experiments import sweep as module
from experiments.runs import Run, Search, Training, key
from experiments.sweep import sweep
from learning.learner import LEARNERS
from market.presets import preset

GAME = replace(preset("interior"), w=(0.11, 0.09))
RUNS: list[Run] = [Training(GAME, LEARNERS["dma-ubrl"], seed, 50) for seed in range(4)]
COMMAND = Path(sys.executable).with_name("testbed")
_SECONDS = 120.0


def quiet(what: str, done: float, left: float | None) -> None:
    pass


def test_results_do_not_depend_on_where_and_in_which_order_they_are_computed(tmp_path: Path) -> None:
    searches: list[Run] = [Search(GAME, "server", 0)]
    swept = sweep("all", [*RUNS, *searches], tmp_path / "a", quiet)
    assert (swept.computed, swept.damaged) == (5, 0)
    assert swept.updates == 4 * 50 * 3
    again = sweep("all", [*searches, *RUNS[::-1], RUNS[0]], tmp_path / "b", quiet)
    assert again.results == swept.results == {run: run.compute() for run in (*RUNS, *searches)}
    for run in RUNS:
        name = f"{key(run)}.json"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_is_there_is_not_computed_again(tmp_path: Path) -> None:
    first = sweep("some", RUNS[:2], tmp_path, quiet)
    second = sweep("all", RUNS, tmp_path, quiet)
    assert (first.computed, second.computed) == (2, 2)
    third = sweep("all", RUNS, tmp_path, quiet)
    assert (third.computed, third.seconds, third.results) == (0, 0.0, second.results)


def test_a_damaged_result_is_made_anew(tmp_path: Path) -> None:
    whole = sweep("all", RUNS, tmp_path, quiet).results
    paths = [tmp_path / f"{key(run)}.json" for run in RUNS]
    text = paths[0].read_text()
    paths[0].write_text("")
    paths[1].write_text(text[: len(text) // 2])
    changed = json.loads(paths[2].read_text())
    changed["result"][0]["price"] += 1
    paths[2].write_text(json.dumps(changed))
    paths[3].write_text("[]")
    again = sweep("all", RUNS, tmp_path, quiet)
    assert (again.computed, again.damaged, again.results) == (4, 4, whole)


def test_a_run_is_named_by_all_that_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Training(GAME, LEARNERS["dma-ubrl"], 0, 50)
    others = [
        replace(first, seed=1),
        replace(first, steps=51),
        replace(first, checkpoints=2),
        replace(first, sellers=2),
        replace(first, learner=LEARNERS["q"]),
        replace(first, parameters=replace(GAME, theta=101.0)),
    ]
    assert len({key(run) for run in (first, *others)}) == len(others) + 1
    here = key(first)
    monkeypatch.setattr("experiments.runs.code_version", lambda: "other")
    assert key(first) != here


def test_progress_begins_with_what_is_there_and_ends_with_everything(tmp_path: Path) -> None:
    sweep("some", RUNS[:2], tmp_path, quiet)
    told: list[float] = []
    sweep("all", RUNS, tmp_path, lambda what, done, left: told.append(done))
    assert told == [0.5, 0.75, 1.0]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        sweep("all", RUNS[:1], tmp_path / "file" / "runs", quiet)


def test_a_killed_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    begun, runs = _begin(tmp_path, "fig3b")
    _wait_for(lambda: len(list(runs.glob("*.json"))) >= 2, begun)
    _kill(begun, signal.SIGKILL)
    there = {path: path.stat().st_mtime_ns for path in runs.glob("*.json")}
    assert 2 <= len(there) < 24
    ended = json.loads(_finish(tmp_path, "fig3b").splitlines()[-1])
    assert ended["learner_runs"] == 24 - len(there)
    assert {path: path.stat().st_mtime_ns for path in there} == there


def test_an_interrupted_sweep_ends_in_one_line_and_leaves_nobody_behind(tmp_path: Path) -> None:
    begun, runs = _begin(tmp_path, "fig3b")
    _wait_for(lambda: len(list(runs.glob("*.json"))) >= 1, begun)
    children = psutil.Process(begun.pid).children(recursive=True)
    begun.send_signal(signal.SIGINT)
    _, said = begun.communicate(timeout=_SECONDS)
    assert begun.returncode == 130
    assert "Traceback" not in said
    gone, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    assert gone


def _begin(folder: Path, name: str) -> tuple[subprocess.Popen[str], Path]:
    words = [str(COMMAND), "experiment", name, "--seeds", "12", "--steps", "60000", "--out", str(folder)]
    begun = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    return begun, folder / "reproduction" / "runs"


def _finish(folder: Path, name: str) -> str:
    words = [str(COMMAND), "experiment", name, "--seeds", "12", "--steps", "60000", "--out", str(folder)]
    ran = subprocess.run([*words, "--json"], capture_output=True, text=True, timeout=_SECONDS, check=True)
    return ran.stdout


def _wait_for(condition: Any, begun: subprocess.Popen[str]) -> None:
    ends = time.monotonic() + _SECONDS
    while not condition():
        assert begun.poll() is None, begun.communicate()
        assert time.monotonic() < ends
        time.sleep(0.01)


def _kill(begun: subprocess.Popen[str], number: int) -> None:
    """The whole group: it is a session of its own."""
    os.killpg(begun.pid, number)
    begun.communicate(timeout=_SECONDS)


@pytest.fixture
def cluster() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "object_store_memory": 80 * 2**20, "include_dashboard": False},
    )
    try:
        yield made.address
    finally:
        made.shutdown()  # type: ignore[no-untyped-call]


def test_a_ray_cluster_gives_the_same_bytes(cluster: str, tmp_path: Path) -> None:
    here = sweep("all", RUNS, tmp_path / "here", quiet)
    there = sweep("all", RUNS, tmp_path / "there", quiet, ray=cluster)
    assert (there.computed, there.results) == (4, here.results)
    for run in RUNS:
        name = f"{key(run)}.json"
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_an_address_where_no_cluster_answers_is_said_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(TestbedError, match="no Ray cluster answers at") as refused:
        sweep("all", RUNS[:1], tmp_path, quiet, ray=address)
    assert "ray start --head" in str(refused.value)
