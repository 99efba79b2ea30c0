"""Put Compose v2 where Docker's client looks for it: Debian 12 has only version 1."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestrator.golang import go_install

# The newest that `go install` builds: later ones have replace directives.
_COMPOSE = "github.com/docker/compose/v2/cmd@v2.29.7"


def main() -> None:
    plugins = Path.home() / ".docker" / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    with go_install(_COMPOSE, "cmd", _say, tags="netgo osusergo") as binary:
        partial = plugins / f".docker-compose-{os.getpid()}"
        shutil.copy2(binary, partial)
    partial.replace(plugins / "docker-compose")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
