"""/search: to the page of whatever a text names."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from explorer import queries, words
from explorer.pages.lists import ADDRESS, HASH, NUMBER
from explorer.site import site_of

_QUERY_LENGTH = 200


def search(request: Request) -> Response:
    site = site_of(request)
    wanted = request.query_params.get("q", "").strip()[:_QUERY_LENGTH]
    if NUMBER.fullmatch(wanted.replace(",", "")):
        return RedirectResponse(f"/block/{int(wanted.replace(',', ''))}", 303)
    if HASH.fullmatch(wanted):
        with site.readers.reading() as index:
            found = queries.block_of_hash(index, bytes.fromhex(wanted[2:]))
        return RedirectResponse(f"/{'tx' if found is None else 'block'}/{wanted.lower()}", 303)
    if ADDRESS.fullmatch(wanted):
        return RedirectResponse(f"/address/{words.checksummed(bytes.fromhex(wanted[2:]))}", 303)
    if (address := site.address_named(wanted)) is not None:
        return RedirectResponse(f"/address/{words.checksummed(address)}", 303)
    hint = "Search for a block number, a hash, an address, or the name of a participant or a node."
    return site.missing("search", wanted, hint)
