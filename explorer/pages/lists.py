"""What lists of blocks and transactions share: one word for a transaction, and the way to the next page."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from explorer import etsc
from explorer.queries import Row
from explorer.site import Site

NUMBER = re.compile(r"\d{1,18}", re.ASCII)
HASH = re.compile(r"0x[0-9a-fA-F]{64}")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_PLACE = re.compile(r"(\d{1,18})\.(\d{1,9})", re.ASCII)


def what(site: Site, transaction: Row) -> str:
    """One word for what a transaction does: the function of ETSC, a transfer, a call, a deployment."""
    if transaction["recipient"] is None:
        return "deploy ETSC" if transaction["created"] == site.contract else "deploy"
    if transaction["recipient"] == site.contract:
        call = etsc.decode_call(transaction["input"])
        return "unknown call" if call is None else call.name
    return "call" if transaction["input"] else "transfer"


def older(number: int, position: int) -> str:
    """The query of the next, older page of a list."""
    return "?" + urlencode({"before": f"{number}.{position}"})


def before(text: str | None) -> tuple[int, int] | None:
    """What `older` wrote, read back; None where it says something else."""
    place = _PLACE.fullmatch(text or "")
    return None if place is None else (int(place[1]), int(place[2]))


def indexed_to(site: Site) -> str:
    """How far the index is, for whoever looks for something newer."""
    following = site.following
    if following.problem is not None or following.indexed is None:
        return "The explorer is waiting for the chain: it may be there and not yet be indexed."
    return f"The chain is indexed up to block {following.indexed:,}, {following.lag_blocks} behind the head."
