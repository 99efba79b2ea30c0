"""Tables that are in no index, as they are exported: of the nodes, of a node's pool, of the campaigns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from explorer import pool, researcher
from explorer.csv_text import Cell
from explorer.pages.lists import called
from explorer.researcher import Means
from explorer.site import Site
from explorer.tables import Cells, who
from explorer.words import checksummed, hexed

# More than a pool of Geth's holds.
_MOST_PENDING = 10_000


@dataclass(frozen=True)
class LiveTable:
    """`rows` raises TestbedError where who knows them does not answer."""

    name: str
    about: str
    columns: tuple[str, ...]
    rows: Callable[[Site], list[Cells]]


def _nodes(site: Site) -> list[Cells]:
    return [
        (
            seen.node.name,
            seen.node.device,
            seen.node.address,
            seen.client,
            seen.head,
            hexed(seen.head_hash) or None,
            seen.total_difficulty,
            _flag(seen.sealing),
            None if seen.peers is None else len(seen.peers),
            seen.pending,
            seen.queued,
            _milliseconds(seen.round_trip_ms),
            seen.problem,
        )
        for seen in site.following.nodes
    ]


def _peers(site: Site) -> list[Cells]:
    names = {seen.enode_id: seen.node.name for seen in site.following.nodes if seen.enode_id is not None}
    return [
        (
            seen.node.name,
            names.get(peer.enode_id),
            peer.enode_id,
            "in" if peer.inbound else "out",
            peer.remote_address,
            peer.client,
        )
        for seen in site.following.nodes
        for peer in seen.peers or ()
    ]


def _pending(site: Site) -> list[Cells]:
    content = pool.pool(site.asking.private(site.following), _MOST_PENDING)
    return [
        (
            part,
            hexed(each.hash),
            *who(site, each.sender),
            each.nonce,
            *who(site, each.recipient),
            None if each.created is None else checksummed(each.created),
            called(site, each.recipient, each.created, each.input),
            each.value_wei,
            each.gas_limit,
            each.fee_wei,
            each.tip_wei,
            each.type,
            hexed(each.input),
        )
        for part, waiting in (("pending", content.pending), ("queued", content.queued))
        for each in waiting
    ]


def _campaigns(site: Site) -> list[Cells]:
    return [
        (
            report.id,
            report.created,
            report.policy,
            report.seed,
            report.parameters.prosumers,
            report.parameters.pricing,
            report.slots,
            len(report.series),
            report.complete,
            report.first_slot,
            report.start_block,
            report.end_block,
            *_means(report.played),
            *_means(report.simulated),
            *_means(report.equilibrium),
            _flag(report.audit_ok),
            report.audit_checked,
            report.audit_failed,
            _flag(report.interrupted),
            ", ".join(report.died),
            hexed(report.genesis_hash),
            checksummed(report.contract),
        )
        for report in researcher.reports(site.config.campaigns)
    ]


def _means(means: Means | None) -> tuple[Cell, ...]:
    return tuple(None if value is None else Decimal(repr(value)) for value in means or (None,) * 4)


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _milliseconds(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(f"{value:.3f}")


_MEANS = ("price", "demand", "server_utility", "prosumer_utility")

LIVE_TABLES = {
    table.name: table
    for table in (
        LiveTable(
            "nodes",
            "The nodes as each of them told last.",
            (
                *("node", "device", "address", "client", "head", "head_hash", "total_difficulty", "sealing"),
                *("peers", "pending", "queued", "rpc_ms", "problem"),
            ),
            _nodes,
        ),
        LiveTable(
            "peers",
            "Connections between nodes, as the node at one end reports them.",
            ("node", "peer", "enode_id", "direction", "address", "client"),
            _peers,
        ),
        LiveTable(
            "pending",
            "What waits in the pool of the node that the index follows.",
            (
                *("part", "hash", "sender", "sender_name", "nonce", "recipient", "recipient_name", "creates"),
                *("call", "value_wei", "gas_limit", "fee_per_gas_wei", "tip_per_gas_wei", "type", "input"),
            ),
            _pending,
        ),
        LiveTable(
            "campaigns",
            "The campaigns' reports, with means over their complete slots.",
            (
                *("campaign", "created", "policy", "seed", "prosumers", "pricing", "slots_ordered"),
                *("slots_played", "slots_complete", "first_slot", "start_block", "end_block"),
                *(f"{name}_{side}" for side in ("played", "simulated", "equilibrium") for name in _MEANS),
                *("audit_holds", "audit_checked", "audit_failed", "interrupted", "died", "genesis_hash"),
                "contract",
            ),
            _campaigns,
        ),
    )
}
