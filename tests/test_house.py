"""Each room of the house knows only what stands below it, and none but one which engine runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]
_ROOMS = (
    *("bots", "chain", "contracts", "errors", "experiments"),
    *("explorer", "genesis", "learning", "market", "testbed"),
)
# SwarmSource is a field of Etherscan's API.
_ENGINE = re.compile(
    r"docker|supervisor|compose\b|podman|containerd|\bcontainers?\b|swarm(?!source)", re.IGNORECASE
)
_TEXTS = {".py", ".html", ".js", ".css", ".sol", ".json", ".md"}


def test_imports_go_downwards_only() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run([lint, "--no-cache"], cwd=_ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("room", _ROOMS)
def test_nothing_outside_the_orchestrator_names_an_engine(room: str) -> None:
    files = [
        path
        for path in (_ROOT / room).rglob("*")
        if path.suffix in _TEXTS and not {"node_modules", "__pycache__"} & set(path.parts)
    ]
    assert files
    named = [
        f"{path.relative_to(_ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _ENGINE.search(line)
    ]
    assert named == []
