"""Chains and explorers for the tests: all real processes, each removed at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.explorer.gethnode import GethNode, genesis
from tests.explorer.running import Explorer, configuration
from tests.explorer.trading_town import Town

NodeMaker = Callable[..., GethNode]
ExplorerMaker = Callable[..., Explorer]


@pytest.fixture(scope="session")
def town() -> Iterator[Town]:
    """One node, sealing when it has a transaction, with a market that has played three slots."""
    with tempfile.TemporaryDirectory(prefix="ext-") as directory:  # short: a socket's path is limited
        node = GethNode.create(Path(directory) / "node", genesis())
        try:
            node.start()
            town = Town.found(node)
            town.play([1.0, 2.0, 3.0])
            town.play([4.5, 0.0, 12.345])
            town.play([6.25, 3.0, 7.001])
            yield town
        finally:
            node.stop()


@pytest.fixture
def make_node() -> Iterator[NodeMaker]:
    """Nodes of the test's own: make_node(genesis) starts one."""
    with tempfile.TemporaryDirectory(prefix="exn-") as directory:
        nodes: list[GethNode] = []

        def make(block: dict[str, Any] | None = None, signer: int = 0) -> GethNode:
            node = GethNode.create(Path(directory) / str(len(nodes)), block or genesis(), signer)
            nodes.append(node)
            node.start()
            return node

        try:
            yield make
        finally:
            for node in nodes:
                node.stop()


@pytest.fixture
def make_explorer(tmp_path: Path) -> Iterator[ExplorerMaker]:
    """An explorer over the given nodes, started; killed at the end if it still runs."""
    explorers: list[Explorer] = []

    def make(*nodes: GethNode, start: bool = True, **changes: Any) -> Explorer:
        explorer = Explorer(tmp_path, configuration(tmp_path, *nodes, **changes))
        explorers.append(explorer)
        if start:
            explorer.start()
        return explorer

    try:
        yield make
    finally:
        for explorer in explorers:
            explorer.kill()


@pytest.fixture(scope="module")
def served(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """One explorer of the town for all of a module."""
    directory = tmp_path_factory.mktemp("served")
    settings = configuration(directory, town.node, contract=town.etsc.address, accounts=town.accounts())
    explorer = Explorer(directory, settings)
    explorer.start()
    try:
        yield explorer
    finally:
        explorer.kill()


@pytest.fixture
def explorer(town: Town, served: Explorer) -> Explorer:
    """That explorer, at the town's head: whoever stops or changes it takes `own_explorer`."""
    served.wait_for(town.node)
    return served


@pytest.fixture
def own_explorer(town: Town, make_explorer: ExplorerMaker) -> Explorer:
    """An explorer of the town for one test, at its head."""
    explorer = make_explorer(town.node, contract=town.etsc.address, accounts=town.accounts())
    explorer.wait_for(town.node)
    return explorer
