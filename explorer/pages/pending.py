"""/pending: what waits in the pool of the node that the index follows."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from errors import TestbedError
from explorer.pages.lists import called, of_the_pool
from explorer.pool import Pool, pool
from explorer.site import site_of

_SHOWN = 200


def pending(request: Request) -> Response:
    site = site_of(request)
    content: Pool | None = None
    problem: str | None = None
    try:
        content = pool(site.asking.private(site.following), _SHOWN)
    except TestbedError as error:
        problem = error.what
    with site.readers.reading() as index:
        site.learn_names(index)
    node = next(
        (seen.node for seen in site.following.nodes if seen.node.rpc_url == site.following.rpc_url), None
    )
    parts = () if content is None else (content.pending, content.queued)
    page = site.page(
        "pending.html.j2",
        node=node,
        pool=content,
        problem=problem,
        parts=[
            [(each, called(site, each.recipient, each.created, each.input)) for each in part]
            for part in parts
        ],
    )
    return of_the_pool(site, page)
