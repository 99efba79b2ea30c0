"""JSON-RPC to a node over HTTP or over its IPC socket, one call or a batch at a time.

web3.py would do the same; importing it takes a second of processor time, and each of two dozen
bots would pay that at every start of a campaign.
"""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from errors import EnvironmentFault, TestbedError

T = TypeVar("T")
BlockTag = int | str | dict[str, str]


class RpcError(TestbedError):
    """The node answered with an error object."""

    def __init__(self, code: int, message: str, data: Any = None, *, where: str | None = None) -> None:
        super().__init__(f"the node refused: {message} (code {code})", where=where)
        self.code = code
        self.message = message
        self.data = data


class RpcUnreachable(EnvironmentFault):
    """Nobody answered, or what answered does not speak JSON-RPC."""


@dataclass(frozen=True)
class Read(Generic[T]):
    """A question to a node and how to read its answer; at_block adds the block asked about. `refused` is for
    one who can tell what a node's refusal means: the error that is raised in the place of RpcError."""

    method: str
    params: tuple[Any, ...]
    decode: Callable[[Any], T]
    at_block: bool = False
    refused: Callable[[RpcError], TestbedError] | None = None

    def request(self, block: BlockTag) -> tuple[str, list[Any]]:
        tag = quantity(block) if isinstance(block, int) else block
        return self.method, [*self.params, tag] if self.at_block else list(self.params)

    def answer(self, result: Any) -> T:
        """What the node's result, or its refusal, comes to."""
        if not isinstance(result, RpcError):
            return self.decode(result)
        if self.refused is None:
            raise result
        raise self.refused(result) from result


def quantity(number: int) -> str:
    """A number as the JSON-RPC specification writes it."""
    return hex(number)


def from_quantity(text: str) -> int:
    return int(text, 16)


