"""Saying what goes on while something takes its time."""

from __future__ import annotations

import contextlib
import re
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
    """Where steps are shown: a bar on a terminal, elsewhere lines, not more than one in two seconds."""
    if not console.is_terminal:
        yield _lines(console)
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


def _lines(console: Console) -> ReportStep:
    said: dict[str, tuple[int, float]] = {}

    def show(step: Step) -> None:
        percent, now = int(step.done * 100), time.monotonic()
        before, then = said.get(step.what, (-1, -HEARTBEAT_SECONDS))
        # The last one is said in any case: it tells that this part is over.
        if percent > before and (now - then >= HEARTBEAT_SECONDS or percent == 100):
            said[step.what] = percent, now
            console.print(str(step), highlight=False, soft_wrap=True)

    return show
