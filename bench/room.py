"""A home of its own for the testbeds of a benchmark, and the command line that is measured in it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from errors import EnvironmentFault, TestbedError
from orchestrator.command import Output, run
from orchestrator.interrupts import uninterrupted

Report = Callable[[str], None]
_COMMAND_SECONDS = 1800.0


class Room:
    """Runs `testbed` as a program, as a person would, with a TESTBED_HOME that nobody else uses."""

    def __init__(self, home: Path, report: Report) -> None:
        self.home = home
        self.report = report
        self._program = Path(sys.executable).with_name("testbed")
        if not self._program.exists():
            raise EnvironmentFault(
                "the command `testbed` is not beside this Python",
                where=sys.executable,
                fix="`make setup` first.",
            )

    def testbed(self, *arguments: str) -> Output:
        """Raises CommandFailed where the command fails."""
        words = [str(self._program), *arguments]
        return run(words, timeout_seconds=_COMMAND_SECONDS, env={"TESTBED_HOME": str(self.home)})

    def timed(self, *arguments: str) -> tuple[float, Output]:
        """Seconds from the start of the command until it has returned."""
        begun = time.perf_counter()
        output = self.testbed(*arguments)
        return time.perf_counter() - begun, output

    def up(self, name: str, engine: str, *options: str) -> float:
        """Seconds of a `testbed up` that did what it should."""
        seconds, output = self.timed("up", "--name", name, "--engine", engine, *options, "--json")
        status = json.loads(output.stdout.splitlines()[-1])
        heights = [node["block"] for node in status["nodes"]]
        if status["contract"]["address"] is None or None in heights or min(heights) < 2:
            raise EnvironmentFault(f"`testbed up` returned too early: {output.stdout}", where=name)
        return seconds

    def state(self, name: str) -> dict[str, Any] | None:
        """The testbed's state file, None while there is none."""
        try:
            content: dict[str, Any] = json.loads((self.home / name / "state.json").read_text())
        except FileNotFoundError:
            return None
        return content

    def destroy(self, name: str) -> None:
        self.testbed("destroy", "--name", name, "--yes")

    def scratch(self, name: str) -> Path:
        """An empty folder beside the testbeds."""
        folder = self.home / ".scratch" / name
        folder.mkdir(parents=True)
        return folder


@contextmanager
def room(report: Report) -> Iterator[Room]:
    """Whatever ends the block, Ctrl-C too, nothing that was started in it is left."""
    home = Path(tempfile.mkdtemp(prefix="eb-"))
    try:
        yield Room(home, report)
    finally:
        with uninterrupted():
            _clear(Room(home, report))


def _clear(place: Room) -> None:
    left = []
    for folder in sorted(place.home.iterdir()):
        if folder.name.startswith("."):
            continue
        place.report(f"removing {folder.name}")
        try:
            place.destroy(folder.name)
        except TestbedError as error:
            left.append(f"{folder.name}: {error}")
    if left:
        raise EnvironmentFault("not all could be removed", where=str(place.home), fix="\n".join(left))
    shutil.rmtree(place.home)
