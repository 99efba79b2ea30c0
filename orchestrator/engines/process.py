"""The engine that runs each service as a process of this machine, under one detached supervisord."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import time
import xmlrpc.client
from collections.abc import Iterator, Sequence
from importlib import resources
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import jinja2
import psutil

from chain.rpc import IpcRpc, Rpc
from errors import EnvironmentFault, TestbedError
from errors.files import write_atomic
from orchestrator import dag
from orchestrator.command import run
from orchestrator.engine import Report, ServiceState
from orchestrator.geth import find_geth
from orchestrator.plan import Node, Plan, Service
from orchestrator.store import check_socket_path, directory_of

# Every process of a testbed carries its directory, so that none is lost when the supervisor is killed.
MARK = "ELECOIN_TESTBED"
_THROTTLE = "throttle"
_START_SECONDS = 20
_KILL_SECONDS = 10
_POLL_SECONDS = 0.02


class ProcessEngine:
    """Processes that share the host's loopback interface."""

    name = "process"
    own_network = False

    def __init__(self, testbed: str) -> None:
        self._testbed = testbed
        self._directory = directory_of(testbed)
        self._socket = self._directory / "supervisor.sock"
        self._config = self._directory / "supervisor" / "supervisord.conf"
        self._geth: Path | None = None

    def prepare(self, report: Report) -> None:
        check_socket_path(self._socket)
        if self._supervisor() is None:
            self._end_strays()  # of a command that was killed
        self._geth = find_geth(report)

    @property
    def _known_geth(self) -> Path:
        if self._geth is None:
            self._geth = find_geth(lambda _: None)
        return self._geth

    def subnets_in_use(self) -> list[IPv4Network]:
        return []

    def geth(self, arguments: Sequence[str], writable: Path, readable: Sequence[Path] = ()) -> None:
        run([str(self._known_geth), *arguments], timeout_seconds=300, env={MARK: str(self._directory)})

    def makedag(self) -> list[str]:
        return dag.on_host(self._known_geth)

    def apply(self, plan: Plan) -> None:
        text = self._render(plan)
        changed = not self._config.exists() or self._config.read_text(encoding="utf-8") != text
        if changed:
            for folder in (self._directory / "logs", self._config.parent):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_atomic(self._config, text)
        supervisor = self._supervisor()
        if supervisor is None:
            self._end_strays()
            self._start_supervisor()
            return
        # Also where the file is the same: `remove` forgets services that the file still names.
        ((added, altered, removed),) = supervisor.supervisor.reloadConfig()
        for name in [*altered, *removed]:
            supervisor.supervisor.stopProcessGroup(name)
            supervisor.supervisor.removeProcessGroup(name)
        for name in [*added, *altered]:
            supervisor.supervisor.addProcessGroup(name)
        for info in supervisor.supervisor.getAllProcessInfo():
            if info["statename"] in ("EXITED", "STOPPED", "FATAL", "BACKOFF") and info["start"]:
                supervisor.supervisor.startProcess(info["name"], False)

    def stop(self) -> None:
        supervisor = self._supervisor()
        if supervisor is not None:
            pid = supervisor.supervisor.getPID()
            self._signal_all(signal.SIGCONT)
            supervisor.supervisor.shutdown()
            with contextlib.suppress(psutil.NoSuchProcess):
                _wait_for_end([psutil.Process(pid)], 90)
        self._end_strays()

    def destroy(self) -> None:
        strays = self._strays()
        for process in strays:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _wait_for_end(strays, _KILL_SECONDS)
        # A service may have been spawned between the look and the kill.
        if self._strays():
            self.destroy()

    def remove(self, services: Sequence[str]) -> None:
        supervisor = self._supervisor()
        if supervisor is None:
            return
        there = [info["name"] for info in supervisor.supervisor.getAllProcessInfo()]
        gone = [service for service in services if service in there]
        for service in gone:
            supervisor.supervisor.signalProcessGroup(service, "TERM")
        for service in gone:
            supervisor.supervisor.stopProcessGroup(service)
            supervisor.supervisor.removeProcessGroup(service)

    def kill(self, service: str) -> None:
        supervisor = self._supervisor()
        if supervisor is None:
            raise TestbedError(f"{service!r} does not run")
        pid = int(supervisor.supervisor.getProcessInfo(service)["pid"])
        os.kill(pid, signal.SIGKILL)
        ends_at = time.monotonic() + _KILL_SECONDS
        while supervisor.supervisor.getProcessInfo(service)["pid"] == pid:
            if time.monotonic() > ends_at:
                raise EnvironmentFault(
                    f"{service!r} was killed, but has not ended {_KILL_SECONDS} s later",
                    where=str(self._directory / "supervisor" / "supervisord.log"),
                )
            time.sleep(_POLL_SECONDS)

    def states(self) -> dict[str, ServiceState]:
        supervisor = self._supervisor()
        if supervisor is None:
            return {}
        found = {}
        for info in supervisor.supervisor.getAllProcessInfo():
            if info["name"] == _THROTTLE:
                continue
            if info["statename"] in ("RUNNING", "STARTING", "STOPPING"):
                found[info["name"]] = ServiceState("running")
            else:
                found[info["name"]] = ServiceState("exited", int(info["exitstatus"]))
        return found

    def logs(self, service: str, follow: bool) -> Iterator[str]:
        path = self._directory / "logs" / f"{service}.log"
        if not path.is_file():
            raise TestbedError(
                f"{service!r} has no log: it was never started", fix="`testbed status` names the services."
            )
        with path.open(errors="replace") as file:
            while True:
                if line := file.readline():
                    yield line.rstrip("\n")
                elif follow:
                    time.sleep(0.2)
                else:
                    return

    def ipc(self, node: Node) -> Rpc:
        return IpcRpc(str(node.ipc_path))

    def console(self, node: Node) -> list[str]:
        return [str(self._known_geth), "attach", str(node.ipc_path)]

    def _render(self, plan: Plan) -> str:
        programs = [self._program(service) for service in plan.services]
        quotas = {s.name: s.cpu_quota for s in plan.services if s.cpu_quota is not None}
        if quotas:
            command = [sys.executable, "-m", "orchestrator.engines.throttle", str(self._socket)]
            command += [f"{name}={quota}" for name, quota in quotas.items()]
            # The highest priority stops first: whatever it holds back must run again to hear its end.
            programs.append(self._entry(_THROTTLE, command, {}, 5, 999))
        file = resources.files("orchestrator.engines").joinpath("supervisord.conf.j2")
        text = file.read_text(encoding="utf-8")
        template = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(text)
        return template.render(
            identifier=f"elecoin-{self._testbed}",
            directory=_escaped(str(self._directory)),
            socket=_escaped(str(self._socket)),
            programs=programs,
        )

    def _program(self, service: Service) -> dict[str, Any]:
        binary = str(self._known_geth) if service.program == "geth" else sys.executable
        environment = {}
        if service.program == "geth" and service.memory_limit_bytes is not None:
            # A limit that the Go runtime keeps to by itself; no privilege is needed for it.
            environment["GOMEMLIMIT"] = str(service.memory_limit_bytes)
        return self._entry(service.name, [binary, *service.arguments], environment, service.stop_seconds, 100)

    def _entry(
        self, name: str, command: list[str], environment: dict[str, str], stop_seconds: int, priority: int
    ) -> dict[str, Any]:
        variables = {MARK: str(self._directory), "PYTHONUNBUFFERED": "1", **environment}
        return {
            "name": name,
            "command": _escaped(shlex.join(command)),
            "environment": ",".join(f'{key}="{_escaped(value)}"' for key, value in variables.items()),
            "stop_seconds": stop_seconds,
            "priority": priority,
        }

    def _supervisor(self) -> Any | None:
        """The supervisor's XML-RPC, None where it does not run."""
        return connect(self._socket) if self._socket.exists() else None

    def _start_supervisor(self) -> None:
        self._socket.unlink(missing_ok=True)
        run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)],
            timeout_seconds=_START_SECONDS,
            env={MARK: str(self._directory)},
        )
        deadline = time.monotonic() + _START_SECONDS
        while self._supervisor() is None:
            if time.monotonic() > deadline:
                raise EnvironmentFault(
                    "the supervisor of the processes does not answer",
                    where=str(self._directory / "supervisor" / "supervisord.log"),
                )
            time.sleep(_POLL_SECONDS)

    def _strays(self) -> list[psutil.Process]:
        """Processes that carry this testbed's mark, whoever is their parent now."""
        found = []
        for process in psutil.process_iter():
            # Those of other users cannot be read, and are not ours.
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == str(self._directory) and process.pid != os.getpid():
                    found.append(process)
        return found

    def _signal_all(self, number: signal.Signals) -> None:
        for process in self._strays():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _end_strays(self) -> None:
        """End what a killed supervisor left behind, gently: nodes flush their state on SIGTERM."""
        strays = self._strays()
        for process in strays:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        _wait_for_end(strays, 60)


def connect(socket_path: Path) -> Any | None:
    """XML-RPC of a supervisor over its socket, None where nobody answers."""
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{socket_path}")
    proxy = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
    try:
        proxy.supervisor.getPID()
    except (OSError, xmlrpc.client.Error):
        return None
    return proxy


def _wait_for_end(processes: Sequence[psutil.Process], seconds: float) -> None:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    if alive:
        raise EnvironmentFault(
            f"{len(alive)} processes did not end in {seconds:.0f} s:"
            f" {', '.join(str(process.pid) for process in alive)}"
        )


def _escaped(text: str) -> str:
    """As supervisord reads values, which expands what follows a percent sign."""
    return text.replace("%", "%%")
