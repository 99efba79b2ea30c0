"""What a machine may lack, and what becomes of the tests that need it.

`@pytest.mark.docker` and `@pytest.mark.pow` tests skip, and say why, where Docker does not answer or the
data sets of proof of work are not cached; so do the pages' tests without `chromium`. Named in
TESTBED_REQUIRE (`docker,pow,chromium`, as .ci/run sets it) they fail instead; a generation under way is then
waited for.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from bench.chromium import chromium
from genesis.dag import missing_epochs
from orchestrator.dag import dag_directory, is_generating

_DAG_WAIT_SECONDS = 60 * 60  # made at the lowest priority beside all other tests
_POLL_SECONDS = 1.0
# An upper bound for a test that may have to wait for the data sets first.
_POW_TIMEOUT_SECONDS = _DAG_WAIT_SECONDS + 15 * 60


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "docker: needs Docker's daemon and Compose v2")
    config.addinivalue_line("markers", "longest: begins first, or a worker would be left with it at the end")
    config.addinivalue_line("markers", "pow: needs the data sets of proof of work (2 GiB, minutes to make)")


# First: pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests share chains and explorers, so they run on one worker unless grouped otherwise.

    Proof of work goes one at a time, as it takes every core, and begins first, as it may have to wait.
    """
    for item in items:
        if item.get_closest_marker("pow"):
            item.add_marker(pytest.mark.xdist_group("pow"))
            item.add_marker(pytest.mark.timeout(_POW_TIMEOUT_SECONDS))
        elif item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in ("pow", "longest")))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("docker"):
        _need("docker", docker_fault())
    if item.get_closest_marker("pow"):
        _need("pow", dag_fault(wait="pow" in required()))


def required() -> set[str]:
    """What TESTBED_REQUIRE names."""
    return {word.strip() for word in os.environ.get("TESTBED_REQUIRE", "").split(",")} - {""}


def _need(what: str, fault: str | None) -> None:
    if fault is None:
        return
    if what in required():
        pytest.fail(f"TESTBED_REQUIRE names {what}, but {fault}", pytrace=False)
    pytest.skip(fault)


@functools.cache
def docker_fault() -> str | None:
    """Why tests with Docker cannot run here; None where they can."""
    questions: Iterable[tuple[list[str], str]] = (
        (["docker", "info", "--format", "{{.ServerVersion}}"], "Docker's daemon does not answer"),
        (["docker", "compose", "version"], "Docker has no Compose v2"),
    )
    for question, meaning in questions:
        try:
            asked = subprocess.run(question, capture_output=True, text=True, timeout=20)
        except OSError:
            return "the command `docker` is not installed"
        except subprocess.TimeoutExpired:
            return f"{meaning} within 20 s"
        # `docker info` of some versions ends with 0 though no daemon answered.
        if asked.returncode != 0 or not asked.stdout.strip():
            return f"{meaning}: {asked.stderr.strip()}"
    return None


def dag_fault(*, wait: bool) -> str | None:
    """Why proof of work cannot run here; with `wait`, only after whoever makes the data sets is done."""
    ends_at = time.monotonic() + _DAG_WAIT_SECONDS
    while missing := missing_epochs(dag_directory()):
        if not (wait and is_generating() and time.monotonic() < ends_at):
            names = ", ".join(epoch.file_name for epoch in missing)
            return f"{dag_directory()} lacks {names} (`python -m orchestrator.dag` makes them)"
        time.sleep(_POLL_SECONDS)
    return None


@pytest.fixture(scope="module")  # no longer: an event loop runs on this thread meanwhile, which others need
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        reason = "the command `chromium` is not installed"
        if "chromium" in required():
            pytest.fail(f"TESTBED_REQUIRE names chromium, but {reason}", pytrace=False)
        pytest.skip(reason)
    with chromium(program) as browser:
        yield browser


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of pages go: a document's folder, where TESTBED_SCREENSHOTS names it."""
    place = os.environ.get("TESTBED_SCREENSHOTS")
    folder = tmp_path_factory.mktemp("pictures") if place is None else Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
