"""The comparison of index and chain finds every difference, and none where the chain only moved meanwhile."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from chain.rpc import HttpRpc
from errors import TestbedError
from explorer.check import Comparison, compare, index_file
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, GethNode, genesis
from tests.explorer.running import Explorer
from tests.explorer.trading_town import HOSTILE, Town

_TABLES = {
    *("blocks", "transactions", "logs", "uncles"),
    *("tallies", "participants", "slots", "prices", "entries", "hours"),
}


def compared(node: GethNode, index: Path) -> Comparison:
    with HttpRpc(node.rpc_url, 20) as rpc:
        return compare(index, rpc)


def copied(explorer: Explorer, directory: Path, *changes: str) -> Path:
    """The index as it is now, in another file, with something done to it."""
    path = directory / "copy.sqlite"
    with (
        closing(sqlite3.connect(explorer.index)) as original,
        closing(sqlite3.connect(path)) as copy,
    ):
        original.backup(copy)
        for change in changes:
            assert copy.execute(change).rowcount != 0, change
        copy.commit()
    return path


def test_an_index_of_the_chain_is_found_to_be_it_in_every_table(town: Town, explorer: Explorer) -> None:
    found = compared(town.node, explorer.index)
    assert (found.ok, found.found, found.differences, found.unchecked) == (True, 0, (), ())
    assert (found.number, found.block_hash) == (town.node.height(), town.node.head_hash())
    assert (found.head, found.behind) == (found.number, 0)
    assert set(found.rows) == _TABLES
    assert found.rows["blocks"] == found.number + 1
    # What was compared is not nothing: only uncles need proof of work.
    assert {table for table, rows in found.rows.items() if rows == 0} == {"uncles"}


def test_the_file_is_found_in_its_folder_by_the_nodes_block_0(town: Town, explorer: Explorer) -> None:
    with HttpRpc(town.node.rpc_url) as rpc:
        assert index_file(explorer.index.parent, rpc) == explorer.index
        assert index_file(explorer.index, rpc) == explorer.index
        with pytest.raises(TestbedError, match="there is no index of this chain"):
            index_file(explorer.directory, rpc)


_HERE = "id = (SELECT id FROM blocks WHERE canonical AND number = 3)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (f"UPDATE blocks SET gas_used = gas_used + 1 WHERE {_HERE}", "blocks 3: gas_used is"),
        (f"UPDATE blocks SET sealer = x'00' WHERE {_HERE}", "blocks 3: sealer is 0x00 in the index"),
        (f"UPDATE blocks SET uncles = 1 WHERE {_HERE}", "blocks 3: uncles is 1 in the index, 0 on"),
        (f"UPDATE blocks SET canonical = 0 WHERE {_HERE}", "blocks 3: only on the chain"),
        ("UPDATE transactions SET status = 0 WHERE number = 3", "transactions 3 0: status is 0"),
        ("UPDATE transactions SET input = x'01' WHERE number = 3", "transactions 3 0: input is 0x01"),
        ("UPDATE transactions SET gas_price_wei = '1' WHERE number = 3", "gas_price_wei is '1'"),
        ("UPDATE transactions SET created = NULL WHERE created IS NOT NULL", "created is none in the index"),
        ("DELETE FROM transactions WHERE number = 3", "transactions 3 0: only on the chain"),
        ("UPDATE transactions SET number = 99 WHERE number = 3", "transactions whose block is not there"),
        ("UPDATE logs SET topic1 = NULL WHERE number = 3", ": topic1 is none in the index"),
        ("UPDATE logs SET data = x'' WHERE topic0 IS NOT NULL AND number = 3", ": data is 0x in the index"),
        ("DELETE FROM logs WHERE id = (SELECT max(id) FROM logs)", "logs "),
        ("INSERT INTO logs SELECT id + (999 << 20), 3, 0, 0, address, NULL, NULL, NULL, NULL, x'' FROM logs",
         "logs whose block is not there"),
        ("INSERT INTO uncles SELECT id, 0, x'01', 2, x'02', 5, '7' FROM blocks WHERE number = 3",
         "uncles 3 0: only in the index"),
        ("INSERT INTO uncles VALUES (99999, 0, x'01', 2, x'02', 5, '7')", "uncles whose block is not there"),
        ("UPDATE tallies SET count = count + 1 WHERE kind = 'logs'", "tallies 'logs' 0x: count is"),
        ("UPDATE tallies SET count = 7 WHERE kind = 'sealer'", "tallies 'sealer' 0x"),
        ("DELETE FROM tallies WHERE kind = 'account'", "tallies 'account' 0x"),
        ("UPDATE participants SET name = 'else' WHERE name = 'retailer-1'", "name is 'else' in the index"),
        ("DELETE FROM participants WHERE role = 'meter'", "participants 0x"),
        ("UPDATE slots SET timestamp = 1 WHERE slot = 2", "slots 2: timestamp is 1 in the index"),
        ("UPDATE prices SET price_wei = '1' WHERE slot = 2", "prices 2 0x"),
        ("UPDATE entries SET coins = coins + 1 WHERE kind = 'bought'", ": coins is"),
        ("UPDATE entries SET power_after = 1 WHERE kind = 'received'", "standings 0x"),
        ("UPDATE entries SET credit_after = '1' WHERE kind = 'sold'", ": credit is 1 in the index"),
        ("UPDATE hours SET energy = energy - 1", ": energy is"),
        ("INSERT INTO hours VALUES (1, x'01', x'02', 1, 1, 1)", "hours 1 0x01 0x02: only in the index"),
        ("UPDATE notes SET value = x'1111111111111111111111111111111111111111'", "where no contract is"),
    ],
)  # fmt: skip
def test_whatever_is_changed_in_the_index_is_named(
    town: Town, explorer: Explorer, tmp_path: Path, change: str, said: str
) -> None:
    found = compared(town.node, copied(explorer, tmp_path, change))
    assert not found.ok
    assert found.found >= len(found.differences) > 0
    assert [text for text in found.differences if said in text], found.differences


def test_an_index_that_missed_the_contract_is_named(town: Town, explorer: Explorer, tmp_path: Path) -> None:
    books = ("participants", "slots", "prices", "entries", "hours", "notes")
    without = copied(explorer, tmp_path, *(f"DELETE FROM {table}" for table in books))
    (said,) = compared(town.node, without).differences
    assert said.startswith(f"the chain has an ETSC, {town.etsc.address.lower()}")


def test_of_many_differences_a_hundred_are_told_and_all_are_counted(
    town: Town, explorer: Explorer, tmp_path: Path
) -> None:
    found = compared(town.node, copied(explorer, tmp_path, "UPDATE blocks SET size = 1, gas_limit = 2"))
    assert len(found.differences) == min(100, found.found)
    assert found.found == 2 * (town.node.height() + 1)


def test_what_a_contract_made_of_a_name_is_no_command_to_a_terminal(
    town: Town, explorer: Explorer, tmp_path: Path
) -> None:
    change = f"UPDATE participants SET name = char(27) || '[2J' || char(8238) WHERE name = '{HOSTILE}'"
    found = compared(town.node, copied(explorer, tmp_path, change))
    assert all(text.isprintable() for text in found.differences)
    assert [text for text in found.differences if repr("\x1b[2J\u202e") in text]


def test_while_the_chain_goes_on_no_difference_is_found(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    town = Town.found(node)
    explorer = make_explorer(node)
    explorer.wait_for(node)
    ended = threading.Event()

    def trade() -> None:
        while not ended.is_set():
            town.play([1.0, 2.0, 3.0])

    trading = threading.Thread(target=trade)
    trading.start()
    try:
        found = [compared(node, explorer.index) for _ in range(8)]
    finally:
        ended.set()
        trading.join()
    assert [each.differences for each in found] == [()] * 8
    assert found[-1].number > found[0].number + 5


def test_a_reorganisation_in_the_middle_makes_it_begin_again(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(60, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    replaced = node.head_hash()
    moves = [30]

    def show(_: float) -> None:
        if moves:
            node.rewind(node.height() - moves.pop())
            node.grow(31, RICH[1], value=7)
            explorer.wait_for(node)

    with HttpRpc(node.rpc_url, 20) as rpc:
        found = compare(explorer.index, rpc, show)
    assert found.differences == ()
    assert found.block_hash == node.head_hash() != replaced
    assert explorer.rows("SELECT canonical FROM blocks WHERE hash = ?", bytes.fromhex(replaced[2:]))


def test_an_index_that_was_left_behind_by_a_reorganisation_is_told_from_the_chain(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(10, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    index = explorer.index
    explorer.stop()
    left = node.head_hash()
    node.rewind(7)
    node.grow(5, RICH[1], value=9)
    found = compared(node, index)
    assert found.differences[0] == f"the newest block of the index, 10 with hash {left}, is not on the chain"
    assert [text for text in found.differences if text.startswith("blocks 8: hash is")]
    assert not [text for text in found.differences if text.startswith("blocks 7")]
    assert found.behind == 2


def test_an_index_that_only_lags_is_the_chains_as_far_as_it_goes(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(3, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    index = explorer.index
    explorer.stop()
    node.grow(4, RICH[0])
    found = compared(node, index)
    assert (found.ok, found.number, found.head, found.behind) == (True, 3, 7, 4)


def test_what_is_no_index_of_this_chain_is_refused_by_name(
    town: Town, make_node: NodeMaker, make_explorer: ExplorerMaker, tmp_path: Path
) -> None:
    explorer = make_explorer(town.node)
    explorer.wait_for(town.node)
    other = make_node(genesis(timestamp=1_700_000_000))
    with pytest.raises(TestbedError, match="is of another chain"):
        compared(other, explorer.index)
    (tmp_path / "no.sqlite").write_bytes(b"somebody's notes" * 500)
    with pytest.raises(TestbedError, match="cannot be read"):
        compared(town.node, tmp_path / "no.sqlite")
    with closing(sqlite3.connect(tmp_path / "empty.sqlite")) as empty:
        empty.execute("CREATE TABLE blocks (number)")
    with pytest.raises(TestbedError, match="of another version of the explorer"):
        compared(town.node, tmp_path / "empty.sqlite")
    cleared = copied(explorer, tmp_path, "DELETE FROM blocks")
    with pytest.raises(TestbedError, match="has no block yet"):
        compared(town.node, cleared)
