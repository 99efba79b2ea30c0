"""The nodes side by side, as each of them tells it: the paper's Fig. 5, and whom the index follows.

One thread a node asks once a second, so that a page never waits for a node that is slow or gone.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from chain.rpc import HttpRpc, IpcRpc, RpcError, RpcUnreachable, from_quantity
from errors import TestbedError
from explorer.config import Node
from explorer.index.rows import octets
from explorer.state import NodeState, Peer

_PERIOD_SECONDS = 1.0
_ANSWER_SECONDS = 2.0
_CONNECT_SECONDS = 1.0
_PERIODS_PER_CONNECT = 5  # a node counts each connection to its listener: ask it seldom


class _Watch(threading.Thread):
    """Asks one node again and again."""

    def __init__(self, node: Node, changed: Callable[[], None]) -> None:
        super().__init__(name=f"watch {node.name}", daemon=True)
        self.seen = NodeState(node)
        self._changed = changed
        self._ended = threading.Event()
        self._rpc = HttpRpc(node.rpc_url, _ANSWER_SECONDS)
        self._ipc = None if node.ipc_path is None else IpcRpc(node.ipc_path, _ANSWER_SECONDS)

    def stop(self) -> None:
        self._ended.set()

    def run(self) -> None:
        turn = 0
        while not self._ended.is_set():
            before = self.seen
            seen = self._ask_peers(self._ask_rpc(before))
            if turn % _PERIODS_PER_CONNECT == 0:
                seen = _connect(seen)
            self.seen = seen
            if seen != before:
                self._changed()
            turn += 1
            self._ended.wait(_PERIOD_SECONDS)
        self._rpc.close()
        if self._ipc is not None:
            self._ipc.close()

    def _ask_rpc(self, seen: NodeState) -> NodeState:
        calls = [("eth_getBlockByNumber", ["latest", False]), ("eth_mining", []), ("web3_clientVersion", [])]
        started = time.perf_counter()
        try:
            head, sealing, client = self._rpc.batch(calls)
            elapsed_ms = (time.perf_counter() - started) * 1000
            return replace(
                seen,
                asked=True,
                problem=None,
                client=client if isinstance(client, str) else None,
                head=from_quantity(head["number"]),
                head_hash=octets(head["hash"]),
                total_difficulty=from_quantity(head.get("totalDifficulty", "0x0")),
                sealing=sealing if isinstance(sealing, bool) else None,
                round_trip_ms=elapsed_ms,
            )
        except TestbedError as error:
            problem = error.what
        except (KeyError, TypeError, ValueError):
            problem = "its answer is not a block"
        return replace(seen, asked=True, problem=problem, sealing=None, round_trip_ms=None)

    def _ask_peers(self, seen: NodeState) -> NodeState:
        if self._ipc is None:
            return replace(seen, peers=None, peers_problem="no IPC path is configured")
        try:
            calls = ("admin_nodeInfo", "admin_peers", "txpool_status")
            own, peers, pool = answers = self._ipc.batch([(call, []) for call in calls])
            if refusals := [answer for answer in answers if isinstance(answer, RpcError)]:
                raise refusals[0]
            listed = tuple(sorted((_peer(peer) for peer in peers), key=lambda peer: peer.enode_id))
            return replace(
                seen,
                enode_id=own["id"],
                peers=listed,
                peers_problem=None,
                pending=from_quantity(pool["pending"]),
                queued=from_quantity(pool["queued"]),
            )
        except (RpcUnreachable, RpcError) as error:
            problem = error.what
        except (KeyError, TypeError, AttributeError, ValueError):
            problem = "the answer over IPC is not a list of peers"
        return replace(seen, peers=None, peers_problem=problem, pending=None, queued=None)


def _peer(peer: dict[str, Any]) -> Peer:
    network = peer["network"]
    return Peer(peer["id"], peer["name"], network["remoteAddress"], bool(network["inbound"]))


def _connect(seen: NodeState) -> NodeState:
    """How long a TCP connection to the node's p2p listener takes, from here."""
    if seen.node.address is None:
        return seen
    host, _, port = seen.node.address.rpartition(":")
    started = time.perf_counter()
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        return replace(seen, connect_ms=None, connect_problem=str(error))
    return replace(seen, connect_ms=(time.perf_counter() - started) * 1000, connect_problem=None)


class Watches:
    """All nodes of the configuration; `follow` starts and stops watches as it changes.

    `changed` is called, from any thread, whenever a node says something new.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._watches: list[_Watch] = []

    def follow(self, nodes: Sequence[Node]) -> None:
        """From one thread: watch exactly these."""
        running = {watch.seen.node: watch for watch in self._watches}
        for node, watch in running.items():
            if node not in nodes:
                watch.stop()
        started = {node: _Watch(node, self._changed) for node in nodes if node not in running}
        # Before they run: what one of them says first must not be lost.
        self._watches = [running.get(node) or started[node] for node in nodes]
        for watch in started.values():
            watch.start()

    def seen(self) -> tuple[NodeState, ...]:
        return tuple(watch.seen for watch in self._watches)

    def all_answer(self) -> bool:
        """Whether each node has been asked and has answered the last time."""
        return all(watch.seen.answers for watch in self._watches)

    def heaviest_first(self, followed: str | None) -> list[Node]:
        """The node with the most difficulty behind its head first.

        The one already followed wins a tie; a node that did not answer comes last but is not left out.
        """

        def weight(seen: NodeState) -> tuple[bool, int, bool]:
            difficulty = (seen.total_difficulty or 0) if seen.answers else 0
            return seen.answers, difficulty, seen.node.rpc_url == followed

        return [seen.node for seen in sorted(self.seen(), key=weight, reverse=True)]

    def stop(self) -> None:
        for watch in self._watches:
            watch.stop()
