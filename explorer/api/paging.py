"""What all lists of REST share: keyset paging, and problems as RFC 9457 has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import HTTPException, Query
from fastapi.requests import Request
from starlette.responses import Response

from explorer.api.models import Page, Problem
from explorer.queries import Row

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=200, description="how many a page has at most")]
# A place in a list is what `next` of the page before says.
Number = Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description="only what is older than this one")]
Place = Annotated[
    str | None,
    Query(pattern="^[0-9]{1,18}[.][0-9]{1,9}$", description="older than this place: number.position"),
]
LARGEST = 2**62


def listed(
    request: Request, rows: Sequence[Row], limit: int, shown: Callable[[Row], T], place: Callable[[Row], str]
) -> Page[T]:
    """`rows` has one more than the page where there is a next one; `place` is what comes after `before=`."""
    following = None
    if len(rows) > limit:
        query = {**request.query_params, "before": place(rows[limit - 1]), "limit": str(limit)}
        following = f"{request.url.path}?{urlencode(query)}"
    return Page(items=[shown(row) for row in rows[:limit]], next=following)


def number(before: str | None) -> int:
    return LARGEST if before is None else int(before)


def place(before: str | None) -> tuple[int, int]:
    if before is None:
        return LARGEST, 0
    height, _, position = before.partition(".")
    return int(height), int(position)


def missing(what: str) -> HTTPException:
    return HTTPException(404, f"The index has no such {what}.")


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail)
    return Response(told.model_dump_json(), status, headers, "application/problem+json")


_PROBLEM: dict[str, Any] = {
    "model": Problem,
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
INVALID: dict[int | str, dict[str, Any]] = {
    422: {**_PROBLEM, "description": "A parameter is not what it must be"}
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {**_PROBLEM, "description": "Nothing has that name"}}
