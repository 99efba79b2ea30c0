"""`testbed explorer …` without a testbed: any chain is served, and an index is compared with it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.explorer.gethnode import RICH, GethNode, genesis, wait_until
from tests.orchestrator.test_cli import run

_TESTBED = str(Path(sys.executable).with_name("testbed"))


@pytest.fixture(scope="module")
def node() -> Iterator[GethNode]:
    with tempfile.TemporaryDirectory(prefix="oxn-") as directory:
        node = GethNode.create(Path(directory) / "node", genesis())
        try:
            node.start()
            node.grow(3, RICH[0])
            yield node
        finally:
            node.stop()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Without a testbed."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def cache(tmp_path: Path) -> dict[str, str]:
    """An environment whose indexes are the test's own."""
    return {"TESTBED_CACHE": str(tmp_path / "cache")}


class Served:
    """`testbed explorer serve` as a process, at the address that it printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.said = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+$", self.said.strip())
        assert found, self.said
        self.url = found[0]

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=20) as response:
            text: str = response.read().decode()
            return text

    def health(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.get("/health"))
        return said

    def wait_for(self, node: GethNode) -> None:
        wait_until(lambda: self.health()["indexed"] == node.height(), "the index to reach the head")


@contextmanager
def serving(environment: dict[str, str], *words: str) -> Iterator[Served]:
    process = subprocess.Popen(
        [_TESTBED, "explorer", "serve", *words],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Served(process)
    finally:
        process.kill()
        process.wait(20)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_chain_is_served_until_the_end_is_asked_for(
    node: GethNode, cache: dict[str, str], number: signal.Signals
) -> None:
    with serving(cache, "--rpc", node.rpc_url, "--name", "my chain") as served:
        assert "my chain" in served.said
        served.wait_for(node)
        assert "my chain" in served.get("/")
        served.process.send_signal(number)
        assert served.process.wait(20) == 0
    (index,) = (Path(cache["TESTBED_CACHE"]) / "explorer").glob("*/*.sqlite")
    assert index.stem == node.ask("eth_getBlockByNumber", "0x0", False)["hash"][2:]


def test_the_index_of_a_served_chain_is_compared_by_the_address_of_its_node(
    home: Path, node: GethNode, cache: dict[str, str]
) -> None:
    with serving(cache, "--rpc", node.rpc_url) as served:
        served.wait_for(node)
        ran = run(home, "explorer", "check", "--rpc", node.rpc_url, "--json", env=cache)
        assert ran.returncode == 0, ran.stderr
        compared = json.loads(ran.stdout)
        assert (compared["ok"], compared["differences"], compared["behind"]) == (True, [], 0)
        assert (compared["number"], compared["block_hash"]) == (node.height(), node.head_hash())
    # Nobody serves it now: the file is compared all the same, by whichever name.
    for index in (compared["index"], str(Path(compared["index"]).parent)):
        ran = run(home, "explorer", "check", "--rpc", node.rpc_url, "--index", index, env=cache)
        assert ran.returncode == 0, ran.stderr
        assert "The index is the chain's." in ran.stdout


def test_a_chain_without_an_index_is_said(home: Path, node: GethNode, cache: dict[str, str]) -> None:
    ran = run(home, "explorer", "check", "--rpc", node.rpc_url, env=cache)
    assert ran.returncode == 1
    assert "there is no index" in ran.stderr


def test_a_node_that_does_not_answer_ends_the_check_with_3(home: Path, cache: dict[str, str]) -> None:
    ran = run(home, "explorer", "check", "--rpc", "http://127.0.0.1:1", "--index", str(home), env=cache)
    assert ran.returncode == 3
    assert "http://127.0.0.1:1: no answer from the node" in ran.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["serve"], 2, "--rpc"),
        (["serve", "--rpc", "ipc:x"], 2, "--rpc must be an http:// or https:// address"),
        (["check", "--rpc", "http://x", "--index", "y", "--name", "z"], 2, "leave one of them out"),
        (["open"], 1, "there is no testbed 'default'"),
        (["rebuild"], 1, "there is no testbed 'default'"),
        (["check"], 1, "there is no testbed 'default'"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_made(
    home: Path, words: list[str], code: int, said: str
) -> None:
    ran = run(home, "explorer", *words)
    assert ran.returncode == code
    assert said in ran.stderr
    assert not [path for path in home.rglob("*") if path.is_file()]
