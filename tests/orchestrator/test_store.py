"""A testbed's state is whole or refused, and only one command at a time changes it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from errors import EnvironmentFault, TestbedError, UsageError
from errors.files import write_atomic
from orchestrator import store
from orchestrator.store import State

_ROOT = Path(__file__).resolve().parents[2]
_HOLD = (
    "import sys; from orchestrator import store\n"
    "with store.locked(sys.argv[1]):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TESTBED_HOME", str(tmp_path))
    return tmp_path


def state(name: str = "one") -> State:
    return State(
        name=name,
        engine="process",
        config={"market": {"prosumers": 2}},
        mnemonic="twelve words",
        addresses={"administrator": "0x00"},
        chain_id=7,
        genesis_time=1,
        ports={"explorer": 8000},
    )


@contextmanager
def another_command(home: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the testbed's lock until it is ended or its standard input is closed."""
    env = {**os.environ, "TESTBED_HOME": str(home), "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, "-c", _HOLD, name]
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_what_is_saved_is_loaded_again() -> None:
    saved = replace(state(), subnet="10.200.0.0/22", contract="0x01", ready_once=True)
    store.save(saved)
    assert store.load("one") == saved
    assert store.require("one") == saved


def test_a_testbed_that_is_not_there_is_none_and_those_that_are_there_are_named() -> None:
    assert store.load("one") is None
    assert store.names() == []
    store.save(state("b"))
    store.save(state("a"))
    assert store.names() == ["a", "b"]
    with pytest.raises(TestbedError, match=r"testbed up --name one.*There are: a, b") as caught:
        store.require("one")
    assert caught.value.exit_code == 1


def test_the_state_holds_a_secret_and_only_its_owner_reads_it(home: Path) -> None:
    store.save(state())
    assert (home / "one" / "state.json").stat().st_mode & 0o777 == 0o600


def _with_checksum(content: dict[str, object]) -> str:
    checksum = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps({**content, "checksum": checksum})


def _damage(text: str, how: str) -> bytes:
    content = {key: value for key, value in json.loads(text).items() if key != "checksum"}
    lacking = {key: value for key, value in content.items() if key != "ports"}
    return {
        "empty": b"",
        "torn": text[: len(text) // 2].encode(),
        "garbage": b"\x00\xff\xfe garbage",
        "a list": b"[1, 2]",
        "a word": b'"state"',
        "edited": text.replace('"chain_id": 7', '"chain_id": 8').encode(),
        "no checksum": json.dumps(content).encode(),
        "newer": _with_checksum({**content, "version": 2}).encode(),
        "more keys": _with_checksum({**content, "colour": "red"}).encode(),
        "fewer keys": _with_checksum(lacking).encode(),
    }[how]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("empty", "truncated"),
        ("torn", "truncated"),
        ("garbage", "cannot be read"),
        ("a list", "truncated or no JSON"),
        ("a word", "truncated or no JSON"),
        ("edited", "was edited"),
        ("no checksum", "truncated or no JSON"),
        ("newer", r"another version of testbed \(2\)"),
        ("more keys", "another version"),
        ("fewer keys", "another version"),
    ],
)
def test_a_damaged_state_is_refused_with_the_file_and_what_to_do(home: Path, how: str, said: str) -> None:
    store.save(state())
    path = home / "one" / "state.json"
    path.write_bytes(_damage(path.read_text(), how))
    with pytest.raises(TestbedError, match=said) as caught:
        store.load("one")
    assert caught.value.where == str(path)
    assert "`testbed destroy --name one`" in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_damaged_neighbour_stops_nobody_else(home: Path) -> None:
    store.save(state("good"))
    store.save(state("bad"))
    (home / "bad" / "state.json").write_text("{")
    with store.allocating() as neighbours:
        assert [neighbour.name for neighbour in neighbours] == ["good"]


def test_a_state_is_removed_with_its_directory(home: Path) -> None:
    store.save(state())
    store.remove("one")
    assert not (home / "one").exists()
    store.remove("one")


def test_a_reader_never_sees_half_a_file(home: Path) -> None:
    path = home / "file"
    texts = ["a" * 300_000, "b" * 300_000]
    write_atomic(path, texts[0])
    done = threading.Event()

    def write() -> None:
        for index in range(60):
            write_atomic(path, texts[index % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = 0
    while not done.is_set():
        assert path.read_text() in texts
        seen += 1
    writer.join()
    assert seen > 0
    assert list(home.iterdir()) == [path]


def test_a_write_that_fails_keeps_the_old_text_and_leaves_nothing(home: Path) -> None:
    path = home / "file"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(home.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_an_error_of_the_environment(home: Path) -> None:
    (home / "file").write_text("no folder")
    with pytest.raises(EnvironmentFault, match="cannot be written") as caught:
        write_atomic(home / "file" / "state.json", "text")
    assert caught.value.exit_code == 3
    (home / ".locks").write_text("no folder")
    with pytest.raises(EnvironmentFault, match="cannot be made"), store.locked("one"):
        pass


def test_a_second_command_on_one_testbed_is_told_which_process_is_the_first(home: Path) -> None:
    with another_command(home, "one") as first:
        with pytest.raises(TestbedError, match=f"process {first.pid}") as caught, store.locked("one"):
            pass
        assert caught.value.exit_code == 1
        assert "--name" in str(caught.value)


def test_commands_on_different_testbeds_do_not_meet(home: Path) -> None:
    with another_command(home, "one"), store.locked("two"):
        pass


def test_a_killed_command_leaves_no_lock(home: Path) -> None:
    with another_command(home, "one") as first:
        first.kill()
        first.wait()
        with store.locked("one"):
            pass


def test_an_error_under_the_lock_frees_it(home: Path) -> None:
    with pytest.raises(KeyboardInterrupt), store.locked("one"):
        raise KeyboardInterrupt
    with another_command(home, "one"):
        pass


@pytest.mark.parametrize("name", ["a", "a-b", "x1", "a" * 24])
def test_good_names_are_directories_under_the_home(home: Path, name: str) -> None:
    assert store.directory_of(name) == home / name


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a-", "a_b", "a" * 25, "../a", "a/b", "a\n", ".locks"])
def test_other_names_are_a_wrong_use(name: str) -> None:
    for use in (store.directory_of, store.load, lambda name: store.locked(name).__enter__()):
        with pytest.raises(UsageError, match="is no name for a testbed") as caught:
            use(name)
        assert caught.value.exit_code == 2


def test_a_path_too_long_for_a_socket_is_refused_before_a_node_fails_on_it() -> None:
    store.check_socket_path(Path("/" + "x" * 102))
    with pytest.raises(TestbedError, match="104 bytes, allowed are 103") as caught:
        store.check_socket_path(Path("/" + "x" * 103))
    assert "TESTBED_HOME" in str(caught.value)
    with pytest.raises(TestbedError, match="bytes"):
        store.check_socket_path(Path("/" + "ü" * 60))


def test_the_home_is_the_users_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TESTBED_HOME")
    assert re.search(r"elecoin-testbed$", str(store.home()))


def test_every_field_of_the_state_is_checked(home: Path) -> None:
    """What is not under the checksum could be edited unseen."""
    store.save(state())
    path = home / "one" / "state.json"
    whole = json.loads(path.read_text())
    for key in asdict(state()):
        path.write_text(json.dumps({**whole, key: "changed"}))
        with pytest.raises(TestbedError):
            store.load("one")
