"""`bench mutation`: how many small faults in the contract its Foundry tests notice.

A mutant that compiles to the same bytes as the contract is no fault (trivial compiler equivalence,
Papadakis et al., ICSE 2015) and is not counted; nor is one that does not compile.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import queue
import random
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from bench.figures import Comparison, Limit, Rows, Side
from bench.room import Room
from contracts.artifact import ARTIFACT
from orchestrator.command import CommandFailed
from orchestrator.foundry import Project, project

_SCRIPT = Path(__file__).with_name("mutants.py")
_PROFILE = {"FOUNDRY_PROFILE": "mutation"}
_SCORE = 0.95
# A mutant that loops is as good as caught.
_TEST_SECONDS = 180.0

Fate = Literal["killed", "survived", "equivalent", "invalid"]


@dataclass(frozen=True)
class Mutant:
    """`old` at the bytes start..end of src/`file` becomes `new`."""

    file: str
    start: int
    end: int
    new: str
    operator: str
    line: int
    old: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.operator}: {_short(self.old)} -> {_short(self.new)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else f"{line[:89]}…"


def measure(place: Room, sample: int | None, seed: int) -> Comparison:
    """All mutants, or so many drawn at random."""
    workers = os.cpu_count() or 1
    with contextlib.ExitStack() as stack:
        projects = [stack.enter_context(project(place.report)) for _ in range(workers)]
        place.report("making the mutants")
        made = projects[0].run("python", _SCRIPT, env=_PROFILE)
        mutants = [Mutant(**one) for one in json.loads(made.stdout)]
        total = len(mutants)
        if sample is not None and sample < total:
            mutants = random.Random(seed).sample(mutants, sample)
        for each in projects:
            shutil.rmtree(each.folder / "test" / "proofs", ignore_errors=True)
            _require_green(each)
        fates = dict(_fates(place, projects, mutants))
    count = collections.Counter(fates.values())
    counted = count["killed"] + count["survived"]
    score = count["killed"] / counted if counted else 0.0
    survivors = [mutant for mutant, fate in fates.items() if fate == "survived"]
    return Comparison(
        title=f"mutants of ETSC: {len(mutants)} of {total}",
        sides=[
            Side("mutants that are faults", "n", [float(counted)], ["slither's operators"]),
            Side("noticed", "n", [float(count["killed"])], ["FOUNDRY_PROFILE=mutation forge test"]),
        ],
        ratio=score,
        limits=[Limit("noticed / faults", score, _SCORE, at_least=True)],
        figures={"fates": dict(count), "survivors": [asdict(mutant) for mutant in survivors]},
        rows=Rows(["survivor"], [[str(mutant)] for mutant in survivors]) if survivors else None,
    )


def _require_green(made: Project) -> None:
    """The tests pass on the contract as it is; otherwise every mutant would seem to be noticed."""
    made.run("forge", "test", env=_PROFILE, timeout_seconds=600)


def _fates(
    place: Room, projects: Sequence[Project], mutants: Sequence[Mutant]
) -> Iterator[tuple[Mutant, Fate]]:
    free: queue.SimpleQueue[Project] = queue.SimpleQueue()
    for each in projects:
        free.put(each)
    plain = _bytecode(projects[0])

    def judge(mutant: Mutant) -> tuple[Mutant, Fate]:
        made = free.get()
        try:
            return mutant, _fate(made, mutant, plain)
        finally:
            free.put(made)

    pool = ThreadPoolExecutor(len(projects))
    try:
        judged = as_completed([pool.submit(judge, mutant) for mutant in mutants])
        for number, future in enumerate(judged, 1):
            mutant, fate = future.result()
            if fate == "survived" or number % 25 == 0:
                place.report(f"{number}/{len(mutants)}: {fate}: {mutant}")
            yield mutant, fate
    finally:
        pool.shutdown(cancel_futures=True)


def _fate(made: Project, mutant: Mutant, plain: str) -> Fate:
    path = made.folder / "src" / mutant.file
    source = path.read_bytes()
    path.write_bytes(source[: mutant.start] + mutant.new.encode() + source[mutant.end :])
    try:
        built = made.run("forge", "build", env=_PROFILE, check=False)
        if built.returned:
            return "invalid"
        if _bytecode(made) == plain:
            return "equivalent"
        try:
            tested = made.run(
                "forge",
                "test",
                "--fail-fast",
                env=_PROFILE,
                timeout_seconds=_TEST_SECONDS,
                check=False,
            )
        except CommandFailed:
            return "killed"
        if tested.returned:
            return "killed"
        # The optimizer sees through more.
        same = made.artifact("ETSC")["bytecode"] == "0x" + ARTIFACT.bytecode.hex()
        return "equivalent" if same else "survived"
    finally:
        path.write_bytes(source)


def _bytecode(made: Project) -> str:
    content = json.loads((made.folder / "out" / "ETSC.sol" / "ETSC.json").read_text())
    return str(content["bytecode"]["object"])