class Rpc(ABC):
    """One node, asked for JSON-RPC answers. Not safe to share between threads."""

    def __init__(self, where: str) -> None:
        self.where = where
        self._ids = itertools.count(1)

    @abstractmethod
    def _exchange(self, payload: bytes) -> Any:
        """Send one request body, return the parsed answer. Raises RpcUnreachable."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Rpc:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises RpcError or RpcUnreachable."""
        return self._raise_or(self._ask(method, params))

    def _ask(self, method: str, params: Sequence[Any]) -> Any:
        """The result of one call, or the RpcError that it failed with."""
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        return self._result(self._exchange(json.dumps(body).encode()))

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of several calls in their order; an RpcError stands where a call failed."""
        if not calls:
            return []
        ids = [next(self._ids) for _ in calls]
        body = [
            {"jsonrpc": "2.0", "id": id_, "method": method, "params": params}
            for id_, (method, params) in zip(ids, calls, strict=True)
        ]
        answers = self._exchange(json.dumps(body).encode())
        if not isinstance(answers, list):
            self._raise_or(self._result(answers))
            raise RpcUnreachable("answered a batch with a single value", where=self.where)
        by_id = {
            answer["id"]: answer
            for answer in answers
            if isinstance(answer, dict) and isinstance(answer.get("id"), int)
        }
        if missing := [id_ for id_ in ids if id_ not in by_id]:
            raise RpcUnreachable(f"left {len(missing)} calls of a batch unanswered", where=self.where)
        return [self._result(by_id[id_]) for id_ in ids]

    def fetch(self, read: Read[T], block: BlockTag = "latest") -> T:
        """The answer to one read. Raises RpcError, or what the read makes of it."""
        return read.answer(self._ask(*read.request(block)))

    def fetch_all(self, reads: Sequence[Read[Any]], block: BlockTag = "latest") -> list[Any]:
        """The answers to several reads in one round trip. Raises as `fetch` does for the first refused."""
        results = self.batch([read.request(block) for read in reads])
        return [read.answer(result) for read, result in zip(reads, results, strict=True)]

    def _result(self, answer: Any) -> Any:
        if not isinstance(answer, dict) or not ("result" in answer or "error" in answer):
            raise RpcUnreachable("the answer is not JSON-RPC", where=self.where)
        if answer.get("error") is not None:
            error = answer["error"]
            if not isinstance(error, dict) or not isinstance(error.get("code", 0), int):
                raise RpcUnreachable("the answer's error is not JSON-RPC", where=self.where)
            return RpcError(
                error.get("code", 0), str(error.get("message", "")), error.get("data"), where=self.where
            )
        return answer.get("result")

    @staticmethod
    def _raise_or(result: Any) -> Any:
        if isinstance(result, RpcError):
            raise result
        return result


class HttpRpc(Rpc):
    """JSON-RPC over one kept-alive HTTP connection."""

    def __init__(self, url: str, timeout_seconds: float = 5.0) -> None:
        super().__init__(url)
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise TestbedError("not an http:// or https:// address", where=url)
        self._path = parts.path or "/"
        if parts.query:
            self._path += f"?{parts.query}"
        secure = parts.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = connect(
            parts.hostname, parts.port or (443 if secure else 80), timeout=timeout_seconds
        )

    def _exchange(self, payload: bytes) -> Any:
        reused = self._connection.sock is not None
        try:
            try:
                return self._post(payload)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # The node closes connections that idle; that says nothing about its health.
                self._connection.close()
                if not reused:
                    raise
                return self._post(payload)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise RpcUnreachable(f"no answer from the node: {error}", where=self.where) from error

    def _post(self, payload: bytes) -> Any:
        self._connection.request("POST", self._path, payload, {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise ValueError(f"HTTP status {response.status}: {body[:200].decode(errors='replace').strip()}")
        return json.loads(body)

    def close(self) -> None:
        self._connection.close()


class IpcRpc(Rpc):
    """JSON-RPC over a node's UNIX socket, where `admin` and `miner` live."""

    def __init__(self, path: str, timeout_seconds: float = 5.0) -> None:
        super().__init__(path)
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._socket: socket.socket | None = None

    def _exchange(self, payload: bytes) -> Any:
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._socket.settimeout(self._timeout_seconds)
                self._socket.connect(self._path)
            self._socket.sendall(payload)
            return self._receive(self._socket)
        except (OSError, ValueError) as error:
            self.close()
            raise RpcUnreachable(f"no answer over IPC: {error}", where=self._path) from error

    @staticmethod
    def _receive(connection: socket.socket) -> Any:
        """One JSON value; the socket has no framing, but Geth ends each answer with a newline."""
        received = bytearray()
        while not received.endswith(b"\n"):
            chunk = connection.recv(1 << 16)
            if not chunk:
                raise ConnectionError("the node closed the socket")
            received += chunk
        return json.loads(received)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class FailoverRpc(Rpc):
    """Several nodes of one chain: stays with one until it stops answering, then takes the next."""

    def __init__(self, urls: Sequence[str], timeout_seconds: float = 5.0) -> None:
        super().__init__(", ".join(urls))
        self._nodes = [HttpRpc(url, timeout_seconds) for url in urls]
        self._current = 0

    def _exchange(self, payload: bytes) -> Any:
        for _ in self._nodes:
            try:
                return self._nodes[self._current]._exchange(payload)
            except RpcUnreachable as error:
                last = error
                self._current = (self._current + 1) % len(self._nodes)
        raise RpcUnreachable("none of the nodes answers", where=self.where) from last

    def close(self) -> None:
        for node in self._nodes:
            node.close()


def nonce_of(address: str) -> Read[int]:
    """Transactions sent by the account."""
    return Read("eth_getTransactionCount", (address,), from_quantity, at_block=True)


def balance_of(address: str) -> Read[int]:
    """Ether of the account, in wei."""
    return Read("eth_getBalance", (address,), from_quantity, at_block=True)


def code_at(address: str) -> Read[bytes]:
    return Read("eth_getCode", (address,), lambda text: bytes.fromhex(text[2:]), at_block=True)


def block_number() -> Read[int]:
    return Read("eth_blockNumber", (), from_quantity)
