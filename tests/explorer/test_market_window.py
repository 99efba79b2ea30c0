"""/market on large markets: what it reads is bounded and indexed, what it sends is small, what it averages is
right, and what it keeps of closed slots is of the branch that is canonical now."""

from __future__ import annotations

import gzip
import json
import math
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from explorer.config import Settings
from explorer.index.database import Database
from explorer.index.readers import Readers
from explorer.market_window import look
from explorer.mining import mining
from explorer.pages.market import market
from explorer.site import Site
from explorer.state import Bell, State
from market.parameters import Parameters
from tests.explorer.campaign_files import Played, Roster, report_of, write
from tests.explorer.html_tables import table_of
from tests.explorer.written_market import CONTRACT, LOWEST_WEI, WrittenMarket, account

_BIG = {"entries", "blocks", "logs", "transactions", "slots", "prices", "hours", "uncles"}


class Shown:
    """The page over an index that lies still."""

    def __init__(self, directory: Path, index: Path, **config: object) -> None:
        path = directory / "explorer.json"
        content = {"name": "tests", "port": 1, "index": str(directory), "consensus": "clique", **config}
        path.write_text(json.dumps({**content, "contract": "0x" + CONTRACT.hex()}))
        readers = Readers()
        readers.point_at(index)
        self.site = Site(Settings(path), readers, Bell(), State())
        self._app = SimpleNamespace(state=SimpleNamespace(site=self.site))

    def get(self, query: str = "") -> str:
        scope = {"type": "http", "method": "GET", "path": "/market", "headers": [], "app": self._app}
        answer = market(Request({**scope, "query_string": query.encode()}))
        assert answer.status_code == 200
        return bytes(answer.body).decode()

    def close(self) -> None:
        self.site.readers.close()


def shown(directory: Path, written: WrittenMarket, **config: object) -> Shown:
    return Shown(directory, written.write(directory), **config)


def played(salt: str, prosumers: int, retailers: int, slots: int) -> WrittenMarket:
    written = WrittenMarket(prosumers, retailers, salt)
    written.play(slots)
    return written


def _connection(shown: Shown) -> sqlite3.Connection:
    """That which the next page reads with."""
    with shown.site.readers.reading() as connection:
        return connection


def test_every_question_goes_through_an_index(tmp_path: Path) -> None:
    page = shown(tmp_path, played("indexed", 4, 2, 60))
    asked: list[str] = []
    connection = _connection(page)
    connection.set_trace_callback(asked.append)
    page.get("slots=20&to=40")
    connection.set_trace_callback(None)
    questions = [each for each in asked if each.startswith(("SELECT", "WITH"))]
    assert len(questions) > 12
    for question in questions:
        plan = [row["detail"] for row in connection.execute("EXPLAIN QUERY PLAN " + question)]
        first_of_index = question.endswith("LIMIT 1") and "USING" in plan[0]
        scanned = {step.split()[1] for step in plan if step.startswith("SCAN") and not first_of_index}
        named = {"e": "entries", "s": "slots", "b": "blocks", "l": "logs", "u": "uncles"}
        assert not {named.get(each, each) for each in scanned} & _BIG, (question, plan)
    page.close()


def _steps(connection: sqlite3.Connection, work: Callable[[], object]) -> int:
    """How many hundreds of instructions SQLite takes for it."""
    count = 0

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    connection.set_progress_handler(step, 100)
    work()
    connection.set_progress_handler(None, 100)
    return count


def test_a_window_costs_the_same_on_a_chain_of_whatever_length(tmp_path: Path) -> None:
    costs = []
    for slots in (300, 1500):
        folder = tmp_path / str(slots)
        folder.mkdir()
        page = shown(folder, played(f"long {slots}", 4, 2, slots))
        work = page.get
        costs.append(_steps(_connection(page), lambda work=work: work("slots=100&to=250")))  # type: ignore[misc]
        page.close()
    assert costs[1] < 1.1 * costs[0]


def test_closed_slots_are_read_once(tmp_path: Path) -> None:
    page = shown(tmp_path, played("kept", 6, 2, 120))
    first = _steps(_connection(page), lambda: page.get("slots=100"))
    again = _steps(_connection(page), lambda: page.get("slots=100"))
    assert again < first / 2
    page.close()


def test_what_is_kept_of_slots_is_that_of_the_canonical_branch(tmp_path: Path) -> None:
    one = played("one", 3, 1, 12)
    other = one.fork(6, "other")
    other.play(8, seed=2)
    page = shown(tmp_path, one)

    def bought() -> list[float]:
        return [float(each) for each in table_of(page.get(), "Demand of all together").column("bought")]

    def expected(market: WrittenMarket) -> list[float]:
        return [sum(amounts) / 1000 for amounts in market.demands]

    assert bought() == pytest.approx(expected(one))
    ancestor = 2 * 6 + 1
    other.write(tmp_path, ancestor)
    assert bought() == pytest.approx(expected(other))
    one.play(4, seed=3)
    one.write(tmp_path, ancestor)
    assert bought() == pytest.approx(expected(one))
    assert bought()[6:12] != pytest.approx(expected(other)[6:12])
    page.close()


