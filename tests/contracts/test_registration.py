"""Who may register whom, and what a deployment refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chain.call import Call
from chain.rpc import code_at
from contracts.artifact import ARTIFACT
from contracts.etsc import Terms, contract_address, deployment, is_deployed_code
from contracts.events import Empowered, RightsChanged
from errors import TestbedError
from tests.contracts.chain import Chain
from tests.contracts.market import NOBODY, PRICE, TERMS, TOTAL_ELECOINS, UNIT_POWER_PRICE, Market

UINT48_MAX = 2**48 - 1


def test_deployment_splits_the_stock_and_the_first_takes_the_remainder(market: Market) -> None:
    stocks = [market.server(wallet).stock for wallet in market.edge_servers]
    assert stocks == [333_333_335, 333_333_333, 333_333_333]
    assert sum(stocks) == TOTAL_ELECOINS
    rpc, etsc = market.chain.rpc, market.etsc
    assert rpc.fetch(etsc.administrator()) == market.administrator.address
    assert rpc.fetch(etsc.total_elecoins()) == TOTAL_ELECOINS
    assert rpc.fetch(etsc.unit_power_price()) == UNIT_POWER_PRICE
    assert rpc.fetch(etsc.terms()) == TERMS
    slot = market.slot()
    assert (slot.number, slot.opened_at_block) == (0, market.deployed.block)
    assert (slot.seller, slot.price) == (None, 0)


def test_a_contract_stands_where_its_deployer_and_nonce_say(market: Market) -> None:
    assert market.etsc.address == contract_address(market.administrator.address, 0)


def test_deployed_code_is_told_from_any_other(market: Market) -> None:
    code = market.chain.rpc.fetch(code_at(market.etsc.address))
    assert is_deployed_code(code)
    for place in (10, len(code) // 2, len(code) - 1):
        assert not is_deployed_code(code[:place] + bytes([code[place] ^ 1]) + code[place + 1 :])
    assert not is_deployed_code(code + b"\0")
    assert not is_deployed_code(b"")


def test_a_deployment_that_makes_no_sense_is_refused(chain: Chain) -> None:
    admin, server = chain.wallet(), chain.wallet().address
    deployer = chain.wallet()

    def refusal(
        administrator: str = admin.address,
        total: int = 1000,
        price: int = 600,
        servers: tuple[str, ...] = (server,),
        terms: Terms = TERMS,
    ) -> tuple[str, dict[str, object]]:
        revert = chain.refusal(deployer, deployment(administrator, total, price, servers, terms))
        return revert.name, revert.values

    assert refusal(administrator=NOBODY) == ("ZeroAddress", {})
    assert refusal(servers=()) == ("NoEdgeServers", {})
    assert refusal(servers=(NOBODY,)) == ("ZeroAddress", {})
    assert refusal(servers=(server, server)) == ("RoleTaken", {"account": server})
    assert refusal(servers=(admin.address,)) == ("RoleTaken", {"account": admin.address})
    assert refusal(price=0) == ("ZeroUnitPowerPrice", {})
    too_large = ("ValueTooLarge", {"value": 2**48, "limit": UINT48_MAX})
    assert refusal(total=2**48) == too_large
    assert refusal(price=2**48) == too_large
    assert refusal(terms=replace(TERMS, slot_deadline_blocks=2**48)) == too_large
    assert refusal(terms=replace(TERMS, meter_limit=2**48)) == too_large
    assert refusal(terms=replace(TERMS, meter_limit=0)) == ("ZeroMeterLimit", {})
    dear = {"value": 2**80, "limit": 2**80 - 1}
    assert refusal(terms=replace(TERMS, max_unit_price=2**80)) == ("ValueTooLarge", dear)
    for lowest in (0, TERMS.max_unit_price + 1):
        values = {"price": lowest, "lowest": 1, "highest": TERMS.max_unit_price}
        assert refusal(terms=replace(TERMS, min_unit_price=lowest)) == ("PriceOutOfBounds", values)


def test_an_empowered_user_starts_with_nothing(market: Market) -> None:
    user = market.user(market.retailer)
    assert user.name == "retailer-1"
    assert user.registered
    assert user.gen_right
    assert user.trans_right
    assert user.meter == market.meter_of(market.retailer).address
    assert (user.power, user.coins, user.generated, user.consumed, user.deficit, user.offered) == (0,) * 6
    prosumer = market.user(market.prosumer)
    assert (prosumer.gen_right, prosumer.trans_right) == (False, True)


def test_an_account_that_was_never_empowered_is_all_zero(market: Market) -> None:
    user = market.user(market.stranger)
    assert not user.registered
    assert (user.name, user.meter, user.power, user.coins) == ("", None, 0, 0)
    assert market.chain.rpc.fetch(market.etsc.meter(market.stranger.address)) is None
    assert not market.server(market.stranger).registered


def test_a_user_is_empowered_once(trading: Market) -> None:
    coins = trading.user(trading.prosumer).coins
    again = trading.etsc.empower("again", trading.prosumer.address, True, True)
    refusal = trading.chain.refusal(trading.administrator, again)
    assert (refusal.name, refusal.values) == ("RoleTaken", {"account": trading.prosumer.address})
    assert not trading.chain.send(trading.administrator, again)[0].ok
    assert trading.user(trading.prosumer).coins == coins > 0


def test_nobody_plays_two_roles(market: Market) -> None:
    etsc, administrator = market.etsc, market.administrator
    newcomer, user = market.chain.wallet(), market.chain.wallet()
    market.chain.do(administrator, etsc.empower("user", user.address, True, True))
    taken = [administrator, market.edge_server, market.prosumer, market.meter_of(market.prosumer)]
    for wallet in taken:
        refusal = market.chain.refusal(administrator, etsc.empower("x", wallet.address, True, True))
        assert (refusal.name, refusal.values) == ("RoleTaken", {"account": wallet.address})
        refusal = market.chain.refusal(administrator, etsc.bind_meter(user.address, wallet.address))
        assert (refusal.name, refusal.values) == ("RoleTaken", {"account": wallet.address})
    refusal = market.chain.refusal(administrator, etsc.bind_meter(user.address, user.address))
    assert (refusal.name, refusal.values) == ("RoleTaken", {"account": user.address})
    assert market.chain.refusal(administrator, etsc.empower("x", NOBODY, True, True)).name == "ZeroAddress"
    assert market.chain.refusal(administrator, etsc.bind_meter(user.address, NOBODY)).name == "ZeroAddress"
    unknown = market.chain.refusal(administrator, etsc.bind_meter(newcomer.address, user.address))
    assert (unknown.name, unknown.values) == ("NotRegistered", {"account": newcomer.address})


def test_a_meter_stays_with_its_user(market: Market) -> None:
    bound = market.meter_of(market.prosumer).address
    another = market.chain.wallet().address
    refusal = market.chain.refusal(
        market.administrator, market.etsc.bind_meter(market.prosumer.address, another)
    )
    assert refusal.name == "MeterAlreadyBound"
    assert refusal.values == {"account": market.prosumer.address, "meter": bound}
    record = market.chain.rpc.fetch(market.etsc.meter(bound))
    assert record is not None
    assert record.user == market.prosumer.address


def test_a_name_longer_than_the_chain_holds_is_refused_before_it_is_sent(market: Market) -> None:
    assert market.etsc.empower("ä" * 16, market.stranger.address, True, True).data
    with pytest.raises(TestbedError, match="33 bytes"):
        market.etsc.empower("ä" * 16 + "a", market.stranger.address, True, True)


@pytest.mark.parametrize("rights", [(False, False), (True, False), (False, True), (True, True)])
def test_rights_are_what_the_administrator_gave(market: Market, rights: tuple[bool, bool]) -> None:
    newcomer = market.chain.wallet()
    market.chain.do(market.administrator, market.etsc.empower("new", newcomer.address, *rights))
    user = market.user(newcomer)
    assert user.registered
    assert (user.gen_right, user.trans_right) == rights


def test_rights_are_taken_and_given_back_and_leave_the_balances(trading: Market) -> None:
    before = trading.user(trading.retailer)
    receipt = trading.chain.do(
        trading.administrator, trading.etsc.set_rights(trading.retailer.address, False, False)
    )[0]
    (event,) = trading.events_in(receipt)
    assert isinstance(event, RightsChanged)
    assert (event.user, event.gen_right, event.trans_right) == (trading.retailer.address, False, False)
    assert trading.user(trading.retailer) == replace(before, gen_right=False, trans_right=False)
    assert trading.chain.refusal(trading.retailer, trading.etsc.offer(1)).name == "NoGenRight"
    trade = trading.etsc.trade(trading.retailer.address, 1)
    assert trading.chain.refusal(trading.prosumer, trade).name == "NoGenRight"
    buy = trading.etsc.buy_token(trading.edge_server.address, 1, PRICE, PRICE)
    assert trading.chain.refusal(trading.retailer, buy).name == "NoTransRight"
    trading.generate(trading.retailer, 11_000)  # what is metered is metered all the same
    trading.chain.do(trading.administrator, trading.etsc.set_rights(trading.retailer.address, True, True))
    trading.trade(trading.prosumer, trading.retailer, 10_000)


def test_only_a_users_rights_are_changed(market: Market) -> None:
    for account in (market.stranger.address, market.edge_server.address, NOBODY):
        refusal = market.chain.refusal(market.administrator, market.etsc.set_rights(account, True, True))
        assert (refusal.name, refusal.values) == ("NotRegistered", {"account": account})


# Anything may stand in a name, because the contract takes any 32 bytes.
HOSTILE_NAMES = {
    "markup": b"<script>alert(1)</script>",
    "right to left": "\u202eabc\u2066".encode(),
    "control characters": b"\x1b[2J\r\n\t\x00\x07end",
    "no UTF-8": b"\xff\xfe\xc3\x28" * 8,
    "a character cut in two": ("a" * 31 + "\u00e4").encode()[:32],
    "surrogates": b"\xed\xa0\x80",
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
def test_a_hostile_name_is_read_back_as_text(market: Market, name: bytes) -> None:
    newcomer = market.chain.wallet()
    data = ARTIFACT.encode_call("empower", name, newcomer.address, True, True)
    receipt = market.chain.do(market.administrator, Call(market.etsc.address, data))[0]
    text = name.rstrip(b"\0").decode(errors="replace")
    text.encode()  # no lone surrogate: it can be written anywhere
    assert market.user(newcomer).name == text
    (event,) = market.events_in(receipt)
    assert isinstance(event, Empowered)
    assert event.user_name == text
