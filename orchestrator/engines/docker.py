"""The engine that runs each service in a container, through Compose."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from importlib import metadata, resources
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import jinja2
import psutil

from chain.rpc import IpcRpc, Rpc, RpcUnreachable
from errors import EnvironmentFault, TestbedError
from errors.files import write_atomic
from orchestrator import dag, labels
from orchestrator.command import CommandFailed, run
from orchestrator.engine import Report, ServiceState
from orchestrator.images import Images, ensure_images
from orchestrator.plan import Node, Plan
from orchestrator.store import directory_of

# In the environment of what must not go on without the command that started it.
_MARK = "ELECOIN_TESTBED_COMMAND"
_QUICK_SECONDS = 30
_COMPOSE_SECONDS = 300
# Bots have no network of their own but share that of this container, which does nothing else: two dozen
# containers start faster so, and end without each leaving a network.
_POD = "pod"
_LABELLED = ("node", "explorer", "bot", "pod", "network")
_STATE_FORMAT = '{{.Label "com.docker.compose.service"}}\t{{.State}}\t{{.Status}}'


def check_daemon() -> str:
    """The daemon's version. Raises EnvironmentFault where Docker's daemon or Compose v2 does not answer."""
    if shutil.which("docker") is None:
        raise EnvironmentFault(
            "Docker is not installed",
            fix="Install Docker Engine with Compose v2, or take `--engine process`.",
        )
    version = run(["docker", "version", "--format", "{{.Server.Version}}"], timeout_seconds=_QUICK_SECONDS)
    # Version 1 was a program of its own: whatever answers as a plugin is version 2 or later.
    try:
        run(["docker", "compose", "version"], timeout_seconds=_QUICK_SECONDS)
    except CommandFailed as failure:
        raise EnvironmentFault(
            "Docker has no Compose v2", fix="Install the plugin docker-compose-plugin."
        ) from failure
    return version.stdout.strip()


class DockerEngine:
    """Containers of one Compose project; paths are the same inside as outside."""

    name = "docker"
    own_network = True

    def __init__(self, testbed: str) -> None:
        self._testbed = testbed
        self._directory = directory_of(testbed)
        # Two homes may hold testbeds of one name.
        where = hashlib.sha256(str(self._directory).encode()).hexdigest()[:6]
        self.project = f"elecoin-{testbed}-{where}"
        self._file = self._directory / "compose.yaml"
        self._images: Images | None = None

    def prepare(self, report: Report) -> None:
        self._end_orphans()
        self._images = ensure_images(report)

    @property
    def _known_images(self) -> Images:
        if self._images is None:
            self._images = ensure_images(lambda _: None)
        return self._images

    def subnets_in_use(self) -> list[IPv4Network]:
        ids = run(["docker", "network", "ls", "--quiet"], timeout_seconds=_QUICK_SECONDS).stdout.split()
        # A network may go while we look: what is left is printed, the exit code then says 1.
        shown = run(
            ["docker", "network", "inspect", *ids, "--format", "{{json .IPAM.Config}}"],
            timeout_seconds=_QUICK_SECONDS,
            check=False,
        ).stdout
        configs = [entry for line in shown.splitlines() if line for entry in json.loads(line) or []]
        return [IPv4Network(entry["Subnet"]) for entry in configs if "." in entry.get("Subnet", "")]

    def geth(self, arguments: Sequence[str], writable: Path, readable: Sequence[Path] = ()) -> None:
        mounts = [argument for path in readable for argument in ("-v", f"{path}:{path}:ro")]
        run(
            [*self._run_once(writable), *mounts, "--entrypoint", "geth", self._known_images.geth, *arguments],
            timeout_seconds=_COMPOSE_SECONDS,
            env={_MARK: self.project},
        )

    def makedag(self) -> list[str]:
        return dag.in_container(self._known_images.geth)

    def _run_once(self, writable: Path) -> list[str]:
        tags = [
            argument
            for key, value in self._labels("once", "").items()
            for argument in ("--label", f"{key}={value}")
        ]
        command = ["docker", "run", "--rm", "--network", "none", "--user", _user(), *tags]
        # Without a terminal a container does not get the signals of the client; --init makes it end on them.
        return [*command, "--init", "-v", f"{writable}:{writable}"]

    def apply(self, plan: Plan) -> None:
        assert plan.subnet is not None
        text = _template().render(
            project=self.project,
            services=plan.services,
            pod=_POD,
            images={"geth": self._known_images.geth, "python": self._known_images.services},
            entrypoints={"geth": ["geth"], "python": ["python3"]},
            labels={role: self._labels(role, plan.created) for role in _LABELLED},
            subnet=plan.subnet,
            user=_user(),
        )
        wanted = {service.name for service in plan.services}
        states = self.states()
        unchanged = self._file.exists() and self._file.read_text(encoding="utf-8") == text
        if unchanged and set(states) == wanted and all(s.status == "running" for s in states.values()):
            return
        write_atomic(self._file, text)
        self._compose(
            "up", "--detach", "--remove-orphans", "--no-build", "--pull", "never", "--timeout", "30"
        )

    def stop(self) -> None:
        if bots := self._containers("--filter", "status=running", "--filter", f"label={labels.ROLE}=bot"):
            run(["docker", "stop", *bots], timeout_seconds=_COMPOSE_SECONDS)
        # One after the other, and so in destroy: containers that leave a network at the same moment can lock
        # up Docker 20.10 (network.getSvcRecords against controller.processEndpointDelete in libnetwork).
        for container in self._containers("--filter", "status=running"):
            run(["docker", "stop", container], timeout_seconds=_COMPOSE_SECONDS)

    def destroy(self) -> None:
        self._end_orphans()
        # By label rather than by file, which may be damaged: first the containers, then their network.
        bots = self._containers("--filter", f"label={labels.ROLE}=bot")
        if bots:
            run(["docker", "rm", "--force", *bots], timeout_seconds=_COMPOSE_SECONDS, check=False)
        for container in self._containers():
            run(["docker", "rm", "--force", container], timeout_seconds=_COMPOSE_SECONDS, check=False)
        listing = ["docker", "network", "ls", "--quiet", *self._ours()]
        if ids := run(listing, timeout_seconds=_QUICK_SECONDS).stdout.split():
            run(["docker", "network", "rm", *ids], timeout_seconds=_QUICK_SECONDS)

    def remove(self, services: Sequence[str]) -> None:
        states = self.states()
        if there := [service for service in services if service in states]:
            self._compose("rm", "--stop", "--force", *there, _POD)

    def kill(self, service: str) -> None:
        container = self._containers("--filter", f"label=com.docker.compose.service={service}")
        run(["docker", "kill", *container], timeout_seconds=_QUICK_SECONDS)
        run(["docker", "wait", *container], timeout_seconds=_QUICK_SECONDS)

    def states(self) -> dict[str, ServiceState]:
        listing = ["docker", "ps", "--all", *self._ours(), "--format", _STATE_FORMAT]
        found = {}
        for line in run(listing, timeout_seconds=_QUICK_SECONDS).stdout.splitlines():
            name, state, status = line.split("\t")
            if name in ("", _POD):
                continue
            if state in ("running", "paused"):
                found[name] = ServiceState("running")
            else:
                code = re.match(r"Exited \((\d+)\)", status)
                found[name] = ServiceState("exited", int(code[1]) if code else None)
        return found

    def logs(self, service: str, follow: bool) -> Iterator[str]:
        if service not in self.states():
            raise TestbedError(
                f"{service!r} has no log: it was never started", fix="`testbed status` names the services."
            )
        options = ["--follow"] if follow else []
        command = [*self._base(), "logs", "--no-color", "--no-log-prefix", *options, service]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout is not None
            try:
                yield from (line.rstrip("\n") for line in process.stdout)
            finally:
                process.terminate()

    def ipc(self, node: Node) -> Rpc:
        # With Docker in a virtual machine the socket lies in the shared directory but leads nowhere.
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(node.ipc_path))
            except ConnectionRefusedError:
                if node.ipc_path.exists() and self.states().get(node.name) == ServiceState("running"):
                    return ExecRpc(self._base(), node)
            except OSError:
                pass  # not there yet: IpcRpc says so when it is asked
        return IpcRpc(str(node.ipc_path))

    def console(self, node: Node) -> list[str]:
        return [*self._base(), "exec", node.name, "geth", "attach", str(node.ipc_path)]

    def _containers(self, *filters: str) -> list[str]:
        listing = ["docker", "ps", "--all", "--quiet", *self._ours(), *filters]
        return run(listing, timeout_seconds=_QUICK_SECONDS).stdout.split()

    def _labels(self, role: str, created: str) -> dict[str, str]:
        tags = labels.labels_of(
            self._testbed, role, version=metadata.version("elecoin-testbed"), created=created
        )
        return {**tags, labels.PROJECT: self.project}

    def _ours(self) -> list[str]:
        return ["--filter", f"label={labels.PROJECT}={self.project}"]

    def _base(self) -> list[str]:
        override = self._directory / "compose.override.yaml"
        files = [self._file, override] if override.exists() else [self._file]
        named = [argument for file in files for argument in ("--file", str(file))]
        return ["docker", "compose", "--project-name", self.project, *named]

    def _compose(self, *arguments: str) -> None:
        command = [*self._base(), "--progress", "quiet", *arguments]
        run(command, timeout_seconds=_COMPOSE_SECONDS, env={_MARK: self.project})

    def _end_orphans(self) -> None:
        """A command that was killed leaves its `docker` behind, which goes on with what it was told."""
        orphans = []
        for process in psutil.process_iter():
            # Those of other users cannot be read, and are not ours.
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(_MARK) == self.project:
                    process.kill()
                    orphans.append(process)
        psutil.wait_procs(orphans, timeout=_QUICK_SECONDS)


class ExecRpc(Rpc):
    """A node's IPC reached through Geth's console inside its container: slow, but it crosses machines."""

    def __init__(self, compose: Sequence[str], node: Node) -> None:
        super().__init__(f"geth attach in {node.name}")
        self._argv = [*compose, "exec", "--no-TTY", node.name, "geth", "attach", "--exec"]
        self._ipc_path = str(node.ipc_path)

    def _exchange(self, payload: bytes) -> Any:
        body = json.loads(payload)
        script = f"JSON.stringify(web3.currentProvider.send({json.dumps(body)}))"
        try:
            output = run([*self._argv, script, self._ipc_path], timeout_seconds=_QUICK_SECONDS)
            # The console prints the text as a JavaScript literal, and exits 0 whatever happened.
            return json.loads(json.loads(output.stdout))
        except (CommandFailed, ValueError) as error:
            raise RpcUnreachable(f"no answer over the console: {error}", where=self.where) from error

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        # The console's provider sends one call at a time.
        results = []
        for method, params in calls:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            results.append(self._result(self._exchange(json.dumps(body).encode())))
        return results

    def close(self) -> None:
        return None


def _template() -> jinja2.Template:
    text = resources.files("compose").joinpath("compose.yaml.j2").read_text(encoding="utf-8")
    return jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False).from_string(text)


def _user() -> str:
    """Files that containers write belong to whoever runs the testbed."""
    return f"{os.getuid()}:{os.getgid()}"