def test_wide_windows_show_means_of_slots_that_follow_one_another(tmp_path: Path) -> None:
    written = played("wide", 8, 2, 470)
    page = shown(tmp_path, written)
    text = page.get("slots=450")
    table = table_of(text, "Demand of each prosumer")
    size = 3
    assert f"the mean of {size} slots" in text
    assert len(table.rows) == 150
    assert table.rows[0][0] == "21–23"
    assert table.rows[-1][0] == "468–470"
    for at, row in enumerate(table.rows):
        slots = written.demands[20 + at * size : 20 + (at + 1) * size]
        means = [math.fsum(amounts) / len(slots) / 1000 for amounts in zip(*slots, strict=True)]
        assert [float(cell) for cell in row[1:]] == pytest.approx(means, abs=6e-4)
    assert len(table_of(page.get("slots=200"), "Demand of each prosumer").rows) == 200
    page.close()


def _campaign(folder: Path, written: WrittenMarket, w: tuple[float, ...]) -> None:
    def text(address: bytes) -> str:
        return "0x" + address.hex()

    roster = Roster(
        [text(each) for each in written.buyers],
        [text(written.server), text(account(1, 1)), text(account(1, 2))],
        [text(account(4, at)) for at in range(3)],
    )
    one = Played([25 * 10**15] * len(w), [1000] * len(w), [1666] * len(w))
    game = Parameters(w=w, alpha=(1.0, 1.7, 0.4))
    genesis = text(written.blocks[0].block.hash)
    write(folder, report_of(game, roster, genesis, text(CONTRACT), [one] * len(written.demands)))


@pytest.mark.parametrize(
    ("prosumers", "retailers", "query"), [(8, 4, ""), (8, 4, "slots=500"), (60, 6, ""), (1, 1, "slots=500")]
)
def test_the_page_takes_at_most_60_KB_over_the_wire(
    tmp_path: Path, prosumers: int, retailers: int, query: str
) -> None:
    written = played(f"wire {prosumers} {query}", prosumers, retailers, 520 if prosumers < 60 else 160)
    _campaign(tmp_path / "campaigns", written, tuple(0.1 + 0.001 * at for at in range(prosumers)))
    page = shown(tmp_path, written, campaigns=str(tmp_path / "campaigns"))
    text = page.get(query)
    assert "Utility of each prosumer" in text
    assets = sum(len(gzip.compress(content, 3)) for content, _ in page.site.assets.values())
    assert len(gzip.compress(text.encode(), 3)) + assets < 60_000
    page.close()


def test_a_market_of_many_shows_fewer_slots_at_once_and_says_so(tmp_path: Path) -> None:
    written = played("many", 130, 2, 90)
    page = shown(tmp_path, written)
    text = page.get("slots=500")
    assert "at most 75, with so many participants" in text
    assert "Market, slots 16 to 90" in text
    assert "The first 32 prosumers; 98 more are in the sums only." in text
    together = table_of(text, "Demand of all together")
    slots = written.demands[15:19]
    assert together.rows[0][0] == "16–19"
    mean = math.fsum(sum(amounts) for amounts in slots) / 4 / 1000
    assert float(together.rows[0][1]) == pytest.approx(mean, abs=6e-4)
    page.close()


def test_orphans_and_uncles_count_for_those_who_made_them(tmp_path: Path) -> None:
    one = played("lost", 2, 1, 10)
    other = one.fork(8, "won")
    other.seal(uncles=[account(4, 2), account(4, 0)])
    other.play(2, seed=5)
    path = one.write(tmp_path)
    ancestor = 2 * 8 + 1
    other.write(tmp_path, ancestor)
    readers = Readers()
    readers.point_at(path)
    with readers.reading() as connection:
        found = mining(connection, 2, len(other.blocks) - 1, [])
    readers.close()
    # Blocks 18 to 21 were orphaned, of sealers 0, 1, 2 and 0; canonical are 2 to 22, seven of each.
    assert {each.sealer: (each.blocks, each.orphans, each.uncles) for each in found.shares} == {
        account(4, 0): (7, 2, 1),
        account(4, 1): (7, 1, 0),
        account(4, 2): (7, 1, 1),
    }
    assert (found.blocks, found.orphans, found.uncles) == (21, 4, 2)
    assert [each.part for each in found.shares] == pytest.approx([1 / 3] * 3)


def test_a_window_after_a_reorganisation_that_took_its_slots_is_the_newest_one(tmp_path: Path) -> None:
    one = played("cut", 2, 1, 9)
    path = one.write(tmp_path)
    database = Database(path)
    database.write(2 * 4 + 1, [], lambda: LOWEST_WEI)
    database.close()
    readers = Readers()
    readers.point_at(path)
    with readers.reading() as connection:
        tip = connection.execute("SELECT * FROM blocks WHERE canonical ORDER BY number DESC").fetchone()
        window = look(connection, CONTRACT, [], tip, depth=3, wanted=200, to=8)
    readers.close()
    assert window is not None
    assert (window.first, window.last, window.newest) == (1, 4, 4)
