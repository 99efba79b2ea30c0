"""A process is held to its share of a processor, without privileges, and let go at the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from orchestrator.engines.process import connect

_ROOT = Path(__file__).resolve().parents[2]
_QUOTA = 0.03
_PATIENCE_SECONDS = 240.0
_CONFIGURATION = """\
[supervisord]
logfile = {folder}/supervisord.log
pidfile = {folder}/supervisord.pid
nodaemon = true

[unix_http_server]
file = {folder}/socket

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[program:held]
command = {python} -c "while True: pass"
stopsignal = KILL

[program:free]
command = {python} -c "while True: pass"
stopsignal = KILL
"""


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {_PATIENCE_SECONDS:.0f} s for {what}"
        time.sleep(0.02)


class Two:
    """Two processes that would each take a whole processor."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        until(lambda: connect(socket) is not None, "the supervisor")
        self._supervisor = connect(socket)
        assert self._supervisor is not None
        until(lambda: all(self._pid(name) for name in ("held", "free")), "both to run")
        self.held, self.free = (psutil.Process(self._pid(name)) for name in ("held", "free"))

    def _pid(self, name: str) -> int:
        assert self._supervisor is not None
        return int(self._supervisor.supervisor.getProcessInfo(name)["pid"])

    @contextmanager
    def throttled(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "orchestrator.engines.throttle", str(self.socket), f"held={_QUOTA}"]
        env = {**os.environ, "PYTHONPATH": str(_ROOT)}
        with subprocess.Popen(command, env=env) as process:
            try:
                until(lambda: self.held.status() == psutil.STATUS_STOPPED, "the throttle to hold it back")
                yield process
            finally:
                process.kill()


def used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


@pytest.fixture
def two() -> Iterator[Two]:
    folder = Path(tempfile.mkdtemp(prefix="throttle-"))
    (folder / "conf").write_text(_CONFIGURATION.format(folder=folder, python=sys.executable))
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(folder / "conf")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as supervisor:
        try:
            yield Two(folder / "socket")
        finally:
            supervisor.terminate()
            supervisor.wait(60)
            shutil.rmtree(folder)


def test_a_busy_process_gets_its_share_and_no_more(two: Two) -> None:
    with two.throttled():
        held, free = used(two.held), used(two.free)
        until(lambda: used(two.free) - free > 2, "the other to use two seconds")
        ratio = (used(two.held) - held) / (used(two.free) - free)
        # Clearly less than the one without a quota, which on a busy machine is not given much either.
        assert ratio < 0.6
        until(lambda: used(two.held) - held > 0.05, "it to be let go in its turn")


def test_at_the_end_of_the_throttle_everything_runs_on(two: Two) -> None:
    with two.throttled() as throttle:
        throttle.terminate()
        assert throttle.wait(60) == 0
    before = used(two.held)
    until(lambda: used(two.held) - before > 0.5, "it to run on")


def test_what_a_killed_throttle_left_stopped_runs_again_under_the_next(two: Two) -> None:
    with two.throttled() as throttle:
        throttle.kill()
    until(lambda: two.held.status() == psutil.STATUS_STOPPED, "it to stay as it was left")
    before = used(two.held)
    with two.throttled():
        until(lambda: used(two.held) - before > 0.05, "it to be let go in its turn")


def test_a_process_that_was_started_anew_is_held_too(two: Two) -> None:
    with two.throttled():
        supervisor = connect(two.socket)
        assert supervisor is not None
        supervisor.supervisor.signalProcess("held", "KILL")
        until(lambda: not two.held.is_running(), "it to end")
        until(lambda: supervisor.supervisor.getProcessInfo("held")["statename"] == "RUNNING", "a new one")
        anew = psutil.Process(int(supervisor.supervisor.getProcessInfo("held")["pid"]))
        until(lambda: anew.status() == psutil.STATUS_STOPPED, "the throttle to find it")
