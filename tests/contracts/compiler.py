"""What the pinned compiler makes of the contract, and of those that only tests use.

`python -m tests.contracts.compiler` writes the artifacts under tests/contracts/mutants anew.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from contracts.artifact import Artifact
from orchestrator.foundry import CONTRACTS, artifact_text, project
from tests.contracts.mutants import MUTANTS

FIXTURES = Path(__file__).parent / "mutants"
FIXTURE_NAMES = ("ReentrantAccount", *MUTANTS)


def checked_in(contract: str) -> Artifact:
    """The artifact of a test's contract."""
    return Artifact(FIXTURES / f"{contract}.json")


def compiled_fixture(name: str) -> str:
    """What tests/contracts/mutants/NAME.json has to be."""
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder)
        if (mutant := MUTANTS.get(name)) is None:
            shutil.copy(FIXTURES / f"{name}.sol", sources)
        else:
            for file in (CONTRACTS / "src").glob("*.sol"):
                (sources / file.name).write_text(mutant.edited(file.name, file.read_text()))
        with project(print, sources) as made:
            shutil.rmtree(made.folder / "test")  # needs the contract's interface, which may not be there
            return artifact_text(made.artifact(name if mutant is None else "ETSC"))


if __name__ == "__main__":
    for name in FIXTURE_NAMES:
        (FIXTURES / f"{name}.json").write_text(compiled_fixture(name))
