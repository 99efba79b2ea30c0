"""The commands `testbed explorer …`: the pages of a testbed or of any chain, and the index behind them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from errors import TestbedError, UsageError
from orchestrator.game_cli import AsJson, epilog, err, out

if TYPE_CHECKING:
    from explorer.check import Comparison
    from orchestrator.explorer_index import Show

explorer_app = typer.Typer(
    help="The explorer: its pages, its index, and any chain without a testbed.", no_args_is_help=True
)

_DEFAULT = "default"
Name = Annotated[str, typer.Option("--name", "-n", help="Which testbed.", metavar="NAME")]


@explorer_app.command(
    epilog=epilog(
        "testbed explorer serve --rpc http://127.0.0.1:8545",
        "testbed explorer serve --rpc http://127.0.0.1:8545 --ws ws://127.0.0.1:8546 --port 8080",
    )
)
def serve(
    rpc: Annotated[str, typer.Option(help="A node of any chain: its JSON-RPC over HTTP.", metavar="URL")],
    ws: Annotated[
        str | None, typer.Option(help="Its WebSocket, if not at the same address.", metavar="URL")
    ] = None,
    ipc: Annotated[
        Path | None, typer.Option(help="Its socket, where `debug` and `admin` answer.", metavar="PATH")
    ] = None,
    contract: Annotated[
        str | None, typer.Option(help="An ETSC; one that is deployed is found by itself.", metavar="0x…")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the pages call the chain.", metavar="TEXT")] = None,
    listen: Annotated[str, typer.Option(help="The address to listen at.", metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", metavar="N")] = 0,
    index: Annotated[
        Path | None, typer.Option(help="Where the index is kept; without it: in the cache.", metavar="DIR")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name that browsers may call it by.", metavar="NAME")
    ] = None,
) -> None:
    """Explore a chain that no testbed started, until Ctrl-C."""
    from explorer.alone import Alone, serve_alone

    serve_alone(Alone(rpc, ws, ipc, contract, name, listen, port, index, tuple(allow_host or ())))


@explorer_app.command("open", epilog=epilog("testbed explorer open", "testbed explorer open --name pow"))
def open_pages(name: Name = _DEFAULT) -> None:
    """Open the explorer of a testbed in the browser, and print where it is."""
    import webbrowser

    from orchestrator.existing import open_testbed
    from orchestrator.explorer_index import health

    testbed = open_testbed(name)
    health(testbed)
    out.print(testbed.plan.explorer_url)
    if not webbrowser.open(testbed.plan.explorer_url):
        err.print("There is no browser here that could be started: open the address yourself.")


@explorer_app.command(epilog=epilog("testbed explorer rebuild"))
def rebuild(name: Name = _DEFAULT) -> None:
    """Make the index anew from the chain; the former one is kept beside it."""
    from orchestrator.explorer_index import rebuild_index
    from orchestrator.progress import Step, progress_bar

    with progress_bar(err) as show:
        aside = rebuild_index(
            name,
            lambda line: err.print(f"  {line}", style="dim"),
            lambda done: show(Step("blocks indexed", done, None)),
        )
    if aside is None:
        out.print(f"{name} had no index yet.")
    else:
        out.print(
            f"The former index is {aside}: it alone knows the orphans of its time. You may delete it.",
            markup=False,
            soft_wrap=True,
        )


@explorer_app.command(
    epilog=epilog("testbed explorer check", "testbed explorer check --rpc http://127.0.0.1:8545 --json")
)
def check(
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Which testbed.", metavar="NAME", show_default=_DEFAULT)
    ] = None,
    rpc: Annotated[
        str | None,
        typer.Option(help="The node to compare with; without --name: one of no testbed.", metavar="URL"),
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="Another index: a file, or the folder of several.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare the index with the chain row by row, while both go on."""
    from orchestrator.progress import Step, progress_bar

    with progress_bar(err) as bar:
        compared = _compare(name, rpc, index, lambda done: bar(Step("blocks compared", done, None)))
    if as_json:
        print(json.dumps(compared.to_json()))
    else:
        _show(compared)
    if not compared.ok:
        raise TestbedError(
            f"the index is not the chain's: {compared.found} differences",
            where=str(compared.index),
            fix="`testbed explorer rebuild` makes it anew; please keep the former one and report it.",
        )


def _compare(name: str | None, rpc: str | None, index: Path | None, show: Show) -> Comparison:
    from orchestrator.explorer_index import check_index, check_index_of_node

    if rpc is None:
        return check_index(name or _DEFAULT, index, show)
    if index is not None and name is not None:
        raise UsageError("--name and --index name two indexes: leave one of them out")
    if index is None and name is not None:
        from orchestrator.existing import open_testbed

        index = open_testbed(name).plan.explorer_index
    if index is None:
        from explorer.alone import folder_of

        index = folder_of(rpc)
    return check_index_of_node(rpc, index, show)


def _show(compared: Comparison) -> None:
    for text in compared.differences:
        out.print(text, markup=False, soft_wrap=True)
    if compared.found > len(compared.differences):
        out.print(f"… and {compared.found - len(compared.differences):,} more")
    rows = ", ".join(f"{count:,} {table}" for table, count in compared.rows.items() if count)
    out.print(f"Compared up to block {compared.number:,} ({compared.block_hash}): {rows}.", soft_wrap=True)
    if compared.behind:
        out.print(f"The chain goes on to block {compared.head:,}: the index lags by {compared.behind:,}.")
    for text in compared.unchecked:
        out.print(f"Not compared: {text}", markup=False, soft_wrap=True)
    if compared.ok:
        out.print("The index is the chain's.")
