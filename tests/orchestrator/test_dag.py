"""The data sets are made once: waited for, taken up after an interruption, never half there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from errors import EnvironmentFault
from genesis import dag
from genesis.dag import EPOCHS, missing_epochs
from orchestrator.command import CommandFailed
from orchestrator.dag import ensure_dag, in_container, is_generating, on_host
from orchestrator.geth import find_geth
from orchestrator.images import ensure_images
from orchestrator.progress import Step

_ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_SECONDS = 60.0
_DATA = b"\xfe\xca\xdd\xba" * 4096
# Writes what Geth writes: a temporary file, its log lines, then the file under its name.
_MAKEDAG = r"""
import pathlib, sys
block, directory = int(sys.argv[1]), pathlib.Path(sys.argv[2])
epoch = block // 30000
name = ("full-R23-" + "0" * 16, "full-R23-290decd9548b62a8")[epoch]
temporary = directory / (name + ".123")
temporary.write_bytes(b"\xfe\xca\xdd\xba" * 4096)
print("INFO Generating DAG in progress   epoch=%d percentage=50" % epoch, file=sys.stderr, flush=True)
temporary.rename(directory / name)
with open(directory / "made", "a") as made:
    print(epoch, file=made)
"""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data sets of 16 KiB in place of those of 1 GiB."""
    digest = sha256(_DATA[:4096]).hexdigest()
    sizes = {"size_bytes": len(_DATA), "head_sha256": digest, "tail_sha256": digest}
    monkeypatch.setattr(dag, "EPOCHS", tuple(replace(epoch, **sizes) for epoch in EPOCHS))  # type: ignore[arg-type]


def _makedag() -> list[str]:
    return [sys.executable, "-c", _MAKEDAG]


def _ignore(_: object) -> None:
    pass


@pytest.mark.usefixtures("small")
def test_both_are_made_with_progress_and_then_kept(tmp_path: Path) -> None:
    steps: list[Step] = []
    ensure_dag(_makedag, _ignore, steps.append, directory=tmp_path)
    assert missing_epochs(tmp_path) == []
    assert {(step.what[-6:], step.done) for step in steps} == {
        (which, done) for which in ("1 of 2", "2 of 2") for done in (0.0, 0.5, 1.0)
    }
    assert any(step.remaining_seconds is not None for step in steps if step.done == 0.5)

    def unasked() -> list[str]:
        raise AssertionError("Geth was looked for though nothing is missing")

    ensure_dag(unasked, _ignore, _ignore, directory=tmp_path)
    assert (tmp_path / "made").read_text().split() == ["0", "1"]


@pytest.mark.usefixtures("small")
def test_a_cut_file_and_remains_are_replaced_and_the_whole_one_kept(tmp_path: Path) -> None:
    ensure_dag(_makedag, _ignore, _ignore, directory=tmp_path)
    (tmp_path / EPOCHS[1].file_name).write_bytes(_DATA[:-1])
    (tmp_path / f"{EPOCHS[1].file_name}.42").write_bytes(_DATA)
    ensure_dag(_makedag, _ignore, _ignore, directory=tmp_path)
    assert missing_epochs(tmp_path) == []
    assert not (tmp_path / f"{EPOCHS[1].file_name}.42").exists()
    assert (tmp_path / "made").read_text().split() == ["0", "1", "1"]


def test_a_small_disk_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dag, "_MARGIN_BYTES", 2**60)

    def unasked() -> list[str]:
        raise AssertionError("Geth was looked for though the disk is too small")

    with pytest.raises(EnvironmentFault, match="are free"):
        ensure_dag(unasked, _ignore, _ignore, directory=tmp_path)
    assert _names(tmp_path) == set()


@pytest.mark.usefixtures("small")
def test_a_failure_of_geth_says_what_it_said_and_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> list[str]:
        return [
            "sh",
            "-c",
            f'touch "{tmp_path}/{EPOCHS[0].file_name}.9"; echo "Fatal: no memory" >&2; exit 1',
        ]

    with pytest.raises(CommandFailed, match="Fatal: no memory"):
        ensure_dag(failing, _ignore, _ignore, directory=tmp_path)
    assert _names(tmp_path) == set()


def test_an_interruption_leaves_nothing_and_a_kill_is_waited_for(tmp_path: Path) -> None:
    """With the real Geth, which has its temporary file of 1 GiB within a second."""
    command = on_host(find_geth(print))
    _interrupt(command, tmp_path)

    with _process(command, tmp_path) as process:
        _until(lambda: bool(_temporaries(tmp_path)))
        process.kill()
        process.wait(_DEADLINE_SECONDS)
    assert is_generating(tmp_path), "the Geth that goes on alone must hold the lock"
    for pid in _generators(tmp_path):
        os.kill(pid, signal.SIGKILL)
    _until(lambda: not is_generating(tmp_path))


@pytest.mark.docker
def test_an_image_makes_them_where_no_geth_is_installed(tmp_path: Path) -> None:
    _interrupt(in_container(ensure_images(print).geth, tmp_path), tmp_path)
    _until(lambda: not _generators(tmp_path))


def _interrupt(command: list[str], directory: Path) -> None:
    with _process(command, directory) as process:
        _until(lambda: bool(_temporaries(directory)))
        assert is_generating(directory)
        process.send_signal(signal.SIGINT)
        assert process.wait(_DEADLINE_SECONDS) != 0
    assert _names(directory) == set()
    assert not is_generating(directory)


def _process(command: list[str], directory: Path) -> subprocess.Popen[bytes]:
    code = (
        "import sys; from pathlib import Path; from orchestrator.dag import ensure_dag\n"
        f"ensure_dag(lambda: {command!r}, print, print, directory=Path({str(directory)!r}))"
    )
    env = {**os.environ, "PYTHONPATH": str(_ROOT)}
    return subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.DEVNULL)


def _generators(directory: Path) -> list[int]:
    """The processes that make a data set in `directory`, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # ended meanwhile
            continue
        if b"makedag" in words and str(directory).encode() in words:
            found.append(int(path.parent.name))
    return found


def _temporaries(directory: Path) -> set[str]:
    return {name for name in _names(directory) if name.startswith("full-R23-")}


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {".generating.lock"}


def _until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < ends_at, "the condition never came true"
        time.sleep(0.02)
