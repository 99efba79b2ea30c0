"""/audit: what everybody owns by the books and by the contract, account by account, at any block."""

from __future__ import annotations

from eth_abi.exceptions import DecodingError
from starlette.requests import Request
from starlette.responses import Response

from chain.depth import CONFIRMATIONS
from chain.rpc import RpcError
from errors import TestbedError
from explorer import conservation, queries
from explorer.conservation import Audit, Party
from explorer.index.rows import octets
from explorer.pages.lists import ADDRESS, NUMBER, indexed_to
from explorer.queries import Connection, Row
from explorer.site import Site, site_of


def audit(request: Request) -> Response:
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
        newest_deep = max(0, tip["number"] - depth)
        block = queries.block_at(index, int(wanted) if wanted else newest_deep)
        if block is None:
            return site.missing("block", wanted, indexed_to(site))
        before, next_one = conservation.beside(index, block["number"])
        problem = _unready(index, contract, block)
        place = octets(after) if ADDRESS.fullmatch(after) else b""
        found = conservation.parties(index, block["number"], place, conservation.ACCOUNTS + 1)
        due = conservation.ether_due(index, contract, block)
    shown = found[: conservation.ACCOUNTS]
    more = len(found) > len(shown)
    audited = None
    if problem is None:
        audited, problem = _audited(site, contract, block, shown, not more and not place, due)
    return site.page(
        "audit.html.j2",
        block=block,
        tip=tip,
        depth=depth,
        newest_deep=newest_deep,
        before=before,
        next_one=next_one,
        problem=problem,
        audit=audited,
        more_after=shown[-1].account if more else None,
        first_page=not place,
    )


def _unready(index: Connection, contract: bytes, block: Row) -> str | None:
    """Why there are no books of this contract at this block."""
    note = index.execute("SELECT value FROM notes WHERE name = 'contract'").fetchone()
    if note is None or bytes(note["value"]) != contract:
        return "the books of this contract are not made yet"
    created = queries.creation_of(index, contract)
    if created is not None and created["number"] > block["number"]:
        return f"ETSC was deployed in block {created['number']:,}, which is later"
    return None


def _audited(
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
