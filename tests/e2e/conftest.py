"""Testbeds that several tests share, one for each engine.

What shares a testbed runs on one worker, whichever file it is in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.running import Home, Market, new_home

ENGINES = [pytest.param("docker", marks=pytest.mark.docker), "process"]
SMALL: dict[str, Any] = {
    "market": {"prosumers": 2, "retailers": 1},
    # A busy machine may take seconds to start a bot: slots wait for it.
    "campaign": {"declared_slots": 100, "wait_blocks": 20, "slot_deadline_blocks": 30},
}
# Where bots die, nobody is waited for long.
HASTY: dict[str, Any] = {
    **SMALL,
    "campaign": {"declared_slots": 100, "wait_blocks": 4, "slot_deadline_blocks": 6},
}
_SHARED = ("market", "mortal_market")


# First: pytest-xdist reads the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" not in item.path.parts:
            continue  # the hook is given the tests of all folders, and others have markets too
        names = set(getattr(item, "fixturenames", ()))
        for shared in names & set(_SHARED):
            engine = item.callspec.params["engine"]  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.xdist_group(f"{shared}-{engine}"))


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def market(engine: str) -> Iterator[Market]:
    """A small testbed that runs; whoever stops it starts it again."""
    yield from _running(engine, SMALL)


@pytest.fixture(scope="session")
def mortal_market(engine: str) -> Iterator[Market]:
    """A small testbed whose nodes and bots are killed."""
    yield from _running(engine, HASTY)


def _running(engine: str, config: dict[str, Any]) -> Iterator[Market]:
    with new_home() as home:
        market = Market(home, "town", engine, config)
        market.up()
        yield market


@pytest.fixture(scope="session")
def played(market: Market) -> dict[str, Any]:
    """A campaign of four slots with the policy `random`: what the command said, and its report."""
    return market.campaign("--slots", "4", "--policy", "random", "--seed", "7")


@pytest.fixture
def home() -> Iterator[Home]:
    """An empty home for one test."""
    with new_home() as home:
        yield home


@pytest.fixture
def new_market(home: Home, engine: str) -> Market:
    """A small testbed that was never started."""
    return Market(home, "town", engine, SMALL)
