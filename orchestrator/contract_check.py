"""`testbed contract check`: the contract built, tested, analysed and proved, then played on Geth.

The two stages of the paper: a security test on a local simulator, and the deployment on Geth. Every step is
run although one before it failed; what a tool said of a failure is kept.
"""

from __future__ import annotations

import collections
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from contracts.artifact import ARTIFACT
from contracts.etsc import Etsc
from contracts.opcodes import later_opcodes
from errors import TestbedError
from orchestrator.command import CommandFailed
from orchestrator.contract_script import records, script
from orchestrator.foundry import CONTRACTS, FOR_THE_CHAIN, Project, artifact_text, project
from orchestrator.geth import find_geth
from orchestrator.progress import Report
from orchestrator.rehearsal import Rehearsal, development_geth, rehearse, simulator

ARTIFACT_FILE = CONTRACTS / "artifacts" / "ETSC.json"
GAS_FILE = CONTRACTS / "gas.json"
_STEP_SECONDS = 1800.0
# Of test/invariants, what the handlers call and the fuzzer does not.
_NO_HANDLERS = ("Shadow",)
_BUILD = "Run `testbed contract build` and look at what it changed."


@dataclass(frozen=True)
class StepResult:
    """What one step found; `detail` is what the tool said where the step failed."""

    name: str
    stage: str
    ok: bool
    found: str
    seconds: float
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "stage": self.stage,
            "ok": self.ok,
            "found": self.found,
            "seconds": round(self.seconds, 1),
            "detail": self.detail,
        }


class Failed(Exception):
    """A step's finding that is not in order: (what was found, what the tool said)."""

    def __init__(self, found: str, detail: str = "") -> None:
        super().__init__(found)
        self.found = found
        self.detail = detail


def check(report: Report) -> Iterator[StepResult]:
    """Each step as it ends. Raises EnvironmentFault where the tools cannot be had."""
    with project(report) as made:
        run = Check(made, report)
        steps: tuple[tuple[str, str, Callable[[], str]], ...] = (
            ("build", "artifact", run.artifact),
            ("build", "opcodes", run.opcodes),
            ("build", "format", run.format),
            ("simulator", "rehearsal on anvil", run.rehearsal_on_anvil),
            ("simulator", "tests by function", run.tests),
            ("simulator", "invariants", run.invariants),
            ("simulator", "slither", run.slither),
            ("simulator", "halmos", run.halmos),
            ("Geth", "rehearsal on Geth", run.rehearsal_on_geth),
            ("Geth", "gas", run.gas),
        )
        for stage, name, step in steps:
            report(f"{name}…")
            begun = time.monotonic()
            try:
                ok, found, detail = True, step(), ""
            except Failed as failed:
                ok, found, detail = False, failed.found, failed.detail
            except CommandFailed as failed:
                ok, found, detail = False, failed.what, failed.fix or ""
            except TestbedError as failed:
                ok, found, detail = False, str(failed), ""
            yield StepResult(name, stage, ok, found, time.monotonic() - begun, detail)


