from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.geth import find_geth
from tests.contracts.geth import Chain, running_chain
from tests.contracts.market import Market, open_market


@pytest.fixture(scope="session")
def geth() -> Path:
    return find_geth(print)


@pytest.fixture(scope="session")
def chain(geth: Path) -> Iterator[Chain]:
    """One chain for all tests that look at one contract only."""
    with running_chain(geth, accounts=4_000) as chain:
        yield chain


@pytest.fixture
def fresh_chain(geth: Path) -> Iterator[Chain]:
    """A chain of the test's own, for what looks at the whole of it."""
    with running_chain(geth, accounts=40) as chain:
        yield chain


@pytest.fixture
def market(chain: Chain) -> Market:
    """A contract of the test's own, everybody registered, slot 0."""
    return open_market(chain)


@pytest.fixture
def trading(market: Market) -> Market:
    """The market in slot 1: the first retailer offers 10 kWh, the first prosumer has 10 elecoins."""
    market.generate(market.retailer, 10_000)
    market.offer(market.retailer, 10_000)
    market.open()
    market.buy(market.prosumer, 10_000)
    return market
