"""What people see in the terminal: tables and progress."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from orchestrator.status import Status

_GIB = 1024**3


def show_status(out: Console, status: Status) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("node", "state", "block", "head", "peers", "CPU", "memory", "RPC"):
        table.add_column(column, justify="right" if column in ("block", "peers", "CPU", "memory") else "left")
    for node in status.nodes:
        healthy = node.state == "running"
        table.add_row(
            node.name,
            f"[{'green' if healthy else 'red'}]{node.state}[/]",
            _or_dash(node.block),
            f"{node.head_hash[:10]}…" if node.head_hash else "–",
            _or_dash(node.peers),
            f"{node.cpu_quota:.2f}",
            f"{node.memory_limit_bytes / _GIB:g} GB",
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
    out.print(f"explorer  {status.explorer_url}", style="bold")


def _or_dash(value: Any) -> str:
    return "–" if value is None else str(value)
