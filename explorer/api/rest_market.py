"""REST of the market: slots, prices, what was bought, what was traded."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.requests import Request

from explorer.api import models
from explorer.api.models import Page
from explorer.api.paging import LARGEST, Limit, Number, listed, number
from explorer.api.shown import optional_address
from explorer.queries import Connection, Row
from explorer.site import site_of
from explorer.words import checksummed, hexed

router = APIRouter(tags=["market"])
_SECONDS_PER_HOUR = 3600

_ACCOUNT = "0x[0-9a-f]{40}"
PlaceOfPrice = Annotated[
    str | None,
    Query(
        pattern=f"^[0-9]{{1,18}}[.]{_ACCOUNT}[.](0x|{_ACCOUNT})$",
        description="after this one: slot.edge server.prosumer",
    ),
]
PlaceOfHour = Annotated[
    str | None,
    Query(
        pattern=f"^[0-9]{{1,18}}[.]{_ACCOUNT}[.]{_ACCOUNT}$",
        description="after this one: hour.retailer.buyer",
    ),
]
PlaceOfEntry = Annotated[
    str | None, Query(pattern="^[0-9]{1,18}[.][0-9]{1,18}$", description="older than this one: slot.id")
]


@router.get("/slots", summary="Slots with their seller and its price, newest first")
def slots(request: Request, before: Number = None, limit: Limit = 50) -> Page[models.Slot]:
    with site_of(request).readers.reading() as index:
        rows = index.execute(
            "SELECT s.*, p.price_wei FROM slots s LEFT JOIN prices p "
            "ON p.slot = s.slot AND p.edge_server = s.seller AND p.prosumer = x'' "
            "WHERE s.slot < ? ORDER BY s.slot DESC LIMIT ?",
            (number(before), limit + 1),
        ).fetchall()
    return listed(
        request,
        rows,
        limit,
        lambda row: models.Slot(
            slot=row["slot"],
            number=row["number"],
            timestamp=row["timestamp"],
            seller=checksummed(row["seller"]),
            price_wei_per_mE=row["price_wei"],
        ),
        lambda row: str(row["slot"]),
    )


@router.get("/prices", summary="Every price that an edge server asked, newest slot first")
def prices(request: Request, before: PlaceOfPrice = None, limit: Limit = 50) -> Page[models.Price]:
    slot, edge_server, prosumer = _three(before)
    with site_of(request).readers.reading() as index:
        rows = index.execute(
            "SELECT * FROM prices WHERE (slot, edge_server, prosumer) < (?, ?, ?) "
            "ORDER BY slot DESC, edge_server DESC, prosumer DESC LIMIT ?",
            (slot, edge_server, prosumer, limit + 1),
        ).fetchall()
    return listed(
        request,
        rows,
        limit,
        lambda row: models.Price(
            slot=row["slot"],
            number=row["number"],
            edge_server=checksummed(row["edge_server"]),
            prosumer=optional_address(row["prosumer"]),
            price_wei_per_mE=row["price_wei"],
        ),
        lambda row: f"{row['slot']}.{hexed(row['edge_server'])}.0x{row['prosumer'].hex()}",
    )


@router.get("/demands", summary="Purchases of elecoins, newest slot first")
def demands(request: Request, before: PlaceOfEntry = None, limit: Limit = 50) -> Page[models.Demand]:
    with site_of(request).readers.reading() as index:
        rows = _entries(index, "bought", before, limit + 1)
    return listed(
        request,
        rows,
        limit,
        lambda row: models.Demand(
            id=str(row["id"]),
            slot=row["slot"],
            number=row["number"],
            timestamp=row["timestamp"],
            prosumer=checksummed(row["account"]),
            edge_server=checksummed(row["other"]),
            coins=row["coins"],
            cost_wei=str(-int(row["ether"])),
        ),
        _place_of_entry,
    )


@router.get("/trades", summary="Electricity for elecoins, newest slot first")
def trades(request: Request, before: PlaceOfEntry = None, limit: Limit = 50) -> Page[models.Trade]:
    with site_of(request).readers.reading() as index:
        rows = _entries(index, "delivered", before, limit + 1)
    return listed(
        request,
        rows,
        limit,
        lambda row: models.Trade(
            id=str(row["id"]),
            slot=row["slot"],
            number=row["number"],
            timestamp=row["timestamp"],
            buyer=checksummed(row["other"]),
            retailer=checksummed(row["account"]),
            energy=-row["power"],
            cost=row["coins"],
        ),
        _place_of_entry,
    )


@router.get("/hours", summary="Electricity sold in each hour by pair, newest hour first")
def hours(request: Request, before: PlaceOfHour = None, limit: Limit = 50) -> Page[models.Hour]:
    with site_of(request).readers.reading() as index:
        rows = index.execute(
            "SELECT * FROM hours WHERE (hour, retailer, buyer) < (?, ?, ?) "
            "ORDER BY hour DESC, retailer DESC, buyer DESC LIMIT ?",
            (*_three(before), limit + 1),
        ).fetchall()
    return listed(
        request,
        rows,
        limit,
        lambda row: models.Hour(
            starts_at=row["hour"] * _SECONDS_PER_HOUR,
            retailer=checksummed(row["retailer"]),
            buyer=checksummed(row["buyer"]),
            energy=row["energy"],
            cost=row["cost"],
            trades=row["trades"],
        ),
        lambda row: f"{row['hour']}.{hexed(row['retailer'])}.{hexed(row['buyer'])}",
    )


def _entries(index: Connection, kind: str, before: str | None, limit: int) -> list[Row]:
    """Of one kind, which events of ETSC name the slot of."""
    slot, _, id_ = (before or "").partition(".")
    # The index has them by slot; those of one slot are sorted when they are read.
    return index.execute(
        "SELECT * FROM entries INDEXED BY entries_slot WHERE kind = ? AND slot <= ? "
        "AND (slot, id) < (?, ?) ORDER BY slot DESC, id DESC LIMIT ?",
        (kind, int(slot or LARGEST), int(slot or LARGEST), int(id_ or 0), limit),
    ).fetchall()


def _place_of_entry(row: Row) -> str:
    return f"{row['slot']}.{row['id']}"


def _three(before: str | None) -> tuple[int, bytes, bytes]:
    if before is None:
        return LARGEST, b"", b""
    number_, one, other = before.split(".")
    return int(number_), bytes.fromhex(one[2:]), bytes.fromhex(other[2:])
