"""What pages share: how blocks, transactions and accounts are named in an address, how deep a block lies, one
word for a transaction, and the way to the next page of a list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from chain.depth import CONFIRMATIONS
from explorer import etsc, words
from explorer.queries import Row
from explorer.site import Site

NUMBER = re.compile(r"\d{1,18}", re.ASCII)
HASH = re.compile(r"0x[0-9a-fA-F]{64}")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_PLACE = re.compile(r"(\d{1,18})\.(\d{1,9})", re.ASCII)


@dataclass(frozen=True)
class Depth:
    """How deep a block lies: `needed` blocks on top of it make it count, where that is known."""

    on_top: int
    needed: int | None

    @property
    def confirmations(self) -> int:
        """The block itself is the first."""
        return self.on_top + 1

    @property
    def enough(self) -> bool:
        return self.needed is not None and self.on_top >= self.needed


def depth(site: Site, number: int, tip: Row | None) -> Depth | None:
    """Of a canonical block. None while there is no tip."""
    if tip is None:
        return None
    return Depth(max(0, tip["number"] - number), CONFIRMATIONS.get(site.consensus or ""))


def what(site: Site, transaction: Row) -> str:
    """One word for what a transaction does: the function of ETSC, a transfer, a call, a deployment."""
    return called(site, transaction["recipient"], transaction["created"], transaction["input"])


def called(site: Site, recipient: bytes | None, created: bytes | None, data: bytes) -> str:
    """The same of a transaction that is in no block yet."""
    if recipient is None:
        return "deploy ETSC" if created == site.contract else "deploy"
    if recipient == site.contract:
        return etsc.function_of(data) or "unknown call"
    return "call" if data else "transfer"


def account_in(site: Site, text: str) -> bytes | Response:
    """The account that an address names, or the page that says why it names none."""
    if not ADDRESS.fullmatch(text):
        return site.missing("address", text, "An address is 0x and 40 hexadecimal digits.")
    account = bytes.fromhex(text[2:])
    right = words.checksummed(account)
    if text[2:] not in (text[2:].lower(), text[2:].upper(), right[2:]):
        hint = (
            "Upper and lower case of its letters are its checksum (EIP-55), and they do not fit: a digit may "
            "be mistyped. In lower case it is taken as it stands."
        )
        return site.missing("such address", text, hint, 400)
    return account


def of_the_pool(site: Site, page: Response) -> Response:
    """A page that tells of the pool. Where no news come of it, the page is not kept until there are any."""
    following = site.following
    if not any(
        seen.pending is not None for seen in following.nodes if seen.node.rpc_url == following.rpc_url
    ):
        page.headers["Vary"] = "*"
    return page


def older(number: int, position: int) -> str:
    """The query of the next, older page of a list."""
    return "?" + urlencode({"before": f"{number}.{position}"})


def before(text: str | None) -> tuple[int, int] | None:
    """What `older` wrote, read back; None where it says something else."""
    place = _PLACE.fullmatch(text or "")
    return None if place is None else (int(place[1]), int(place[2]))


def number_in(text: str | None) -> int | None:
    """A number in the query of a list; None where it is none."""
    return int(text) if text is not None and NUMBER.fullmatch(text) else None


def indexed_to(site: Site) -> str:
    """How far the index is, for whoever looks for something newer."""
    following = site.following
    if following.problem is not None or following.indexed is None:
        return "The explorer is waiting for the chain: it may be there and not yet be indexed."
    return f"The chain is indexed up to block {following.indexed:,}, {following.lag_blocks} behind the head."
