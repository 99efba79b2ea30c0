"""What every answer of the explorer obeys: who may ask, and what a browser may load."""

from __future__ import annotations

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from explorer.config import Settings

_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_EVERY_ADDRESS = frozenset({"0.0.0.0", "::", ""})
_HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]


def host_of(header: str) -> str:
    """The name in a Host header without its port; IPv6 without its brackets."""
    text = header.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].removesuffix(".")


class Guard:
    """Refuses requests that name another host, so that no web page elsewhere can rebind its name to here."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Another message: this one may be kept, and sent again.
                message = {**message, "headers": [*message.get("headers", []), *_HEADERS]}
            await send(message)

        names = [value.decode("latin-1") for key, value in scope["headers"] if key == b"host"]
        if len(names) == 1 and host_of(names[0]) in self._allowed():
            await self._app(scope, receive, send_guarded)
        else:
            refusal = PlainTextResponse(
                "The explorer answers only to its own names; allowed_hosts in its configuration adds more.\n",
                status_code=400,
            )
            await refusal(scope, receive, send_guarded)

    def _allowed(self) -> frozenset[str]:
        config = self._settings.current
        own = {host_of(name) for name in config.allowed_hosts} | ({config.listen} - _EVERY_ADDRESS)
        return _LOCAL | own
