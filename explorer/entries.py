"""The books of ETSC as an account's page tells them: what it did, in words, and how it stood after it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from explorer.etsc import Field
from explorer.queries import Row

# By the kind of an entry, see explorer/index/books.py: elecoins cost ether, electricity costs elecoins.
_PHRASES = {
    "endowed": "began with {coins} to sell",
    "bought": "bought {coins} from {other} for {ether}",
    "sold": "sold {coins} to {other}",
    "redeemed": "sold {coins} back to {other} for {ether}",
    "bought-back": "bought {coins} back from {other}",
    "offered": "offered {offered}",
    "retracted": "took {offered} off sale",
    "received": "bought {power} from {other} for {coins}",
    "delivered": "sold {power} to {other} for {coins}",
    "generated": "generated {power}",
    "consumed": "consumed {power}",
    "withdrew": "withdrew {ether}",
}


@dataclass(frozen=True)
class Entry:
    """A row of the books; `phrase` is made of texts and fields."""

    row: Row
    phrase: tuple[str | Field, ...]


def entries(rows: Sequence[Row], limit: int) -> list[Entry]:
    """The first `limit` of an account's rows, newest first; what follows says how it stood before."""
    return [
        Entry(row, _phrase(row, before)) for row, before in zip(rows[:limit], [*rows[1:], None], strict=False)
    ]


def _phrase(row: Row, before: Row | None) -> tuple[str | Field, ...]:
    offered = row["offered_after"] - (before["offered_after"] if before is not None else 0)
    fields: dict[str, Field] = {
        "coins": Field("coins", "elecoins", abs(row["coins"])),
        "power": Field("power", "energy", abs(row["power"])),
        "offered": Field("offered", "energy", abs(offered)),
        "ether": Field("ether", "ether", abs(int(row["ether"]))),
        "other": Field("other", "address", row["other"]),
    }
    parts = re.split(r"\{(\w+)\}", _PHRASES.get(row["kind"], row["kind"]))
    return tuple(fields[part] if index % 2 else part for index, part in enumerate(parts) if part)
