"""The plan: what should run, as pure data, from a configuration and a state.

The same configuration and state give the same plan. A service's paths are the host's; an engine that
isolates its services makes them visible inside under the same names.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Literal

from errors import TestbedError
from orchestrator.config import Config
from orchestrator.store import State, directory_of

Program = Literal["geth", "python"]
Role = Literal["node", "explorer", "bot"]

_INNER_RPC_PORT = 8545
_INNER_P2P_PORT = 30303
_INNER_EXPLORER_PORT = 8080
# The gateway of a bridge takes the first address of its subnet.
_FIRST_NODE_ADDRESS = 11
_EXPLORER_ADDRESS = 10
_GIB = 1024**3
_GAS_PRICE_WEI = 10**9
_NODE_STOP_SECONDS = 60
_STOP_SECONDS = 10
# A control group counts milliseconds in a tenth of a second.
_LEAST_QUOTA = 0.01


@dataclass(frozen=True)
class Mount:
    """A directory of the host that a service sees under the same path."""

    path: Path
    writable: bool


@dataclass(frozen=True)
class Service:
    """One program that an engine keeps running, and all that it may see."""

    name: str
    role: Role
    program: Program
    arguments: tuple[str, ...]
    mounts: tuple[Mount, ...]
    host: str | None = None
    inner_port: int | None = None
    published_port: int | None = None
    cpu_quota: float | None = None
    memory_limit_bytes: int | None = None
    stop_seconds: int = _STOP_SECONDS


@dataclass(frozen=True)
class Node:
    """One Geth node: rpc_url is for the host, inner_* for the other services."""

    name: str
    device: str
    sealer: str
    directory: Path
    ipc_path: Path
    rpc_url: str
    ws_url: str
    inner_rpc_url: str
    inner_ws_url: str
    p2p_host: str
    p2p_port: int
    cpu_quota: float
    memory_limit_bytes: int

    @property
    def settings_path(self) -> Path:
        """What Geth has no option for."""
        return self.directory / "geth.toml"


@dataclass(frozen=True)
class Plan:
    name: str
    directory: Path
    created: str
    chain_id: int
    consensus: str
    subnet: str | None
    nodes: tuple[Node, ...]
    services: tuple[Service, ...]
    explorer_url: str

    @property
    def explorer_index(self) -> Path:
        """The folder of the explorer's index: a file for each chain."""
        return self.directory / "explorer" / "index"

    @property
    def campaigns(self) -> Path:
        """The folder of the campaigns' reports."""
        return self.directory / "campaigns"

    def with_services(self, extra: Sequence[Service]) -> Plan:
        return replace(self, services=(*self.services, *extra))

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)


def cpu_quotas(config: Config, host_cpus: int) -> list[float]:
    """Processors for each node: in the ratio of the scores, together `cpu_share` of the host's.

    Raises TestbedError where a node gets less than a processor can be divided into.
    """
    total = sum(node.score for node in config.nodes)
    scale = host_cpus * config.chain.cpu_share / total
    quotas = [round(node.score * scale, 3) for node in config.nodes]
    for node, quota in zip(config.nodes, quotas, strict=True):
        if quota < _LEAST_QUOTA:
            raise TestbedError(
                f"{node.name} gets {quota} of this machine's {host_cpus} processors, and {_LEAST_QUOTA} is"
                " the least that can be given",
                where="nodes",
                fix="Raise its score or chain.cpu_share, or take fewer nodes.",
            )
    return quotas


def build_plan(config: Config, state: State, sealers: Sequence[str], dag_directory: Path) -> Plan:
    """Sealers: one address a node, in the order of the nodes: the clique signer or the etherbase."""
    directory = directory_of(state.name)
    quotas = cpu_quotas(config, os.cpu_count() or 1)
    nodes = tuple(
        _node(config, state, index, sealers[index], quotas[index], directory)
        for index in range(len(config.nodes))
    )
    services = tuple(
        _node_service(config, state, index, node, dag_directory) for index, node in enumerate(nodes)
    )
    return Plan(
        name=state.name,
        directory=directory,
        created=datetime.fromtimestamp(state.genesis_time, UTC).isoformat(),
        chain_id=state.chain_id,
        consensus=config.chain.consensus,
        subnet=state.subnet,
        nodes=nodes,
        services=(*services, _explorer_service(state, directory)),
        explorer_url=f"http://127.0.0.1:{state.ports['explorer']}",
    )


