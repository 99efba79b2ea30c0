"""Saying what goes on while something takes its time."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

HEARTBEAT_SECONDS = 2.0

# Takes one line for the user; long work repeats itself with the seconds passed, so that a terminal
# may show the newest line only.
Report = Callable[[str], None]


def with_elapsed(what: str, seconds: float) -> str:
    return f"{what} ({seconds:.0f} s)"


def is_heartbeat(line: str) -> bool:
    """Whether a line only says that the last one still holds."""
    return re.search(r" \(\d+ s\)$", line) is not None


@dataclass(frozen=True)
class Step:
    """How far a long computation is: `done` of 0..1, and the seconds left (None: not known yet)."""

    what: str
    done: float
    remaining_seconds: float | None

    def __str__(self) -> str:
        left = "" if self.remaining_seconds is None else f", about {_span(self.remaining_seconds)} left"
        return f"{self.what}: {self.done:.0%}{left}"


ReportStep = Callable[[Step], None]


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


@contextlib.contextmanager
def progress_bar(console: Console) -> Iterator[ReportStep]:
    """Where steps are shown: a bar on a terminal, elsewhere lines, one in two seconds while it goes on."""
    if not console.is_terminal:
        with _lines(console) as show_line:
            yield show_line
        return
    # Imported here: most commands draw no bar, and should not pay for it at their start.
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def show(step: Step) -> None:
            if step.what not in tasks:
                tasks[step.what] = bar.add_task(step.what, total=1.0, left="")
            left = "" if step.remaining_seconds is None else f"about {_span(step.remaining_seconds)} left"
            bar.update(tasks[step.what], completed=step.done, left=left)

        yield show


@contextlib.contextmanager
def _lines(console: Console) -> Iterator[ReportStep]:
    """A thread says the last step again, with the seconds passed, while what goes on says nothing itself."""
    said: dict[str, tuple[int, float]] = {}
    begun: dict[str, float] = {}
    going_on: list[Step] = []
    lock, over = threading.Lock(), threading.Event()

    def show(step: Step) -> None:
        percent, now = int(step.done * 100), time.monotonic()
        with lock:
            begun.setdefault(step.what, now)
            going_on[:] = [step] if percent < 100 else []
            before, then = said.get(step.what, (-1, -HEARTBEAT_SECONDS))
            # The last one is said in any case: it tells that this part is over.
            if percent > before and (now - then >= HEARTBEAT_SECONDS or percent == 100):
                say(step, percent, str(step))

    def say(step: Step, percent: int, line: str) -> None:
        said[step.what] = percent, time.monotonic()
        console.print(line, highlight=False, soft_wrap=True)

    def repeat() -> None:
        while not over.wait(HEARTBEAT_SECONDS):
            with lock:
                for step in going_on:
                    percent, then = said[step.what]
                    if (now := time.monotonic()) - then >= HEARTBEAT_SECONDS:
                        say(step, percent, with_elapsed(str(step), now - begun[step.what]))

    thread = threading.Thread(target=repeat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield show
    finally:
        over.set()
        thread.join()
