"""What people see in the terminal: tables and progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from orchestrator.report_day import mean_equilibrium
from orchestrator.status import Status

if TYPE_CHECKING:
    from orchestrator.campaign import Summary
    from orchestrator.contract_check import StepResult
    from orchestrator.doctor import Finding

_WIDE = 120
_MARKS = {"good": "[green]✓[/]", "warn": "[yellow]![/]", "bad": "[red]✗[/]"}


def _table(**columns: str) -> Table:
    """A table without lines; each column's name and `left` or `right`."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name, justify in columns.items():
        table.add_column(
            name.replace("_", " "), justify="right" if justify == "right" else "left", no_wrap=True
        )
    return table


def show_status(out: Console, status: Status) -> None:
    table = _table(
        node="left", state="left", block="right", head="left", peers="right", CPU="right", RPC="left"
    )
    for node in status.nodes:
        table.add_row(
            node.name,
            f"[{'green' if node.state == 'running' else 'red'}]{node.state}[/]",
            _or_dash(node.block),
            f"{node.head_hash[:10]}…" if node.head_hash else "–",
            _or_dash(node.peers),
            f"{node.cpu_quota:.2f}",
            node.rpc_url,
        )
    out.print(
        f"[bold]{status.name}[/bold]  {status.consensus} on {status.engine}, chain ID {status.chain_id}"
    )
    out.print(table)
    for name, state in status.services.items():
        if state != "running":
            out.print(f"{name}: [red]{state}[/]")
    out.print(f"ETSC      {status.contract or 'not deployed'}")
    out.print(f"explorer  [bold]{status.explorer_url}[/bold]")


def show_accounts(out: Console, listing: dict[str, Any]) -> None:
    table = _table(name="left", role="left", address="left", ether="right", elecoins="right", kWh="right")
    for row in listing["accounts"]:
        table.add_row(
            row["name"],
            row["role"],
            row["address"],
            *(_or_dash(row[key], ",.3f") for key in ("ether", "elecoins", "power_kWh")),
        )
    # Addresses are for copying: better lines that are too long than cells that are cut.
    Console(file=out.file, width=max(_WIDE, out.width), highlight=False).print(table)
    if "mnemonic" in listing:
        out.print(f"\nmnemonic: [bold]{listing['mnemonic']}[/bold]")
        for row in listing["accounts"]:
            out.print(f"{row['path']:20}  {row['private_key']}  {row['name']}", soft_wrap=True)


def show_findings(out: Console, findings: Sequence[Finding]) -> None:
    for finding in findings:
        out.print(f"{_MARKS[finding.verdict]} [bold]{finding.subject}[/bold]  {finding.found}")
        if finding.advice:
            out.print(Padding(finding.advice, (0, 0, 0, 4)), style="dim")


def show_step(out: Console, step: StepResult) -> None:
    """One step of the contract's check, as it ends."""
    mark = _MARKS["good" if step.ok else "bad"]
    out.print(
        f"{mark} {step.stage:10} [bold]{step.name:18}[/bold] {step.found}  [dim]{step.seconds:.0f} s[/]",
        soft_wrap=True,
    )
    if step.detail:
        out.print(Padding(Text(step.detail), (0, 0, 0, 4)), style="dim")


@contextmanager
def campaign_progress(err: Console, quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """Takes slots opened, slots in all, and what is being done."""
    if quiet:
        yield lambda done, total, what: None
        return
    if not err.is_terminal:
        shown: list[int] = []

        def line(done: int, total: int, what: str) -> None:
            if not shown or shown[-1] != done or not what.startswith("block"):
                shown.append(done)
                err.print(f"  slot {done} of {total}: {what}", style="dim")

        yield line
        return
    columns = (TextColumn("campaign"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=err, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


def show_campaign(out: Console, summary: Summary, explorer_url: str) -> None:
    report = summary.report
    complete = [record for record in report["slot_records"] if record["complete"]]
    equilibrium = mean_equilibrium(report, complete)
    table = _table(**{"": "left", "this_campaign": "right", "simulation": "right", "equilibrium": "right"})
    if complete:
        simulated = report["simulation"]
        for what, seen, key in (
            ("price", [record["price"] for record in complete], "price"),
            ("demand of a prosumer", [x for record in complete for x in record["x"]], "demands"),
            (
                "utility of a prosumer",
                [u for record in complete for u in record["prosumer_utilities"]],
                "prosumer_utilities",
            ),
            (
                "utility of the edge server",
                [record["server_utility"] for record in complete],
                "server_utility",
            ),
        ):
            table.add_row(what, *map(_shown, (seen, simulated[key], equilibrium[key])))
    totals = report["totals"]
    out.print(
        f"[bold]campaign {summary.id}[/bold]  {summary.slots} of {report['slots']} slots with policy"
        f" {report['policy']}, {totals['slots_complete']} complete"
    )
    out.print(table)
    out.print(
        f"{summary.purchases} purchases and {summary.trades} trades of {totals['energy_kWh']:.3f} kWh"
        f" in {totals['blocks']} blocks"
    )
    if report["redemptions"]:
        out.print(
            f"{totals['redeemed_elecoins']:.3f} elecoins redeemed for {totals['redeemed_ether']:.3f} ether"
        )
    verdict = (
        "[green]holds[/]" if summary.audit.ok else f"[red]fails in {len(summary.audit.failures)} places[/]"
    )
    out.print(f"conservation {verdict}: {len(summary.audit.checks)} balances recomputed from events")
    for death in report["died"]:
        out.print(f"[red]{death['name']} died[/]: {death['what']}, in slot {death['slot']}")
    for note in report["notes"]:
        out.print(f"[yellow]note[/]: {note}")
    out.print(f"report    {summary.report_dir}", soft_wrap=True)
    out.print(f"explorer  [bold]{explorer_url}[/bold]")


def _shown(values: float | Sequence[float]) -> str:
    """The mean, where there are several."""
    return f"{values if isinstance(values, float) else sum(values) / len(values):.4f}"


def _or_dash(value: Any, form: str = "") -> str:
    return "–" if value is None else format(value, form)
