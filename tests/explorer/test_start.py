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
from explorer.rows import Malformed, read_block
from tests.explorer.running import configuration, octets
from tests.explorer.trading_town import Town


def _write(directory: Path, **changes: Any) -> Path:
    path = directory / "explorer.json"
    path.write_text(json.dumps(configuration(directory, **changes)))
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"port": 70000}, "port is 70000, but must be a whole number from 0 to 65535"),
        ({"port": True}, "port is True"),
        ({"chain_id": -1}, "chain_id is -1"),
        ({"consensus": "raft"}, "consensus is 'raft', but must be one of clique, pow"),
        ({"contract": "0x12"}, "contract is '0x12', but must be 0x and 40 hexadecimal digits"),
        ({"databse": "x"}, "Did you mean database?"),
        ({"nodes": [{"name": "a", "rpc_url": "file:///etc/passwd"}]}, "nodes[0]: rpc_url"),
        ({"nodes": [{"name": "a", "rpc_url": "http://x", "address": "y"}]}, "must be host:port"),
        ({"accounts": [{"name": "a"}]}, "accounts[0]: address is None"),
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


def test_a_malformed_block_or_receipt_never_becomes_a_row(town: Town) -> None:
    block = town.node.ask("eth_getBlockByNumber", "0x1", True)
    receipts = [town.node.ask("eth_getTransactionReceipt", tx["hash"]) for tx in block["transactions"]]
    assert read_block(block, receipts, "clique").block.hash == octets(block["hash"])
    used = {"hash", "number", "parentHash", "timestamp", "difficulty", "gasLimit", "size", "extraData"}
    for key in used:
        for wrong in (None, "0xzz", 7):
            with pytest.raises(Malformed):
                read_block({**block, key: wrong}, receipts, "clique")
    for key in ("gasUsed", "status", "logs", "effectiveGasPrice"):
        with pytest.raises(Malformed):
            read_block(block, [{**receipts[0], key: None}], "clique")
    with pytest.raises(Malformed):
        read_block(block, [], "clique")
    with pytest.raises(Malformed):
        read_block({**block, "number": hex(2**64)}, receipts, "clique")


def test_with_proof_of_work_the_miner_is_who_sealed(town: Town) -> None:
    block = town.node.ask("eth_getBlockByNumber", "0x1", False) | {
        "transactions": [],
        "miner": "0x" + "ab" * 20,
    }
    assert read_block(block, [], "pow").block.sealer == b"\xab" * 20
    genesis = town.node.ask("eth_getBlockByNumber", "0x0", True)
    assert read_block(genesis, [], "pow").block.sealer is None


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
