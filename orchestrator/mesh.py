"""Joining the nodes into one network, and sealing.

Nodes start without sealing: one that seals before it has peers is on a chain of its own, and Geth then
needs ten seconds and more to find out.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from urllib.parse import urlsplit

from chain.heads import heads
from chain.rpc import HttpRpc, Rpc, RpcError, RpcUnreachable
from errors import EnvironmentFault
from orchestrator.engine import Engine
from orchestrator.plan import Node, Plan

READY_HEIGHT = 2
_POLL_SECONDS = 0.02
_ANSWER_SECONDS = 60.0
_MESH_SECONDS = 60.0
_DIAL_BACK_SECONDS = 1.0
_CLIQUE_READY_SECONDS = 90.0
# The minimum difficulty takes some thousand hashes a second, of which a slow machine has few.
_POW_READY_SECONDS = 900.0
# Within a block's period: late enough for the bots to have reacted to the last block, early enough for
# the new contents to be ready when the block is sealed.
_RECOLLECT_AT = 0.8
_WORDS = 8
_ENDING = re.compile(r"panic:|fatal error:|Fatal:|SIG[A-Z]+:|unexpected fault|CRIT")


def join(engine: Engine, plan: Plan) -> None:
    """Every node connected to every other, and all sealing. Done again it changes nothing.

    Raises EnvironmentFault where a node ends or does not answer.
    """
    with ExitStack() as stack:
        ipc = {node.name: stack.enter_context(wait_for_ipc(engine, node)) for node in plan.nodes}
        _connect(engine, plan, ipc)
        for node in plan.nodes:
            if not ipc[node.name].request("eth_mining"):
                # Without an argument Geth takes one thread a processor for proof of work.
                ipc[node.name].request("miner_start", *_threads(engine, plan, node))


def _threads(engine: Engine, plan: Plan, node: Node) -> list[int]:
    if plan.consensus == "clique":
        return []
    service = next(service for service in plan.services if service.name == node.name)
    return [int(service.arguments[service.arguments.index("--miner.threads") + 1])]


def wait_for_rpc(engine: Engine, node: Node) -> Rpc:
    """What the node publishes once it answers, which Geth opens last. Raises as `wait_for_ipc` does."""
    return _answering(engine, node, lambda: HttpRpc(node.rpc_url))


def wait_for_ipc(engine: Engine, node: Node) -> Rpc:
    """The node's own interface once it answers. Raises EnvironmentFault where the node ends."""
    return _answering(engine, node, lambda: engine.ipc(node))


def _answering(engine: Engine, node: Node, dial: Callable[[], Rpc]) -> Rpc:
    deadline = time.monotonic() + _ANSWER_SECONDS
    looked_at = time.monotonic()
    while True:
        rpc = dial()
        try:
            rpc.request("net_version")
            return rpc
        except (RpcUnreachable, RpcError) as error:
            rpc.close()
            if time.monotonic() - looked_at > 1:
                looked_at = time.monotonic()
                _check_alive(engine, node)
            if time.monotonic() > deadline:
                raise EnvironmentFault(
                    f"the node does not answer after {_ANSWER_SECONDS:.0f} s",
                    where=node.name,
                    fix=f"`testbed logs {node.name}` shows what it said.",
                ) from error
        time.sleep(_POLL_SECONDS)


def _check_alive(engine: Engine, node: Node) -> None:
    state = engine.states().get(node.name)
    if state is None or state.status != "running":
        said = list(engine.logs(node.name, follow=False)) if state is not None else []
        raise EnvironmentFault(
            f"the node ended: {state or 'absent'}",
            where=node.name,
            fix="\n".join(["Its last words:", *_last_words(said)]),
        )


def _last_words(lines: Sequence[str]) -> Sequence[str]:
    """From where a program says why it ends, if it says so, else its last lines."""
    why = next((i for i in reversed(range(len(lines))) if _ENDING.match(lines[i])), None)
    return lines[-_WORDS:] if why is None else lines[why : why + _WORDS]


def _connect(engine: Engine, plan: Plan, ipc: dict[str, Rpc]) -> None:
    if len(plan.nodes) == 1:
        return
    # A node does not know by which address others reach it: of its enode only the key counts.
    keys = {name: urlsplit(rpc.request("admin_nodeInfo")["enode"]).username for name, rpc in ipc.items()}
    enodes = {node.name: f"enode://{keys[node.name]}@{node.p2p_host}:{node.p2p_port}" for node in plan.nodes}
    names = [node.name for node in plan.nodes]
    for name in names:
        # A node takes only part of its peers as callers; trusted ones are beyond that limit.
        ipc[name].batch([("admin_addTrustedPeer", [enodes[other]]) for other in names if other != name])
    for index, name in enumerate(names):
        ipc[name].batch([("admin_addPeer", [enodes[other]]) for other in names[:index]])
    begun = time.monotonic()
    dialled_back: set[tuple[str, str]] = set()
    while lacking := _lacking(ipc, keys):
        if time.monotonic() - begun > _DIAL_BACK_SECONDS:
            # A node dials the same peer again only after 35 s, but one that was restarted may at once.
            # Not sooner: two that dial each other at the same moment can refuse each other.
            for name, other in lacking - dialled_back:
                ipc[name].request("admin_addPeer", enodes[other])
            dialled_back |= lacking
        lonely = sorted({name for pair in lacking for name in pair})
        if time.monotonic() - begun > _MESH_SECONDS:
            raise EnvironmentFault(
                f"not connected to all other nodes after {_MESH_SECONDS:.0f} s",
                where=", ".join(lonely),
                fix=f"`testbed logs {lonely[0]}` shows what it said.",
            )
        for node in plan.nodes:
            if node.name in lonely:
                _check_alive(engine, node)
        time.sleep(_POLL_SECONDS)


