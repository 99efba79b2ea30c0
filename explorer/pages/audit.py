"""/audit: what everybody owns by the books and by the contract, account by account, at any block."""

from __future__ import annotations

from dataclasses import dataclass

from eth_abi.exceptions import DecodingError
from starlette.requests import Request
from starlette.responses import Response

from chain.depth import CONFIRMATIONS
from chain.rpc import RpcError
from errors import TestbedError
from explorer import conservation, queries
from explorer.conservation import Audit, Figure, Party
from explorer.csv_text import flag
from explorer.index.rows import octets
from explorer.pages.exports import short_file
from explorer.pages.lists import ADDRESS, NUMBER, indexed_to
from explorer.queries import Connection, Row
from explorer.site import Site, site_of
from explorer.tables import who
from explorer.words import hexed

_COLUMNS = (
    *("block", "block_hash", "account", "account_name", "role", "quantity", "unit", "must_be", "is"),
    "agree",
)
_UNITS = {"elecoins": "mE", "energy": "Wh", "ether": "wei"}


@dataclass(frozen=True)
class _Audited:
    """The audit of a block, of one page of accounts; `problem` says why there is none."""

    block: Row
    tip: Row
    depth: int
    before: int | None
    next_one: int | None
    more_after: bytes | None
    here_after: bytes
    """The account after which this page begins; empty on the first."""
    audit: Audit | None
    problem: str | None


def audit(request: Request) -> Response:
    found = _audited(request)
    if isinstance(found, Response):
        return found
    return site_of(request).page("audit.html.j2", **vars(found), newest_deep=_deep(found.tip, found.depth))


def sheet(request: Request) -> Response:
    """/audit.csv: the same figures as a file."""
    site, found = site_of(request), _audited(request)
    if isinstance(found, Response):
        return found
    block = found.block
    if found.audit is None:
        return site.missing(
            "audit", f"of block {block['number']}", f"It cannot be had: {found.problem}.", 409
        )
    parts = (found.audit.users, found.audit.edge_servers, found.audit.ether or ())
    told: list[tuple[bytes | None, str, Figure]]
    told = [(None, "all accounts", figure) for figure in found.audit.sums or ()]
    told += [(each.account, each.role, figure) for part in parts for each in part for figure in each.figures]
    return short_file(
        site,
        f"audit-{block['number']}",
        _COLUMNS,
        [
            (
                block["number"],
                hexed(block["hash"]),
                *who(site, account),
                role,
                figure.quantity,
                _UNITS[figure.kind],
                figure.expected,
                figure.actual,
                flag(figure.ok),
            )
            for account, role, figure in told
        ],
    )


def _deep(tip: Row, depth: int) -> int:
    return max(0, int(tip["number"]) - depth)


def _audited(request: Request) -> _Audited | Response:
    """As the request asks for it, or what is to be answered instead."""
    site = site_of(request)
    contract = site.contract
    if contract is None:
        return site.missing("contract", "ETSC", "No ETSC is known yet, so there is nothing to audit.")
    wanted, after = request.query_params.get("block", ""), request.query_params.get("after", "")
    if wanted and not NUMBER.fullmatch(wanted):
        return site.missing("block", wanted, "An audit is of the block of a height: a number.")
    with site.readers.reading() as index:
        site.learn_names(index)
        tip = queries.tip(index)
        depth = CONFIRMATIONS.get(site.consensus or "", 0)
        if tip is None:
            return site.page("audit.html.j2", block=None, problem="no block is indexed yet")
        block = queries.block_at(index, int(wanted) if wanted else _deep(tip, depth))
        if block is None:
            return site.missing("block", wanted, indexed_to(site))
        before, next_one = conservation.beside(index, block["number"])
        problem = _unready(index, contract, block)
        place = octets(after) if ADDRESS.fullmatch(after) else b""
        found = conservation.parties(index, block["number"], place, conservation.ACCOUNTS + 1)
        due = conservation.ether_due(index, contract, block)
    shown = found[: conservation.ACCOUNTS]
    more = len(found) > len(shown)
    compared = None
    if problem is None:
        compared, problem = _compared(site, contract, block, shown, not more and not place, due)
    last = shown[-1].account if more else None
    return _Audited(block, tip, depth, before, next_one, last, place, compared, problem)


def _unready(index: Connection, contract: bytes, block: Row) -> str | None:
    """Why there are no books of this contract at this block."""
    note = index.execute("SELECT value FROM notes WHERE name = 'contract'").fetchone()
    if note is None or bytes(note["value"]) != contract:
        return "the books of this contract are not made yet"
    created = queries.creation_of(index, contract)
    if created is not None and created["number"] > block["number"]:
        return f"ETSC was deployed in block {created['number']:,}, which is later"
    return None


def _compared(
    site: Site, contract: bytes, block: Row, found: list[Party], whole: bool, due: dict[bytes, int]
) -> tuple[Audit | None, str | None]:
    """The audit, or why there is none."""
    try:
        following = site.following
        return site.audits.of(
            following.rpc_url, lambda: site.asking.public(following), contract, block, found, whole, due
        ), None
    except RpcError as error:
        return None, (
            f"the node has no state of block {block['number']:,}: it answers “{error.message}”. "
            "A node that keeps the state of every block (Geth: --gcmode archive) can be asked at any"
        )
    except TestbedError as error:
        return None, error.what
    except (DecodingError, AttributeError, TypeError, ValueError):
        return None, "what answers at the contract's address is no ETSC"
