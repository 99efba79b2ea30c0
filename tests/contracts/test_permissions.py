"""Every function of ETSC, called by everybody who may not."""

from __future__ import annotations

import pytest

from chain.call import Call
from chain.wallet import Wallet
from tests.contracts.market import PRICE, Market

ROLES = ("administrator", "edge server", "prosumer", "retailer", "meter", "stranger")
OTHERS = {
    "empower": set(ROLES) - {"administrator"},
    "bindMeter": set(ROLES) - {"administrator"},
    "openSlot": set(ROLES) - {"edge server"},
    "buyToken": set(ROLES) - {"prosumer", "retailer"},
    "offer": set(ROLES) - {"retailer"},
    "trade": set(ROLES) - {"prosumer", "retailer"},
    "generation": set(ROLES) - {"meter"},
    "consumption": set(ROLES) - {"meter"},
    "withdraw": set(ROLES) - {"edge server"},
}
CAUSES = {
    "empower": "NotAdministrator",
    "bindMeter": "NotAdministrator",
    "openSlot": "SlotNotOverdue",
    "buyToken": "NotRegistered",
    "offer": "NotRegistered",
    "trade": "NotRegistered",
    "generation": "NotMeter",
    "consumption": "NotMeter",
    "withdraw": "NotEdgeServer",
}


def wallet_of(market: Market, role: str) -> Wallet:
    return {
        "administrator": market.administrator,
        "edge server": market.edge_server,
        "prosumer": market.prosumer,
        "retailer": market.retailer,
        "meter": market.meter_of(market.retailer),
        "stranger": market.stranger,
    }[role]


def call_of(market: Market, function: str) -> Call:
    etsc, fresh = market.etsc, market.chain.wallet().address
    calls = {
        "empower": etsc.empower("fresh", fresh, True, True),
        "bindMeter": etsc.bind_meter(market.prosumer.address, fresh),
        "openSlot": etsc.open_slot(2, PRICE),
        "buyToken": etsc.buy_token(market.edge_server.address, 1, PRICE, PRICE),
        "offer": etsc.offer(1),
        "trade": etsc.trade(market.retailer.address, 1),
        "generation": etsc.generation(20_000),
        "consumption": etsc.consumption(1),
        "withdraw": etsc.withdraw(),
    }
    return calls[function]


@pytest.mark.parametrize("function", OTHERS)
def test_whoever_may_not_call_is_refused_by_name(trading: Market, function: str) -> None:
    for role in sorted(OTHERS[function]):
        caller = wallet_of(trading, role)
        refusal = trading.chain.refusal(caller, call_of(trading, function))
        if function == "offer" and role == "prosumer":
            assert refusal.name == "NoGenRight", role
        else:
            assert refusal.name == CAUSES[function], role
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


def test_only_buying_elecoins_takes_ether(trading: Market) -> None:
    for function in sorted(set(OTHERS) - {"buyToken"}):
        call = call_of(trading, function)
        role = min(set(ROLES) - OTHERS[function])
        paid = Call(call.to, call.data, 1, call.gas)
        assert trading.chain.refusal(wallet_of(trading, role), paid).name == "", function
