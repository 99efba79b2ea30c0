"""`python -m explorer serve --config FILE`: index the chain and serve its pages until told to stop."""

from __future__ import annotations

import argparse
import signal
import socket
import sqlite3
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from errors import EnvironmentFault, TestbedError
from explorer.app import application
from explorer.config import Config, Settings
from explorer.database import Database
from explorer.state import State


class _Server(uvicorn.Server):
    """Ends the open streams first: a browser that listens must not hold up the end."""

    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._state.close()
        super().handle_exit(sig, frame)


def serve(config_path: Path) -> None:
    """Raises TestbedError where the configuration, the port or the index cannot be used."""
    settings = Settings(config_path)
    listener = _listen(settings.current)
    try:
        database = Database(settings.current.database)
    except (OSError, sqlite3.Error) as error:
        raise EnvironmentFault(
            f"the index cannot be opened: {error}", where=str(settings.current.database)
        ) from error
    for notice in database.notices:
        print(notice, file=sys.stderr, flush=True)
    state = State()
    web = uvicorn.Config(
        application(settings, database, state),
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    host, port = listener.getsockname()[:2]
    print(f"Explorer of {settings.current.name}: http://{_in_url(host)}:{port}", flush=True)
    # uvicorn raises the signal that ended it once more when all is closed: that is a clean end.
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: sys.exit(0))
    _Server(web, state).run(sockets=[listener])


def _listen(config: Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.listen else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.listen, config.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise EnvironmentFault(
            f"cannot listen there: {error.strerror or error}",
            where=f"{_in_url(config.listen)}:{config.port}",
            fix="Stop what listens there, or choose another `port`.",
        ) from error
    return listener


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m explorer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve", help="serve the pages of the chain that FILE describes")
    command.add_argument("--config", type=Path, required=True, metavar="FILE", help="explorer.json")
    options = parser.parse_args(arguments)
    try:
        serve(options.config)
    except TestbedError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
