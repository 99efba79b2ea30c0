"""Answers that are kept until something changes: of many who look at one page, one makes it.

A page is a function of its address, of the index, and of what the index process told; each news of either
rings the bell, and an answer is good as long as the bell has not rung since it was begun.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explorer.state import Bell

_KEPT = 256
_LARGEST_BYTES = 256 * 1024
_NEVER = ("/events", "/static/")
# Files of whatever length: nobody must wait for how fast somebody else reads one.
_STREAMED = ".csv"


@dataclass
class _Answer:
    generation: int
    messages: list[Message] = field(default_factory=list)
    size: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)
    whole: bool = False


class Cache:
    """ASGI middleware around everything that is made anew for each request."""

    def __init__(self, app: ASGIApp, bell: Bell) -> None:
        self._app = app
        self._bell = bell
        self._answers: OrderedDict[tuple[str, bytes, bool], _Answer] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "GET"
            or scope["path"].startswith(_NEVER)
            or scope["path"].endswith(_STREAMED)
        ):
            await self._app(scope, receive, send)
            return
        encodings = b",".join(value for name, value in scope["headers"] if name == b"accept-encoding")
        key = scope["path"], scope["query_string"], b"gzip" in encodings
        answer = self._answers.get(key)
        if answer is not None and answer.generation == self._bell.generation:
            await answer.done.wait()
            if answer.whole:
                for message in answer.messages:
                    await send(message)
                return
        await self._make(key, scope, receive, send)

    async def _make(self, key: tuple[str, bytes, bool], scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answers[key] = _Answer(self._bell.generation)
        self._answers.move_to_end(key)
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)

        async def send_and_keep(message: Message) -> None:
            answer.size += len(message.get("body", b""))
            if answer.size <= _LARGEST_BYTES:
                # A copy: what stands around this adds its headers to the message.
                answer.messages.append(dict(message))
            await send(message)

        try:
            await self._app(scope, receive, send_and_keep)
            answer.whole = answer.size <= _LARGEST_BYTES and _may_be_kept(answer.messages)
        finally:
            answer.done.set()
            if not answer.whole and self._answers.get(key) is answer:
                del self._answers[key]


def _may_be_kept(messages: list[Message]) -> bool:
    """Not a failure, and not what says with `Vary: *` that the next answer may be another one."""
    if not messages:
        return False
    varies = (value for name, value in messages[0].get("headers", []) if name == b"vary")
    return messages[0].get("status", 500) < 500 and not any(value.startswith(b"*") for value in varies)
