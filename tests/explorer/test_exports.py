"""CSV: every table whole and exact, from one moment, with nobody's text that a spreadsheet would run."""

from __future__ import annotations

import html
import http.client
import itertools
import re
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chain.rpc import HttpRpc
from contracts.events import Traded
from explorer.csv_text import Cell, safe, written
from explorer.live_tables import LIVE_TABLES
from explorer.tables import TABLES
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import RICH, GethNode, free_ports, genesis, wait_until
from tests.explorer.running import Explorer, configuration
from tests.explorer.trading_town import ADMINISTRATOR, EDGE_SERVER, HOSTILE, Q_MILLI, SALE_WEI_PER_mE, Town
from tests.explorer.written_market import CONTRACT, WrittenMarket

FORMULAS = ('=HYPERLINK("http://x")', "+1", "-1", "@a", "\t=1+1", '",=1+1,"', "=1,2;3", "'=1")
ALL = [*TABLES, *LIVE_TABLES]
NUMBER = re.compile(r"-?\d+(\.\d+)?")


@pytest.fixture(scope="module")
def market() -> Iterator[Town]:
    """A node of its own: users whose names are formulas, who have bought, sold and traded."""
    with tempfile.TemporaryDirectory(prefix="csv-") as directory:  # short: a socket's path is limited
        node = GethNode.create(Path(directory) / "node", genesis())
        try:
            node.start()
            town = Town.found(node)
            users = RICH[5 : 5 + len(FORMULAS) - 1]
            node.send(
                ADMINISTRATOR,
                *(
                    town.etsc.empower(name, user.address, True, True)
                    for name, user in zip(FORMULAS[1:], users, strict=True)
                ),
            )
            town.play([1.5, 2.0, 3.0])
            for user in users:
                buy = town.etsc.buy_token(EDGE_SERVER.address, 600, SALE_WEI_PER_mE, SALE_WEI_PER_mE)
                node.send(user, buy, town.etsc.trade(town.retailers[0].address, 1_000))
            yield town
        finally:
            node.stop()


@pytest.fixture(scope="module")
def explorer(market: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """It knows no names but those of the contract; a node has a formula for its name."""
    directory = tmp_path_factory.mktemp("exports")
    settings = configuration(directory, market.node, contract=market.etsc.address)
    settings["nodes"][0]["name"] = FORMULAS[0]
    explorer = Explorer(directory, settings)
    try:
        explorer.start()
        explorer.wait_for(market.node)
        yield explorer
    finally:
        explorer.kill()


def table(explorer: Explorer, name: str, query: str = "") -> list[dict[str, str]]:
    return explorer.get(f"/export/{name}.csv{query}").csv_rows()


@pytest.mark.parametrize("name", ALL)
def test_no_cell_of_any_table_begins_as_a_formula_does(explorer: Explorer, name: str) -> None:
    for row in table(explorer, name):
        for cell in row.values():
            assert NUMBER.fullmatch(cell) or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell


def test_names_that_are_formulas_are_text_beside_their_addresses(market: Town, explorer: Explorer) -> None:
    names = {row["address"]: row["name"] for row in table(explorer, "participants")}
    shown = [names[user.address] for user in RICH[5 : 5 + len(FORMULAS) - 1]]
    assert shown == ["'+1", "'-1", "'@a", "'=1+1", '",=1+1,"', "'=1,2;3", "'=1"]
    assert names[market.prosumers[0].address] == HOSTILE
    assert [row["node"] for row in table(explorer, "nodes")] == ["'" + FORMULAS[0]]
    named = {row["buyer_name"] for row in table(explorer, "trades")}
    assert {"'+1", "'-1", "'@a", HOSTILE} <= named
    statement = explorer.get(f"/address/{market.retailers[0].address}/statement.csv").csv_rows()
    assert {"'+1", "'-1", "'@a", "'=1+1"} <= {row["other_name"] for row in statement}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *((f"{begin}cmd", f"'{begin}cmd") for begin in "=+-@"),
        ("  =1", "'=1"),
        ("\x00\x1b=1", "'=1"),
        ("\u202e\u200b=1", "'=1"),
        ("\r\n=1", "'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("", ""),
        ("prosumer-1", "prosumer-1"),
    ],
)
def test_a_formula_is_found_behind_whatever_is_not_seen(text: str, cell: str) -> None:
    assert safe(text) == cell


