"""docs/contract.md tells the gas that is measured, and names tests that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench import gas
from bench.room import Room
from orchestrator.contract_check import GAS_FILE
from orchestrator.foundry import CONTRACTS

ROOT = CONTRACTS.parent
TEXT = (ROOT / "docs" / "contract.md").read_text()


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `python -m bench gas` measures now."""
    comparison = gas.measure(Room(tmp_path_factory.mktemp("bench"), print))
    assert [str(limit) for limit in comparison.limits if not limit.holds] == []
    return dict(comparison.figures)


def table(heading: str) -> list[list[str]]:
    """The cells of each row of the table that begins with that heading."""
    _, _, rest = TEXT.partition(f"| {heading} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    assert rows
    cells = [re.split(r"(?<!\\)\|", row.strip("|")) for row in rows]
    return [[cell.strip() for cell in row] for row in cells]


def number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def test_the_table_of_gas_is_what_was_measured() -> None:
    told = {name: int(cost.replace(",", "")) for name, cost, *_ in table("call | gas")}
    measured = json.loads(GAS_FILE.read_text())
    del measured["withdraw, while paused"]  # as the other
    assert told == measured


def test_floors_ratios_and_the_paper_word_by_word_are_what_the_benchmark_finds(
    figures: dict[str, Any],
) -> None:
    costs, floors, plain = figures["gas"], figures["floors"], figures["word_by_word"]
    expected = [
        [
            name,
            number(cost),
            number(floors.get(name)),
            f"{cost / floors[name]:.3f}" if name in floors else "",
            number(plain.get(name)),
        ]
        for name, cost in costs.items()
        if name != "withdraw, while paused"
    ]
    assert table("call | gas") == expected


def test_what_was_ordered_stands_beside_what_is_measured(figures: dict[str, Any]) -> None:
    def thousands(value: float | None) -> str:
        return "" if value is None else f"{value:g}"

    def ratio(cost: int, floor: float | None) -> str:
        return "" if floor is None else f"{cost / 1000 / floor:.3f}"

    costs = figures["gas"]
    assert table("call | ETSC") == [
        [
            name,
            number(costs[name]),
            told.word_by_word,
            thousands(told.packed),
            thousands(told.floor),
            ratio(costs[name], told.floor),
        ]
        for name, told in gas.ORDERED.items()
    ]
    assert table("of others") == [
        [name, number(figures["tokens"].get(name)), told] for name, told in gas.ANCHORS.items()
    ]


def test_the_survivors_of_mutation_are_explained() -> None:
    """As many as the text says that there are, and as many as its figures leave."""
    told = re.search(r"(\d+) that survive change\snothing", TEXT)
    figures = re.search(r"Of the ([\d,]+) that are left, the tests notice (\d+) \((0\.\d+)\)", TEXT)
    assert told is not None
    assert figures is not None
    explained = sum(int(how_many) for _, how_many, _ in table("mutant"))
    faults, noticed = int(figures[1].replace(",", "")), int(figures[2])
    assert explained == int(told[1]) == faults - noticed
    assert figures[3] == f"{noticed / faults:.3f}"


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
