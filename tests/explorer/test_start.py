"""What keeps the explorer from starting is said in one message that names the place; and what it reads."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from errors import TestbedError
from explorer import config, words
from explorer.__main__ import main
from explorer.index.receipts import from_answer
from explorer.index.rows import Malformed, octets, read_block
from tests.explorer.running import configuration
from tests.explorer.trading_town import Town

_PAIR = [{"name": name, "rpc_url": "http://x"} for name in "ab"]


def _told(**link: Any) -> dict[str, Any]:
    """A configuration of two nodes and what is told of the link between them."""
    return {"nodes": _PAIR, "links": [{"between": ["a", "b"], **link}]}


def _write(directory: Path, **changes: Any) -> Path:
    path = directory / "explorer.json"
    path.write_text(json.dumps(configuration(directory, **changes)))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"port": 70000}, "port is 70000, but must be a whole number from 0 to 65535"),
        ({"port": True}, "port is True"),
        ({"chain_id": 1}, "chain_id is not a key here"),
        ({"index": None}, "index is None, but must be a text"),
        ({"campaigns": 7}, "campaigns is 7, but must be a text"),
        ({"consensus": "raft"}, "consensus is 'raft', but must be one of clique, pow"),
        ({"contract": "0x12"}, "contract is '0x12', but must be 0x and 40 hexadecimal digits"),
        ({"indx": "x"}, "Did you mean index?"),
        ({"nodes": [{"name": "a", "rpc_url": "file:///etc/passwd"}]}, "nodes[0]: rpc_url"),
        ({"nodes": [{"name": "a", "rpc_url": "http://x", "address": "y"}]}, "must be host:port"),
        ({"accounts": [{"name": "a"}]}, "accounts[0]: address is None"),
        ({"links": [{}]}, "links[0]: between is [], but must be the names of two nodes"),
        (_told(between=["a", "c"]), "links[0]: between is ['a', 'c'], but must be the names of two nodes"),
        (_told(between=["a", "a"]), "links[0]: between is ['a', 'a']"),
        (_told(between=["a", "b", "a"]), "links[0]: between is ['a', 'b', 'a']"),
        (_told(between="ab"), "links[0]: between is 'ab', but must be a list of texts"),
        (_told(latency_ms=-1), "links[0]: latency_ms is -1, but must be a number from 0 to 3600000"),
        (_told(latency_ms=float("nan")), "links[0]: latency_ms is nan"),
        (_told(latency_ms=True), "links[0]: latency_ms is True"),
        (_told(cut="no"), "links[0]: cut is 'no', but must be true or false"),
        (_told(latency=3), "Did you mean latency_ms?"),
        (
            {"nodes": _PAIR, "links": [{"between": ["a", "b"]}, {"between": ["b", "a"]}]},
            "links[1]: between is ['b', 'a'], but must be two nodes of which no other link tells",
        ),
        ({"accounts": {"a": 1}}, "accounts is {'a': 1}, but must be a list"),
    ],
)
def test_a_wrong_configuration_names_file_key_and_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = _write(tmp_path, **changes)
    with pytest.raises(TestbedError) as caught:
        config.load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_exit_codes_tell_the_users_fault_from_the_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--config", str(tmp_path / "nowhere.json")]) == 1
    assert "nowhere.json: cannot be read" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--config", str(_write(tmp_path, port=port))]) == 3
    assert f"127.0.0.1:{port}: cannot listen there" in capsys.readouterr().err


def test_what_may_be_left_out_of_the_configuration_is_found_out_or_has_a_default(tmp_path: Path) -> None:
    path = tmp_path / "explorer.json"
    path.write_text(json.dumps({"name": "a", "port": 0, "index": str(tmp_path)}))
    read = config.load(path)
    assert read.listen == "127.0.0.1"
    assert (read.campaigns, read.consensus, read.contract, read.genesis_hash) == (None,) * 4
    assert (read.nodes, read.links, read.accounts, read.allowed_hosts) == ((),) * 4


def test_what_is_not_told_of_a_link_is_not_made_up(tmp_path: Path) -> None:
    (link,) = config.load(_write(tmp_path, **_told())).links
    assert link == config.Link(frozenset("ab"), latency_ms=None, cut=False)
    (link,) = config.load(_write(tmp_path, **_told(latency_ms=7, cut=True))).links
    assert (link.latency_ms, link.cut) == (7.0, True)


def test_a_folder_that_cannot_hold_the_index_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    path = _write(tmp_path, index=str(tmp_path / "file" / "index"))
    assert main(["serve", "--config", str(path)]) == 3
    assert f"{tmp_path}/file/index: the index cannot be kept there" in capsys.readouterr().err


def test_a_malformed_block_or_receipt_never_becomes_a_row(town: Town) -> None:
    block = town.node.ask("eth_getBlockByNumber", "0x1", True)
    answers = [town.node.ask("eth_getTransactionReceipt", tx["hash"]) for tx in block["transactions"]]
    receipts = [receipt for each in answers if (receipt := from_answer(each, block["hash"]))]
    assert len(receipts) == len(answers) > 0
    assert read_block(block, receipts, []).block.hash == octets(block["hash"])
    used = {"hash", "number", "parentHash", "timestamp", "difficulty", "gasLimit", "size", "extraData"}
    for key in used:
        for wrong in (None, "0xzz", 7):
            with pytest.raises(Malformed):
                read_block({**block, key: wrong}, receipts, [])
    for key in ("gasUsed", "status", "logs"):
        with pytest.raises(Malformed):
            from_answer({**answers[0], key: None}, block["hash"])
    assert from_answer(answers[0], "0x" + "11" * 32) is None
    with pytest.raises(Malformed):
        read_block(block, [], [])
    with pytest.raises(Malformed):
        read_block(block, [receipts[0]._replace(gas_used=receipts[0].gas_used + 1), *receipts[1:]], [])
    with pytest.raises(Malformed):
        read_block({**block, "number": hex(2**64)}, receipts, [])


def test_with_proof_of_work_the_miner_is_who_sealed(town: Town) -> None:
    sealed = town.node.ask("eth_getBlockByNumber", "0x1", False)
    mined = {
        **sealed,
        "transactions": [],
        "gasUsed": "0x0",
        "difficulty": "0x20000",
        "miner": "0x" + "ab" * 20,
    }
    assert read_block(mined, [], []).block.sealer == b"\xab" * 20
    genesis = town.node.ask("eth_getBlockByNumber", "0x0", True)
    assert read_block(genesis, [], []).block.sealer is None


@pytest.mark.parametrize(
    "address",
    [  # from EIP-55
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_addresses_carry_the_checksum_of_eip_55(address: str) -> None:
    assert words.checksummed(bytes.fromhex(address[2:])) == address


def test_amounts_are_exact_and_readable() -> None:
    assert words.elecoins(12_345) == "12.345 elecoins"
    assert words.energy(1_000_000) == "1,000 kWh"
    assert words.ether(1) == "0.000000000000000001 ether"
    assert words.ether(10**40 + 1) == f"{10**22:,}.000000000000000001 ether"
    assert words.price(27_184_921_000_000_000) == "27.184921 ether/elecoin"
    assert words.ether_brief(21_000) == "21,000 wei"
    assert words.ether_brief(185_665_154_000_000_000_000) == "185.66515 ether"
    assert words.thousandths(6_250) == "6.250"
    assert words.moment(2**62).startswith("9999-12-31")
