"""The Python side says what the contract says."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chain.rpc import RpcError
from contracts import events
from contracts.artifact import ARTIFACT, Artifact, signature
from contracts.etsc import EdgeServer, Etsc, User
from contracts.events import Event, Purchased, decode_log
from contracts.reverts import decode_revert, revert_of
from errors import TestbedError
from tests.contracts.market import PRICE, Market


def snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


def test_every_event_of_the_contract_has_its_record_with_its_fields() -> None:
    common = {field.name for field in dataclasses.fields(Event)}
    assert {entry["name"] for entry in ARTIFACT.events.values()} == set(events.TYPES)
    for entry in ARTIFACT.events.values():
        fields = {field.name for field in dataclasses.fields(events.TYPES[entry["name"]])} - common
        expected = {snake(parameter["name"]) for parameter in entry["inputs"]}
        assert fields == {"user_name" if name == "name" else name for name in expected}, entry["name"]


@pytest.mark.parametrize(("function", "record"), [("user", User), ("edgeServer", EdgeServer)])
def test_the_records_have_the_fields_of_the_structs_in_their_order(
    function: str, record: type[User] | type[EdgeServer]
) -> None:
    (struct,) = ARTIFACT.functions[function]["outputs"]
    names = [snake(component["name"]) for component in struct["components"]]
    assert [field.name for field in dataclasses.fields(record)] == names


def test_every_error_of_the_contract_is_decoded_with_its_values() -> None:
    samples = {"address": "0x" + "00" * 19 + "07", "uint256": 7}
    assert len(ARTIFACT.errors) > 20
    for selector, entry in ARTIFACT.errors.items():
        types = [parameter["type"] for parameter in entry["inputs"]]
        revert = decode_revert(selector + encode(types, [samples[kind] for kind in types]))
        assert revert.name == entry["name"]
        assert list(revert.values) == [parameter["name"] for parameter in entry["inputs"]]
        assert list(revert.values.values()) == [samples[kind] for kind in types]


def test_a_revert_of_the_language_is_decoded_too() -> None:
    reason = decode_revert(keccak(text="Error(string)")[:4] + encode(["string"], ["no"]))
    assert (reason.name, reason.values) == ("Error", {"reason": "no"})
    panic = decode_revert("0x4e487b71" + "11".rjust(64, "0"))
    assert (panic.name, panic.values) == ("Panic", {"code": 0x11})


@pytest.mark.parametrize("data", [b"\x01", b"\x01\x02\x03\x04", None])
def test_a_revert_that_nobody_knows_is_no_crash(data: bytes | None) -> None:
    revert = decode_revert(data)
    assert revert.name == ("" if data is None else "Unknown")
    cut = next(iter(entry for entry in ARTIFACT.errors.values() if entry["inputs"]))
    assert decode_revert(keccak(text=signature(cut))[:4] + b"\x01").name == "Unknown"


def test_a_node_that_refuses_for_its_own_reasons_is_no_revert() -> None:
    assert revert_of(RpcError(-32000, "insufficient funds for gas * price + value")) is None
    reverted = revert_of(RpcError(3, "execution reverted", "0x"))
    assert reverted is not None
    assert reverted.name == ""


def test_events_are_read_back_typed_in_order_and_by_kind(trading: Market) -> None:
    trading.trade(trading.prosumer, trading.retailer, 5_000)
    rpc, first = trading.chain.rpc, trading.deployed.block
    everything = rpc.fetch(trading.etsc.events(first, "latest"))
    assert [event.name for event in everything] == [
        *["EdgeServerAdded"] * 3,
        *["Empowered"] * 4,
        *["MeterBound"] * 4,
        *["Generated", "Offered", "SlotOpened", "Purchased", "Traded"],
    ]
    places = [(event.block_number, event.log_index) for event in everything]
    assert places == sorted(set(places))
    (purchase,) = rpc.fetch(trading.etsc.events(first, "latest", "Purchased"))
    assert isinstance(purchase, Purchased)
    block = rpc.request("eth_getBlockByNumber", hex(purchase.block_number), False)
    assert purchase.block_hash == block["hash"]
    assert purchase.tx_hash in block["transactions"]
    assert (
        len(rpc.fetch(trading.etsc.events(first, trading.deployed.block, "Traded", "EdgeServerAdded"))) == 3
    )
    with pytest.raises(KeyError):
        trading.etsc.events(first, "latest", "Sold")


def test_a_log_of_something_else_is_none() -> None:
    assert decode_log({"topics": [], "data": "0x"}) is None
    assert decode_log({"topics": ["0x" + "11" * 32], "data": "0x"}) is None


def test_an_address_without_the_contract_is_said_to_be_one(market: Market) -> None:
    with pytest.raises(TestbedError, match="no ETSC answers"):
        market.chain.rpc.fetch(Etsc(market.stranger.address).user(market.stranger.address))


def test_a_purchase_carries_its_ether(market: Market) -> None:
    call = market.etsc.buy_token(market.edge_server.address, 1_000, PRICE * 2, PRICE)
    assert call.value == 1_000 * PRICE
    assert call.to == market.etsc.address


def test_a_missing_or_broken_artifact_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="npm run compile"):
        _ = Artifact(tmp_path / "none.json").abi
    (tmp_path / "cut.json").write_text('{"abi": [')
    with pytest.raises(TestbedError, match=r"cut\.json"):
        _ = Artifact(tmp_path / "cut.json").bytecode


def test_importing_the_binding_reads_no_artifact_and_imports_no_web3() -> None:
    program = (
        "import sys, contracts.audit, contracts.reverts; from contracts.artifact import ARTIFACT\n"
        "assert '_content' not in vars(ARTIFACT)\n"
        "assert 'web3' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
