"""/search: to the page of whatever a text names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from errors import TestbedError
from explorer import pool, queries, words
from explorer.pages.lists import ADDRESS, HASH, NUMBER, account_in
from explorer.site import Site, site_of
from explorer.words import checksummed, hexed

_QUERY_LENGTH = 200
_MATCHES = 50
_SEPARATORS = re.compile(r"[,'’_\s]")
_OF_ONE_ACCOUNT = re.compile(r"(.+):\s*([\d,]{1,23})", re.ASCII)


@dataclass(frozen=True)
class Match:
    """An account that a text may mean, by the name in which it stands."""

    name: str
    address: bytes


def search(request: Request) -> Response:
    site = site_of(request)
    wanted = request.query_params.get("q", "").strip()[:_QUERY_LENGTH]
    number = _SEPARATORS.sub("", wanted)
    if NUMBER.fullmatch(number):
        return _to(f"/block/{int(number)}")
    digits = wanted if wanted[:2] == "0x" else f"0x{wanted}"
    if HASH.fullmatch(digits):
        return _to(_of_hash(site, bytes.fromhex(digits[2:])))
    if ADDRESS.fullmatch(digits):
        account = account_in(site, digits)
        return account if isinstance(account, Response) else _to(f"/address/{checksummed(account)}")
    with site.readers.reading() as index:
        site.learn_names(index)
    exact, near = _matches(site, words.cleaned(wanted, _QUERY_LENGTH).casefold())
    if not exact and (of_one := _OF_ONE_ACCOUNT.fullmatch(wanted)):
        return _transaction(site, of_one[1].strip(), of_one[2])
    found = exact or near
    if len(found) == 1:
        return _to(f"/address/{checksummed(found[0].address)}")
    if found:
        return site.page("search.html.j2", wanted=wanted, matches=found[:_MATCHES], in_all=len(found))
    return site.missing("search", wanted, _hint(wanted))


def _of_hash(site: Site, wanted: bytes) -> str:
    """A transaction that nobody knows may be in a pool: its page looks there."""
    with site.readers.reading() as index:
        block = queries.block_of_hash(index, wanted) or queries.uncles_of_hash(index, wanted)
    return f"/{'block' if block else 'tx'}/{hexed(wanted)}"


def _matches(site: Site, wanted: str) -> tuple[list[Match], list[Match]]:
    """Accounts of that very name, and those with it as a part of theirs; each account once."""
    exact: dict[bytes, Match] = {}
    near: dict[bytes, Match] = {}
    for name, address in site.names_now().all():
        folded = name.casefold()
        if wanted and wanted in folded:
            near.setdefault(address, Match(name, address))
            if wanted == folded:
                exact.setdefault(address, Match(name, address))
    return list(exact.values()), list(near.values())


def _transaction(site: Site, who: str, number: str) -> Response:
    """`who` is an address or a name; its transaction with that nonce, in the chain or in the pool."""
    wanted = f"{who}:{number}"
    nonce = min(int(number.replace(",", "") or 0), 2**62)
    if ADDRESS.fullmatch(who):
        account = account_in(site, who)
        if isinstance(account, Response):
            return account
    else:
        exact, near = _matches(site, words.cleaned(who, _QUERY_LENGTH).casefold())
        found = exact or near
        if not found:
            return site.missing("search", wanted, f"Nobody is known by the name {words.cleaned(who)}.")
        if len(found) > 1:
            return site.page("search.html.j2", wanted=who, matches=found[:_MATCHES], in_all=len(found))
        account = found[0].address
    with site.readers.reading() as index:
        row = queries.sent_with(index, account, nonce)
        newest = queries.newest_sent(index, account)
    if row is not None:
        return _to(f"/tx/{hexed(row['hash'])}")
    try:
        waiting = pool.sent_with(site.asking.private(site.following), account, nonce)
    except TestbedError:
        waiting = None
    if waiting is not None:
        return _to(f"/tx/{hexed(waiting.hash)}")
    sent = (
        "has sent nothing that is indexed"
        if newest is None
        else f"has sent transactions with the nonces 0 to {newest['nonce']:,}"
    )
    return site.missing("search", wanted, f"The account {checksummed(account)} {sent}.")


def _hint(wanted: str) -> str:
    known = (
        "Search for the number or hash of a block, the hash of a transaction, an address, the name of a "
        "participant or a node or a part of it, or for somebody's transaction as address:nonce or name:nonce."
    )
    if wanted.lower().endswith(".eth"):
        return f"This chain has no name service (ENS): names are those of its participants and nodes. {known}"
    if wanted[:2].lower() == "0x":
        digits = len(wanted) - 2
        return f"A hash has 64 hexadecimal digits after 0x and an address 40; here are {digits:,}. {known}"
    return known


def _to(path: str) -> Response:
    return RedirectResponse(path, 303)
