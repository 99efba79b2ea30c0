"""Every function of ETSC, called by everybody who may not."""

from __future__ import annotations

import pytest

from chain.call import Call
from chain.wallet import Wallet
from contracts.artifact import ARTIFACT
from tests.contracts.market import PRICE, Market

ROLES = ("administrator", "edge server", "prosumer", "retailer", "meter", "stranger", "ex-meter")
ADMINISTRATOR, EDGE_SERVER, USERS, METER = (
    {"administrator"},
    {"edge server"},
    {"prosumer", "retailer"},
    {"meter"},
)
# Who may call, and what everybody else is told. Relaying a reading is open to all, and left out.
PERMITTED: dict[str, tuple[set[str], str]] = {
    "offerAdministration": (ADMINISTRATOR, "NotAdministrator"),
    "pause": (ADMINISTRATOR, "NotAdministrator"),
    "unpause": (ADMINISTRATOR, "NotAdministrator"),
    "empower": (ADMINISTRATOR, "NotAdministrator"),
    "setRights": (ADMINISTRATOR, "NotAdministrator"),
    "bindMeter": (ADMINISTRATOR, "NotAdministrator"),
    "rotateMeter": (ADMINISTRATOR, "NotAdministrator"),
    "takeAdministration": (set(), "NotSuccessor"),
    "openSlot": (EDGE_SERVER, "SlotNotOverdue"),
    "openDiscriminatedSlot": (EDGE_SERVER, "NotEdgeServer"),
    "setBuyBackPrice": (EDGE_SERVER, "NotEdgeServer"),
    "withdraw": (EDGE_SERVER, "NotEdgeServer"),
    "buyToken": (USERS, "NotRegistered"),
    "redeem": (USERS, "NotRegistered"),
    "trade": (USERS, "NotRegistered"),
    "offer": ({"retailer"}, "NotRegistered"),
    "retract": (USERS, "NotRegistered"),
    "generation": (METER, "NotMeter"),
    "consumption": (METER, "NotMeter"),
}


@pytest.fixture
def staffed(trading: Market) -> Market:
    """With somebody in every role, and one that has none any more."""
    former = trading.meter_of(trading.prosumers[1])
    rotate = trading.etsc.rotate_meter(trading.prosumers[1].address, trading.chain.wallet().address)
    trading.chain.do(trading.administrator, rotate)
    trading.meters["former"] = former
    return trading


def wallet_of(market: Market, role: str) -> Wallet:
    return {
        "administrator": market.administrator,
        "edge server": market.edge_server,
        "prosumer": market.prosumer,
        "retailer": market.retailer,
        "meter": market.meter_of(market.retailer),
        "stranger": market.stranger,
        "ex-meter": market.meters["former"],
    }[role]


def call_of(market: Market, function: str) -> Call:
    etsc, fresh = market.etsc, market.chain.wallet().address
    user, server = market.prosumer.address, market.edge_server.address
    calls = {
        "offerAdministration": etsc.offer_administration(fresh),
        "takeAdministration": etsc.take_administration(),
        "pause": etsc.pause(),
        "unpause": etsc.unpause(),
        "empower": etsc.empower("fresh", fresh, True, True),
        "setRights": etsc.set_rights(user, True, True),
        "bindMeter": etsc.bind_meter(user, fresh),
        "rotateMeter": etsc.rotate_meter(user, fresh),
        "openSlot": etsc.open_slot(2, PRICE),
        "openDiscriminatedSlot": etsc.open_discriminated_slot(2, PRICE, {user: PRICE}),
        "setBuyBackPrice": etsc.set_buy_back_price(2),
        "withdraw": etsc.withdraw(),
        "buyToken": etsc.buy_token(server, 1, PRICE, PRICE),
        "redeem": etsc.redeem(server, 1, 0),
        "offer": etsc.offer(1),
        "retract": etsc.retract(),
        "trade": etsc.trade(market.retailer.address, 1),
        "generation": etsc.generation(20_000),
        "consumption": etsc.consumption(1),
    }
    return calls[function]


def test_every_function_that_not_everybody_may_call_is_tried() -> None:
    writing = {
        name for name, entry in ARTIFACT.functions.items() if entry["stateMutability"] not in ("view", "pure")
    }
    assert writing - {"relayReading"} == set(PERMITTED)


@pytest.mark.parametrize("function", PERMITTED)
def test_whoever_may_not_call_is_refused_by_name(staffed: Market, function: str) -> None:
    permitted, cause = PERMITTED[function]
    for role in set(ROLES) - permitted:
        caller = wallet_of(staffed, role)
        refusal = staffed.chain.refusal(caller, call_of(staffed, function))
        if function == "offer" and role == "prosumer":
            assert refusal.name == "NoGenRight", role
        else:
            assert refusal.name == cause, role
        if function != "openSlot":
            assert list(refusal.values.values()) == [caller.address], role


def test_a_user_without_the_right_to_trade_can_neither_buy_elecoins_nor_electricity(
    trading: Market,
) -> None:
    generator = trading.chain.wallet()
    trading.chain.do(trading.administrator, trading.etsc.empower("g", generator.address, True, False))
    for function in ("buyToken", "trade"):
        refusal = trading.chain.refusal(generator, call_of(trading, function))
        assert (refusal.name, refusal.values) == ("NoTransRight", {"account": generator.address})


def test_a_refused_transaction_changes_nothing_and_pays_its_gas(trading: Market) -> None:
    before = [trading.user(wallet) for wallet in trading.users]
    receipt = trading.chain.send(trading.stranger, trading.etsc.trade(trading.retailer.address, 1))[0]
    assert not receipt.ok
    assert receipt.gas_used > 21_000
    assert trading.events_in(receipt) == []
    assert [trading.user(wallet) for wallet in trading.users] == before


@pytest.mark.parametrize("data", [b"", b"\x12\x34\x56\x78", b"\0"])
@pytest.mark.parametrize("value", [0, 1])
def test_ether_and_calls_that_mean_nothing_are_refused(market: Market, data: bytes, value: int) -> None:
    refusal = market.chain.refusal(market.stranger, Call(market.etsc.address, data, value))
    assert refusal.name == ""


def test_only_buying_elecoins_takes_ether(staffed: Market) -> None:
    for function in sorted(set(PERMITTED) - {"buyToken"}):
        permitted, _ = PERMITTED[function]
        call = call_of(staffed, function)
        paid = Call(call.to, call.data, 1, call.gas)
        caller = wallet_of(staffed, min(permitted or {"stranger"}))
        assert staffed.chain.refusal(caller, paid).name == "", function
    relayed = staffed.etsc.relay_reading(staffed.signed_reading(staffed.retailer, 20_000, 1))
    paid = Call(relayed.to, relayed.data, 1, relayed.gas)
    assert staffed.chain.refusal(staffed.stranger, paid).name == ""
