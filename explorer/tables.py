"""Every table of the index as it is exported: its columns, and how each row is told.

Amounts are the chain's integers, with the unit in the column's name: mE, Wh, wei. Names stand beside the
addresses that they belong to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from eth_utils.crypto import keccak

from contracts.artifact import ARTIFACT, signature
from contracts.events import TYPES, Event
from explorer.csv_text import Cell
from explorer.index.books import decode
from explorer.index.rows import LogRow
from explorer.queries import Row
from explorer.site import Site
from explorer.words import checksummed, hexed, iso

_HOUR_SECONDS = 3600
# What stands in an entry as "…_after", in mE and Wh.
STANDING = ("coins", "power", "offered", "generated", "consumed", "deficit")
_PLACE = {field.name for field in dataclasses.fields(Event)}

Cells = Sequence[Cell]


@dataclass(frozen=True)
class Table:
    """`sql` takes :first and :last, heights of blocks, where the table is `ranged`; and :contract."""

    name: str
    about: str
    columns: tuple[str, ...]
    sql: str
    cells: Callable[[Site, Row], Cells | None]
    """None for a row that is left out."""
    ranged: bool = True


def _address(octets: bytes | None) -> str | None:
    return None if octets is None else checksummed(bytes(octets))


def who(site: Site, octets: bytes | None) -> tuple[str | None, str | None]:
    """An address and the name beside it."""
    named = None if octets is None else site.name_of(bytes(octets))
    return _address(octets), None if named is None else named.name


_BLOCK = (
    *("block", "hash", "parent_hash", "time", "sealer", "sealer_name", "difficulty", "gas_limit"),
    *("gas_used", "base_fee_wei", "size_bytes", "transactions", "uncles", "extra_data", "state_root"),
)


def _block(site: Site, row: Row) -> Cells:
    return (
        row["number"],
        hexed(row["hash"]),
        hexed(row["parent_hash"]),
        iso(row["timestamp"]),
        *who(site, row["sealer"]),
        int(row["difficulty"]),
        row["gas_limit"],
        row["gas_used"],
        int(row["base_fee_wei"]),
        row["size"],
        row["transactions"],
        row["uncles"],
        hexed(row["extra_data"]),
        hexed(row["state_root"]),
    )


def _transaction(site: Site, row: Row) -> Cells:
    return (
        row["number"],
        row["position"],
        hexed(row["hash"]),
        iso(row["timestamp"]),
        *who(site, row["sender"]),
        *who(site, row["recipient"]),
        _address(row["created"]),
        _called(site, row),
        row["nonce"],
        int(row["value_wei"]),
        row["gas_limit"],
        row["gas_used"],
        int(row["gas_price_wei"]),
        row["gas_used"] * int(row["gas_price_wei"]),
        row["type"],
        row["status"],
        hexed(row["input"]),
    )


@lru_cache(maxsize=1)
def _functions() -> dict[bytes, str]:
    """By selector. Nothing else of a call is decoded here: an export may have a million of them."""
    return {keccak(text=signature(each))[:4]: each["name"] for each in ARTIFACT.functions.values()}


def _called(site: Site, row: Row) -> str:
    if row["recipient"] is None:
        return "deploy"
    if row["recipient"] == site.contract:
        return _functions().get(row["input"][:4], "unknown call")
    return "call" if row["input"] else "transfer"


def _log(_: Site, row: Row) -> Cells:
    return (
        row["number"],
        row["log_index"],
        hexed(row["tx_hash"]),
        iso(row["timestamp"]),
        _address(row["address"]),
        *(hexed(row[f"topic{index}"]) or None for index in range(4)),
        hexed(row["data"]),
    )


def _event_columns() -> tuple[str, ...]:
    """Every field that an event of ETSC has, in the order in which the events first name them."""
    fields = (field.name for kind in TYPES.values() for field in dataclasses.fields(kind))
    return tuple(dict.fromkeys(name for name in fields if name not in _PLACE))


_EVENT_FIELDS = _event_columns()


def _event(_: Site, row: Row) -> Cells | None:
    event = decode(LogRow(*(row[name] for name in LogRow._fields)))
    if event is None:
        return None
    values = (getattr(event, name, None) for name in _EVENT_FIELDS)
    return (
        row["number"],
        row["log_index"],
        hexed(row["tx_hash"]),
        iso(row["timestamp"]),
        event.name,
        *(str(value).lower() if isinstance(value, bool) else value for value in values),
    )


def _entry(site: Site, row: Row) -> Cells:
    return (
        row["number"],
        (row["id"] >> 1) & 0xFFFFF,
        iso(row["timestamp"]),
        row["slot"],
        *who(site, row["account"]),
        row["kind"],
        *who(site, row["other"]),
        row["coins"],
        row["power"],
        int(row["ether"]),
        *(row[f"{name}_after"] for name in STANDING),
        int(row["credit_after"]),
    )


def _trade(site: Site, row: Row) -> Cells:
    return (
        row["number"],
        iso(row["timestamp"]),
        row["slot"],
        *who(site, row["other"]),
        *who(site, row["account"]),
        -row["power"],
        row["coins"],
    )


def _price(site: Site, row: Row) -> Cells:
    prosumer = row["prosumer"] or None
    return (
        row["slot"],
        *who(site, row["edge_server"]),
        *who(site, prosumer),
        int(row["price_wei"]),
        row["number"],
    )


def _slot(site: Site, row: Row) -> Cells:
    price = None if row["price_wei"] is None else int(row["price_wei"])
    return row["slot"], row["number"], iso(row["timestamp"]), *who(site, row["seller"]), price


def _hour(site: Site, row: Row) -> Cells:
    return (
        iso(row["hour"] * _HOUR_SECONDS),
        *who(site, row["retailer"]),
        *who(site, row["buyer"]),
        row["energy"],
        row["cost"],
        row["trades"],
    )


def _account(site: Site, row: Row) -> Cells:
    named = site.name_of(bytes(row["address"]))
    return _address(row["address"]), *((named.name, named.role) if named else (None, None)), row["count"]


def _participant(_: Site, row: Row) -> Cells:
    return _address(row["address"]), row["role"], row["name"], row["number"]


def _sealer(site: Site, row: Row) -> Cells:
    return *who(site, row["address"]), row["count"]


def _reorganisation(_: Site, row: Row) -> Cells:
    return (
        iso(row["seen_at"]),
        row["ancestor"],
        row["depth"],
        hexed(row["old_tip"]),
        hexed(row["new_tip"]),
    )


def _uncle(site: Site, row: Row) -> Cells:
    return (
        row["included_in"],
        row["position"],
        row["number"],
        hexed(row["hash"]),
        *who(site, row["miner"]),
        iso(row["timestamp"]),
        int(row["difficulty"]),
    )


# ids of transactions and logs begin with that of their block, see schema.sql: what a block has lies together.
_WITHIN = "BETWEEN b.id << 20 AND (b.id << 20) + 0xfffff"
_IN_RANGE = "b.canonical AND b.number BETWEEN :first AND :last"
_ENTRIES = "FROM entries WHERE id BETWEEN :first << 21 AND (:last << 21) + 0x1fffff "
_BOUGHT_IN = ("slot", "buyer", "buyer_name", "retailer", "retailer_name", "quantity_Wh", "cost_mE")

TABLES = {
    table.name: table
    for table in (
        Table(
            "blocks",
            "The blocks of the chain.",
            _BLOCK,
            f"SELECT b.* FROM blocks b WHERE {_IN_RANGE} ORDER BY b.number",
            _block,
        ),
        Table(
            "orphans",
            "Blocks that a reorganisation replaced.",
            _BLOCK,
            "SELECT * FROM blocks WHERE NOT canonical AND number BETWEEN :first AND :last ORDER BY number",
            _block,
        ),
        Table(
            "uncles",
            "Uncles, with the block that includes each.",
            ("included_in", "position", "block", "hash", "miner", "miner_name", "time", "difficulty"),
            "SELECT u.*, b.number AS included_in FROM blocks b CROSS JOIN uncles u ON u.block_id = b.id "
            f"WHERE {_IN_RANGE} ORDER BY b.number",
            _uncle,
        ),
        Table(
            "reorganisations",
            "When which branch took the place of which; a range is of their common ancestors.",
            ("seen_at", "ancestor", "depth", "old_tip", "new_tip"),
            "SELECT * FROM reorganisations WHERE ancestor BETWEEN :first AND :last ORDER BY id",
            _reorganisation,
        ),
        Table(
            "transactions",
            "The transactions of the chain.",
            (
                *("block", "position", "hash", "time", "sender", "sender_name", "recipient"),
                *("recipient_name", "created", "call", "nonce", "value_wei", "gas_limit", "gas_used"),
                *("gas_price_wei", "fee_wei", "type", "status", "input"),
            ),
            "SELECT t.*, b.timestamp FROM blocks b "
            f"CROSS JOIN transactions t ON t.id {_WITHIN} WHERE {_IN_RANGE} ORDER BY b.number",
            _transaction,
        ),
        Table(
            "logs",
            "The logs of all contracts as they stand in the receipts.",
            (
                *("block", "log_index", "transaction", "time", "address"),
                *("topic0", "topic1", "topic2", "topic3", "data"),
            ),
            f"SELECT l.*, b.timestamp, t.hash AS tx_hash FROM blocks b CROSS JOIN logs l ON l.id {_WITHIN} "
            "CROSS JOIN transactions t ON t.id = (b.id << 20) + l.position "
            f"WHERE {_IN_RANGE} ORDER BY b.number",
            _log,
        ),
        Table(
            "events",
            "The events of ETSC, decoded: elecoins in mE, electricity in Wh, prices in wei per mE.",
            ("block", "log_index", "transaction", "time", "event", *_EVENT_FIELDS),
            "SELECT l.*, b.timestamp, t.hash AS tx_hash FROM logs l CROSS JOIN blocks b ON b.id = l.id >> 20 "
            "CROSS JOIN transactions t ON t.id = (b.id << 20) + l.position WHERE l.address = :contract "
            "AND l.number BETWEEN :first AND :last AND b.canonical ORDER BY l.number, l.log_index",
            _event,
        ),
        Table(
            "entries",
            "The books: what each event of ETSC moved, for whom, and how it stood after that.",
            (
                *("block", "log_index", "time", "slot", "account", "account_name", "kind"),
                *("other", "other_name", "coins_mE", "power_Wh", "ether_wei", "coins_after_mE"),
                *("power_after_Wh", "offered_after_Wh", "generated_after_Wh", "consumed_after_Wh"),
                *("deficit_after_Wh", "credit_after_wei"),
            ),
            f"SELECT * {_ENTRIES}ORDER BY id",
            _entry,
        ),
        Table(
            "trades",
            "Electricity that changed hands.",
            ("block", "time", *_BOUGHT_IN),
            f"SELECT * {_ENTRIES}AND kind = 'delivered' ORDER BY id",
            _trade,
        ),
        Table(
            "hours",
            "Electricity sold in each hour, by pair.",
            ("hour", *_BOUGHT_IN[3:5], *_BOUGHT_IN[1:3], "energy_Wh", "cost_mE", "trades"),
            "SELECT * FROM hours ORDER BY hour, retailer, buyer",
            _hour,
            ranged=False,
        ),
        Table(
            "slots",
            "The slots of the market, with the seller's price for whoever has none of his own.",
            ("slot", "block", "time", "seller", "seller_name", "price_wei_per_mE"),
            "SELECT s.*, p.price_wei FROM slots s LEFT JOIN prices p "
            "ON p.slot = s.slot AND p.edge_server = s.seller AND p.prosumer = x'' "
            "WHERE s.number BETWEEN :first AND :last ORDER BY s.slot",
            _slot,
        ),
        Table(
            "prices",
            "What each edge server asked in a slot: of everybody, or of one prosumer.",
            (
                *("slot", "edge_server", "edge_server_name", "prosumer", "prosumer_name"),
                *("price_wei_per_mE", "block"),
            ),
            "SELECT * FROM prices WHERE number BETWEEN :first AND :last ORDER BY slot, edge_server, prosumer",
            _price,
        ),
        Table(
            "participants",
            "Who takes part in ETSC, and under which name it was registered; a range is of registrations.",
            ("address", "role", "name", "block"),
            "SELECT * FROM participants WHERE number BETWEEN :first AND :last ORDER BY number, address",
            _participant,
        ),
        Table(
            "accounts",
            "Every account with transactions of its own, the busiest first.",
            ("address", "name", "role", "transactions"),
            "SELECT address, count FROM tallies WHERE kind = 'account' ORDER BY count DESC, address DESC",
            _account,
            ranged=False,
        ),
        Table(
            "sealers",
            "Who sealed how many blocks of the chain.",
            ("address", "name", "blocks"),
            "SELECT address, count FROM tallies WHERE kind = 'sealer' ORDER BY count DESC, address DESC",
            _sealer,
            ranged=False,
        ),
    )
}
