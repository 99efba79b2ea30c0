"""The web application: routes, the stream of changes, and the index process that lives as long as it does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from explorer.api import etherscan
from explorer.api.rest import Rest
from explorer.cache import Cache
from explorer.config import Settings
from explorer.guard import Guard
from explorer.index.process import IndexProcess
from explorer.index.readers import READERS, Readers
from explorer.pages import (
    accounts,
    address,
    audit,
    block,
    blocks,
    campaigns,
    docs,
    etsc,
    exports,
    forks,
    health,
    market,
    nodes,
    overview,
    pending,
    search,
    transaction,
    transactions,
)
from explorer.site import Site, site_of
from explorer.state import Bell, Following, State

_END_SECONDS = 6.0
_SETTINGS_SECONDS = 0.2
_GZIP_LEVEL = 3  # half the size of a page in a third of a millisecond; 9 takes ten times as long


def application(config: Path, settings: Settings, bell: Bell) -> Starlette:
    """The explorer as an ASGI application; its index process runs from startup to shutdown."""
    readers = Readers()
    state = State(bell.ring)

    def heard(following: Following) -> None:
        state.replace_with(lambda _: following)

    async def follow_settings() -> None:
        while True:
            problem = settings.problem
            if settings.refresh() or settings.problem != problem:
                bell.ring()
            await asyncio.sleep(_SETTINGS_SECONDS)

    process = IndexProcess(config, readers, heard)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # More threads than readers of the index would only wait for one another.
        anyio.to_thread.current_default_thread_limiter().total_tokens = READERS
        bell.attach(asyncio.get_running_loop())
        process.start()
        following_settings = asyncio.create_task(follow_settings())
        yield
        following_settings.cancel()
        bell.close()
        await anyio.to_thread.run_sync(process.stop)
        await anyio.to_thread.run_sync(process.join, _END_SECONDS)
        readers.close()

    site = Site(settings, readers, bell, state)
    rest = Rest(site)
    app = Starlette(
        routes=[
            Route("/", overview.overview),
            Route("/blocks", blocks.blocks),
            Route("/block/{block}", block.block),
            Route("/txs", transactions.transactions),
            Route("/tx/{tx}", transaction.transaction),
            Route("/accounts", accounts.accounts),
            Route("/address/{address}", address.address),
            Route("/token/{address}", address.token),
            Route("/pending", pending.pending),
            Route("/forks", forks.forks),
            Route("/audit", audit.audit),
            Route("/audit.csv", audit.sheet),
            Route("/campaigns", campaigns.campaigns),
            Route("/address/{address}/statement.csv", exports.statement),
            Route("/export", exports.overview),
            Route("/export/{table}.csv", exports.table),
            Route("/etsc", etsc.contract),
            Route("/etsc/source", etsc.source),
            Route("/market", market.market),
            Route("/market.csv", market.sheet),
            Route("/nodes", nodes.nodes),
            Route("/search", search.search),
            Route("/docs", docs.docs),
            Route("/api", etherscan.api, methods=["GET", "POST"]),
            Route("/v2/api", etherscan.api, methods=["GET", "POST"]),
            _mounted("/rest", rest),
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
    app.state.site = site
    app.state.rest = rest
    return app


def _mounted(path: str, app: ASGIApp) -> Mount:
    """Starlette's own would not have what has a line break in its address, so that a page would answer."""
    mount = Mount(path, app)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount


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
