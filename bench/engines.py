"""Which engines this machine can measure, and the Geth that each runs."""

from __future__ import annotations

from bench.room import Report
from errors import EnvironmentFault
from orchestrator.engines.docker import check_daemon
from orchestrator.geth import find_geth
from orchestrator.images import ensure_images


def engines(wanted: str | None, report: Report) -> list[str]:
    """The engines to measure; None: all that this machine has. Raises EnvironmentFault where one is
    named that it has not."""
    if wanted == "process":
        return ["process"]
    try:
        check_daemon()
    except EnvironmentFault as fault:
        if wanted is not None:
            raise
        report(f"Docker is left out: {fault.what}")
        return ["process"]
    return ["docker"] if wanted == "docker" else ["docker", "process"]


def geth_for(engine: str, report: Report) -> str:
    """An image's name or a binary's path; made where it is missing."""
    return ensure_images(report).geth if engine == "docker" else str(find_geth(report))
