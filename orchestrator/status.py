"""What a testbed is doing now, as the programs and people who ask see it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from chain.rpc import HttpRpc, RpcError, RpcUnreachable
from orchestrator.existing import Testbed


@dataclass(frozen=True)
class NodeStatus:
    """block, head_hash and peers are None where the node does not answer."""

    name: str
    state: str
    device: str
    rpc_url: str
    ws_url: str
    block: int | None
    head_hash: str | None
    peers: int | None
    cpu_quota: float
    memory_limit_bytes: int
    sealer: str


@dataclass(frozen=True)
class Status:
    name: str
    engine: str
    consensus: str
    chain_id: int
    genesis_hash: str | None
    nodes: tuple[NodeStatus, ...]
    services: dict[str, str]
    contract: str | None
    explorer_url: str

    def to_json(self) -> dict[str, Any]:
        content = asdict(self)
        content["contract"] = {"address": self.contract}
        return content


def status_of(testbed: Testbed) -> Status:
    """Raises EnvironmentFault where the engine itself does not answer."""
    states = testbed.engine.states()
    nodes = []
    for node in testbed.plan.nodes:
        state = states.get(node.name)
        block, head_hash, peers = _head(node.rpc_url) if state and state.status == "running" else (None,) * 3
        nodes.append(
            NodeStatus(
                name=node.name,
                state=str(state) if state is not None else "absent",
                device=node.device,
                rpc_url=node.rpc_url,
                ws_url=node.ws_url,
                block=block,
                head_hash=head_hash,
                peers=peers,
                cpu_quota=node.cpu_quota,
                memory_limit_bytes=node.memory_limit_bytes,
                sealer=node.sealer,
            )
        )
    node_names = {node.name for node in testbed.plan.nodes}
    return Status(
        name=testbed.state.name,
        engine=testbed.state.engine,
        consensus=testbed.plan.consensus,
        chain_id=testbed.state.chain_id,
        genesis_hash=testbed.state.genesis_hash,
        nodes=tuple(nodes),
        services={name: str(state) for name, state in sorted(states.items()) if name not in node_names},
        contract=testbed.state.contract,
        explorer_url=testbed.plan.explorer_url,
    )


def _head(url: str) -> tuple[int | None, str | None, int | None]:
    try:
        with HttpRpc(url, timeout_seconds=2) as rpc:
            block, peers = rpc.batch([("eth_getBlockByNumber", ["latest", False]), ("net_peerCount", [])])
    except RpcUnreachable:
        return None, None, None
    if isinstance(block, RpcError) or isinstance(peers, RpcError):
        return None, None, None
    return int(block["number"], 16), str(block["hash"]), int(peers, 16)
