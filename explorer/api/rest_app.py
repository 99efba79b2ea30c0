"""REST as an application of its own, mounted under /rest."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.requests import Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from explorer.api import rest_chain, rest_market
from explorer.api.paging import INVALID, problem
from explorer.site import Site

_DESCRIPTION = """What the explorer knows, for programs. Lists are read page by page: `next` is where the
part after this one is, and `null` at the end. What is of the chain is canonical unless it says otherwise.
uint256 are decimal texts, hashes and bytes 0x and hexadecimal digits, addresses in EIP-55, times seconds
since 1970. Errors are application/problem+json (RFC 9457)."""


def rest_app(site: Site) -> FastAPI:
    app = FastAPI(
        title="Explorer of the electricity blockchain",
        description=_DESCRIPTION,
        version="1",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=INVALID,
    )
    app.state.site = site
    app.include_router(rest_chain.router)
    app.include_router(rest_market.router)
    app.exception_handler(HTTPException)(_told)
    app.exception_handler(RequestValidationError)(_invalid)
    for ways in app.openapi()["paths"].values():  # made now, on this thread
        for answer in ways["get"]["responses"].values():
            if "application/problem+json" in answer["content"]:
                del answer["content"]["application/json"]  # FastAPI takes that for granted
    return app


async def _told(_: Request, error: HTTPException) -> Response:
    headers = None if error.headers is None else dict(error.headers)
    return problem(error.status_code, str(error.detail), headers)


async def _invalid(_: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return problem(422, f"{where}: {first['msg']}")