class Check:
    """The steps on one project, in the order in which `check` takes them; each says what it found."""

    def __init__(self, made: Project, report: Report) -> None:
        self._made = made
        self._report = report
        self._anvil: Rehearsal | None = None
        self._geth: Rehearsal | None = None
        self._records: dict[str, Any] = {}

    def artifact(self) -> str:
        if artifact_text(self._made.artifact("ETSC")) != ARTIFACT_FILE.read_text():
            raise Failed("the sources do not compile to the checked-in artifact", _BUILD)
        return f"{len(ARTIFACT.deployed_bytecode):,} bytes, the checked-in ones"

    def opcodes(self) -> str:
        found = later_opcodes(ARTIFACT)
        if found:
            raise Failed("it has opcodes that Geth 1.11.6 refuses", ", ".join(sorted(found)))
        return "London's only"

    def format(self) -> str:
        done = self._made.run("forge", "fmt", "--check", timeout_seconds=60, check=False)
        if done.returned:
            raise Failed("`forge fmt` would change files", done.stdout or done.stderr)
        return "as `forge fmt` has it"

    def tests(self) -> str:
        passed = _verdict({name: suite for name, suite in self._suites.items() if "/invariants/" not in name})
        built = json.loads((self._made.folder / "out" / "ETSC.sol" / "ETSC.json").read_text())
        if built["bytecode"]["object"] != "0x" + ARTIFACT.bytecode.hex():
            raise Failed("what was tested is not the checked-in artifact", _BUILD)
        return passed

    def invariants(self) -> str:
        suites = {name: suite for name, suite in self._suites.items() if "/invariants/" in name}
        passed = _verdict(suites)
        if idle := [line for suite in sorted(suites) for line in self._idle(suite, suites[suite])]:
            raise Failed(f"{len(idle)} functions of handlers did nothing", "\n".join(idle))
        return passed

    def _idle(self, name: str, suite: Mapping[str, Any]) -> Iterator[str]:
        """The functions of handlers of which no call did anything in a suite. Without them an invariant is
        green that nothing ever put to the test."""
        did = _did(suite)
        for function in self._acts:
            if not did[function]:
                yield f"{name.split('/')[-1]}: {function.rpartition(':')[2]}"

    @cached_property
    def _acts(self) -> list[str]:
        """What each suite has to call, by FILE:CONTRACT.FUNCTION. From what is built and not from what was
        called, or a handler that no suite targets would be missed by nobody."""
        return [
            f"{source.relative_to(self._made.folder)}:{contract.stem}.{entry['name']}"
            for source in sorted((self._made.folder / "test" / "invariants").glob("*.sol"))
            for contract in sorted((self._made.folder / "out" / source.name).glob("*.json"))
            for entry in _acting(json.loads(contract.read_text()))
            if not source.name.endswith(".t.sol") and contract.stem not in _NO_HANDLERS
        ]

    @cached_property
    def _suites(self) -> dict[str, Any]:
        """What forge found, by suite. All in one run: it compiles once and keeps every core busy."""
        done = self._made.run(
            *("forge", "test", "--json", "--skip", "test/proofs/**"),
            timeout_seconds=_STEP_SECONDS,
            report=self._report,
            what="forge test",
            check=False,
        )
        # The JSON stands behind whatever the compiler said.
        begin = done.stdout.find("{")
        try:
            return dict(json.loads(done.stdout[begin:]))
        except ValueError:
            raise Failed("forge ran no test", done.stdout + done.stderr) from None

    def slither(self) -> str:
        done = self._made.run(
            *("slither", ".", "--filter-paths", "node_modules/", "--json", "slither.json"),
            timeout_seconds=_STEP_SECONDS,
            report=self._report,
            what="slither",
            env=FOR_THE_CHAIN,
            check=False,
        )
        path = self._made.folder / "slither.json"
        if not path.exists():
            raise Failed("slither failed", done.stdout + done.stderr)
        content = json.loads(path.read_text())
        findings = content["results"].get("detectors", []) if content["success"] else None
        if findings is None:
            raise Failed("slither failed", content["error"] or done.stderr)
        if findings:
            raise Failed(f"{len(findings)} findings", "\n".join(one["description"] for one in findings))
        detectors = re.search(r"with (\d+) detectors", done.stderr)
        return f"no finding of {detectors[1] if detectors else '?'} detectors"

    def halmos(self) -> str:
        done = self._made.run(
            *("halmos", "--json-output", "halmos.json"),
            timeout_seconds=_STEP_SECONDS,
            report=self._report,
            what="halmos",
            env={"FOUNDRY_PROFILE": "proofs"},
            check=False,
        )
        path = self._made.folder / "halmos.json"
        if not path.exists():
            raise Failed("halmos failed", done.stdout + done.stderr)
        content = json.loads(path.read_text())
        proofs = [proof for found in content["test_results"].values() for proof in found]
        open_ = [proof["name"] for proof in proofs if proof["exitcode"]]
        if open_ or not proofs or done.returned:
            raise Failed(f"{len(open_)} of {len(proofs)} not proved", "\n".join(open_) or done.stdout)
        # Halmos calls it a pass, with a warning, where it followed a loop for its first turns only.
        bounds = {proof["name"]: proof["num_bounded_loops"] for proof in proofs}
        if cut := [f"{name}: num_bounded_loops {loops}" for name, loops in bounds.items() if loops]:
            raise Failed(
                f"{len(cut)} of {len(proofs)} proved for the first turns of a loop only", "\n".join(cut)
            )
        return f"{len(proofs)} proved"

    def rehearsal_on_anvil(self) -> str:
        with simulator(self._made.tools.command("anvil")) as rpc:
            self._anvil = rehearse(rpc, script)
            self._records = records(rpc, Etsc(self._anvil.contract))
        return _told(self._anvil)

    def rehearsal_on_geth(self) -> str:
        with development_geth(find_geth(self._report)) as rpc:
            self._geth = rehearse(rpc, script)
            found = records(rpc, Etsc(self._geth.contract))
        if self._anvil is not None and found != self._records:
            lines = [f"{name}: {found[name]}, on anvil {self._records[name]}" for name in found]
            raise Failed("the records at the end differ from anvil's", "\n".join(lines))
        return _told(self._geth)

    def gas(self) -> str:
        if self._geth is None:
            raise Failed("there was no rehearsal on Geth to take the gas from")
        found, expected = gas_of(self._geth), json.loads(GAS_FILE.read_text())
        lines = _differences(found, expected, "contracts/gas.json")
        if self._anvil is not None:
            lines += _differences(found, gas_of(self._anvil), "anvil")
        if lines:
            raise Failed("the gas is not what it was", "\n".join([*lines, _BUILD]))
        return f"{len(found)} calls cost what contracts/gas.json says, on both"


