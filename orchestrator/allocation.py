"""Free ports and a free subnet: found, never assumed, and not given out twice."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv4Network

import psutil

from errors import EnvironmentFault
from orchestrator.config import Config
from orchestrator.store import State

# Private addresses that neither Docker's own pools nor home routers use.
_SUBNETS = IPv4Network("10.200.0.0/14")
_SUBNET_PREFIX = 22


def port_names(config: Config, *, own_network: bool) -> list[str]:
    """The ports that a testbed needs on this machine."""
    names = ["explorer"]
    for node in config.nodes:
        names.append(f"{node.name}.rpc")
        if not own_network:
            names.append(f"{node.name}.p2p")
    return names


def allocate_ports(
    names: Iterable[str], neighbours: Iterable[State], fixed: dict[str, int]
) -> dict[str, int]:
    """A free port for each name; those in `fixed` as they are."""
    taken = {port for state in neighbours for port in state.ports.values()} | set(fixed.values())
    ports: dict[str, int] = {}
    for name in names:
        if name in fixed:
            ports[name] = fixed[name]
            continue
        port = _free_port(taken)
        taken.add(port)
        ports[name] = port
    return ports


def _free_port(taken: set[int]) -> int:
    held: list[socket.socket] = []
    try:
        while True:
            probe = socket.socket()
            held.append(probe)
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port not in taken:
                return port
    finally:
        for probe in held:
            probe.close()


def is_free(port: int) -> bool:
    """Whether nobody listens on the port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def allocate_subnet(neighbours: Iterable[State], in_use: Iterable[IPv4Network]) -> str:
    """A subnet that no testbed, no network of the engine and no interface of this machine uses."""
    occupied = [IPv4Network(state.subnet) for state in neighbours if state.subnet is not None]
    occupied += list(in_use)
    occupied += _interfaces()
    candidates = [
        subnet
        for subnet in _SUBNETS.subnets(new_prefix=_SUBNET_PREFIX)
        if not any(subnet.overlaps(other) for other in occupied)
    ]
    if not candidates:
        raise EnvironmentFault(
            f"no free subnet is left in {_SUBNETS}", fix="Destroy a testbed that is no longer used."
        )
    # By chance, so that testbeds of different homes on one machine seldom ask for the same.
    return str(secrets.choice(candidates))


def _interfaces() -> list[IPv4Network]:
    return [
        IPv4Interface(f"{address.address}/{address.netmask or 32}").network
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET
    ]
