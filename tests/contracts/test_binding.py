"""The Python side says what the contract says: each call, record, event and error has its counterpart."""

from __future__ import annotations

import dataclasses
import inspect
import string
import subprocess
import sys
from pathlib import Path

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from chain.call import Call
from chain.rpc import RpcError
from contracts import events, readings, reverts
from contracts.artifact import ARTIFACT, AbiEntry, Artifact, abi_type, signature, snake_case
from contracts.etsc import EdgeServer, Etsc, Meter, Slot, Terms, User, deployment
from contracts.events import Event, Purchased, decode_log
from contracts.readings import Reading, SignedReading
from contracts.reverts import EtscRevert, decode_revert, revert_of
from errors import TestbedError
from tests.contracts.market import PRICE, TERMS, Market

ETSC = Etsc("0x" + "11" * 20)
# What the ABI calls otherwise than the binding does; a unit or "Addr" at the end says the same in both.
RENAMED = {"user_name": "name", "number": "slot"}
# What a method takes beside, or in the place of, what the contract does.
OTHERWISE = {
    "buy_token": ["edge_server", "amount", "max_price", "price"],  # the ether that goes with it
    "relay_reading": ["signed"],  # the reading and its v, r and s
}
SAMPLES = {
    "address": "0x" + "00" * 19 + "07",
    "uint256": 7,
    "uint8": 27,
    "bool": True,
    "bytes32": b"\7" * 32,
}


def binding_name(parameter: AbiEntry) -> str:
    name = snake_case(parameter["name"]).removesuffix("_addr")
    return RENAMED.get(name, name)


def method_parameters(function: str) -> list[str]:
    parameters = inspect.signature(getattr(Etsc, function)).parameters
    return [name.removesuffix("_wh") for name in parameters if name != "self"]


def test_every_function_of_the_contract_has_its_method_with_its_parameters() -> None:
    for entry in ARTIFACT.functions.values():
        name = snake_case(entry["name"])
        expected = [binding_name(parameter) for parameter in entry["inputs"]]
        if name in {"user", "meter", "edge_server"}:
            expected = ["account"]
        assert method_parameters(name) == OTHERWISE.get(name, expected), name


def test_the_binding_has_no_method_that_the_contract_has_not() -> None:
    methods = {name for name, _ in inspect.getmembers(Etsc, inspect.isfunction) if not name.startswith("_")}
    assert methods - {"attempt", "events"} == set(map(snake_case, ARTIFACT.functions))


def test_a_call_carries_its_arguments_in_the_contracts_order() -> None:
    """Each argument differs from the others, so that two that changed places show."""
    a, b = "0x" + "0a" * 20, "0x" + "0b" * 20
    signed = SignedReading(Reading(a, b, 1, 2, 3), 27, b"\1" * 32, b"\2" * 32)
    calls: dict[str, tuple[Call, list[object]]] = {
        "empower": (ETSC.empower("n", a, True, False), [b"n", a, True, False]),
        "setRights": (ETSC.set_rights(a, False, True), [a, False, True]),
        "bindMeter": (ETSC.bind_meter(a, b), [a, b]),
        "rotateMeter": (ETSC.rotate_meter(a, b), [a, b]),
        "offerAdministration": (ETSC.offer_administration(a), [a]),
        "takeAdministration": (ETSC.take_administration(), []),
        "pause": (ETSC.pause(), []),
        "unpause": (ETSC.unpause(), []),
        "openSlot": (ETSC.open_slot(1, 2), [1, 2]),
        "openDiscriminatedSlot": (
            ETSC.open_discriminated_slot(1, 2, {b: 3, a: 4}),
            [1, 2, [(b, 3), (a, 4)]],
        ),
        "setBuyBackPrice": (ETSC.set_buy_back_price(1), [1]),
        "buyToken": (ETSC.buy_token(a, 1, 2, 3), [a, 1, 2]),
        "redeem": (ETSC.redeem(a, 1, 2), [a, 1, 2]),
        "withdraw": (ETSC.withdraw(), []),
        "offer": (ETSC.offer(1), [1]),
        "retract": (ETSC.retract(), []),
        "trade": (ETSC.trade(a, 1), [a, 1]),
        "generation": (ETSC.generation(1), [1]),
        "consumption": (ETSC.consumption(1), [1]),
        "relayReading": (ETSC.relay_reading(signed), [(a, 1, 2, 3), 27, b"\1" * 32, b"\2" * 32]),
    }
    writing = {
        name for name, entry in ARTIFACT.functions.items() if entry["stateMutability"] not in ("view", "pure")
    }
    assert set(calls) == writing
    for name, (call, arguments) in calls.items():
        assert call.to == ETSC.address
        assert call.data == ARTIFACT.encode_call(name, *arguments), name
        assert call.value == (3 if name == "buyToken" else 0)


def test_a_deployment_takes_what_the_constructor_does() -> None:
    (constructor,) = (entry for entry in ARTIFACT.abi if entry["type"] == "constructor")
    parameters = list(inspect.signature(deployment).parameters)
    names = [snake_case(parameter["name"].rstrip("_")) for parameter in constructor["inputs"]]
    assert parameters[:-1] == [name.replace("edge_servers_accounts", "edge_servers") for name in names]
    assert parameters[-1] == "artifact"
    fewer, more = (deployment(ETSC.address, 1, 1, [ETSC.address] * count, TERMS) for count in (1, 2))
    assert len(more.data) == len(fewer.data) + 32
    assert more.gas > fewer.gas


@pytest.mark.parametrize(
    ("function", "record"), [("user", User), ("meter", Meter), ("edgeServer", EdgeServer), ("terms", Terms)]
)
def test_the_records_have_the_fields_of_the_structs_in_their_order(function: str, record: type) -> None:
    (struct,) = ARTIFACT.functions[function]["outputs"]
    names = [snake_case(component["name"]) for component in struct["components"]]
    assert [field.name for field in dataclasses.fields(record)] == names