def test_numbers_stay_numbers_exactly() -> None:
    rows: list[list[Cell]] = [[-1, 2**256, Decimal("-1E-18"), Decimal("1E+3"), None, "-1"]]
    (text,) = written(["a", "b", "c", "d", "e", "f"], rows)
    assert text == f"a,b,c,d,e,f\r\n-1,{2**256},-0.000000000000000001,1000,,'-1\r\n"


def test_pieces_come_while_the_rows_do() -> None:
    """However many there are: here without end."""
    pieces = written(["number"], ([number] for number in itertools.count()))
    first = list(itertools.islice(pieces, 3))
    assert [len(piece) // 1024 for piece in first] == [64, 64, 64]
    lines = "".join(first).split("\r\n")[1:-1]
    assert lines == [str(number) for number in range(len(lines))]


_COUNTED = {
    "blocks": "blocks WHERE canonical",
    "orphans": "blocks WHERE NOT canonical",
    "uncles": "uncles",
    "reorganisations": "reorganisations",
    "transactions": "transactions",
    "logs": "logs",
    "events": "logs",
    "entries": "entries",
    "trades": "entries WHERE kind = 'delivered'",
    "hours": "hours",
    "slots": "slots",
    "prices": "prices",
    "participants": "participants",
    "accounts": "tallies WHERE kind = 'account'",
    "sealers": "tallies WHERE kind = 'sealer'",
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_whole_and_its_parts_make_it_up(explorer: Explorer, name: str) -> None:
    rows = table(explorer, name)
    (counted,) = explorer.rows(f"SELECT count(*) AS rows FROM {_COUNTED[name]}")
    assert len(rows) == counted["rows"]
    if not TABLES[name].ranged:
        assert explorer.get(f"/export/{name}.csv?from=1").status == 400
        return
    assert table(explorer, name, "?to=9") + table(explorer, name, "?from=10") == rows
    assert table(explorer, name, "?from=10&to=9") == []


def test_blocks_transactions_and_logs_are_the_chains(market: Town, explorer: Explorer) -> None:
    blocks, transactions, logs = (table(explorer, name) for name in ("blocks", "transactions", "logs"))
    with HttpRpc(market.node.rpc_url) as rpc:
        for row in blocks:
            block = rpc.request("eth_getBlockByNumber", hex(int(row["block"])), True)
            assert (row["hash"], row["parent_hash"]) == (block["hash"], block["parentHash"])
            own = [each for each in transactions if each["block"] == row["block"]]
            assert [each["hash"] for each in own] == [each["hash"] for each in block["transactions"]]
            assert int(row["gas_used"]) == int(block["gasUsed"], 16)
        for row in transactions:
            receipt = rpc.request("eth_getTransactionReceipt", row["hash"])
            assert int(row["fee_wei"]) == int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
            own_logs = [log["data"] for log in logs if log["transaction"] == row["hash"]]
            assert own_logs == [log["data"] for log in receipt["logs"]]
    called = {row["call"] for row in transactions}
    assert {"deploy", "empower", "buyToken", "trade", "openSlot"} <= called


def test_events_are_decoded_with_each_field_in_its_column(market: Town, explorer: Explorer) -> None:
    rows = table(explorer, "events")
    with HttpRpc(market.node.rpc_url) as rpc:
        events = rpc.fetch(market.etsc.events(0, "latest"))
    assert [row["event"] for row in rows] == [event.name for event in events]
    traded = [row for row in rows if row["event"] == "Traded"]
    assert {row["retailer"] for row in traded} == {market.retailers[0].address}
    assert [int(row["quantity"]) for row in traded] == [
        event.quantity for event in events if isinstance(event, Traded)
    ]
    assert {row["gen_right"] for row in rows if row["event"] == "Empowered"} == {"true"}
    assert all(row["quantity"] == "" for row in rows if row["event"] == "Purchased")


def test_a_statement_adds_up_to_what_the_contract_says(market: Town, explorer: Explorer) -> None:
    prosumer, retailer = market.prosumers[2].address, market.retailers[0].address
    with HttpRpc(market.node.rpc_url) as rpc:
        users = rpc.fetch_all([market.etsc.user(prosumer), market.etsc.user(retailer)])
        server = rpc.fetch(market.etsc.edge_server(EDGE_SERVER.address))
    for address, user in zip((prosumer, retailer), users, strict=True):
        rows = explorer.get(f"/address/{address}/statement.csv").csv_rows()
        for column, amount in (("elecoins", user.coins), ("kWh", user.power)):
            assert sum(Decimal(row[column]) for row in rows) * 1000 == amount
            assert Decimal(rows[-1][f"{column}_after"]) * 1000 == amount
        assert Decimal(rows[-1]["kWh_generated_after"]) * 1000 == user.generated
        assert rows == sorted(rows, key=lambda row: int(row["block"]))
    kinds = [row["kind"] for row in explorer.get(f"/address/{prosumer.lower()}/statement.csv").csv_rows()]
    assert kinds == ["bought", "received"]
    (bought, _) = explorer.get(f"/address/{prosumer}/statement.csv").csv_rows()
    assert Decimal(bought["ether"]) * 10**18 == -3_000 * SALE_WEI_PER_mE
    assert bought["other"] == EDGE_SERVER.address
    assert bought["slot"] == "1"
    servers = explorer.get(f"/address/{EDGE_SERVER.address}/statement.csv").csv_rows()
    assert Decimal(servers[-1]["ether_credit_after"]) * 10**18 == server.credit
    assert 600 * 1000 // Q_MILLI == 1_000  # what the others' trades in the market above were paid with


def test_whoever_took_no_part_has_an_empty_statement(explorer: Explorer) -> None:
    assert explorer.get(f"/address/{RICH[23].address}/statement.csv").csv_rows() == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/export/nothing.csv", 404),
        ("/export/..%2Fblocks.csv", 404),
        ("/export/%00.csv", 404),
        ("/export/blocks.csv?from=x", 400),
        ("/export/blocks.csv?to=-1", 400),
        ("/export/blocks.csv?to=" + "9" * 40, 400),
        ("/export/nodes.csv?from=1", 400),
        ("/export/blocks.csv?from=" + "9" * 18, 200),
        ("/export/entries.csv?from=" + "9" * 18 + "&to=" + "9" * 18, 200),
        ("/address/0x12/statement.csv", 404),
        ("/export?table=x%2F..%2F&from=1", 303),
        ("/export", 200),
    ],
)
def test_what_cannot_be_exported_is_no_error_of_the_server(
    explorer: Explorer, path: str, status: int
) -> None:
    assert explorer.get(path).status == status