def _differences(found: dict[str, int], expected: dict[str, int], where: str) -> list[str]:
    return [
        f"{name}: {found.get(name)} on Geth, {expected.get(name)} in {where}"
        for name in sorted({*found, *expected})
        if found.get(name) != expected.get(name)
    ]


def gas_of(rehearsal: Rehearsal) -> dict[str, int]:
    """Gas by call; of a call that is played several times, the most."""
    gas: dict[str, int] = {}
    for played in rehearsal.played:
        gas[played.name] = max(played.gas_used, gas.get(played.name, 0))
    return gas


def build(report: Report) -> list[Path]:
    """Writes the artifact, and what its calls cost, into the package. Returns the files."""
    with project(report) as made:
        ARTIFACT_FILE.write_text(artifact_text(made.artifact("ETSC")))
        with simulator(made.tools.command("anvil")) as rpc:
            gas = gas_of(rehearse(rpc, script))
    GAS_FILE.write_text(json.dumps(gas, indent=1) + "\n")
    return [ARTIFACT_FILE, GAS_FILE]


def _told(rehearsal: Rehearsal) -> str:
    name = "/".join(rehearsal.client.split("/")[:2])
    return f"{len(rehearsal.played)} calls went through, {len(rehearsal.refused)} attacks refused by {name}"


def _verdict(suites: Mapping[str, Any]) -> str:
    results = {
        f"{suite.split('/')[-1]} {test}": result
        for suite, found in suites.items()
        for test, result in found["test_results"].items()
    }
    failed = [f"{name}: {one.get('reason')}" for name, one in results.items() if one["status"] != "Success"]
    if failed or not results:
        raise Failed(f"{len(failed)} of {len(results)} failed", "\n".join(failed))
    runs = sum(_runs(result["kind"]) for result in results.values())
    return f"{len(results)} passed, {runs:,} calls drawn at random"


def _acting(built: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The functions that change something, of a contract that is not abstract."""
    if built["bytecode"]["object"] != "0x":
        for entry in built["abi"]:
            if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure"):
                yield entry


def _did(suite: Mapping[str, Any]) -> collections.Counter[str]:
    """How many calls of each handler's function went through in a suite: neither reverted nor thought better
    of (`vm.assume`). By FILE:CONTRACT.FUNCTION."""
    did: collections.Counter[str] = collections.Counter()
    for result in suite["test_results"].values():
        for function, calls in (result["kind"].get("Invariant") or {}).get("metrics", {}).items():
            did[function] += calls["calls"] - calls["reverts"] - calls["discards"]
    return did


def _runs(kind: dict[str, Any]) -> int:
    """How many calls a test drew: a fuzz test's runs, an invariant's calls."""
    fuzz = kind.get("Fuzz") or {}
    invariant = kind.get("Invariant") or {}
    return int(fuzz.get("runs", 0)) + int(invariant.get("calls", 0))
