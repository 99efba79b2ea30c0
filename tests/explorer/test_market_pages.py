"""Prices of single prosumers, buy-backs, meters, rights and the pause, as a reader of the pages sees them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from chain.rpc import HttpRpc
from chain.wallet import Wallet
from contracts.readings import Reading, sign_reading
from market.units import price_to_wei_per_mE
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import CHAIN_ID, RICH, GethNode, genesis
from tests.explorer.running import Explorer
from tests.explorer.test_pages import words
from tests.explorer.trading_town import ADMINISTRATOR, EDGE_SERVER, Q_MILLI, Town, meter_of

_NEW_METER_KEY = keccak(text="a key for the explorer's tests only: new meter")
NEW_METER = Wallet(_NEW_METER_KEY)
SUCCESSOR = RICH[10]
_DEADLINE = 4_102_444_799  # the last second of the year 2099


@dataclass
class EventfulTown:
    """A market in which everything has happened that ETSC has an event for; its newest slot is 2, in which
    the edge server asks 31 ether of prosumer-1, 22 of prosumer-2 and 27 of everybody else."""

    town: Town
    hashes: dict[str, str]


def ether(price: float) -> int:
    return price_to_wei_per_mE(price)


@pytest.fixture(scope="module")
def eventful() -> Iterator[EventfulTown]:
    with tempfile.TemporaryDirectory(prefix="evt-") as directory:  # short: a socket's path is limited
        node = GethNode.create(Path(directory) / "node", genesis())
        try:
            node.start()
            yield _play(Town.found(node))
        finally:
            node.stop()


def _play(town: Town) -> EventfulTown:
    node, etsc = town.node, town.etsc
    (retailer,), (_, second, third) = town.retailers, town.prosumers
    server = EDGE_SERVER.address
    node.send(EDGE_SERVER, etsc.set_buy_back_price(ether(8.5)))
    own_before = etsc.open_discriminated_slot(1, ether(27), {third.address: ether(44)})
    own = {town.prosumers[0].address: ether(31), second.address: ether(22)}
    opened = etsc.open_discriminated_slot(2, ether(27), own)
    _, discriminated = node.send(EDGE_SERVER, own_before, opened)
    node.send(meter_of(0), etsc.generation(900_000))
    node.send(retailer, etsc.offer(600_000))
    buy = etsc.buy_token(server, 6_000, ether(22), ether(22))
    node.send(second, buy, etsc.trade(retailer.address, 6_000 * 1000 // Q_MILLI))
    redeemed, _ = node.send(retailer, etsc.redeem(server, 2_000, ether(8)), etsc.retract())
    node.send(ADMINISTRATOR, etsc.rotate_meter(retailer.address, NEW_METER.address))
    reading = Reading(NEW_METER.address, retailer.address, 950_000, 0, _DEADLINE)
    signed = sign_reading(_NEW_METER_KEY, reading, etsc.address, CHAIN_ID)
    (relayed,) = node.send(RICH[11], etsc.relay_reading(signed))
    node.send(
        ADMINISTRATOR,
        etsc.set_rights(third.address, False, True),
        etsc.offer_administration(SUCCESSOR.address),
        etsc.offer_administration("0x" + "00" * 20),
        etsc.pause(),
    )
    return EventfulTown(town, {"opened": discriminated, "redeemed": redeemed, "relayed": relayed})


@pytest.fixture
def explorer(eventful: EventfulTown, make_explorer: ExplorerMaker) -> Explorer:
    accounts = [
        *eventful.town.accounts(),
        {"address": NEW_METER.address, "name": "new-meter", "role": "meter"},
        {"address": SUCCESSOR.address, "name": "successor", "role": "somebody"},
    ]
    explorer = make_explorer(eventful.town.node, contract=eventful.town.etsc.address, accounts=accounts)
    explorer.wait_for(eventful.town.node)
    return explorer


def text_of(explorer: Explorer, path: str) -> str:
    """What a reader sees, with names alone where an address stands beside one."""
    return re.sub(r" 0x\w+(…\w+)?", "", words(explorer.get(path).text))


@pytest.mark.parametrize(
    "sentence",
    [
        "the market was set up with 1,000,000 elecoins and electricity at 0.6 elecoins/kWh",
        "administrator took over the administration",
        "administrator offered the administration to successor",
        "administrator offered the administration to nobody",
        "the market was paused",
        "prosumer-3 may offer: no, buy: yes",
        "new-meter took the place of meter-retailer-1 as the meter of retailer-1",
        "edge-server-1 pays 8.5 ether/elecoin for elecoins",
        "slot 2 opened by edge-server-1 at 27 ether/elecoin",
        "edge-server-1 asks 27 ether/elecoin in slot 2",
        "edge-server-1 asks 22 ether/elecoin of prosumer-2 in slot 2",
        "retailer-1 sold 2 elecoins back to edge-server-1 at 8.5 ether/elecoin",
        "retailer-1 took 590 kWh off sale",
    ],
)
def test_every_event_is_told_in_a_sentence(explorer: Explorer, eventful: EventfulTown, sentence: str) -> None:
    rows = explorer.rows(
        "SELECT DISTINCT t.hash FROM logs l JOIN transactions t ON t.id = (l.id >> 20 << 20) + l.position "
        "WHERE l.address = ?",
        bytes.fromhex(eventful.town.etsc.address[2:]),
    )
    assert any(sentence in text_of(explorer, "/tx/0x" + row["hash"].hex()) for row in rows)


def test_the_prices_of_single_prosumers_are_shown_in_the_call_that_set_them(
    explorer: Explorer, eventful: EventfulTown
) -> None:
    text = text_of(explorer, "/tx/" + eventful.hashes["opened"])
    assert "openDiscriminatedSlot number 2 price 27 ether/elecoin own prices" in text
    assert "prosumer-1 31 ether/elecoin prosumer-2 22 ether/elecoin" in text


def test_a_redemption_shows_its_call_and_what_was_paid(explorer: Explorer, eventful: EventfulTown) -> None:
    text = text_of(explorer, "/tx/" + eventful.hashes["redeemed"])
    assert "redeem edge server addr edge-server-1 amount 2 elecoins min price 8 ether/elecoin" in text


def test_a_relayed_reading_shows_what_the_meter_signed(explorer: Explorer, eventful: EventfulTown) -> None:
    page = words(explorer.get("/tx/" + eventful.hashes["relayed"]).text)
    text = text_of(explorer, "/tx/" + eventful.hashes["relayed"])
    assert (
        "relayReading meter new-meter generated 950 kWh consumed 0 kWh deadline 2099-12-31 23:59:59" in text
    )
    assert re.search(r" r 0x[0-9a-f]{64} s 0x[0-9a-f]{64} ", page)


def test_an_edge_servers_page_shows_its_prices_its_buy_back_price_and_its_reserve(
    explorer: Explorer, eventful: EventfulTown
) -> None:
    text = text_of(explorer, "/address/" + EDGE_SERVER.address)
    assert "Its price 27 ether/elecoin for whoever has none of his own" in text
    own = "Single prosumers' prices prosumer-1 31 ether/elecoin prosumer-2 22 ether/elecoin Buys"
    assert own in text  # and not prosumer-3's 44 of the slot before
    assert "Buys elecoins back at 8.5 ether/elecoin" in text
    assert "Reserve for buying back 40 ether" in text  # 6 elecoins sold, 2 bought back, at 10
    with HttpRpc(eventful.town.node.rpc_url) as rpc:
        server = rpc.fetch(eventful.town.etsc.edge_server(EDGE_SERVER.address))
    assert server.reserve == 40 * 10**18


def test_a_meters_page_shows_its_user_and_what_its_readings_may_rise_by(
    explorer: Explorer, eventful: EventfulTown
) -> None:
    with HttpRpc(eventful.town.node.rpc_url) as rpc:
        meter = rpc.fetch(eventful.town.etsc.meter(NEW_METER.address))
    assert meter is not None
    assert meter.generation_allowance < meter.consumption_allowance
    text = text_of(explorer, "/address/" + NEW_METER.address)
    assert "Meter of retailer-1" in text
    allowed = [f"{Wh / 1000:,g} kWh" for Wh in (meter.generation_allowance, meter.consumption_allowance)]
    assert f"Its next reading may rise by {allowed[0]} generated, {allowed[1]} consumed" in text
    assert "Meter of" not in text_of(explorer, "/address/" + meter_of(0).address)


def test_the_overview_shows_who_administers_and_whether_the_market_is_paused(
    explorer: Explorer, eventful: EventfulTown
) -> None:
    town = eventful.town
    assert "ETSC paused" in text_of(explorer, "/")
    assert "Administrator administrator" in text_of(explorer, "/")
    assert "The administrator has paused the market" in text_of(explorer, "/")
    town.node.send(ADMINISTRATOR, town.etsc.unpause(), town.etsc.offer_administration(SUCCESSOR.address))
    town.node.send(SUCCESSOR, town.etsc.take_administration())
    explorer.wait_for(town.node)
    assert "paused" not in text_of(explorer, "/")
    assert "Administrator successor" in text_of(explorer, "/")
    town.node.send(SUCCESSOR, town.etsc.pause(), town.etsc.offer_administration(ADMINISTRATOR.address))
    town.node.send(ADMINISTRATOR, town.etsc.take_administration())


def test_a_seller_that_posts_late_in_its_slot_is_shown_at_that_price(
    eventful: EventfulTown, make_explorer: ExplorerMaker, explorer: Explorer
) -> None:
    town = eventful.town
    town.node.send(ADMINISTRATOR, town.etsc.unpause())
    for _ in range(21):  # the deadline is 20 blocks
        town.node.grow(1, RICH[20])
    town.node.send(RICH[20], town.etsc.open_slot(3, 0))
    explorer.wait_for(town.node)
    assert "Price 27.0000 ether per elecoin" in text_of(explorer, "/") or "27 ether per" in text_of(
        explorer, "/"
    )
    town.node.send(EDGE_SERVER, town.etsc.open_slot(3, ether(33)))
    explorer.wait_for(town.node)
    assert "Price 33 ether per elecoin" in text_of(explorer, "/")
    assert "Single prosumers' prices" not in text_of(explorer, "/address/" + EDGE_SERVER.address)
