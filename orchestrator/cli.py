"""The command `testbed`.

What a command needs is imported when it runs: `testbed --help` should cost no more than its own text.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from errors import TestbedError, UsageError
from orchestrator.experiment_cli import experiment_app
from orchestrator.explorer_cli import explorer_app
from orchestrator.game_cli import epilog, game_app

if TYPE_CHECKING:
    from orchestrator.config import Config

app = typer.Typer(
    name="testbed",
    help="A private Ethereum testbed for electricity markets: a real chain, a real contract, learning bots.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
images_app = typer.Typer(help="The container images of the testbed.", no_args_is_help=True)
campaign_app = typer.Typer(help="Campaigns: slots of trading, and their reports.", no_args_is_help=True)
contract_app = typer.Typer(help="The trading contract ETSC: its build and its checks.", no_args_is_help=True)
app.add_typer(images_app, name="images")
app.add_typer(campaign_app, name="campaign")
app.add_typer(contract_app, name="contract")
app.add_typer(explorer_app, name="explorer")
app.add_typer(game_app)
app.add_typer(experiment_app)

EngineChoice = Literal["auto", "docker", "process"]
Name = Annotated[str, typer.Option("--name", "-n", help="Which testbed.", metavar="NAME")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value for programs.")]

_INTERRUPTED = 130

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    if debug:
        os.environ["TESTBED_DEBUG"] = "1"


@contextmanager
def _progress(what: str, quiet: bool) -> Iterator[tuple[Any, Any]]:
    """(report, show): one takes lines, which stay; the other the steps of long work, drawn as a bar."""
    from orchestrator.progress import is_heartbeat, progress_bar

    if quiet or not err.is_terminal:
        with progress_bar(err) as show:
            yield (lambda _: None) if quiet else (lambda line: err.print(f"  {line}", style="dim")), show
        return
    with err.status(what) as status, progress_bar(err) as show:

        def report(line: str) -> None:
            if is_heartbeat(line):
                status.update(line)
            else:
                err.print(f"  {line}", style="dim")
                status.update(what)

        yield report, show


@app.command(epilog=epilog("testbed init", "testbed init market.yaml"))
def init(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("testbed.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a commented configuration, with every default in it."""
    from importlib import resources

    from errors.files import write_atomic

    if path.exists() and not force:
        raise TestbedError("the file is there already", where=str(path), fix="`--force` writes over it.")
    write_atomic(
        path.resolve(), resources.files("orchestrator").joinpath("testbed.yaml").read_text(encoding="utf-8")
    )
    out.print(f"{path} written; `testbed up --config {path}` starts it.")


