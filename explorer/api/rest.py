"""`/rest`: the index for programs, with an OpenAPI document at /rest/openapi.json.

FastAPI costs a third of a second to import, which nobody should wait for who only looks at a page: it is
imported when somebody asks for the first time, on a thread of its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from explorer.site import Site

if TYPE_CHECKING:
    from fastapi import FastAPI


class Rest:
    """The application of /rest, made on first use."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        self._app: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if app is None:
            app = await anyio.to_thread.run_sync(self.made)
        await app(scope, receive, send)

    def made(self) -> FastAPI:
        """Blocks until it is there; any thread."""
        with self._lock:
            if self._app is None:
                from explorer.api.rest_app import rest_app

                self._app = rest_app(self._site)
            return self._app


def rest_of(request: Request) -> Rest:
    rest: Rest = request.app.state.rest
    return rest
