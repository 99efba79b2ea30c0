"""docs/contract.md tells the gas that is measured, and names tests that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from orchestrator.contract_check import GAS_FILE
from orchestrator.foundry import CONTRACTS

ROOT = CONTRACTS.parent
TEXT = (ROOT / "docs" / "contract.md").read_text()


def test_the_table_of_gas_is_what_was_measured() -> None:
    rows = re.findall(r"^\| ([\w, ]+?) \| ([\d,]+) \| [\d,]* \| [\d.]* \| [\d,]* \|$", TEXT, re.MULTILINE)
    told = {name: int(gas.replace(",", "")) for name, gas in rows}
    measured = json.loads(GAS_FILE.read_text())
    del measured["withdraw, while paused"]  # as the other
    assert told == measured


def attacks() -> list[tuple[Path, str]]:
    """(file, test) for each test that the page names."""
    named = []
    for row in re.findall(r"^\| .* \|$", TEXT, re.MULTILINE):
        file: Path | None = None
        for word in re.findall(r"`([\w./]+)`", row):
            if word.endswith(".t.sol"):
                file = CONTRACTS / "test" / word
            elif word.startswith("tests/"):
                assert (ROOT / word).is_file()
            elif word.startswith("test") and file is not None:
                named.append((file, word))
    return named


def test_the_page_names_attacks() -> None:
    assert len(attacks()) > 30


@pytest.mark.parametrize(("file", "test"), attacks(), ids=lambda value: str(getattr(value, "name", value)))
def test_an_attack_is_tried_where_the_page_says(file: Path, test: str) -> None:
    assert f"function {test}(" in file.read_text()
