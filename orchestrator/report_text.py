"""The report of a campaign in words and tables, for the researcher who ran it or reads of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from market.units import Wh_to_kWh, wei_to_ether
from orchestrator.markdown import NONE, number, one_line, share, table
from orchestrator.report_comparison import against_equilibrium, against_simulation
from orchestrator.report_day import day_section
from orchestrator.report_records import acted, complete_slots, mean

# A longer table is for programs: they have report.json.
_LONGEST_TABLE = 1000


def report_text(report: dict[str, Any]) -> str:
    """report.md."""
    sections = (
        _headline(report),
        against_equilibrium(report),
        against_simulation(report),
        *([day_section(report)] if report.get("day") else []),
        _slots(report),
        _redemptions(report),
        _died(report),
        _audit(report["audit"]),
        _mining(report),
        _repeat(report),
        _versions(report),
    )
    return "\n".join(line for section in sections for line in (*section, ""))


def _headline(report: dict[str, Any]) -> Iterator[str]:
    totals, audit = report["totals"], report["audit"]
    complete = len(complete_slots(report))
    yield f"# Campaign {report['id']} of testbed {report['testbed']}"
    if not report["slot_records"]:
        yield ""
        yield "**No slot was played**: there are no prices, demands or utilities to report."
    elif not complete:
        yield ""
        yield "**No slot was complete**: in none did every prosumer buy and trade."
    if report["interrupted"]:
        yield ""
        yield f"**Interrupted** after {report['slots_played']} of {report['slots']} slots."
    yield ""
    pace, fees = totals["slots_per_two_blocks"], totals["fees_ether"]
    yield from table(
        ("", ""),
        (
            ("created", report["created"]),
            ("policy, seed", f"{report['policy']}{_origin(report)}, {report['seed']}"),
            ("chain", f"{report['consensus']} on {report['engine']}, chain ID {report['chain']['chain_id']}"),
            ("blocks", f"{report['start_block']} to {report['end_block']} ({totals['blocks']} blocks)"),
            ("slots", f"{report['slots_played']} played of {report['slots']}, {complete} complete"),
            ("first slot on the chain", report["first_slot"]),
            ("slots per two blocks", NONE if pace is None else f"{pace:.2f}"),
            ("prosumers", len(report["equilibrium"]["demands"])),
            ("purchases, trades", f"{totals['purchases']}, {totals['trades']}"),
            ("fees of all transactions", f"{number(fees)} ether"),
            ("conservation audit", _verdict(audit)),
        ),
        align="ll",
    )
    yield ""
    yield "![Price, demands and utilities per slot beside the equilibrium](report.png)"
    if report["notes"]:
        yield ""
        yield from (f"- {one_line(note)}" for note in report["notes"])


def _origin(report: dict[str, Any]) -> str:
    """What made a learnt policy; a report may be older than they are."""
    origin = report.get("policy_origin")
    return "" if origin is None else f" (learnt in {origin['steps']:,} slots with seed {origin['seed']})"


def _slots(report: dict[str, Any]) -> Iterator[str]:
    records = report["slot_records"]
    yield "## Slots"
    yield ""
    if not records:
        yield "No slot was played."
        return
    shown = records[:_LONGEST_TABLE]
    yield from table(
        (
            "slot",
            "price, ether per elecoin",
            "Σx, elecoins",
            "energy, kWh",
            "server utility",
            "mean prosumer utility",
            "complete",
        ),
        (
            (
                record["slot"],
                number(record["price"]),
                number(math.fsum(acted(record["x"]))),
                f"{Wh_to_kWh(sum(acted(record['y_Wh']))):.3f}",
                number(record["server_utility"]),
                number(mean(acted(record["prosumer_utilities"]))),
                "yes" if record["complete"] else f"no{_absent(record)}",
            )
            for record in shown
        ),
    )
    if len(shown) < len(records):
        yield ""
        yield f"These are the first {len(shown)} of {len(records)} slots; report.json has them all."
    if len(complete_slots(report)) < len(records):
        yield ""
        yield "In a slot that is not complete, sums and means are over the prosumers that acted."


def _redemptions(report: dict[str, Any]) -> Iterator[str]:
    """Who sold how many elecoins back, and where. A report may be older than redemption."""
    rows: list[dict[str, Any]] | None = report.get("redemptions")
    yield "## Elecoins redeemed"
    yield ""
    if not rows:
        yield "This report does not say." if rows is None else "Nobody sold elecoins back to an edge server."
        return
    yield "Elecoins that were sold back to an edge server, and the ether that it paid for them. This stands"
    yield "beside the utilities above and is in none of them: equations (2) and (3) know no redemption."
    yield ""
    flows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        flows.setdefault((row["user"], row["edge_server"]), []).append(row)
    place = {one["name"]: index for index, one in enumerate(report["participants"])}
    listed = sorted(flows, key=lambda flow: [place.get(name, len(place)) for name in flow])
    yield from table(
        ("who", "edge server", "redemptions", "elecoins", "ether"),
        (
            *((*flow, *_redeemed(flows[flow])) for flow in listed),
            ("all", "", *_redeemed(rows)),
        ),
        align="llrrr",
    )


def _redeemed(rows: list[dict[str, Any]]) -> tuple[int, str, str]:
    elecoins_mE = sum(row["amount_mE"] for row in rows)
    paid_wei = sum(int(row["paid_wei"]) for row in rows)
    return len(rows), f"{elecoins_mE / 1000:.3f}", f"{wei_to_ether(paid_wei):.6f}"


def _absent(record: dict[str, Any]) -> str:
    missing = sum(x is None for x in record["x"])
    return f", {missing} did not act" if missing else ""


def _died(report: dict[str, Any]) -> Iterator[str]:
    yield "## What died"
    yield ""
    if not report["died"]:
        yield "Nothing: every node, bot and service lived to the end."
        return
    yield from table(
        ("name", "what", "slot"),
        ((d["name"], d["what"], NONE if d["slot"] is None else d["slot"]) for d in report["died"]),
        align="llr",
    )


def _audit(audit: dict[str, Any]) -> Iterator[str]:
    yield "## Conservation audit"
    yield ""
    yield f"**{_verdict(audit)}** Elecoins, electricity and ether were worked out anew from events,"
    yield "transactions and receipts, and compared account by account with the contract's state and the"
    yield f"balances at block {audit['block']} (`{audit['block_hash']}`)."
    yield ""
    done = Counter(check["kind"] for check in audit["checks"])
    failures = [check for check in audit["checks"] if not check["ok"]]
    failed = Counter(check["kind"] for check in failures)
    yield from table(
        ("of what", "comparisons", "failed"), ((kind, done[kind], failed[kind]) for kind in sorted(done))
    )
    if failures:
        yield ""
        yield "What failed (elecoins in mE, electricity in Wh, ether in wei):"
        yield ""
        yield from table(
            ("of what", "account", "quantity", "expected", "on chain", "difference"),
            (
                (
                    check["kind"],
                    f"`{check['account']}`",
                    check["quantity"],
                    check["expected"],
                    check["actual"],
                    f"{int(check['difference']):+d}" if check["difference"] is not None else "–",
                )
                for check in failures
            ),
            align="lllrrr",
        )
    yield ""
    yield "Since the genesis block:"
    yield ""
    yield from table(("total", "amount", ""), (_total(*item) for item in audit["totals"].items()), "lrl")


def _total(name: str, amount: str) -> tuple[str, str, str]:
    words, _, unit = name.rpartition("_")
    if unit == "wei":
        return words, f"{wei_to_ether(int(amount)):.9f}", "ether"
    if unit in ("mE", "Wh"):
        return words, f"{int(amount) / 1000:.3f}", "elecoins" if unit == "mE" else "kWh"
    return name.replace("_", " "), amount, ""


def _mining(report: dict[str, Any]) -> Iterator[str]:
    mining = report["mining"]
    yield "## Blocks of each edge server"
    yield ""
    yield from table(
        ("edge server", "blocks", "share of blocks", "computing share"),
        (
            (name, blocks, share(mining["shares"].get(name)), share(mining["expected_shares"].get(name)))
            for name, blocks in mining["blocks"].items()
        ),
    )
    yield ""
    if report["consensus"] == "clique":
        yield "Under Clique the sealers take turns, so blocks do not follow the computing share."
    yield (
        f"Mining enters the server's utility in expectation, by equation (1): U_m = {number(mining['U_m'])}."
    )


def _repeat(report: dict[str, Any]) -> Iterator[str]:
    yield "## To repeat it"
    yield ""
    yield "`report.json` beside this file holds the configuration, the seed and every slot's decisions:"
    yield ""
    yield "```"
    yield "testbed campaign run --from report.json"
    yield "```"


def _versions(report: dict[str, Any]) -> Iterator[str]:
    versions, chain = report["versions"], report["chain"]
    yield "## Versions"
    yield ""
    yield from table(
        ("", ""),
        (
            *((name, "unknown" if value is None else f"`{value}`") for name, value in versions.items()),
            ("genesis block", f"`{chain['genesis_hash']}`"),
            ("last block", f"{report['end_block']}, `{report['end_block_hash']}`"),
            ("ETSC", f"`{chain['contract']}`"),
        ),
        align="ll",
    )


def _verdict(audit: dict[str, Any]) -> str:
    if audit["ok"]:
        return f"The books balance: {audit['checked']} comparisons, none failed."
    return f"THE BOOKS DO NOT BALANCE: {audit['failed']} of {audit['checked']} comparisons failed."
