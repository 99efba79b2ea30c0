"""`python -m explorer serve --config FILE` or `--rpc URL`: index a chain and serve it until told to stop.

`index` is the part of it that writes the index, which `serve` starts by itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from errors import TestbedError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m explorer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve", help="index a chain and serve its pages")
    chain = command.add_mutually_exclusive_group(required=True)
    chain.add_argument("--config", type=Path, metavar="FILE", help="explorer.json, as a testbed writes it")
    chain.add_argument("--rpc", metavar="URL", help="a node of any chain: its JSON-RPC over HTTP")
    alone = command.add_argument_group("with --rpc")
    of_rpc = (
        alone.add_argument("--ws", metavar="URL", help="its WebSocket, if not at the same address"),
        alone.add_argument("--ipc", type=Path, metavar="PATH", help="its socket, where `debug` answers"),
        alone.add_argument("--contract", metavar="ADDRESS", help="an ETSC; without it: found when deployed"),
        alone.add_argument("--name", metavar="TEXT", help="what the pages call the chain"),
        alone.add_argument("--listen", metavar="ADDRESS", help="127.0.0.1 unless told otherwise"),
        alone.add_argument("--port", type=int, metavar="N", help="0, which takes a free one, unless told"),
        alone.add_argument("--index", type=Path, metavar="DIR", help="where the index is kept"),
        alone.add_argument("--allow-host", action="append", metavar="NAME", help="what browsers may call it"),
    )
    command = commands.add_parser("index", help="write the index alone: `serve` starts this")
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="explorer.json")
    command.add_argument("--tell", type=int, required=True, metavar="FD", help="whom to tell what changes")
    options = parser.parse_args(arguments)
    if options.command == "serve" and options.config is not None:
        for option in of_rpc:
            if getattr(options, option.dest) is not None:
                parser.error(f"{option.option_strings[0]} goes with --rpc: FILE says it otherwise")
    try:
        _run(options)
    except TestbedError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _run(options: argparse.Namespace) -> None:
    # Imported here: the process of the index needs nothing of the pages, and they nothing of it.
    if options.command == "index":
        from explorer.config import load
        from explorer.index.lock import sole_writer
        from explorer.index.worker import index

        with sole_writer(load(options.config).index):
            index(options.config, options.tell)
    elif options.config is not None:
        from explorer.server import serve

        serve(options.config)
    else:
        from explorer.alone import Alone, serve_alone

        serve_alone(
            Alone(
                rpc_url=options.rpc,
                ws_url=options.ws,
                ipc_path=options.ipc,
                contract=options.contract,
                name=options.name,
                listen=options.listen or "127.0.0.1",
                port=options.port or 0,
                index=options.index,
                allowed_hosts=tuple(options.allow_host or ()),
            )
        )


if __name__ == "__main__":
    sys.exit(main())
