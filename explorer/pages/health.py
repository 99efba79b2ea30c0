"""/health for programs, and what is said where no page is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from explorer import queries, words
from explorer.site import site_of


def health(request: Request) -> Response:
    """For programs: how far the index is, of which chain, and why it does not move."""
    site = site_of(request)
    config, following = site.config, site.following
    with site.readers.reading() as index:
        genesis, tip = queries.genesis_hash(index), queries.tip(index)
    indexed = -1 if tip is None else tip["number"]
    return JSONResponse(
        {
            "name": config.name,
            "indexed": None if tip is None else indexed,
            "head": following.head,
            "lag": None if following.head is None else max(0, following.head - indexed),
            "genesis_hash": words.hexed(genesis) or None,
            "contract": None if site.contract is None else words.checksummed(site.contract),
            "problem": following.problem,
        }
    )


def missing(request: Request, _: Exception) -> Response:
    return site_of(request).missing("page", request.url.path)