def test_the_form_leads_to_the_file(explorer: Explorer) -> None:
    page = explorer.get("/export").text
    for name in ALL:
        assert f'href="/export/{name}.csv"' in page
    sent_on = explorer.get("/export?table=blocks&from=3&to=").headers["location"]
    assert sent_on == "/export/blocks.csv?from=3"
    assert explorer.get(sent_on).csv_rows()[0]["block"] == "3"


def test_every_list_links_to_its_file(market: Town, explorer: Explorer) -> None:
    links = {
        "/blocks": ["blocks"],
        "/txs": ["transactions"],
        "/accounts": ["accounts"],
        "/forks": ["orphans", "reorganisations", "uncles"],
        "/market": ["slots", "prices", "trades", "hours", "entries", "campaign-slots", "shares"],
        "/pending": ["pending"],
        "/nodes": ["nodes"],
        "/etsc": ["events"],
    }
    for path, names in links.items():
        page = explorer.get(path).text
        for name in names:
            assert f'href="/export/{name}.csv"' in page, path
    prosumer = market.prosumers[0].address
    assert f'href="/address/{prosumer}/statement.csv"' in explorer.get(f"/address/{prosumer}").text


@pytest.mark.parametrize(
    "path", ["/etsc", "/etsc?event=Empowered", "/etsc?function=user&account={}", "/audit"]
)
def test_names_of_the_contract_are_text_on_its_pages(market: Town, explorer: Explorer, path: str) -> None:
    page = explorer.get(path.format(market.prosumers[0].address)).text
    assert page.count("<script") == 1  # the explorer's own
    assert HOSTILE not in page
    assert html.escape(HOSTILE) in page