def test_the_slot_has_the_fields_of_the_answer_in_their_order() -> None:
    names = [snake_case(output["name"]) for output in ARTIFACT.functions["slot"]["outputs"]]
    assert [field.name for field in dataclasses.fields(Slot)] == names


def test_a_reading_is_what_is_relayed_and_its_user() -> None:
    struct = ARTIFACT.functions["relayReading"]["inputs"][0]
    names = [component["name"] for component in struct["components"]]
    assert [field.name for field in dataclasses.fields(Reading)] == [names[0], "user", *names[1:]]
    assert [member["name"] for member in readings.TYPES["Reading"]] == [names[0], "user", *names[1:]]


def test_every_event_of_the_contract_has_its_record_with_its_fields() -> None:
    common = {field.name for field in dataclasses.fields(Event)}
    assert {entry["name"] for entry in ARTIFACT.events.values()} == set(events.TYPES)
    for entry in ARTIFACT.events.values():
        fields = {
            field.name: field.type
            for field in dataclasses.fields(events.TYPES[entry["name"]])
            if field.name not in common
        }
        types = {"uint256": "int", "bool": "bool", "address": "str", "bytes32": "str"}
        expected = {snake_case(parameter["name"]): types[parameter["type"]] for parameter in entry["inputs"]}
        if entry["name"] == "Empowered":
            expected["user_name"] = expected.pop("name")
        if entry["name"] == "AdministrationOffered":
            expected["successor"] = "str | None"
        assert fields == expected, entry["name"]


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_every_error_of_the_contract_has_its_class_whose_sentence_names_every_value() -> None:
    abi = {entry["name"]: entry for entry in ARTIFACT.errors.values()}
    assert len(abi) > 40
    assert set(reverts.CUSTOM_ERRORS) == set(abi)
    for name, kind in reverts.CUSTOM_ERRORS.items():
        assert getattr(reverts, name) is kind
        assert issubclass(kind, EtscRevert)
        assert placeholders(kind.sentence) == {parameter["name"] for parameter in abi[name]["inputs"]}, name
        assert kind.sentence[0] != kind.sentence[0].upper() or kind.sentence[0] == "{", name
        assert kind.fix is None or kind.fix.endswith("."), name


def test_every_error_of_the_contract_is_decoded_with_its_values() -> None:
    for selector, entry in ARTIFACT.errors.items():
        types = [abi_type(parameter) for parameter in entry["inputs"]]
        revert = decode_revert(selector + encode(types, [SAMPLES[kind] for kind in types]))
        assert type(revert) is reverts.CUSTOM_ERRORS[entry["name"]]
        assert revert.name == entry["name"]
        assert list(revert.values) == [parameter["name"] for parameter in entry["inputs"]]
        assert list(revert.values.values()) == [SAMPLES[kind] for kind in types]
        shown = ["0x" + "07" * 32 if kind == "bytes32" else str(SAMPLES[kind]) for kind in types]
        assert all(value in revert.what for value in shown), revert.what
        assert "{" not in str(revert)


def test_a_refusal_is_a_sentence_with_units_and_says_what_to_do() -> None:
    account = "0x" + "00" * 19 + "07"
    selector = keccak(text="InsufficientCoins(address,uint256,uint256)")[:4]
    revert = decode_revert(selector + encode(["address", "uint256", "uint256"], [account, 3, 5]))
    assert isinstance(revert, reverts.InsufficientCoins)
    assert str(revert) == (
        f"ETSC refused: {account} has 3 mE and needs 5 mE\nBuy elecoins first, or ask for less."
    )


def test_a_revert_of_the_language_is_decoded_too() -> None:
    reason = decode_revert(keccak(text="Error(string)")[:4] + encode(["string"], ["no {braces}"]))
    assert (reason.name, reason.values) == ("Error", {"reason": "no {braces}"})
    panic = decode_revert("0x4e487b71" + "11".rjust(64, "0"))
    assert (panic.name, panic.values) == ("Panic", {"code": 0x11})


@pytest.mark.parametrize("data", [b"\x01", b"\x01\x02\x03\x04", None])
def test_a_revert_that_nobody_knows_is_no_crash(data: bytes | None) -> None:
    revert = decode_revert(data)
    assert revert.name == ("" if data is None else "Unknown")
    cut = next(iter(entry for entry in ARTIFACT.errors.values() if entry["inputs"]))
    assert decode_revert(keccak(text=signature(cut))[:4] + b"\x01").name == "Unknown"
    no_text = keccak(text="Error(string)")[:4] + encode(["bytes"], [b"\xff\xfe"])
    assert decode_revert(no_text).name == "Unknown"


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
        "Initialised",
        "AdministrationTaken",
        *["EdgeServerAdded"] * 3,
        *["Empowered"] * 4,
        *["MeterBound"] * 4,
        *["Generated", "Offered", "SlotOpened", "PricePosted", "Purchased", "Traded"],
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
    with pytest.raises(TestbedError, match="testbed contract build"):
        _ = Artifact(tmp_path / "none.json").abi
    (tmp_path / "cut.json").write_text('{"abi": [')
    with pytest.raises(TestbedError, match=r"cut\.json"):
        _ = Artifact(tmp_path / "cut.json").bytecode


def test_importing_the_binding_reads_no_artifact_and_imports_nothing_that_signs() -> None:
    program = (
        "import sys, contracts.audit, contracts.reverts; from contracts.artifact import ARTIFACT\n"
        "assert '_content' not in vars(ARTIFACT)\n"
        "assert not {'web3', 'eth_account'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
