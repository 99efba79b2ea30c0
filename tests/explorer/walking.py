"""Through the pages of a list as a reader walks: from the newest to the oldest by the links they carry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.explorer.running import Explorer

_MOST = 100


def pages(explorer: Explorer, path: str, what: str = "before") -> Iterator[str]:
    """The HTML of each page; `what` is the name under which the list's links say where to go on."""
    for _ in range(_MOST):
        answer = explorer.get(path)
        assert answer.status == 200
        yield answer.text
        older = re.search(rf'href="(\?{what}=[^"]+)" rel="next"', answer.text)
        if older is None:
            return
        path = path.partition("?")[0] + older[1]
    raise AssertionError(f"{path} has no end")


def rows(page: str, label: str) -> list[list[str]]:
    """The cells' HTML of the table of that label, row by row, without its head."""
    table = re.search(rf'aria-label="{label}".*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    if table is None:
        return []
    return [re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for row in table[1].split("<tr>")[1:]]


def hashes(page: str, label: str, kind: str) -> list[str]:
    """The first link of that kind (`tx`, `block`) in each row."""
    return [
        found[1]
        for cells in rows(page, label)
        if (found := re.search(rf"/{kind}/(0x\w{{64}})", " ".join(cells)))
    ]
