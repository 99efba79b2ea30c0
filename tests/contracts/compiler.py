"""The pinned Solidity compiler, and what it made of the contracts that only tests use.

`python -m tests.contracts.compiler` writes the artifacts under tests/contracts/mutants anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from contracts.artifact import Artifact
from tests.contracts.mutants import MUTANTS

CONTRACTS = Path(__file__).parents[2] / "contracts"
FIXTURES = Path(__file__).parent / "mutants"
FIXTURE_NAMES = ("ReentrantEdgeServer", *MUTANTS)
_PROJECT = ("package.json", "package-lock.json", "compile.mjs")


def checked_in(contract: str) -> Artifact:
    """The artifact of a test's contract."""
    return Artifact(FIXTURES / f"{contract}.json")


def compile_contract(contract: str, sources: dict[str, str], output: Path) -> None:
    """Compiles `contract` out of the given files (name -> text) with the pinned compiler."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in _PROJECT:
            shutil.copy(CONTRACTS / name, project)
        (project / "src").mkdir()
        for name, text in sources.items():
            (project / "src" / name).write_text(text)
        (project / "node_modules").symlink_to(_node_modules())
        command = ["node", "compile.mjs", contract, "src", str(output)]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def etsc_sources() -> dict[str, str]:
    return {file.name: file.read_text() for file in (CONTRACTS / "src").glob("*.sol")}


def fixture_sources(name: str) -> tuple[str, dict[str, str]]:
    """The contract, and its files, that tests/contracts/mutants/NAME.json is compiled from."""
    if mutant := MUTANTS.get(name):
        return "ETSC", {**etsc_sources(), "ETSC.sol": mutant.source()}
    return name, {f"{name}.sol": (FIXTURES / f"{name}.sol").read_text()}


def _node_modules() -> Path:
    """The locked packages, installed once a machine for each lock."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        why = "the compiler needs node and npm, and this machine has none"
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    lock = hashlib.sha256((CONTRACTS / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "elecoin-testbed"
    project = cache / f"solc-{lock}"
    if not project.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        # Whole or not at all, and two at a time do not meet: the folder gets its name when it is complete.
        unfinished = Path(tempfile.mkdtemp(dir=cache, prefix="solc-unfinished-"))
        try:
            for name in _PROJECT:
                shutil.copy(CONTRACTS / name, unfinished)
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            installed = subprocess.run(command, cwd=unfinished, capture_output=True, text=True)
            assert installed.returncode == 0, installed.stderr
            with contextlib.suppress(OSError):  # somebody else was faster
                unfinished.rename(project)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return project / "node_modules"


if __name__ == "__main__":
    for name in FIXTURE_NAMES:
        compile_contract(*fixture_sources(name), FIXTURES / f"{name}.json")
