"""Rows as CSV that a spreadsheet can open without taking anybody's text for a formula.

Comma, CRLF, quotes where needed (RFC 4180). Text keeps its letters, less control and direction characters;
where it begins as a formula does, an apostrophe stands before it. Numbers are numbers: exact, without
thousands separators, negative ones with their sign.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from explorer.words import cleaned

Cell = str | int | Decimal | None

# What begins a formula in one spreadsheet or another.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_LONGEST = 32_000  # a cell of Excel's holds 32,767
_CHUNK_LETTERS = 64 * 1024


def written(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The file in pieces of about 64 K letters; of the rows none is kept."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    for row in rows:
        writer.writerow([_written(cell) for cell in row])
        if text.tell() >= _CHUNK_LETTERS:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    yield text.getvalue()


def _written(cell: Cell) -> str | int:
    if isinstance(cell, str):
        return safe(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}"  # never with an exponent
    return "" if cell is None else cell


def safe(text: str) -> str:
    """Somebody's text as a cell that is text."""
    # Hashes and times, of which there are many, need no look at each letter.
    kept = text.strip() if text.isascii() and text.isprintable() else cleaned(text, _LONGEST)
    return f"'{kept}" if kept.startswith(_FORMULA) else kept


def decimals(*values: float | None) -> tuple[Cell, ...]:
    """As short as they can be told exactly."""
    return tuple(None if value is None else Decimal(repr(value)) for value in values)


def flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
