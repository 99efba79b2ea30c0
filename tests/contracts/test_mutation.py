"""What becomes of a mutant: noticed, not noticed, no mutant at all, and nobody's fault."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.compiler import Code, Compiler
from bench.mutation import Bench, Fate, Mutant, judge
from orchestrator.command import CommandFailed, Output
from orchestrator.foundry import Project, Tools, project

MUTANT = Mutant("ETSC.sol", 0, 1, "b", "AOR", 1, "a")
PLAIN, OTHER = Code("60", "61"), Code("62", "63")
FOR_THE_CHAIN = "0x64"
Answer = Callable[[], Output]


@dataclass(frozen=True)
class FakeProject(Project):
    """Answers to `forge test` in the order of its runs, and to a build for the chain."""

    tests: list[Answer]
    build: Answer

    def run(self, *argv: str | Path, env: Mapping[str, str] | None = None, **_: Any) -> Output:
        return self.tests.pop(0)() if argv[1] == "test" else self.build()


class FakeCompiler(Compiler):
    def __init__(self, code: Code | None) -> None:
        self.plain = PLAIN
        self.code = code
        self.installed: list[Code] = []

    def compile(self, file: str, text: str) -> Code | None:
        assert (file, text) == ("ETSC.sol", "bc")
        return self.code

    def install(self, code: Code) -> None:
        self.installed.append(code)


def passed() -> Output:
    return Output(0, "", "")


def failed() -> Output:
    return Output(1, "", "")


def not_done() -> Output:
    raise CommandFailed(["forge"], None, "", "not done after 180 s")


def not_there() -> Output:
    raise CommandFailed(["forge"], 127, "", "cannot be started")


def not_compiled() -> Output:
    raise CommandFailed(["forge"], 1, "stack too deep")


def judged(
    folder: Path,
    code: Code | None = OTHER,
    *tests: Answer,
    build: Answer = passed,
    built: str = FOR_THE_CHAIN,
) -> Fate:
    (folder / "src").mkdir()
    source = folder / "src" / "ETSC.sol"
    source.write_text("ac")
    artifact = folder / "out-chain" / "ETSC.sol" / "ETSC.json"
    artifact.parent.mkdir(parents=True)
    artifact.write_text(json.dumps({"bytecode": {"object": built}}))
    compiler = FakeCompiler(code)
    made = FakeProject(folder, Tools(folder), list(tests), build)
    try:
        return judge(Bench(made, compiler), MUTANT, FOR_THE_CHAIN)
    finally:
        assert source.read_text() == "ac"
        assert made.tests == []
        assert compiler.installed == ([] if code in (None, PLAIN) else [code])


def test_what_does_not_compile_is_no_mutant_and_what_compiles_to_the_same_no_fault(tmp_path: Path) -> None:
    for name, code, fate in (("a", None, "invalid"), ("b", PLAIN, "equivalent")):
        (tmp_path / name).mkdir()
        assert judged(tmp_path / name, code) == fate


@pytest.mark.parametrize(
    ("tests", "fate"),
    [
        ([failed], "killed"),
        ([passed, failed], "killed"),
        ([not_done], "timed out"),
        ([passed, not_done], "timed out"),
    ],
)
def test_what_the_quick_tests_or_the_slow_ones_notice(
    tmp_path: Path, tests: list[Answer], fate: Fate
) -> None:
    assert judged(tmp_path, OTHER, *tests) == fate


@pytest.mark.parametrize(
    ("build", "built", "fate"),
    [
        (passed, "0x65", "survived"),
        (passed, FOR_THE_CHAIN, "equivalent"),
        (not_compiled, "", "invalid"),
        (not_done, "", "survived"),
    ],
    ids=["another contract", "the same for the chain", "none for the chain", "not known"],
)
def test_what_no_test_notices_is_compiled_for_the_chain(
    tmp_path: Path, build: Answer, built: str, fate: Fate
) -> None:
    assert judged(tmp_path, OTHER, passed, passed, build=build, built=built) == fate


def test_tests_that_cannot_be_run_notice_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="cannot be started"):
        judged(tmp_path, OTHER, not_there)


@pytest.fixture(scope="module")
def made() -> Iterator[Project]:
    """Without tests, which take a minute to compile."""
    with project(print) as made:
        shutil.rmtree(made.folder / "test")
        made.run("forge", "build", env={"FOUNDRY_PROFILE": "mutation"})
        yield made


def test_the_compiler_that_stays_loaded_makes_what_foundry_makes(made: Project) -> None:
    artifact = made.folder / "out" / "ETSC.sol" / "ETSC.json"

    def installed() -> Code:
        content = json.loads(artifact.read_text())
        return Code(content["bytecode"]["object"][2:], content["deployedBytecode"]["object"][2:])

    compiler = Compiler(made)
    try:
        assert compiler.plain == installed()
        text = (made.folder / "src" / "Electricity.sol").read_text()
        assert compiler.compile("Electricity.sol", text) == compiler.plain
        assert compiler.compile("Electricity.sol", text.replace("retailer", "detailer", 1)) is None
        unused = text.replace("if (quantity == 0)", "uint256 unused;\n if (quantity == 0)", 1)
        assert compiler.compile("Electricity.sol", unused) is None  # for its warning, as the check would
        mutant = compiler.compile("Electricity.sol", text.replace("WH_PER_KWH - 1) /", "WH_PER_KWH) /"))
        assert mutant is not None
        assert mutant != compiler.plain
        compiler.install(mutant)
        assert installed() == mutant
    finally:
        compiler.close()
