from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.foundry import tools
from orchestrator.geth import find_geth
from tests.contracts.anvil import running_anvil
from tests.contracts.chain import Chain
from tests.contracts.geth import running_geth
from tests.contracts.market import Market, open_market

_ACCOUNTS = 4_000
_FEW_ACCOUNTS = 60


@pytest.fixture(scope="session")
def geth() -> Path:
    return find_geth(print)


@pytest.fixture(scope="session")
def chain(geth: Path) -> Iterator[Chain]:
    """One chain for all tests that look at one contract only."""
    with running_geth(geth, _ACCOUNTS) as chain:
        yield chain


@pytest.fixture
def fresh_chain(geth: Path) -> Iterator[Chain]:
    """A chain of the test's own, for what looks at the whole of it."""
    with running_geth(geth, _FEW_ACCOUNTS) as chain:
        yield chain


@pytest.fixture
def simulator() -> Iterator[Chain]:
    """A chain of the test's own on Anvil, with the accounts of `fresh_chain`."""
    with running_anvil(tools(print).command("anvil"), _FEW_ACCOUNTS) as chain:
        yield chain


@pytest.fixture
def market(chain: Chain) -> Market:
    """A contract of the test's own, everybody registered, slot 0, every meter bound a block ago or more."""
    market = open_market(chain)
    chain.grow()
    return market


@pytest.fixture
def trading(market: Market) -> Market:
    """The market in slot 1: the first retailer offers 10 kWh, the first prosumer has 10 elecoins."""
    market.generate(market.retailer, 10_000)
    market.offer(market.retailer, 10_000)
    market.open()
    market.buy(market.prosumer, 10_000)
    return market
