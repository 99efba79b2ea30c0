"""Programs are run bounded in time, and their failures say what happened and what to do."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from errors import EnvironmentFault
from orchestrator.cache import locked
from orchestrator.command import CommandFailed, run, stderr_lines

_SOCKET = "dial unix /var/run/docker.sock: connect"


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_a_program_says_comes_back() -> None:
    output = run(_python("import sys; print('out'); print('err', file=sys.stderr)"), timeout_seconds=20)
    assert (output.returned, output.stdout, output.stderr) == (0, "out\n", "err\n")


def test_arguments_reach_the_program_as_they_are() -> None:
    awkward = "a b; $(touch x) 'q' *"
    code = "import sys; print(sys.argv[1], end='')"
    assert run([*_python(code), awkward], timeout_seconds=20).stdout == awkward


def test_a_failure_carries_command_code_and_stderr_and_ends_with_3() -> None:
    command = _python("import sys; sys.exit('broken pipe organ')")
    with pytest.raises(CommandFailed) as caught:
        run(command, timeout_seconds=20)
    assert caught.value.argv == command
    assert caught.value.returned == 1
    assert "broken pipe organ" in caught.value.stderr
    assert "broken pipe organ" in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_failure_that_is_expected_is_no_error() -> None:
    assert run(_python("raise SystemExit(4)"), timeout_seconds=20, check=False).returned == 4


def test_an_absent_program_is_named() -> None:
    with pytest.raises(EnvironmentFault, match="no-such-program") as caught:
        run(["no-such-program"], timeout_seconds=20)
    assert "cannot be started" in str(caught.value)


@pytest.mark.parametrize(
    ("stderr", "means", "fix"),
    [
        (
            f"permission denied while trying to connect to the Docker daemon socket: {_SOCKET}",
            "refuses this user",
            "usermod",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?",
            "does not answer",
            "--engine process",
        ),
        ("write /var/lib/docker/tmp/x: no space left on device", "disk is full", "TESTBED_CACHE"),
    ],
)
def test_what_the_machine_lacks_is_said_in_plain_words(stderr: str, means: str, fix: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        run(_python(f"import sys; sys.exit({stderr!r})"), timeout_seconds=20)
    assert means in str(caught.value)
    assert fix in str(caught.value)


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = ["sh", "-c", f'sleep 600 & echo $! > "{pid}.new"; mv "{pid}.new" "{pid}"; wait']
    with pytest.raises(CommandFailed, match="not done after") as caught:
        run(command, timeout_seconds=0.5)
    assert caught.value.returned is None
    assert _gone(int(pid.read_text()))


def test_long_work_is_heard_of_every_two_seconds() -> None:
    said: list[str] = []
    run(["sleep", "2.3"], timeout_seconds=20, report=said.append, what="sleeping")
    assert said == ["sleeping", "sleeping (2 s)"]


def test_lines_come_as_they_are_written() -> None:
    code = "import sys; [print(n, file=sys.stderr, flush=True) for n in range(3)]; input()"
    lines = stderr_lines(["sh", "-c", "echo one >&2; echo two >&2; exec sleep 600"], timeout_seconds=30)
    with contextlib.closing(lines):
        assert [next(lines), next(lines)] == ["one", "two"]
    with pytest.raises(CommandFailed) as caught:
        list(stderr_lines(_python(code), timeout_seconds=20))  # input() finds no standard input
    assert "EOFError" in caught.value.stderr


def test_closing_the_lines_ends_the_program(tmp_path: Path) -> None:
    lines = stderr_lines(["sh", "-c", "echo $$ >&2; exec sleep 600"], timeout_seconds=30)
    pid = int(next(lines))
    lines.close()
    assert _gone(pid)


def test_a_lock_is_held_by_one_and_waited_for_aloud(tmp_path: Path) -> None:
    said: list[str] = []
    waits = threading.Event()
    order: list[str] = []

    def second() -> None:
        def report(text: str) -> None:
            said.append(text)
            waits.set()

        with locked(tmp_path / "lock", report, "at work"):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked(tmp_path / "lock", said.append, "at work"):
        thread.start()
        assert waits.wait(20)
        order.append("first")
    thread.join(20)
    assert order == ["first", "second"]
    assert said[0].startswith("waiting: another process is at work")


def test_waiting_for_a_lock_ends(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock", print, "at work"),
        pytest.raises(EnvironmentFault, match="at work"),
        locked(tmp_path / "lock", print, "at work", timeout_seconds=0.2),
    ):
        pass


def _gone(pid: int) -> bool:
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return True
        if state == "Z":  # ended; whoever adopted it has not asked for its code yet
            return True
        time.sleep(0.02)
    return False
