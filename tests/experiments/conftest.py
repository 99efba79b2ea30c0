"""One run of every experiment, as short as it can be, for all tests of what comes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.catalogue import FIGURES
from experiments.experiment import Outcome, run_experiments

SEEDS, STEPS = 1, 60


# First: pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"outcome", "home"} & set(getattr(item, "fixturenames", ())) and "experiments" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("experiments"))


@pytest.fixture(scope="session")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return run_experiments(list(FIGURES), SEEDS, STEPS, tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def home(outcome: Outcome) -> Path:
    """Where the results are."""
    return outcome.folder.parent
