"""The web application: routes, the stream of changes, and the index process that lives as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from explorer.cache import Cache
from explorer.config import Settings
from explorer.guard import Guard
from explorer.index.process import IndexProcess
from explorer.index.readers import READERS, Readers
from explorer.pages import address, block, health, nodes, overview, search, transaction
from explorer.site import Site, site_of
from explorer.state import Bell, Following, State

_END_SECONDS = 6.0
_GZIP_LEVEL = 3  # half the size of a page in a third of a millisecond; 9 takes ten times as long


def application(config: Path, settings: Settings, bell: Bell) -> Starlette:
    """The explorer as an ASGI application; its index process runs from startup to shutdown."""
    readers = Readers()
    state = State(bell.ring)

    def heard(following: Following) -> None:
        if settings.refresh():
            bell.ring()
        state.replace_with(lambda _: following)

    process = IndexProcess(config, readers, heard)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # More threads than readers of the index would only wait for one another.
        anyio.to_thread.current_default_thread_limiter().total_tokens = READERS
        bell.attach(asyncio.get_running_loop())
        process.start()
        yield
        bell.close()
        await anyio.to_thread.run_sync(process.stop)
        await anyio.to_thread.run_sync(process.join, _END_SECONDS)
        readers.close()

    app = Starlette(
        routes=[
            Route("/", overview.overview),
            Route("/block/{block}", block.block),
            Route("/tx/{tx}", transaction.transaction),
            Route("/address/{address}", address.address),
            Route("/nodes", nodes.nodes),
            Route("/search", search.search),
            Route("/health", health.health),
            Route("/events", events),
            Route("/static/{name}", static),
        ],
        middleware=[
            Middleware(Guard, settings=settings),
            Middleware(Cache, bell=bell),
            Middleware(GZipMiddleware, compresslevel=_GZIP_LEVEL),
        ],
        exception_handlers={404: health.missing},
        lifespan=lifespan,
    )
    app.state.site = Site(settings, readers, bell, state)
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
    """Server-sent events: each `change` says that something is newer, and how far the index is."""
    site = site_of(request)

    async def stream() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async for changed in site.bell.rings():
            if not changed:
                yield ": still here\n\n"
                continue
            following = site.following
            news = {"indexed": following.indexed, "head": following.head, "lag": following.lag_blocks}
            yield f"event: change\ndata: {json.dumps(news)}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