def _reader(explorer: Explorer, path: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """A download that has begun and of which no more than the beginning is read."""
    connection = http.client.HTTPConnection("127.0.0.1", explorer.config["port"], timeout=60)
    connection.sock = socket.socket()
    # What lies in buffers is as good as read: let them hold little.
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    connection.sock.connect(("127.0.0.1", explorer.config["port"]))
    connection.request("GET", path)
    return connection, connection.getresponse()


def _resident_KiB(explorer: Explorer) -> int:
    assert explorer.process is not None
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{explorer.process.pid}/status").read_text())
    assert found is not None
    return int(found[1])


def test_a_long_file_is_of_one_moment_takes_no_memory_and_keeps_no_page_waiting(
    make_explorer: ExplorerMaker,
) -> None:
    written_market = WrittenMarket(prosumers=40, retailers=2)
    written_market.play(260)
    explorer = make_explorer(start=False)
    closed = free_ports(1)[0]
    nodes: list[dict[str, Any]] = [{"name": "gone", "rpc_url": f"http://127.0.0.1:{closed}"}]
    index = written_market.write(Path(explorer.config["index"]))
    first = "0x" + written_market.blocks[0].block.hash.hex()
    explorer.write_config(nodes=nodes, contract="0x" + CONTRACT.hex(), genesis_hash=first)
    explorer.start()
    wait_until(lambda: len(table(explorer, "blocks", "?to=9")) == 10, "the index to be read")
    (entries,) = explorer.rows("SELECT count(*) AS rows FROM entries")
    assert entries["rows"] > 40_000
    before_KiB = _resident_KiB(explorer)
    (one, first_answer), (two, second_answer) = (_reader(explorer, "/export/entries.csv") for _ in "ab")
    with closing(one), closing(two):
        assert first_answer.status == second_answer.status == 200
        # Nobody reads on, and there is no turn for a third; all else goes on.
        refused = explorer.get("/export/blocks.csv")
        assert (refused.status, refused.headers["retry-after"]) == (429, "5")
        assert explorer.get("/").status == explorer.get("/export/nodes.csv").status == 200
        with closing(sqlite3.connect(index, timeout=20)) as connection, connection:
            connection.execute("DELETE FROM entries")
        rows = first_answer.read().decode().splitlines()
        assert len(rows) - 1 == entries["rows"]
        assert sum(map(len, rows)) > 8 * 1024 * 1024
        assert table(explorer, "entries") == []
        assert _resident_KiB(explorer) - before_KiB < 16 * 1024
    wait_until(lambda: explorer.get("/export/blocks.csv?to=1").status == 200, "a turn")
    others = [_reader(explorer, "/export/blocks.csv") for _ in "ab"]
    assert [answer.status for _, answer in others] == [200, 200]
    for each, _ in others:
        each.close()
