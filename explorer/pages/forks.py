"""/forks: blocks that the chain left behind, when it did, and whose they were."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from explorer import fork_queries, queries
from explorer.pages.lists import before, number_in, older
from explorer.site import site_of

_PER_PAGE = 25


def forks(request: Request) -> Response:
    site = site_of(request)
    place = before(request.query_params.get("before"))
    change = number_in(request.query_params.get("changes"))
    with site.readers.reading() as index:
        site.learn_names(index)
        orphans = fork_queries.orphans(index, _PER_PAGE + 1, place)
        changes = fork_queries.reorganisations(index, _PER_PAGE + 1, change)
        newest = queries.newest_reorganisation(index)
        in_all, uncles = fork_queries.number_of_orphans(index), fork_queries.number_of_uncles(index)
        countable = max(in_all, uncles) <= fork_queries.COUNTED
        sealers = fork_queries.by_sealer(index) if countable else []
    shown, changes_shown = orphans[:_PER_PAGE], changes[:_PER_PAGE]
    return site.page(
        "forks.html.j2",
        orphans=shown,
        orphans_in_all=in_all,
        uncles_in_all=uncles,
        counted=fork_queries.COUNTED,
        older=older(shown[-1]["number"], shown[-1]["id"]) if len(orphans) > _PER_PAGE else None,
        newest_orphans=place is None,
        changes=changes_shown,
        changes_in_all=0 if newest is None else newest["total"],
        older_changes=f"?changes={changes_shown[-1]['id']}" if len(changes) > _PER_PAGE else None,
        newest_changes=change is None,
        sealers=sealers,
        countable=countable,
    )