def _node(config: Config, state: State, index: int, sealer: str, quota: float, directory: Path) -> Node:
    name = config.nodes[index].name
    published = state.ports[f"{name}.rpc"]
    if state.subnet is None:
        host, rpc_port, p2p_port = "127.0.0.1", published, state.ports[f"{name}.p2p"]
    else:
        host = str(IPv4Network(state.subnet)[_FIRST_NODE_ADDRESS + index])
        rpc_port, p2p_port = _INNER_RPC_PORT, _INNER_P2P_PORT
    return Node(
        name=name,
        device=config.nodes[index].device,
        sealer=sealer,
        directory=directory / "nodes" / name,
        ipc_path=directory / "ipc" / name / "geth.ipc",
        rpc_url=f"http://127.0.0.1:{published}",
        ws_url=f"ws://127.0.0.1:{published}",
        inner_rpc_url=f"http://{host}:{rpc_port}",
        inner_ws_url=f"ws://{host}:{rpc_port}",
        p2p_host=host,
        p2p_port=p2p_port,
        cpu_quota=quota,
        memory_limit_bytes=int(config.nodes[index].memory_gb * _GIB),
    )


def _node_service(config: Config, state: State, index: int, node: Node, dag_directory: Path) -> Service:
    alone = state.subnet is None
    rpc_port = int(node.inner_rpc_url.rsplit(":", 1)[1])
    listen = "127.0.0.1" if alone else "0.0.0.0"
    arguments = [
        *("--config", str(node.settings_path)),
        *("--datadir", str(node.directory)),
        *("--keystore", str(node.directory / "sealer")),
        *("--ipcpath", str(node.ipc_path)),
        *("--networkid", str(state.chain_id)),
        *("--syncmode", "full"),
        # Only an archive survives being killed: anything less rewinds to the last flushed state.
        *("--gcmode", "archive"),
        *("--cache", str(config.chain.cache_mb)),
        # Geth waits 10 s before it syncs with fewer peers than 5, unless that is all it may have.
        *("--maxpeers", str(max(1, len(config.nodes) - 1))),
        "--nodiscover",
        *("--nat", "none"),
        # HTTP and WebSocket share the port; what can steer a node stays on IPC.
        *("--http", "--http.addr", listen, "--http.port", str(rpc_port), "--http.api", "eth,net,web3"),
        *("--ws", "--ws.addr", listen, "--ws.port", str(rpc_port), "--ws.api", "eth,net,web3"),
        *("--authrpc.port", "0"),
        *("--miner.gasprice", str(_GAS_PRICE_WEI)),
        *("--miner.etherbase", node.sealer),
    ]
    mounts = [Mount(node.directory, True), Mount(node.ipc_path.parent, True)]
    if config.chain.consensus == "clique":
        # The sealing key owns nothing and has no role in the market, so it may lie unlocked.
        arguments += ["--unlock", node.sealer, "--password", str(node.directory / "sealer" / "password")]
        arguments += ["--allow-insecure-unlock"]
    else:
        # Without its number of threads a node never mines; the DAG of the next epoch lies beside this one's.
        arguments += ["--miner.threads", str(config.nodes[index].miner_threads)]
        arguments += ["--ethash.dagdir", str(dag_directory), "--ethash.dagsinmem", "1"]
        mounts.append(Mount(dag_directory, False))
    return Service(
        name=node.name,
        role="node",
        program="geth",
        arguments=tuple(arguments),
        mounts=tuple(mounts),
        host=None if alone else node.p2p_host,
        inner_port=rpc_port,
        published_port=state.ports[f"{node.name}.rpc"],
        cpu_quota=node.cpu_quota,
        memory_limit_bytes=node.memory_limit_bytes,
        stop_seconds=_NODE_STOP_SECONDS,
    )


def explorer_listen(state: State) -> tuple[str, int]:
    """Where the explorer listens, seen from inside its service."""
    if state.subnet is None:
        return "127.0.0.1", state.ports["explorer"]
    return "0.0.0.0", _INNER_EXPLORER_PORT


def _explorer_service(state: State, directory: Path) -> Service:
    _, port = explorer_listen(state)
    return Service(
        name="explorer",
        role="explorer",
        program="python",
        arguments=("-m", "explorer", "serve", "--config", str(directory / "explorer" / "explorer.json")),
        mounts=(
            Mount(directory / "explorer", True),
            Mount(directory / "ipc", False),
            Mount(directory / "campaigns", False),
        ),
        host=None if state.subnet is None else str(IPv4Network(state.subnet)[_EXPLORER_ADDRESS]),
        inner_port=port,
        published_port=state.ports["explorer"],
    )


def bot_service(name: str, directory: Path) -> Service:
    """A bot sees its own folder and nothing else of the testbed."""
    folder = directory / "bots" / name
    return Service(
        name=name,
        role="bot",
        program="python",
        arguments=("-m", "bots", str(folder)),
        mounts=(Mount(folder, True),),
    )
