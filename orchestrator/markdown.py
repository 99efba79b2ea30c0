"""Tables and numbers in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

NONE = "–"


def table(header: Sequence[str], rows: Iterable[Sequence[object]], align: str | None = None) -> Iterator[str]:
    """A table in Markdown; `align` has l or r for each column, by default the first is left."""
    align = align or "l" + "r" * (len(header) - 1)
    yield row(header)
    yield row(["---:" if side == "r" else ":---" for side in align])
    yield from map(row, rows)


def number(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.4f}" if value == 0 or 0.01 <= abs(value) < 1e7 else f"{value:.4g}"


def share(part: float | None) -> str:
    return NONE if part is None else f"{100 * part:.1f} %"


def one_line(text: object) -> str:
    return " ".join(str(text).split())


def row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(one_line(cell).replace("|", "\\|") for cell in cells) + " |"
