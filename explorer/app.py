"""The web application: routes, the stream of changes, and the threads that live as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import anyio.to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from explorer import address, mesh, pages
from explorer.config import Settings
from explorer.database import READERS, Database
from explorer.guard import Guard
from explorer.indexer import Indexer
from explorer.nodes import Watches
from explorer.site import Site, site_of
from explorer.state import State

_END_SECONDS = 1.0


def application(settings: Settings, database: Database, state: State) -> Starlette:
    """The explorer as an ASGI application; its indexer runs from startup to shutdown."""
    watches = Watches(state)
    indexer = Indexer(settings, database, state, watches)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # More threads than readers of the index would only wait for one another.
        anyio.to_thread.current_default_thread_limiter().total_tokens = READERS
        state.attach(asyncio.get_running_loop())
        indexer.start()
        yield
        state.close()
        indexer.stop()
        watches.stop()
        indexer.join(_END_SECONDS)
        if not indexer.is_alive():  # else it waits for a node, and the write-ahead log keeps what is written
            database.close()

    app = Starlette(
        routes=[
            Route("/", pages.overview),
            Route("/block/{block}", pages.block),
            Route("/tx/{tx}", pages.transaction),
            Route("/address/{address}", address.address),
            Route("/nodes", mesh.nodes),
            Route("/search", pages.search),
            Route("/health", pages.health),
            Route("/events", events),
            Route("/static/{name}", static),
        ],
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={404: pages.missing},
        lifespan=lifespan,
    )
    app.state.site = Site(settings, database, state, watches)
    return app


async def static(request: Request) -> Response:
    asset = site_of(request).assets.get(request.path_params["name"])
    if asset is None:
        return site_of(request).missing("page", request.url.path)
    content, media_type = asset
    # The address carries a digest of the content, so it can be kept for ever.
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=media_type, headers=headers)


async def events(request: Request) -> Response:
    """Server-sent events without content: each says that something on the pages changed."""
    state = site_of(request).state

    async def stream() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async for changed in state.rings():
            yield "event: change\ndata: {}\n\n" if changed else ": still here\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
