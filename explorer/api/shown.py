"""Rows of the index as the models of REST."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from explorer import etsc, trading
from explorer.api import models
from explorer.etsc import Decoded, Field
from explorer.queries import Row
from explorer.site import Site
from explorer.words import checksummed, cleaned, hexed


def block(row: Row) -> dict[str, Any]:
    """The fields of models.Block."""
    return {
        "hash": hexed(row["hash"]),
        "number": row["number"],
        "parent_hash": hexed(row["parent_hash"]),
        "timestamp": row["timestamp"],
        "sealer": optional_address(row["sealer"]),
        "difficulty": row["difficulty"],
        "gas_limit": row["gas_limit"],
        "gas_used": row["gas_used"],
        "base_fee_wei": row["base_fee_wei"],
        "size": row["size"],
        "extra_data": _octets(row["extra_data"]),
        "state_root": hexed(row["state_root"]),
        "transactions": row["transactions"],
        "uncles": row["uncles"],
        "canonical": bool(row["canonical"]),
    }


def transactions_of(site: Site) -> Callable[[Row], models.Transaction]:
    return lambda row: models.Transaction(**transaction(site, row))


def transaction(site: Site, row: Row) -> dict[str, Any]:
    """The fields of models.Transaction."""
    call = call_of(site, row)
    return {
        "hash": hexed(row["hash"]),
        "number": row["number"],
        "block_hash": hexed(row["block_hash"]),
        "timestamp": row["timestamp"],
        "position": row["position"],
        "canonical": bool(row["canonical"]),
        "sender": checksummed(row["sender"]),
        "recipient": optional_address(row["recipient"]),
        "created": optional_address(row["created"]),
        "nonce": row["nonce"],
        "value_wei": row["value_wei"],
        "gas_limit": row["gas_limit"],
        "gas_used": row["gas_used"],
        "gas_price_wei": row["gas_price_wei"],
        "type": row["type"],
        "success": row["status"] == 1,
        "input": _octets(row["input"]),
        "function": None if call is None else call.name,
    }


def call_of(site: Site, row: Row) -> Decoded | None:
    """What of ETSC a transaction calls, or its deployment."""
    if site.contract is None:
        return None
    if row["recipient"] == site.contract:
        return etsc.decode_call(row["input"])
    return etsc.decode_deployment(row["input"]) if row["created"] == site.contract else None


def event(site: Site, row: Row) -> models.Event:
    decoded = trading.event_of(row) if row["address"] == site.contract else None
    topics = [row[f"topic{at}"] for at in range(4)]
    return models.Event(
        log_index=row["log_index"],
        address=checksummed(row["address"]),
        topics=[hexed(topic) for topic in topics if topic is not None],
        data=_octets(row["data"]),
        name=None if decoded is None else decoded.name,
        arguments=[] if decoded is None else arguments(decoded.fields),
    )


def arguments(fields: Iterable[Field]) -> list[models.Argument]:
    return [models.Argument(name=field.name, kind=field.kind, value=_value(field)) for field in fields]


def _value(field: Field) -> str | list[models.Argument]:
    match field.value:
        case tuple() as parts:
            return arguments(parts)
        case bool() as flag:
            return "true" if flag else "false"
        case bytes() as octets:
            return checksummed(octets) if field.kind == "address" else _octets(octets)
        case text:
            return cleaned(str(text), 1000)


def named(site: Site, account: bytes) -> dict[str, Any]:
    """address, name, role."""
    known = site.name_of(account)
    return {
        "address": checksummed(account),
        "name": None if known is None else known.name,
        "role": known.role or None if known is not None else None,
    }


def entry(row: Row) -> models.Entry:
    return models.Entry(
        id=str(row["id"]),
        number=row["number"],
        timestamp=row["timestamp"],
        slot=row["slot"],
        account=checksummed(row["account"]),
        kind=row["kind"],
        other=optional_address(row["other"]),
        coins=row["coins"],
        power=row["power"],
        ether_wei=row["ether"],
        after=models.Standing(
            coins=row["coins_after"],
            power=row["power_after"],
            offered=row["offered_after"],
            generated=row["generated_after"],
            consumed=row["consumed_after"],
            deficit=row["deficit_after"],
            credit_wei=row["credit_after"],
        ),
    )


def optional_address(address: bytes | None) -> str | None:
    """An empty one is nobody, too."""
    return checksummed(address) if address else None


def optional_hash(octets: bytes | None) -> str | None:
    return None if octets is None else hexed(octets)


def _octets(octets: bytes) -> str:
    return "0x" + octets.hex()
