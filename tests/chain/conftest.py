from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chain.liar import Answer, Liar, lying
from tests.explorer.gethnode import GethNode, genesis

MakeNode = Callable[[int], GethNode]


@pytest.fixture(scope="session")
def make_node() -> Iterator[MakeNode]:
    """Starts a node with a chain of its own, and at the end stops all that still run."""
    # Not pytest's folder: the path of a UNIX socket has about a hundred characters at most.
    folder = Path(tempfile.mkdtemp(prefix="chain-"))
    nodes: list[GethNode] = []

    def make(period_seconds: int) -> GethNode:
        node = GethNode.create(folder / str(len(nodes)), genesis(period_seconds))
        nodes.append(node)
        node.start()
        return node

    try:
        yield make
    finally:
        for node in nodes:
            node.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def node(make_node: MakeNode) -> GethNode:
    """A real node that seals a block a second."""
    return make_node(1)


@pytest.fixture
def liar() -> Iterator[Callable[[bytes | Answer], Liar]]:
    """Starts servers that answer what they are told to, with bytes or with a function of the request."""
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(lying(answer))
