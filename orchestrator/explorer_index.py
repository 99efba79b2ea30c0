"""The index of a testbed's explorer: made anew, and compared with the chain."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

from chain.rpc import HttpRpc, RpcUnreachable, block_number
from errors import EnvironmentFault, TestbedError
from explorer.check import Comparison, compare, index_file
from explorer.index.database import file_of, set_aside
from explorer.index.lock import sole_writer
from orchestrator import store
from orchestrator.engine import Report, ServiceState
from orchestrator.existing import Testbed, open_testbed
from orchestrator.interrupts import uninterrupted

_EXPLORER = "explorer"
_RUNNING = ServiceState("running")
_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 2.0
_STILL_SECONDS = 30.0
_READ_SECONDS = 30.0
# The chain goes on while the index is made.
_CLOSE_ENOUGH_BLOCKS = 1

Show = Callable[[float], None]
"""Takes how much is done, as a part of 1."""


def health(testbed: Testbed) -> dict[str, Any]:
    """What the explorer says of itself. Raises TestbedError where it does not answer."""
    url = f"{testbed.plan.explorer_url}/health"
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as response:
            said: dict[str, Any] = json.load(response)
            return said
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        name = testbed.state.name
        raise TestbedError(
            f"the explorer of {name!r} does not answer: {getattr(error, 'reason', error)}",
            where=testbed.plan.explorer_url,
            fix=f"`testbed up --name {name}` starts it; `testbed logs explorer --name {name}` says more.",
        ) from error


def rebuild_index(
    name: str, report: Report = lambda line: None, show: Show = lambda done: None
) -> Path | None:
    """Let the index be made anew from the chain; the former one is kept under the name that is returned.

    None: there was none. Whatever interrupts this, the explorer runs as before, on the old index or a new
    one. Raises TestbedError where a node of a testbed that runs does not, since only `up` may start one.
    """
    with store.locked(name):
        testbed = open_testbed(name)
        runs = _runs(testbed)
        report(
            "stopping the explorer" if runs else "the explorer does not run: the next `testbed up` indexes"
        )
        with uninterrupted():
            try:
                aside = _set_aside(testbed, runs)
            finally:
                if runs:
                    testbed.engine.apply(testbed.plan)
        if runs:
            report("indexing the chain")
            _wait_until_indexed(testbed, show)
        return aside


def _runs(testbed: Testbed) -> bool:
    states = testbed.engine.states()
    if states.get(_EXPLORER) != _RUNNING:
        return False
    if ended := [node.name for node in testbed.plan.nodes if states.get(node.name) != _RUNNING]:
        raise TestbedError(
            f"not running: {', '.join(ended)}",
            where=testbed.state.name,
            fix=f"`testbed up --name {testbed.state.name}` starts what is missing; then try again.",
        )
    return True


def _set_aside(testbed: Testbed, runs: bool) -> Path | None:
    if runs:
        # It holds nothing that must be written: an index bears being killed at any moment.
        testbed.engine.kill(_EXPLORER)
    folder = testbed.plan.explorer_index
    with sole_writer(folder):
        if testbed.state.genesis_hash is None:
            return None
        file = file_of(folder, bytes.fromhex(testbed.state.genesis_hash.removeprefix("0x")))
        return set_aside(file) if file.exists() else None


def _wait_until_indexed(testbed: Testbed, show: Show) -> None:
    """Raises EnvironmentFault where the index stands still."""
    indexed, ends_at = -1, time.monotonic() + _STILL_SECONDS
    while True:
        try:
            said = health(testbed)
            problem = said["problem"] or "no block is indexed"
            if (now := said["indexed"]) is not None and now != indexed:
                indexed, ends_at = now, time.monotonic() + _STILL_SECONDS
                show((indexed + 1) / (max(indexed, said["head"] or 0) + 1))
            if said["lag"] is not None and said["lag"] <= _CLOSE_ENOUGH_BLOCKS:
                show(1.0)
                return
        except TestbedError as error:
            problem = error.what
        if time.monotonic() > ends_at:
            raise EnvironmentFault(
                f"the index stands still: {problem}",
                where=testbed.plan.explorer_url,
                fix=f"`testbed logs explorer --name {testbed.state.name}` says more.",
            )
        time.sleep(_POLL_SECONDS)


def check_index(name: str, index: Path | None = None, show: Show = lambda done: None) -> Comparison:
    """The index of a testbed, or that file, with the chain of its node that is ahead. Raises TestbedError."""
    testbed = open_testbed(name)
    folder = testbed.plan.explorer_index if index is None else index
    return check_index_of_node(_ahead(testbed), folder, show)


def check_index_of_node(rpc_url: str, index: Path, show: Show = lambda done: None) -> Comparison:
    """An index, or the one for its chain in a folder, with a node. Raises TestbedError."""
    with HttpRpc(rpc_url, _READ_SECONDS) as rpc:
        return compare(index_file(index, rpc), rpc, show)


def _ahead(testbed: Testbed) -> str:
    heights: dict[str, int] = {}
    for node in testbed.plan.nodes:
        try:
            with HttpRpc(node.rpc_url, _ANSWER_SECONDS) as rpc:
                heights[node.rpc_url] = rpc.fetch(block_number())
        except RpcUnreachable:
            continue
    if not heights:
        raise TestbedError(
            "no node answers",
            where=testbed.state.name,
            fix=f"`testbed up --name {testbed.state.name}` first.",
        )
    return max(heights, key=lambda url: heights[url])
