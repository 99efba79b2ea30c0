"""Testbeds as their users run them: through the command, each in a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from orchestrator.engine import make_engine
from orchestrator.existing import Testbed, open_testbed
from orchestrator.labels import PROJECT
from orchestrator.progress import is_heartbeat

COMMAND = Path(sys.executable).with_name("testbed")
# Bounds for a machine that is busy; what is tested never depends on them.
PATIENCE_SECONDS = 240.0
_POLL_SECONDS = 0.05


def wait_until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, f"waited {seconds:.0f} s for {what}"
        time.sleep(_POLL_SECONDS)


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


class Begun:
    """A command under way, whose lines on stderr can be waited for."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.lines: list[str] = []
        self.out = ""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._readers = [
            threading.Thread(target=lambda: self.lines.extend(self._read(self.process.stderr)), daemon=True),
            threading.Thread(target=self._keep_output, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(pipe: Any) -> Iterator[str]:
        return (line.strip() for line in pipe)

    def _keep_output(self) -> None:
        assert self.process.stdout is not None
        self.out = self.process.stdout.read()

    def says(self, words: str) -> None:
        """Wait until a line with these words has come."""
        wait_until(lambda: any(words in line for line in self.lines) or self._over(), f"{words!r}")
        assert any(words in line for line in self.lines), f"ended without {words!r}: {self.lines}"

    def said(self, number: int) -> bool:
        """Wait for this many lines, seconds that pass not counted; False where the command ended before."""

        def enough() -> bool:
            return sum(not is_heartbeat(line) for line in self.lines) >= number

        wait_until(lambda: enough() or self._over(), f"{number} lines")
        return enough()

    def _over(self) -> bool:
        return self.process.poll() is not None and not self._readers[0].is_alive()

    def signal(self, number: signal.Signals) -> Ran:
        self.process.send_signal(number)
        return self.end()

    def end(self) -> Ran:
        self.process.wait(PATIENCE_SECONDS)
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        return Ran(self.process.returncode, self.out, "\n".join(self.lines))


class Home:
    """A TESTBED_HOME of its own. Its path is short: sockets lie deep below it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def environment(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        # Words must not be broken where a terminal of this width would end.
        return {**os.environ, "COLUMNS": "240", "TESTBED_HOME": str(self.directory), **(changes or {})}

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        ran = subprocess.run(
            [str(COMMAND), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=self.environment(env),
            timeout=PATIENCE_SECONDS,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def ok(self, *arguments: str) -> Ran:
        ran = self.run(*arguments)
        assert ran.code == 0, f"{arguments} ended with {ran.code}:\n{ran.err}\n{ran.out}"
        return ran

    def begin(self, *arguments: str) -> Begun:
        return Begun([str(COMMAND), *arguments], self.environment())

    @contextmanager
    def here(self) -> Iterator[None]:
        """Our own code looks into this home meanwhile."""
        before = os.environ.get("TESTBED_HOME")
        os.environ["TESTBED_HOME"] = str(self.directory)
        try:
            yield
        finally:
            if before is None:
                del os.environ["TESTBED_HOME"]
            else:
                os.environ["TESTBED_HOME"] = before


@contextmanager
def new_home() -> Iterator[Home]:
    """A home that takes its testbeds with it."""
    home = Home(Path(tempfile.mkdtemp(prefix="tb-", dir="/tmp")))
    try:
        yield home
    finally:
        for directory in sorted(home.directory.glob("[a-z]*")):
            home.run("destroy", "--yes", "--name", directory.name)
        shutil.rmtree(home.directory, ignore_errors=True)


class Market:
    """One testbed, whether it runs or not."""

    def __init__(self, home: Home, name: str, engine: str, config: dict[str, Any] | None) -> None:
        self.home = home
        self.name = name
        self.engine = engine
        self.directory = home.directory / name
        self._start = ["up", "--name", name, "--engine", engine]
        if config is not None:
            path = home.directory / f".{name}.yaml"
            path.write_text(yaml.safe_dump(config))
            self._start += ["--config", str(path)]

    def up(self) -> dict[str, Any]:
        """Raises AssertionError where it does not start."""
        status: dict[str, Any] = self.home.ok(*self._start, "--json").json
        return status

    def begin_up(self) -> Begun:
        return self.home.begin(*self._start)

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.home.ok("status", "--name", self.name, "--json").json
        return status

    def campaign(self, *arguments: str) -> dict[str, Any]:
        """What the command says, with the report under `report`."""
        ran = self.home.ok("campaign", "run", "--name", self.name, "--json", *arguments)
        return {**ran.json, "report": read_report(Path(ran.json["report_dir"]))}

    def begin_campaign(self, slots: int) -> Begun:
        return self.home.begin("campaign", "run", "--name", self.name, "--slots", str(slots))

    def last_report(self) -> dict[str, Any]:
        return read_report(max((self.directory / "campaigns").iterdir()))

    def down(self) -> None:
        self.home.ok("down", "--name", self.name)

    def destroy(self) -> None:
        self.home.ok("destroy", "--yes", "--name", self.name)

    def opened(self) -> Testbed:
        with self.home.here():
            return open_testbed(self.name)

    def kill(self, service: str) -> None:
        self.opened().engine.kill(service)

    def instances(self) -> dict[str, str]:
        """What identifies each service that runs now: its container, or its process."""
        if self.engine == "docker":
            return {
                each["Name"]: each["Id"] + each["State"]["StartedAt"]
                for each in self.containers()
                if each["State"]["Running"]
            }
        found = {}
        for process in processes_of(self.directory):
            with suppress(psutil.Error):  # it ends while we look
                found[" ".join(process.cmdline())] = f"{process.pid} {process.create_time()}"
        return found

    def containers(self) -> list[dict[str, Any]]:
        ids = docker("ps", "--all", "--quiet", "--filter", f"label={PROJECT}={self.project}").split()
        # One may go while we look: it is then missing from what is printed.
        return [] if not ids else list(json.loads(docker("inspect", *ids, check=False)))

    @property
    def project(self) -> str:
        """Of Compose, whatever engine this testbed has."""
        from orchestrator.engines.docker import DockerEngine

        with self.home.here():
            engine = make_engine("docker", self.name)
        assert isinstance(engine, DockerEngine)
        return engine.project

    def leftovers(self) -> list[str]:
        """Everything on this machine that still belongs to the testbed."""
        left = [str(path) for path in self.home.directory.rglob("*") if self._is_ours(path)]
        left += [f"process {each}" for each in processes_of(self.directory)]
        if self.engine == "docker":
            for label in (PROJECT, "com.docker.compose.project"):
                ours = ["--quiet", "--filter", f"label={label}={self.project}"]
                left += [f"container {each}" for each in docker("ps", "--all", *ours).split()]
                left += [f"network {each}" for each in docker("network", "ls", *ours).split()]
                left += [f"volume {each}" for each in docker("volume", "ls", *ours).split()]
        return left

    def _is_ours(self, path: Path) -> bool:
        if path.name == f".{self.name}.yaml":
            return False
        return (
            path.stem == self.name
            or path.name == f".removed-{self.name}"
            or self.directory in (path, *path.parents)
        )


def read_report(directory: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((directory / "report.json").read_text())
    return report


def docker(*arguments: str, check: bool = True) -> str:
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=check, timeout=PATIENCE_SECONDS
    ).stdout


def processes_of(directory: Path) -> list[psutil.Process]:
    """Processes that work in or on the directory, by their arguments or their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue  # ended meanwhile, or another user's
        if any(word == str(directory) or f"{directory}/" in word for word in words):
            found.append(process)
    return found
