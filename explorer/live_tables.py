"""Tables that are in no index, as they are exported: of nodes, a node's pool, the campaigns and who mined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import fsum

from explorer import market_queries, mining, pool, queries, researcher
from explorer.csv_text import Cell, decimals, flag
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
            flag(seen.sealing),
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
            flag(report.audit_ok),
            report.audit_checked,
            report.audit_failed,
            flag(report.interrupted),
            ", ".join(report.died),
            hexed(report.genesis_hash),
            checksummed(report.contract),
        )
        for report in researcher.reports(site.config.campaigns)
    ]


def _campaign_slots(site: Site) -> list[Cells]:
    return [
        (
            report.id,
            row.slot,
            flag(row.complete),
            *decimals(row.price, row.demand, row.server_utility, row.prosumer_utility),
            *decimals(best.price, fsum(best.demands), best.server_utility, best.mean_prosumer_utility),
        )
        for report in researcher.reports(site.config.campaigns)
        for row in report.series
        for best in (report.equilibrium_in(row.slot),)
    ]


def _shares(site: Site) -> list[Cells]:
    with site.readers.reading() as index:
        tip, genesis = queries.tip(index), queries.genesis_hash(index)
        if tip is None:
            return []
        found = researcher.reports(site.config.campaigns)
        reports = [report for report in found if report.is_of(genesis, site.contract)]
        mined = mining.mining(index, 1, tip["number"], reports)
    return [
        (
            mined.first_block,
            mined.last_block,
            *who(site, each.sealer),
            each.blocks,
            *decimals(each.part, *each.interval, each.expected),
            each.orphans,
            each.uncles,
        )
        for each in mined.shares
    ]


def _means(means: Means | None) -> tuple[Cell, ...]:
    return decimals(*(means or (None,) * 4))


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
        LiveTable(
            "campaign-slots",
            "Each slot of the campaigns beside its equilibrium, as their reports have it: prices in ether "
            "per elecoin, demands in elecoins, a prosumer's utility as a mean.",
            (
                "campaign",
                "slot",
                "complete",
                *(f"{name}{side}" for side in ("", "_equilibrium") for name in _MEANS),
            ),
            _campaign_slots,
        ),
        LiveTable(
            "shares",
            "Blocks of each sealer beside its computing share, among the newest "
            f"{market_queries.MOST_BLOCKS:,} blocks; the interval is Wilson's of 95 %.",
            (
                *("first_block", "last_block", "sealer", "sealer_name", "blocks", "share", "interval_low"),
                *("interval_high", "computing_share", "orphans", "uncles"),
            ),
            _shares,
        ),
    )
}
