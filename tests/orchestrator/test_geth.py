"""Geth v1.11.6 is found, cached or built; never another version, never half a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import EnvironmentFault
from orchestrator.geth import GETH_VERSION, find_geth, is_static, version_of

_ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_SECONDS = 30.0
_SAYS = "#!/bin/sh\necho Geth\necho 'Version: {version}-stable'\n"
# Stands in for Go, so that a build takes no minutes: what is tested is what happens around it.
_GO = """#!/bin/sh
if [ "$1" = env ]; then echo go1.26.1; exit; fi
echo "$@" >> "{log}"
{then}
"""


class Machine:
    """A machine with an empty cache and nothing on PATH but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.cache = folder / "cache"
        self.go_log = folder / "go.log"
        self.bin.mkdir()
        self.path = f"{self.bin}:/usr/bin:/bin"
        self.said: list[str] = []

    def program(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def geth(self, path: Path, version: str = GETH_VERSION) -> Path:
        return self.program(path, _SAYS.format(version=version))

    def go(self, then: str) -> None:
        self.program(self.bin / "go", _GO.format(log=self.go_log, then=then))

    def go_that_builds(self, version: str = GETH_VERSION, first: str = "") -> None:
        script = _SAYS.format(version=version).replace("\n", "\\n").replace("'", "")
        self.go(f'{first}\nmkdir -p "$GOBIN"; printf "{script}" > "$GOBIN/geth"; chmod 755 "$GOBIN/geth"')

    @property
    def cached(self) -> Path:
        return self.cache / "bin" / f"geth-{GETH_VERSION}"

    def find(self) -> Path:
        return find_geth(self.said.append)

    def process(self) -> subprocess.Popen[bytes]:
        """Another process that looks for Geth on this machine."""
        code = "from orchestrator.geth import find_geth; print(find_geth(lambda said: None))"
        env = {**os.environ, "PATH": self.path, "TESTBED_CACHE": str(self.cache), "PYTHONPATH": str(_ROOT)}
        return subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE)

    def builds(self) -> int:
        return len(self.go_log.read_text().splitlines()) if self.go_log.exists() else 0

    def left_behind(self) -> set[str]:
        """All in the cache but the lock, which stays."""
        paths = self.cache.rglob("*")
        return {str(path.relative_to(self.cache)) for path in paths if path.suffix != ".lock"} - {"bin"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", machine.path)
    monkeypatch.setenv("TESTBED_CACHE", str(machine.cache))
    return machine


def until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < ends_at, "the condition never came true"
        time.sleep(0.02)


def test_the_right_version_on_path_is_taken_before_the_cache(machine: Machine) -> None:
    machine.geth(machine.cached)
    on_path = machine.geth(machine.bin / "geth")
    assert machine.find() == on_path
    assert machine.said == []


@pytest.mark.parametrize(
    ("version", "told"), [("1.12.0", "is v1.12.0"), ("1.11.60", "is v1.11.60"), ("none", "does not run")]
)
def test_another_version_is_passed_over_in_one_line_that_says_why(
    machine: Machine, version: str, told: str
) -> None:
    machine.geth(machine.cached)
    other = machine.geth(machine.bin / "geth", version)
    assert machine.find() == machine.cached
    (line,) = machine.said
    assert f"{other} {told}" in line
    assert "ethash" in line
    assert "clique" in line


def test_the_cached_one_is_taken_without_a_word(machine: Machine) -> None:
    machine.geth(machine.cached)
    assert machine.find() == machine.cached
    assert machine.said == []


@pytest.mark.parametrize("content", ["", "\x7fELF, cut", _SAYS.format(version="1.11.5")])
def test_a_cached_file_that_is_broken_or_of_another_version_is_replaced(
    machine: Machine, content: str
) -> None:
    machine.program(machine.cached, content)
    machine.go_that_builds()
    assert version_of(machine.find()) == GETH_VERSION
    assert machine.builds() == 1


def test_the_build_names_the_module_and_makes_it_static(machine: Machine) -> None:
    machine.go_that_builds()
    assert machine.find() == machine.cached
    arguments = machine.go_log.read_text()
    assert arguments.strip().endswith(f"github.com/ethereum/go-ethereum/cmd/geth@v{GETH_VERSION}")
    assert "netgo osusergo" in arguments
    assert machine.left_behind() == {f"bin/geth-{GETH_VERSION}"}
    assert any("building" in line for line in machine.said)


def test_a_failed_build_says_what_the_compiler_said_and_leaves_nothing(machine: Machine) -> None:
    machine.go("echo 'undefined: everything' >&2; exit 2")
    with pytest.raises(EnvironmentFault, match="could not be built") as caught:
        machine.find()
    assert "undefined: everything" in str(caught.value)
    assert caught.value.exit_code == 3
    assert machine.left_behind() == set()


def test_a_build_that_gives_another_version_is_not_kept(machine: Machine) -> None:
    machine.go_that_builds(version="1.11.5")
    with pytest.raises(EnvironmentFault, match="does not run"):
        machine.find()
    assert machine.left_behind() == set()


def test_a_cache_that_cannot_be_written_is_named(machine: Machine, tmp_path: Path) -> None:
    machine.go_that_builds()
    machine.cache.write_text("a file where a folder should be")
    with pytest.raises(EnvironmentFault, match="TESTBED_CACHE"):
        machine.find()


def test_two_at_once_build_once(machine: Machine, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    machine.go_that_builds(first=f'while [ ! -e "{gate}" ]; do sleep 0.02; done')
    processes = [machine.process(), machine.process()]
    until(lambda: machine.builds() == 1)
    gate.touch()
    for process in processes:
        out, _ = process.communicate(timeout=_DEADLINE_SECONDS)
        assert out.decode().strip() == str(machine.cached)
    assert machine.builds() == 1


def test_an_interrupted_build_leaves_nothing_and_no_child(machine: Machine, tmp_path: Path) -> None:
    child = tmp_path / "child.pid"
    machine.go(f'echo $$ > "{child}.new"; mv "{child}.new" "{child}"; exec sleep 600')
    with machine.process() as process:
        until(child.exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=_DEADLINE_SECONDS) != 0
    until(lambda: not Path(f"/proc/{child.read_text().strip()}").exists())
    assert machine.left_behind() == set()


def test_what_a_killed_build_left_is_removed_by_the_next(machine: Machine, tmp_path: Path) -> None:
    child = tmp_path / "child.pid"
    machine.go(f'echo $$ > "{child}.new"; mv "{child}.new" "{child}"; exec sleep 600')
    with machine.process() as process:
        until(child.exists)
        process.kill()
    os.kill(int(child.read_text()), signal.SIGKILL)
    assert any("scratch" in name for name in machine.left_behind())
    machine.go_that_builds()
    machine.find()
    assert machine.left_behind() == {f"bin/geth-{GETH_VERSION}"}


def test_a_static_binary_is_told_from_one_that_needs_a_loader(tmp_path: Path) -> None:
    assert not is_static(Path(sys.executable).resolve())
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert not is_static(script)


def test_the_geth_of_this_machine_is_the_one_wanted() -> None:
    geth = find_geth(print)
    assert version_of(geth) == GETH_VERSION
