"""The web process: it listens, starts the index process, and serves the pages until told to stop."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from errors import EnvironmentFault
from explorer.app import application
from explorer.config import Config, Settings
from explorer.index.lock import sole_writer
from explorer.state import Bell

_SWITCH_SECONDS = 0.0005


class _Server(uvicorn.Server):
    """Ends the open streams first: a browser that listens must not hold up the end."""

    def __init__(self, config: uvicorn.Config, bell: Bell) -> None:
        super().__init__(config)
        self._bell = bell

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._bell.close()
        super().handle_exit(sig, frame)


def serve(config_path: Path) -> None:
    """Raises TestbedError where the configuration, the port or the folder of the index cannot be used."""
    settings = Settings(config_path)
    listener = _listen(settings.current)
    with sole_writer(settings.current.index):
        pass  # the index process will hold it: here a fault can still be said to whoever starts us
    bell = Bell()
    web = uvicorn.Config(
        application(config_path, settings, bell),
        http="httptools",
        ws="none",
        loop="uvloop",
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
    # A page that is being made lets go of the interpreter sooner than by default (5 ms), so that what is
    # kept already, and whoever comes next, does not wait for it.
    sys.setswitchinterval(_SWITCH_SECONDS)
    _Server(web, bell).run(sockets=[listener])


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
