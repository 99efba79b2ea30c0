"""What an engine does: it makes the world match a plan. It knows nothing of electricity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal, Protocol

from chain.rpc import Rpc
from errors import EnvironmentFault, TestbedError
from orchestrator.plan import Node, Plan

Report = Callable[[str], None]
"""Takes one line that tells a person what is being done."""


@dataclass(frozen=True)
class ServiceState:
    """running, exited (with its code) or absent."""

    status: Literal["running", "exited", "absent"]
    exit_code: int | None = None

    def __str__(self) -> str:
        return f"exited ({self.exit_code})" if self.status == "exited" else self.status


class Engine(Protocol):
    """One way to run a plan's services. All methods may be called again at any time."""

    name: str
    # Whether services get addresses of their own, in a subnet, instead of sharing the host's.
    own_network: bool

    def prepare(self, report: Report) -> None:
        """Make sure that what the services run is on this machine. Raises EnvironmentFault."""

    def subnets_in_use(self) -> list[IPv4Network]: ...

    def geth(self, arguments: Sequence[str], writable: Path, readable: Sequence[Path] = ()) -> None:
        """Run Geth once to its end (`init`, …)."""

    def makedag(self) -> list[str]:
        """The command that generates a data set of ethash, up to and with the word `makedag`."""

    def apply(self, plan: Plan) -> None:
        """Run the plan's services, start again those that ended, stop those that it lacks."""

    def stop(self) -> None:
        """Stop all services in good order, keep everything."""

    def destroy(self) -> None:
        """Leave nothing of the testbed in the engine."""

    def remove(self, services: Sequence[str]) -> None:
        """End some services in good order and forget them; the others are not touched."""

    def kill(self, service: str) -> None:
        """End a service at once, without its consent; returns when it has ended."""

    def states(self) -> dict[str, ServiceState]:
        """Of every service that the engine knows of this testbed."""

    def logs(self, service: str, follow: bool) -> Iterator[str]:
        """Lines, without their ends. Raises TestbedError where there is no such service."""

    def ipc(self, node: Node) -> Rpc:
        """The node's own interface, with `admin` and `miner`."""

    def console(self, node: Node) -> list[str]:
        """The command that opens Geth's console on the node."""


def make_engine(name: str, testbed: str) -> Engine:
    if name == "docker":
        from orchestrator.engines.docker import DockerEngine

        return DockerEngine(testbed)
    if name == "process":
        from orchestrator.engines.process import ProcessEngine

        return ProcessEngine(testbed)
    raise TestbedError(f"unknown engine {name!r}; there are docker and process")


def choose_engine(wanted: str, report: Report) -> str:
    """`auto` takes Docker where its daemon and Compose answer. Raises EnvironmentFault where it does not
    answer and was asked for."""
    from orchestrator.engines import docker

    if wanted == "process":
        return "process"
    try:
        docker.check_daemon()
    except EnvironmentFault as fault:
        if wanted == "docker":
            raise
        report(f"Docker is not used ({fault.what}); the testbed runs as processes")
        return "process"
    return "docker"