def _lacking(ipc: dict[str, Rpc], keys: dict[str, str | None]) -> set[tuple[str, str]]:
    """Pairs of nodes that are not connected, in the order of the nodes."""
    peers = {
        name: {urlsplit(peer["enode"]).username for peer in rpc.request("admin_peers")}
        for name, rpc in ipc.items()
    }
    names = list(ipc)
    return {
        (name, other)
        for index, name in enumerate(names)
        for other in names[index + 1 :]
        if keys[other] not in peers[name] or keys[name] not in peers[other]
    }


def wait_until_ready(engine: Engine, plan: Plan, is_set_up: Callable[[Rpc], bool]) -> str:
    """Wait until all nodes have one hash at a height ≥ 2 and `is_set_up`; returns the genesis hash.

    Raises EnvironmentFault where that does not come, saying where each node stands.
    """
    limit = _CLIQUE_READY_SECONDS if plan.consensus == "clique" else _POW_READY_SECONDS
    deadline = time.monotonic() + limit
    with ExitStack() as stack:
        nodes = {node.name: stack.enter_context(HttpRpc(node.rpc_url)) for node in plan.nodes}
        first = nodes[plan.nodes[0].name]
        while not (_agree(list(nodes.values())) and is_set_up(first)):
            if time.monotonic() > deadline:
                raise EnvironmentFault(
                    f"the chain is not ready after {limit:.0f} s: {_where_each_stands(nodes)}",
                    fix="`testbed logs NODE` shows what a node said.",
                )
            for node in plan.nodes:
                _check_answering(engine, node, nodes[node.name])
            time.sleep(_POLL_SECONDS)
        hashes = {rpc.request("eth_getBlockByNumber", "0x0", False)["hash"] for rpc in nodes.values()}
    if len(hashes) != 1:
        raise EnvironmentFault("the nodes have different genesis blocks", where=plan.name)
    return str(hashes.pop())


def _agree(nodes: Sequence[Rpc]) -> bool:
    """Whether all have the same block at the lowest of their heights, and that is at least 2."""
    try:
        height = min(int(rpc.request("eth_blockNumber"), 16) for rpc in nodes)
        if height < READY_HEIGHT:
            return False
        blocks = [rpc.request("eth_getBlockByNumber", hex(height), False) for rpc in nodes]
    except RpcUnreachable:
        return False
    return None not in blocks and len({block["hash"] for block in blocks}) == 1


def _check_answering(engine: Engine, node: Node, rpc: Rpc) -> None:
    try:
        rpc.request("net_version")
    except RpcUnreachable:
        _check_alive(engine, node)


def _where_each_stands(nodes: dict[str, Rpc]) -> str:
    parts = []
    for name, rpc in nodes.items():
        try:
            block = rpc.request("eth_getBlockByNumber", "latest", False)
            parts.append(f"{name} at {int(block['number'], 16)} ({block['hash'][:10]}…)")
        except (RpcUnreachable, RpcError) as error:
            parts.append(f"{name}: {error.what}")
    return ", ".join(parts)


class Recollection:
    """Makes what arrives after a block was seen part of the very next block.

    Geth chooses the contents of the next block the moment it sees the last one, and again no sooner than
    a second later (`minRecommitInterval` in miner/worker.go), so that with a period of one second every
    answer to a block is mined two blocks on. Stopping and starting the miner makes it choose again; the
    block that it was about to seal is replaced, none is lost.
    """

    def __init__(self, engine: Engine, plan: Plan, period_seconds: float) -> None:
        self._engine = engine
        self._plan = plan
        self._period_seconds = period_seconds
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recollection", daemon=True)

    def __enter__(self) -> Recollection:
        if self._plan.consensus == "clique":
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        sealers = {node.name: self._engine.ipc(node) for node in self._plan.nodes}
        # All addresses are tried in turn, so a node that dies costs a second, not the campaign.
        for head in heads([node.ws_url for node in self._plan.nodes], self._end):
            if head is None:
                continue
            at = head.timestamp + _RECOLLECT_AT * self._period_seconds
            if self._end.wait(max(0.0, at - time.time())):
                break
            for rpc in sealers.values():
                _choose_again(rpc)
        for rpc in sealers.values():
            rpc.close()


def _choose_again(rpc: Rpc) -> None:
    try:
        rpc.request("miner_stop")
        # Geth stops in the background and ignores a start that comes before it has.
        deadline = time.monotonic() + 1
        while rpc.request("eth_mining") and time.monotonic() < deadline:
            pass
        rpc.request("miner_start")
    except (RpcUnreachable, RpcError):
        return  # a dead node seals nothing; the campaign's report names it
