"""`bench mutation`: how many small faults in the contract its Foundry tests notice.

A mutant that compiles to the same bytes as the contract is no fault (trivial compiler equivalence,
Papadakis et al., ICSE 2015) and is not counted; nor is one that is invalid: it does not compile, or only with
a warning, which the project's settings refuse. One that the tests do not come to an end with is counted as
noticed and told apart.

The score is of the profile `mutation` of foundry.toml and not of the check: without via_ir, with 16 runs of
each fuzz test and 8 of 64 calls of each invariant.
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

from bench.compiler import Compiler
from bench.figures import Comparison, Limit, Rows, Side
from bench.room import Room
from orchestrator.cache import scratch
from orchestrator.command import CommandFailed
from orchestrator.foundry import FOR_THE_CHAIN, Project, project

_SCRIPT = Path(__file__).with_name("mutants.py")
_PROFILE = {"FOUNDRY_PROFILE": "mutation"}
# Apart, or all tests were compiled again after it.
_CHAIN = {**FOR_THE_CHAIN, "FOUNDRY_OUT": "out-chain", "FOUNDRY_CACHE_PATH": "cache-chain"}
_SCORE = 0.95
_TEST_SECONDS = 180.0
# The quick ones first: they notice nearly all, and forge ends at the first that does.
_SLOW_TESTS = "test/{Permissions.t.sol,invariants/*}"
_TESTS = (("--no-match-path", _SLOW_TESTS), ("--match-path", _SLOW_TESTS))

Fate = Literal["killed", "timed out", "survived", "equivalent", "invalid"]


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


@dataclass(frozen=True)
class Bench:
    """A project and its compiler: what one mutant at a time is judged on."""

    made: Project
    compiler: Compiler


def measure(place: Room, sample: int | None, seed: int) -> Comparison:
    """All mutants, or so many drawn at random."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(project(place.report))
        place.report("making the mutants")
        found = first.run("python", _SCRIPT, env=_PROFILE)
        mutants = [Mutant(**one) for one in json.loads(found.stdout)]
        total = len(mutants)
        # In random order, so that a run that is cut short has judged a random sample.
        mutants = random.Random(seed).sample(mutants, min(sample or total, total))
        place.report("compiling the tests")
        shutil.rmtree(first.folder / "test" / "proofs")
        _require_green(first)
        benches = []
        for _ in range(os.cpu_count() or 1):
            made = Project(stack.enter_context(scratch()), first.tools)
            shutil.copytree(first.folder, made.folder, symlinks=True, dirs_exist_ok=True)
            compiler = Compiler(made)
            stack.callback(compiler.close)
            benches.append(Bench(made, compiler))
        fates = dict(_fates(place, benches, mutants))
    count = collections.Counter(fates.values())
    noticed = count["killed"] + count["timed out"]
    counted = noticed + count["survived"]
    score = noticed / counted if counted else 0.0
    survivors = [mutant for mutant, fate in fates.items() if fate == "survived"]
    return Comparison(
        title=f"mutants of ETSC: {len(mutants)} of {total}",
        sides=[
            Side("mutants that are faults", "n", [float(counted)], ["slither's operators"]),
            Side("noticed", "n", [float(noticed)], ["FOUNDRY_PROFILE=mutation forge test"]),
        ],
        ratio=score,
        limits=[Limit("noticed / faults", score, _SCORE, at_least=True)],
        figures={
            "fates": dict(count),
            "survivors": [asdict(mutant) for mutant in survivors],
            "timed_out": [asdict(mutant) for mutant, fate in fates.items() if fate == "timed out"],
        },
        rows=Rows(["survivor"], [[str(mutant)] for mutant in survivors]) if survivors else None,
    )


def _require_green(made: Project) -> None:
    """The tests pass on the contract as it is; otherwise every mutant would seem to be noticed."""
    made.run("forge", "test", env=_PROFILE, timeout_seconds=600)


def _fates(place: Room, benches: Sequence[Bench], mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, Fate]]:
    free: queue.SimpleQueue[Bench] = queue.SimpleQueue()
    for each in benches:
        free.put(each)
    for_the_chain = _for_the_chain(benches[0].made)

    def judged_apart(mutant: Mutant) -> tuple[Mutant, Fate]:
        bench = free.get()
        try:
            return mutant, judge(bench, mutant, for_the_chain)
        finally:
            free.put(bench)

    pool = ThreadPoolExecutor(len(benches))
    count: collections.Counter[Fate] = collections.Counter()
    try:
        judged = as_completed([pool.submit(judged_apart, mutant) for mutant in mutants])
        for number, future in enumerate(judged, 1):
            mutant, fate = future.result()
            count[fate] += 1
            if fate in ("survived", "timed out"):
                place.report(f"{fate}: {mutant}")
            if number % 25 == 0:
                so_far = ", ".join(f"{many} {name}" for name, many in sorted(count.items()))
                place.report(f"{number}/{len(mutants)}: {so_far}")
            yield mutant, fate
    finally:
        pool.shutdown(cancel_futures=True)


def judge(bench: Bench, mutant: Mutant, for_the_chain: str) -> Fate:
    """`for_the_chain` is the contract's own code as it would be deployed."""
    path = bench.made.folder / "src" / mutant.file
    source = path.read_bytes()
    text = source[: mutant.start] + mutant.new.encode() + source[mutant.end :]
    code = bench.compiler.compile(mutant.file, text.decode())
    if code is None:
        return "invalid"
    if code == bench.compiler.plain:
        return "equivalent"
    bench.compiler.install(code)
    if (noticed := _noticed(bench.made)) is not None:
        return noticed
    path.write_bytes(text)
    try:
        return _through_the_optimizer(bench.made, for_the_chain)
    finally:
        path.write_bytes(source)


def _noticed(made: Project) -> Fate | None:
    """None where all tests pass. Raises CommandFailed where they cannot be run."""
    for selected in _TESTS:
        try:
            tested = made.run(
                *("forge", "test", "--fail-fast", *selected),
                env=_PROFILE,
                timeout_seconds=_TEST_SECONDS,
                check=False,
            )
        except CommandFailed as failed:
            if failed.returned is not None:
                raise
            return "timed out"
        if tested.returned:
            return "killed"
    return None


def _through_the_optimizer(made: Project, for_the_chain: str) -> Fate:
    """Of a mutant that no test notices: the optimizer for the chain sees through more. One that it cannot
    compile is none that could be deployed."""
    try:
        code = _for_the_chain(made)
    except CommandFailed as failed:
        return "survived" if failed.returned is None else "invalid"
    return "equivalent" if code == for_the_chain else "survived"


def _for_the_chain(made: Project) -> str:
    """The code as it would be deployed. Raises CommandFailed where the sources do not compile."""
    made.run("forge", "build", env=_CHAIN)
    content = json.loads((made.folder / _CHAIN["FOUNDRY_OUT"] / "ETSC.sol" / "ETSC.json").read_text())
    return str(content["bytecode"]["object"])
