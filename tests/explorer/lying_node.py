"""A node that stands between the explorer and a real one, and answers what a test makes of the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chain.rpc import HttpRpc
from tests.chain.liar import http, lying
from tests.explorer.gethnode import GethNode

Json = dict[str, Any]
Lie = Callable[[str, Any], Any]
"""From a method and its true result to what is answered; bytes stand for a whole raw answer."""


def truth(method: str, result: Any) -> Any:
    return result


@dataclass
class LyingNode:
    """`lie` may be changed while it runs."""

    node: GethNode
    url: str = ""
    lie: Lie = truth

    def answer(self, body: bytes) -> bytes:
        asked = json.loads(body)
        calls = asked if isinstance(asked, list) else [asked]
        with HttpRpc(self.node.rpc_url, 20) as rpc:
            results = rpc.batch([(call["method"], call["params"]) for call in calls])
        answers = []
        for call, result in zip(calls, results, strict=True):
            told: Json = {"jsonrpc": "2.0", "id": call["id"]}
            if isinstance(result, Exception):
                told["error"] = {"code": getattr(result, "code", -1), "message": str(result)}
            else:
                said = self.lie(call["method"], result)
                if isinstance(said, bytes):
                    return said
                told["result"] = said
            answers.append(told)
        return http(json.dumps(answers if isinstance(asked, list) else answers[0]).encode())

    def configured(self) -> Json:
        return {"name": "liar", "rpc_url": self.url}


@contextmanager
def lying_node(node: GethNode) -> Iterator[LyingNode]:
    between = LyingNode(node)
    with lying(between.answer) as liar:
        between.url = liar.url
        yield between
