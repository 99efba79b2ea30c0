"""`bench help`: what the command line costs before it does anything."""

from __future__ import annotations

import sys
import time

from bench.figures import Comparison, Limit, Side
from bench.room import Room
from orchestrator.command import run

_SECONDS = 0.3
_FLOOR = [sys.executable, "-c", "import typer, rich"]


def measure(place: Room, repetitions: int) -> Comparison:
    floor: list[float] = []
    ours: list[float] = []
    place.timed("--help")  # the first one compiles and reads what the others find in memory
    for number in range(repetitions):
        begun = time.perf_counter()
        run(_FLOOR, timeout_seconds=60)
        floor.append(time.perf_counter() - begun)
        ours.append(place.timed("--help")[0])
        place.report(
            f"{number + 1}/{repetitions}: imports {floor[-1]:.2f} s, testbed --help {ours[-1]:.2f} s"
        )
    sides = [
        Side("importing typer and rich", "s", floor, ['python -c "import typer, rich"']),
        Side("testbed --help", "s", ours, ["testbed --help"]),
    ]
    kept = sum(seconds <= _SECONDS for seconds in ours)
    return Comparison(
        title="testbed --help",
        sides=sides,
        ratio=sides[1].most / sides[0].median,
        limits=[Limit("slowest testbed --help, s", sides[1].most, _SECONDS, in_each=(kept, repetitions))],
        figures={"median_ratio": round(sides[1].median / sides[0].median, 4)},
    )
