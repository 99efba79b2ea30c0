"""`python -m bench NAME`: measure, print both sides and their ratio, leave nothing behind."""

from __future__ import annotations

import argparse
import difflib
import os
import signal
import sys
from collections.abc import Callable, Sequence

from rich.console import Console

from bench import campaign, engines, explorer, gas, help, index, learn, mutation, pow, up
from bench.figures import Comparison, last_line, show
from bench.room import Room, room
from errors import TestbedError
from orchestrator.interrupts import STOPPING

_NAMES = {
    "up": "How much slower a warm `testbed up` is than the plain commands that make the same chain.",
    "campaign": "How many slots of trading fit into two blocks, where one is the most there can be.",
    "pow": "How much later than with plain commands the first block of proof of work comes.",
    "gas": "What the contract's calls cost on Geth, beside the least that any code could use, and peers.",
    "mutation": "How many small faults in the contract its Foundry tests notice (an hour).",
    "learn": "How many updates of the learner a core does, beside the same in C and OpenSpiel's learner.",
    "index": "How fast the explorer indexes a chain from nothing, beside ethereum-etl (ten minutes).",
    "explorer": "How soon its pages answer at 200 requests a second, and lists of a million (15 minutes).",
    "help": "What `testbed --help` costs beside importing the libraries that print it.",
}
_ENGINES = ("docker", "process", "both")

out = Console(highlight=False, width=None if sys.stdout.isatty() else 110)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def main(arguments: Sequence[str]) -> int:
    """0 where it was measured, whether or not the limits hold: the figures say that."""
    parser = _parser()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in _NAMES:
        near = difflib.get_close_matches(arguments[0], _NAMES, n=2, cutoff=0.4)
        hint = f"; did you mean {' or '.join(near)}?" if near else "."
        parser.error(f"there is no benchmark {arguments[0]!r}{hint} There are: {', '.join(_NAMES)}")
    chosen = parser.parse_args(arguments)
    for number in STOPPING:
        signal.signal(number, _interrupt)
    load = os.getloadavg()
    try:
        with room(lambda line: err.print(line, style="dim", markup=False)) as place:
            comparisons = _measure(place, chosen)
    except TestbedError as error:
        err.print(f"Error: {error}", style="red", markup=False)
        return error.exit_code
    except KeyboardInterrupt:
        err.print("Interrupted; what was started is gone.")
        return 130
    for comparison in comparisons:
        show(out, comparison)
    if chosen.json:
        print(last_line(chosen.name, comparisons, load))
    return 0


def _measure(place: Room, chosen: argparse.Namespace) -> list[Comparison]:
    if chosen.name == "help":
        return [help.measure(place, chosen.starts)]
    if chosen.name == "learn":
        return [learn.measure(place, chosen.starts)]
    if chosen.name == "gas":
        return [gas.measure(place)]
    if chosen.name == "mutation":
        return [mutation.measure(place, chosen.sample, chosen.seed)]
    if chosen.name == "explorer":
        return explorer.measure(place, chosen.seconds)
    if chosen.name == "index":
        return index.measure(place, chosen.transactions, chosen.starts)
    if chosen.name == "pow":
        return [pow.measure(place, chosen.starts)]
    wanted = engines.engines(chosen.engine, place.report)
    if chosen.name == "campaign":
        return [campaign.measure(place, engine, chosen.slots) for engine in wanted]
    return [up.measure(place, engine, chosen.starts) for engine in wanted]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    names = parser.add_subparsers(dest="name", metavar="NAME", required=True)
    made = {name: names.add_parser(name, help=text, description=text) for name, text in _NAMES.items()}
    for each in made.values():
        each.add_argument("--json", action="store_true", help="one JSON object as the last line")
    for name in ("up", "campaign"):
        made[name].add_argument("--engine", choices=_ENGINES, help="without it: all that this machine has")
    for name, starts in (("up", 20), ("pow", 10), ("learn", 10), ("help", 20), ("index", 3)):
        made[name].add_argument(
            "--starts", type=_at_least(1), default=starts, help=f"how many; {starts} without it"
        )
    made["campaign"].add_argument("--slots", type=_at_least(2), default=30, help="how many; 30 without it")
    made["index"].add_argument(
        "--transactions", type=_at_least(1000), default=100_000, help="of each chain; 100,000 without it"
    )
    made["explorer"].add_argument(
        "--seconds", type=_at_least(1), default=8, help="of requests for each page; 8 without it"
    )
    made["mutation"].add_argument("--sample", type=_at_least(1), help="how many mutants; without it: all")
    made["mutation"].add_argument("--seed", type=int, default=1, help="of the sample; 1 without it")
    return parser


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too few: at least {least}")
        return value

    return number


def _interrupt(*_: object) -> None:
    # Once is enough: what follows is the cleaning up, which a second one would cut short.
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
