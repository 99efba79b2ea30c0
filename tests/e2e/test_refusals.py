"""What cannot be done is refused with one clear message, the right exit code, and nothing half-made."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from orchestrator import store
from tests.e2e.conftest import SMALL
from tests.e2e.refused import refused
from tests.e2e.running import COMMAND, Home, Market, Ran, processes_of

_UP = ("up", "--name", "town", "--engine", "process")


def _nothing_made(home: Home) -> bool:
    return not list(home.directory.rglob("*town*")) and not processes_of(home.directory)


def test_a_name_that_is_not_there_is_said_with_what_is_there(market: Market) -> None:
    commands = ["status", "down", "accounts", "campaign run", "logs vm", "console"]
    for command in commands:
        ran = market.home.run(*command.split(), "--name", "city")
        refused(ran, 1, "no testbed 'city'", "There are: town")


def test_what_is_not_there_is_destroyed_without_a_fuss(home: Home) -> None:
    assert "no testbed" in home.ok("destroy", "--yes", "--name", "city").out
    assert list(home.directory.rglob("*city*")) == []


@pytest.mark.parametrize("wrong", ["--engine=podman", "--consensus=pos", "--name=No Name", "--unknown"])
def test_a_wrong_word_ends_with_2(home: Home, wrong: str) -> None:
    ran = home.run("up", wrong)
    assert ran.code == 2
    assert "Error" in ran.err
    assert "Traceback" not in ran.err
    assert list(home.directory.iterdir()) == []


def test_destroy_asks_nobody_where_nobody_can_answer(market: Market) -> None:
    refused(market.home.run("destroy", "--name", market.name), 2, "--yes")
    assert market.status()["nodes"][0]["state"] == "running"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("market: {prosumers: many}", ["market.prosumers", "'many'", "integer"]),
        ("market: {theta: -1}", ["market.theta", "-1", "greater than 0"]),
        ("market: {prosumers: 0}", ["market.prosumers", "0", "greater than or equal to 1"]),
        ("market: {prosumer: 4}", ["market.prosumer", "did you mean 'prosumers'"]),
        ("nodes: [{name: a}, {name: a}]", ["nodes", "'a'", "must differ"]),
        ("nodes: []", ["nodes", "at least 1"]),
        ("nodes: [{name: vm, memory_gb: 0}]", ["nodes.0.memory_gb", "0.25"]),
        (
            "campaign: {wait_blocks: 5, slot_deadline_blocks: 5}",
            ["slot_deadline_blocks", "above wait_blocks"],
        ),
        ("selling: nobody", ["selling", "'nobody'"]),
        ("mnemonic: twelve wrong words", ["mnemonic"]),
        ("market: {p_min: 50, p_max: 45}", ["market", "p_m"]),
        ("market: {buy_back: 50}", ["market", "buy_back", "at most p_min, which is 10.0"]),
        ("chain: [", ["not valid YAML"]),
        ("just words", ["expected keys and values"]),
        ("explorer: {port: 80}", ["explorer.port", "80", "1024"]),
    ],
)
def test_a_wrong_configuration_is_refused_by_file_and_key(
    home: Home, tmp_path: Path, content: str, words: list[str]
) -> None:
    path = tmp_path / "testbed.yaml"
    path.write_text(content)
    refused(home.run(*_UP, "--config", str(path)), 1, *words)
    assert _nothing_made(home)


def test_all_mistakes_of_a_configuration_are_named_at_once(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "testbed.yaml"
    path.write_text("market: {prosumers: 0, theta: x}\nseed: 1\n")
    refused(home.run(*_UP, "--config", str(path)), 1, "market.prosumers", "market.theta", "seed", str(path))


def test_a_configuration_that_is_not_there_is_named(home: Home) -> None:
    refused(home.run(*_UP, "--config", "absent.yaml"), 1, "absent.yaml", "testbed init")
    assert _nothing_made(home)


def test_a_chain_refuses_what_its_genesis_block_has_fixed(market: Market, tmp_path: Path) -> None:
    before = market.status()
    path = tmp_path / "other.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "market": {"prosumers": 3, "retailers": 1}}))
    ran = market.home.run("up", "--name", market.name, "--config", str(path))
    refused(ran, 1, "market.prosumers", "cannot change", "--name")
    other = "docker" if market.engine == "process" else "process"
    refused(market.home.run("up", "--name", market.name, "--engine", other), 1, market.engine)
    after = market.status()
    assert after["genesis_hash"] == before["genesis_hash"]
    assert {node["state"] for node in after["nodes"]} == {"running"}


def test_a_contract_constructed_otherwise_than_planned_is_refused(market: Market) -> None:
    with market.home.here():
        state = store.require(market.name)
        planned = state.config
        state.config = {**planned, "campaign": {**planned["campaign"], "slot_deadline_blocks": 31}}
        store.save(state)
    try:
        ran = market.home.run("up", "--name", market.name)
        refused(ran, 3, "slot_deadline_blocks is 30, expected 31", "testbed destroy")
    finally:
        with market.home.here():
            state.config = planned
            store.save(state)
    assert {node["state"] for node in market.up()["nodes"]} == {"running"}


def test_an_edited_state_is_refused_and_left_as_it_is(market: Market) -> None:
    state = market.directory / "state.json"
    whole = state.read_text()
    edited = whole.replace(f'"chain_id": {market.status()["chain_id"]}', '"chain_id": 1234567')
    assert edited != whole
    try:
        state.write_text(edited)
        for command in ("up", "status", "down"):
            refused(market.home.run(command, "--name", market.name), 1, "was edited", str(state))
        assert state.read_text() == edited
    finally:
        state.write_text(whole)
    assert market.status()["nodes"][0]["state"] == "running"


def test_the_second_up_at_once_says_that_it_is_the_second(new_market: Market) -> None:
    first = new_market.begin_up()
    assert first.said(1)
    first.process.send_signal(signal.SIGSTOP)  # or it may have ended before the second begins
    second = new_market.home.run("up", "--name", new_market.name)
    refused(second, 1, "another testbed command", str(first.process.pid))
    assert first.signal(signal.SIGCONT).code == 0
    assert {node["state"] for node in new_market.status()["nodes"]} == {"running"}


def test_a_path_too_long_for_sockets_is_refused(home: Home) -> None:
    long = home.directory / ("a" * 90)
    refused(home.run(*_UP, env={"TESTBED_HOME": str(long)}), 1, "too long", "TESTBED_HOME")
    assert _nothing_made(home)


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_a_configured_port_that_is_taken_is_named(home: Home, taken_port: int, tmp_path: Path) -> None:
    path = tmp_path / "testbed.yaml"
    path.write_text(yaml.safe_dump({"explorer": {"port": taken_port}}))
    refused(home.run(*_UP, "--config", str(path)), 3, str(taken_port), "explorer.port")
    assert _nothing_made(home)


def test_a_running_testbed_does_not_move_to_a_port_that_is_taken(
    market: Market, taken_port: int, tmp_path: Path
) -> None:
    before = market.status()
    path = tmp_path / "testbed.yaml"
    path.write_text(yaml.safe_dump({**SMALL, "explorer": {"port": taken_port}}))
    ran = market.home.run("up", "--name", market.name, "--config", str(path))
    refused(ran, 3, str(taken_port), "explorer.port")
    assert market.status()["explorer_url"] == before["explorer_url"]
    assert market.status()["services"] == before["services"]


def test_without_docker_auto_runs_processes_and_says_so(home: Home, tmp_path: Path) -> None:
    absent = {"DOCKER_HOST": f"unix://{tmp_path}/absent.sock"}
    refused(home.run("up", "--name", "town", "--engine", "docker", env=absent), 3, "--engine process")
    assert _nothing_made(home)
    path = tmp_path / "testbed.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    ran = home.run("up", "--name", "town", "--config", str(path), env=absent)
    assert ran.code == 0, ran.err
    assert len([line for line in ran.err.splitlines() if "Docker is not used" in line]) == 1
    assert home.ok("status", "--name", "town", "--json").json["engine"] == "process"


@pytest.mark.skipif(shutil.which("docker") is None, reason="the command `docker` is not installed")
def test_a_docker_that_refuses_this_user_is_said(home: Home, tmp_path: Path) -> None:
    """The kernel refuses: the socket is another user's, and root goes without the right to override that."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(str(path))
        closed.listen()
        path.chmod(0)
        command = [str(COMMAND), "up", "--name", "town", "--engine", "docker"]
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
            without = "-dac_override,-dac_read_search"
            command = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}", *command]
        environment = home.environment({"DOCKER_HOST": f"unix://{path}"})
        ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    refused(Ran(ran.returncode, ran.stdout, ran.stderr), 3, "refuses this user", "--engine process")
    assert _nothing_made(home)


@pytest.fixture
def small_disk(home: Home) -> Iterator[Path]:
    """A disk with less room than a chain needs."""
    disk = home.directory / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=True, timeout=20)
    yield disk
    subprocess.run(["umount", disk], check=True, timeout=20)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_is_said_and_nothing_stays(home: Home, small_disk: Path) -> None:
    refused(home.run(*_UP, env={"TESTBED_HOME": str(small_disk)}), 3, "the disk is full", str(small_disk))
    assert _nothing_made(home)


def test_a_geth_of_another_version_is_left_aside_with_a_word(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "geth"
    other.write_text("#!/bin/sh\necho Geth\necho Version: 1.13.4-stable\n")
    other.chmod(0o755)
    path = tmp_path / "testbed.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = home.run(*_UP, "--config", str(path), env=environment)
    assert ran.code == 0, ran.err
    assert len([line for line in ran.err.splitlines() if "1.13.4" in line and "not used" in line]) == 1
    assert {node["state"] for node in home.ok("status", "--name", "town", "--json").json["nodes"]} == {
        "running"
    }
