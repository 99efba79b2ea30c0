"""The tables of a page as a reader has them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Table:
    """Cells as text."""

    caption: str = ""
    head: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    foot: list[str] = field(default_factory=list)

    def column(self, name: str) -> list[str]:
        at = self.head.index(name)
        return [row[at] for row in self.rows]

    def row(self, name: str) -> list[str]:
        """What stands beside the first cell that begins so."""
        return next(row[1:] for row in self.rows if row[0].startswith(name))


def tables_of(page: str) -> list[Table]:
    reader = _Reader()
    reader.feed(page)
    return reader.tables


def table_of(page: str, caption: str) -> Table:
    """That whose caption begins so."""
    found = [table for table in tables_of(page) if table.caption.startswith(caption)]
    assert len(found) == 1, [table.caption for table in tables_of(page)]
    return found[0]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self._text: list[str] | None = None
        self._part = "tbody"
        self._row: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append(Table())
        elif tag in ("thead", "tbody", "tfoot"):
            self._part = tag
        elif tag == "tr":
            self._row = []
        elif tag in ("th", "td", "caption"):
            self._text = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr":
            if self._part == "thead":
                self.tables[-1].head = self._row
            elif self._part == "tfoot":
                self.tables[-1].foot = self._row
            else:
                self.tables[-1].rows.append(self._row)
        elif tag in ("th", "td", "caption"):
            text = re.sub(r"\s+", " ", "".join(self._text or [])).strip()
            self._text = None
            if tag == "caption":
                self.tables[-1].caption = text
            else:
                self._row.append(text)

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)
