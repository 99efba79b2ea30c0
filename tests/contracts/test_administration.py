"""Who administers, how that is handed over, and what a pause stops."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chain.call import Call
from contracts.events import AdministrationOffered, AdministrationTaken
from contracts.reverts import MarketPaused
from tests.contracts.chain import Key
from tests.contracts.market import MIN_PRICE, NOBODY, PRICE, Market


def administrators(market: Market) -> tuple[str, str | None]:
    administrator, successor = market.chain.rpc.fetch_all(
        [market.etsc.administrator(), market.etsc.successor()]
    )
    return administrator, successor


def test_the_administration_is_handed_over_in_two_steps(market: Market) -> None:
    old, new = market.administrator, market.chain.wallet()
    receipt = market.chain.do(old, market.etsc.offer_administration(new.address))[0]
    (offered,) = market.events_in(receipt)
    assert isinstance(offered, AdministrationOffered)
    assert (offered.administrator, offered.successor) == (old.address, new.address)
    assert administrators(market) == (old.address, new.address)
    # Until it is taken, the old one administers and the new one does not.
    empower = market.etsc.empower("x", market.chain.wallet().address, True, True)
    assert market.chain.refusal(new, empower).name == "NotAdministrator"
    market.chain.do(old, empower)

    (taken,) = market.events_in(market.chain.do(new, market.etsc.take_administration())[0])
    assert isinstance(taken, AdministrationTaken)
    assert taken.administrator == new.address
    assert administrators(market) == (new.address, None)
    refusal = market.chain.refusal(old, market.etsc.pause())
    assert (refusal.name, refusal.values) == ("NotAdministrator", {"caller": old.address})
    market.chain.do(new, market.etsc.pause())
    # Whoever handed it over has no role any more and can be given one.
    market.chain.do(new, market.etsc.empower("former", old.address, True, True))


def test_an_offer_is_taken_back_or_made_to_somebody_else(market: Market) -> None:
    one, other = market.chain.wallet(), market.chain.wallet()
    market.chain.do(
        market.administrator,
        market.etsc.offer_administration(one.address),
        market.etsc.offer_administration(other.address),
    )
    refusal = market.chain.refusal(one, market.etsc.take_administration())
    assert (refusal.name, refusal.values) == ("NotSuccessor", {"caller": one.address})
    receipt = market.chain.do(market.administrator, market.etsc.offer_administration(NOBODY))[0]
    (taken_back,) = market.events_in(receipt)
    assert isinstance(taken_back, AdministrationOffered)
    assert taken_back.successor is None
    assert market.chain.refusal(other, market.etsc.take_administration()).name == "NotSuccessor"
    assert administrators(market) == (market.administrator.address, None)


def test_nobody_with_a_role_administers(market: Market) -> None:
    for wallet in (
        market.administrator,
        market.edge_server,
        market.prosumer,
        market.meter_of(market.prosumer),
    ):
        refusal = market.chain.refusal(market.administrator, market.etsc.offer_administration(wallet.address))
        assert (refusal.name, refusal.values) == ("RoleTaken", {"account": wallet.address})
    # Nor does who got one since the offer.
    late = market.chain.wallet()
    market.chain.do(
        market.administrator,
        market.etsc.offer_administration(late.address),
        market.etsc.empower("late", late.address, True, True),
    )
    refusal = market.chain.refusal(late, market.etsc.take_administration())
    assert (refusal.name, refusal.values) == ("RoleTaken", {"account": late.address})


@pytest.fixture
def paused(trading: Market) -> Market:
    """Everything could go on if it were not for the pause."""
    trading.chain.do(trading.edge_server, trading.etsc.set_buy_back_price(MIN_PRICE))
    trading.generate(trading.retailer, 12_000)
    (event,) = trading.events_in(trading.chain.do(trading.administrator, trading.etsc.pause())[0])
    assert event.name == "Paused"
    assert trading.chain.rpc.fetch(trading.etsc.paused())
    trading.chain.grow()
    return trading


# Who would be taken at his call if the market were not paused.
MOVES: dict[str, Callable[[Market], tuple[Key, Call]]] = {
    "openSlot": lambda m: (m.edge_server, m.etsc.open_slot(2, PRICE)),
    "openDiscriminatedSlot": lambda m: (m.edge_server, m.etsc.open_discriminated_slot(2, PRICE, {})),
    "setBuyBackPrice": lambda m: (m.edge_server, m.etsc.set_buy_back_price(1)),
    "buyToken": lambda m: (m.prosumer, m.etsc.buy_token(m.edge_server.address, 1, PRICE, PRICE)),
    "redeem": lambda m: (m.prosumer, m.etsc.redeem(m.edge_server.address, 1, 0)),
    "offer": lambda m: (m.retailer, m.etsc.offer(1)),
    "retract": lambda m: (m.retailer, m.etsc.retract()),
    "trade": lambda m: (m.prosumer, m.etsc.trade(m.retailer.address, 1)),
    "generation": lambda m: (m.meter_of(m.retailer), m.etsc.generation(13_000)),
    "consumption": lambda m: (m.meter_of(m.retailer), m.etsc.consumption(1)),
    "relayReading": lambda m: (m.stranger, m.etsc.relay_reading(m.signed_reading(m.retailer, 14_000, 2))),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_pause_stops_every_move_until_it_ends(paused: Market, move: str) -> None:
    mover, call = MOVES[move](paused)
    assert paused.chain.refusal(mover, call).name == "MarketPaused"
    before = [paused.user(user) for user in paused.users], [paused.server(s) for s in paused.edge_servers]
    assert not paused.chain.send(mover, call)[0].ok
    assert before == (
        [paused.user(user) for user in paused.users],
        [paused.server(server) for server in paused.edge_servers],
    )
    (event,) = paused.events_in(paused.chain.do(paused.administrator, paused.etsc.unpause())[0])
    assert event.name == "Unpaused"
    paused.chain.do(mover, call)


def test_a_qualification_is_refused_while_the_market_is_paused(paused: Market) -> None:
    check = paused.etsc.check_qualification(paused.prosumer.address, paused.retailer.address, 1)
    with pytest.raises(MarketPaused):
        paused.chain.rpc.fetch(check)
    with pytest.raises(MarketPaused):
        paused.chain.rpc.fetch_all([paused.etsc.paused(), check])


def test_withdrawals_and_the_administrators_calls_go_on_in_a_pause(paused: Market) -> None:
    etsc, newcomer = paused.etsc, paused.chain.wallet()
    paused.chain.do(paused.edge_server, etsc.withdraw())
    assert paused.server(paused.edge_server).credit == 0
    paused.chain.do(
        paused.administrator,
        etsc.empower("newcomer", newcomer.address, True, True),
        etsc.set_rights(newcomer.address, False, True),
        etsc.bind_meter(newcomer.address, paused.chain.wallet().address),
        etsc.rotate_meter(newcomer.address, paused.chain.wallet().address),
        etsc.offer_administration(paused.stranger.address),
    )
    paused.chain.do(paused.stranger, etsc.take_administration(), etsc.unpause())


def test_a_market_is_paused_once_and_unpaused_once(market: Market) -> None:
    assert market.chain.refusal(market.administrator, market.etsc.unpause()).name == "MarketNotPaused"
    market.chain.do(market.administrator, market.etsc.pause())
    assert market.chain.refusal(market.administrator, market.etsc.pause()).name == "MarketPaused"
