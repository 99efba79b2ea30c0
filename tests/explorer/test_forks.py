"""/forks shows what the chain left behind, when, and whose it was."""

from __future__ import annotations

import re

from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, SEALER
from tests.explorer.test_pages import words
from tests.explorer.walking import hashes, pages, rows


def test_a_chain_without_forks_says_so(make_node: NodeMaker, make_explorer: ExplorerMaker) -> None:
    node = make_node()
    node.grow(3, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    text = words(explorer.get("/forks").text)
    assert "0 orphans, 0 reorganisations" in text
    assert re.search(r"node-1 0x\w+…\w+ 3 0 0\.00 %", text)
    assert text.count("None seen.") == 2


def test_each_orphan_and_each_reorganisation_is_listed_once_with_the_rate_of_their_sealer(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(40, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    left = [node.head_hash()]
    node.rewind(10)
    node.grow(31, RICH[1], value=5)
    explorer.wait_for(node)
    left.append(node.head_hash())
    node.rewind(node.height() - 1)
    node.grow(2, RICH[2], value=6)
    explorer.wait_for(node)
    walked = list(pages(explorer, "/forks"))
    seen = [block for page in walked for block in hashes(page, "Table of orphans", "block")]
    orphans = explorer.rows("SELECT hash FROM blocks WHERE NOT canonical ORDER BY number DESC, id DESC")
    assert len(walked) > 1
    assert seen == ["0x" + row["hash"].hex() for row in orphans]
    assert set(left) <= set(seen)
    changes = explorer.rows("SELECT * FROM reorganisations ORDER BY id DESC")
    told = rows(walked[0], "Table of reorganisations")
    assert [(int(cells[1]), int(words(cells[2]))) for cells in told] == [
        (row["depth"], row["ancestor"]) for row in changes
    ]
    assert f"{len(orphans)} orphans, {len(changes)} reorganisations" in words(walked[0])
    (sealer,) = rows(walked[0], "Table of sealers")
    height = node.height()
    assert SEALER.address in sealer[0]
    assert sealer[1:] == [
        str(height),
        str(len(orphans)),
        f"{100 * len(orphans) / (height + len(orphans)):.2f} %",
    ]


def test_the_pages_of_reorganisations_hold_each_once(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(2, RICH[0])
    explorer = make_explorer(node)
    for round_ in range(27):
        explorer.wait_for(node)
        node.rewind(1)
        node.grow(1, RICH[3], value=100 + round_)
    explorer.wait_for(node)
    walked = list(pages(explorer, "/forks", "changes"))
    seen = [cells for page in walked for cells in rows(page, "Table of reorganisations")]
    assert len(walked) > 1
    assert len(seen) == explorer.rows("SELECT count(*) FROM reorganisations")[0][0] > 25
    assert len({tuple(cells) for cells in seen}) == len(seen)


def test_nonsense_in_its_query_shows_the_newest(make_explorer: ExplorerMaker) -> None:
    explorer = make_explorer()
    newest = explorer.get("/forks").text
    for query in ("before=x", "before=" + "9" * 40, "changes=-1", "changes=%00", "before=1&changes=1e9"):
        assert explorer.get("/forks?" + query).text == newest
