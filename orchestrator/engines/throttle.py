"""Holds processes to their CPU quota without privileges, as `cpulimit` does: by stopping them in between.

    python -m orchestrator.engines.throttle SUPERVISOR_SOCKET NAME=QUOTA …

Each process has a budget that fills with quota · time, as a control group's does, and may be saved up to
one second of the quota, so that a node starts as fast as the machine lets it.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestrator.engines.process import connect

_TICK_SECONDS = 0.05
_LOOK_UP_EVERY_TICKS = 20
_SAVED_SECONDS = 1.0


@dataclass
class Budget:
    """CPU seconds that one process may still use."""

    quota: float
    process: psutil.Process
    used_seconds: float
    left_seconds: float
    stopped: bool = False

    def settle(self, elapsed_seconds: float) -> None:
        """Charge what was used and hold the process back, or let it go on. Raises psutil.Error."""
        times = self.process.cpu_times()
        used = times.user + times.system
        self.left_seconds = min(
            self.left_seconds + self.quota * elapsed_seconds - (used - self.used_seconds),
            self.quota * _SAVED_SECONDS,
        )
        self.used_seconds = used
        if self.left_seconds < 0 and not self.stopped:
            self.process.send_signal(signal.SIGSTOP)
            self.stopped = True
        elif self.left_seconds >= 0 and self.stopped:
            self.release()

    def release(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False


def throttle(supervisor_socket: Path, quotas: dict[str, float], end: threading.Event) -> None:
    """Hold the supervisor's processes to their quotas until `end` is set; then let all of them run."""
    budgets: dict[str, Budget] = {}
    last = time.monotonic()
    ticks = 0
    while not end.wait(_TICK_SECONDS):
        if ticks % _LOOK_UP_EVERY_TICKS == 0:
            _look_up(supervisor_socket, quotas, budgets)
        ticks += 1
        now = time.monotonic()
        for name in list(budgets):
            try:
                budgets[name].settle(now - last)
            except psutil.Error:
                del budgets[name]  # it ended; a new one is found at the next look
        last = now
    for budget in budgets.values():
        with contextlib.suppress(psutil.Error):
            budget.release()


def _look_up(supervisor_socket: Path, quotas: dict[str, float], budgets: dict[str, Budget]) -> None:
    supervisor = connect(supervisor_socket)
    if supervisor is None:
        return
    for info in supervisor.supervisor.getAllProcessInfo():
        name, pid = info["name"], info["pid"]
        if name not in quotas or not pid or (name in budgets and budgets[name].process.pid == pid):
            continue
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            process.send_signal(signal.SIGCONT)  # a throttle that was killed may have left it stopped
            times = process.cpu_times()
            budgets[name] = Budget(quotas[name], process, times.user + times.system, quotas[name])


def main() -> None:
    supervisor_socket, *pairs = sys.argv[1:]
    quotas = {name: float(quota) for name, _, quota in (pair.partition("=") for pair in pairs)}
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    throttle(Path(supervisor_socket), quotas, end)


if __name__ == "__main__":
    main()