@app.command(epilog=epilog("testbed up", "testbed up --name pow --consensus pow --engine process"))
def up(
    name: Name = "default",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="A testbed.yaml; without it: the profile `paper`.")
    ] = None,
    engine: Annotated[EngineChoice, typer.Option(help="What runs the nodes.")] = "auto",
    consensus: Annotated[
        Literal["clique", "pow"] | None, typer.Option(help="Overrides the configuration's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a testbed, or continue where a start was cut short: chain, contract, participants, explorer."""
    from orchestrator.up import up as start

    with _progress(f"starting {name}", as_json) as (report, show):
        testbed = start(name, _read_config(name, config, consensus), engine, report, show)
    _print_status(testbed, as_json)


def _read_config(name: str, path: Path | None, consensus: str | None) -> Config | None:
    """None: what the testbed has, or the profile."""
    from orchestrator import store
    from orchestrator.config import Config, load_config, parse_config

    if path is None and consensus is None:
        return None
    if path is not None:
        base = load_config(path)
    else:
        state = store.load(name)
        base = Config() if state is None else parse_config(state.config, where=name)
    if consensus is None:
        return base
    chain = base.chain.model_copy(update={"consensus": consensus})
    return base.model_copy(update={"chain": chain})


@app.command(epilog=epilog("testbed down"))
def down(name: Name = "default") -> None:
    """Stop a testbed and keep its state: `testbed up` goes on with the same chain."""
    from orchestrator.up import down as stop

    with err.status(f"stopping {name}"):
        stop(name)
    out.print(f"{name} is stopped; its chain is kept. `testbed up --name {name}` goes on with it.")


@app.command(epilog=epilog("testbed destroy --yes"))
def destroy(
    name: Name = "default",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a testbed with its chain, containers, processes and files."""
    from orchestrator.up import destroy as remove

    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"destroying {name} needs `--yes` where nobody can be asked")
        typer.confirm(f"Remove {name} with its chain, keys and reports?", abort=True)
    with err.status(f"removing {name}"):
        there_was = remove(name)
    out.print(f"{name} is gone." if there_was else f"There is no testbed {name!r}.")


@app.command(epilog=epilog("testbed status", "testbed status --json"))
def status(name: Name = "default", as_json: AsJson = False) -> None:
    """Show the nodes, the contract and where the explorer is."""
    from orchestrator.existing import open_testbed

    _print_status(open_testbed(name), as_json)


def _print_status(testbed: Any, as_json: bool) -> None:
    from orchestrator.status import status_of
    from orchestrator.tables import show_status

    current = status_of(testbed)
    if as_json:
        print(json.dumps(current.to_json()))
    else:
        show_status(out, current)


@app.command(epilog=epilog("testbed logs laptop-a", "testbed logs explorer -f"))
def logs(
    service: Annotated[str, typer.Argument(metavar="NAME_OF_SERVICE", help="A node, `explorer`, or a bot.")],
    name: Name = "default",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
) -> None:
    """Print what a node, the explorer or a bot said."""
    from orchestrator.existing import open_testbed

    for line in open_testbed(name).engine.logs(service, follow):
        print(line, flush=follow)


@app.command(epilog=epilog("testbed accounts", "testbed accounts --secrets --json"))
def accounts(
    name: Name = "default",
    secrets: Annotated[bool, typer.Option("--secrets", help="Show the mnemonic and private keys.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the participants with addresses, derivation paths and balances."""
    from orchestrator.accounts import accounts_of
    from orchestrator.existing import open_testbed
    from orchestrator.tables import show_accounts

    listing = accounts_of(open_testbed(name), secrets)
    if as_json:
        print(json.dumps(listing))
    else:
        show_accounts(out, listing)


@app.command(epilog=epilog("testbed console laptop-a"))
def console(
    node: Annotated[str, typer.Argument(help="Which node.")] = "laptop-a", name: Name = "default"
) -> None:
    """Open Geth's own JavaScript console on a node."""
    from orchestrator.existing import open_testbed

    testbed = open_testbed(name)
    names = [each.name for each in testbed.plan.nodes]
    if node not in names:
        raise TestbedError(f"there is no node {node!r}", fix=f"The nodes are {', '.join(names)}.")
    command = testbed.engine.console(testbed.plan.node(node))
    os.execvp(command[0], command)


@images_app.command("build", epilog=epilog("testbed images build"))
def images_build() -> None:
    """Make sure that the container images are on this machine: pulled, or built where no registry answers."""
    from orchestrator.images import ensure_images

    with _progress("images", False) as (report, _):
        images = ensure_images(report)
    out.print(f"geth      {images.geth}\nservices  {images.services}")


@app.command(epilog=epilog("testbed doctor"))
def doctor(as_json: AsJson = False) -> None:
    """Check what this machine has, and say what to do about what it lacks."""
    from orchestrator.doctor import examine
    from orchestrator.tables import show_findings

    findings = examine()
    if as_json:
        print(json.dumps([finding.to_json() for finding in findings]))
    else:
        show_findings(out, findings)
    if any(finding.verdict == "bad" for finding in findings):
        raise typer.Exit(3)


@campaign_app.command(
    "run", epilog=epilog("testbed campaign run --slots 10", "testbed campaign run --from report.json")
)
def campaign_run(
    name: Name = "default",
    slots: Annotated[int | None, typer.Option(min=1, help="How many slots.")] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="What all play: dma-ubrl, equilibrium, ga-prosumer, ga-server, random, or a policy file.",
            metavar="NAME|FILE",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of all random draws.")] = None,
    repeat: Annotated[
        Path | None, typer.Option("--from", help="Repeat the campaign of a report.json: the same decisions.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let the bots trade for some slots, audit the chain, and write a report."""
    from orchestrator.campaign import order_from_report, run_campaign
    from orchestrator.existing import open_testbed
    from orchestrator.manifest import Order
    from orchestrator.strategy import check_policy
    from orchestrator.tables import campaign_progress, show_campaign

    testbed = open_testbed(name)
    if repeat is not None:
        if (slots, policy, seed) != (None, None, None):
            raise UsageError("--from takes slots, policy and seed from the report: leave them out")
        order = order_from_report(repeat, testbed)
    else:
        defaults = testbed.config.campaign
        order = Order(
            slots=slots or defaults.slots,
            policy=defaults.policy if policy is None else check_policy(policy),
            seed=defaults.seed if seed is None else seed,
        )
    with campaign_progress(err, quiet=as_json) as progress:
        summary = run_campaign(name, order, progress)
    if as_json:
        print(json.dumps(summary.to_json()))
    else:
        show_campaign(out, summary, testbed.plan.explorer_url)
    if not summary.audit.ok:
        raise TestbedError("the conservation audit failed", where=str(summary.report_dir))


@contract_app.command("check", epilog=epilog("testbed contract check", "testbed contract check --json"))
def contract_check(as_json: AsJson = False) -> None:
    """Build, test, analyse and prove the contract on a local simulator, then play it on Geth."""
    from orchestrator.contract_check import check
    from orchestrator.tables import show_step

    results = []
    with _progress("checking the contract", as_json) as (report, _):
        for result in check(report):
            results.append(result)
            if not as_json:
                show_step(out, result)
    if as_json:
        print(json.dumps([result.to_json() for result in results]))
    failed = [result.name for result in results if not result.ok]
    if failed:
        raise TestbedError(f"the contract is not in order: {', '.join(failed)}")


@contract_app.command("build", epilog=epilog("testbed contract build"))
def contract_build() -> None:
    """Compile the contract anew and write its artifact and its gas: for who changes the sources."""
    from orchestrator.contract_check import build

    with _progress("compiling", False) as (report, _):
        written = build(report)
    out.print("\n".join(map(str, written)), soft_wrap=True)


def main() -> None:
    """Run a command line; a TestbedError becomes a message and its exit code."""
    # Docker's client and `timeout` end us with SIGTERM: clean up as for Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except TestbedError as error:
        if os.environ.get("TESTBED_DEBUG"):
            raise
        err.print("[bold red]Error:[/bold red] ", end="")
        err.print(str(error), markup=False)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as ended:
        # Typer turns Ctrl-C into an exit with this code.
        if isinstance(ended, SystemExit) and ended.code != _INTERRUPTED:
            raise
        err.print("\nInterrupted. The same command goes on from here.")
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # The reader of a pipe has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
