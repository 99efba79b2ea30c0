"""What a page asks a node directly: balances, a contract's answers, traces, the pool.

Always the node that the index follows, never an address from a request. What is not published (`debug`,
`txpool`) is asked over IPC where the configuration names a socket.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from chain.rpc import HttpRpc, IpcRpc, Rpc, RpcUnreachable
from explorer.config import Node, Settings
from explorer.state import Following

_ANSWER_SECONDS = 1.0


class Asking:
    """Connections of each thread to the node that `following` names."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own = threading.local()

    def public(self, following: Following) -> Rpc:
        """Raises RpcUnreachable where no node is followed."""
        node = self._node(following)
        return self._kept(node.rpc_url, lambda: HttpRpc(node.rpc_url, _ANSWER_SECONDS))

    def private(self, following: Following) -> Rpc:
        """The same node where it answers `debug` and `txpool`, if it does. Raises RpcUnreachable."""
        node = self._node(following)
        path = node.ipc_path
        if path is None:
            return self.public(following)
        return self._kept(path, lambda: IpcRpc(path, _ANSWER_SECONDS))

    def _node(self, following: Following) -> Node:
        for node in self._settings.current.nodes:
            if node.rpc_url == following.rpc_url:
                return node
        raise RpcUnreachable("no node answers at the moment")

    def _kept(self, key: str, connect: Callable[[], Rpc]) -> Rpc:
        connections: dict[str, Rpc] | None = getattr(self._own, "connections", None)
        if connections is None:
            connections = self._own.connections = {}
        if key not in connections:
            connections[key] = connect()
        return connections[key]
