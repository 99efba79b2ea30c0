"""`bench up`: a warm `testbed up` beside the plain commands, alternating in one run."""

from __future__ import annotations

import time

from bench.engines import geth_for
from bench.figures import Comparison, Limit, Side
from bench.floor import Recipe, plain_chain
from bench.room import Room

_RATIO = {"docker": 4.0, "process": 3.5}
_AGAIN_SECONDS = 1.0
_AGAIN = 10
_HEIGHT = 2


def measure(place: Room, engine: str, starts: int) -> Comparison:
    """Every start is a new chain, on a machine that has the images or binaries."""
    again = _again(place, engine)
    recipe = Recipe(engine, geth_for(engine, place.report))
    floor: list[float] = []
    ours: list[float] = []
    commands: list[str] = []
    for number in range(starts):
        with plain_chain(recipe, place.scratch(f"floor{number}")) as chain:
            _wait_for(number / starts)
            floor.append(chain.start(_HEIGHT))
            commands = chain.commands
        name = f"s{number}"
        _wait_for(number / starts)
        ours.append(place.up(name, engine))
        place.destroy(name)
        place.report(f"{engine} {number + 1}/{starts}: plain {floor[-1]:.2f} s, testbed up {ours[-1]:.2f} s")
    command = f"testbed up --name NEW --engine {engine} --json"
    sides = [
        Side("plain commands", "s", floor, commands),
        Side("testbed up", "s", ours, [command]),
        Side("testbed up, running", "s", again, [command.replace("NEW", "RUNNING")]),
    ]
    bound = _RATIO[engine]
    ratio = sides[1].most / sides[0].median
    kept = sum(seconds <= bound * sides[0].median for seconds in ours)
    return Comparison(
        title=f"testbed up ({engine}): a new chain from the first command to ready",
        sides=sides,
        ratio=ratio,
        limits=[
            Limit("slowest testbed up / median of the plain commands", ratio, bound, in_each=(kept, starts)),
            Limit("slowest testbed up on a running testbed, s", sides[2].most, _AGAIN_SECONDS),
        ],
        figures={"engine": engine, "median_ratio": round(sides[1].median / sides[0].median, 4)},
    )


def _wait_for(phase: float) -> None:
    """Until that part of a second has passed by the clock. A chain's blocks fall on whole seconds, so when
    in a second a start begins changes how long it takes; so both sides begin equally often everywhere."""
    time.sleep((phase - time.time()) % 1)


def _again(place: Room, engine: str) -> list[float]:
    """`up` where all is there already. The start before it, not timed, makes the machine warm."""
    place.report(f"{engine}: a first start, which also makes what is missing")
    place.up("warm", engine)
    seconds = [place.up("warm", engine) for _ in range(_AGAIN)]
    place.destroy("warm")
    place.report(f"{engine}: testbed up on a running testbed, {max(seconds):.2f} s at most")
    return seconds
