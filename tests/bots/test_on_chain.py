"""Real bots on a real chain: they trade, survive being killed, and never buy twice."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from chain.rpc import block_number, nonce_of
from tests.bots.market_on_chain import (
    BOTS,
    GENERATION_WH,
    P_MIN,
    PROSUMERS,
    RETAILER,
    MarketOnChain,
    wait_until,
)

BEST_mE = round((100 / (0.3 * 27) - 0.6 / 0.1) * 1000)
BEST_Wh = BEST_mE * 1000 // 600
PRICE_WEI = 27 * 10**15


def test_a_campaign_is_played_to_its_end_and_a_killed_prosumer_never_buys_twice(
    market: MarketOnChain,
) -> None:
    for name in BOTS:
        market.prepare(name, slots=4)
        market.start(name)
    for slot in (2, 3):
        market.wait_for_signature("prosumer-1", slot)
        market.kill("prosumer-1")
        market.start("prosumer-1")
    codes = market.exit_codes()
    logs = "\n".join(market.log(name) for name in BOTS)
    assert set(codes.values()) == {0}, logs

    ledger = market.ledger()
    assert sorted(ledger) == [1, 2, 3, 4]
    for slot, record in ledger.items():
        assert record.price_wei_per_mE == PRICE_WEI
        for name in PROSUMERS:
            account = market.address(name).lower()
            assert record.bought_mE.get(account) == BEST_mE, f"{name} in slot {slot}\n{logs}"
            assert record.traded_Wh.get(account) == BEST_Wh, f"{name} in slot {slot}\n{logs}"
    for name in PROSUMERS:
        assert [event.slot for event in market.purchases(name)] == [1, 2, 3, 4]
        settled = market.journal(name, "settled")
        assert [(line["slot"], line["x_mE"], line["y_Wh"]) for line in settled] == [
            (slot, BEST_mE, BEST_Wh) for slot in (1, 2, 3, 4)
        ]
        user = market.ask(market.etsc.user(market.address(name)))
        assert (user.power, user.consumed, user.deficit) == (0, 4 * BEST_Wh, 0)
    assert [line["x_mE"] for line in market.journal("edge-server-1", "settled")] == [[BEST_mE] * 2] * 4
    retailer = market.ask(market.etsc.user(market.address(RETAILER)))
    assert retailer.generated == 5 * GENERATION_WH


def test_a_purchase_written_down_but_not_sent_is_sent_as_it_was_written(market: MarketOnChain) -> None:
    folder = market.prepare("prosumer-1", slots=2)
    market.send("edge-server-1", [market.etsc.open_slot(1, PRICE_WEI)])
    server = market.address("edge-server-1")
    written = market.sign("prosumer-1", market.etsc.buy_token(server, 1234, PRICE_WEI, PRICE_WEI))
    line = (
        f'{{"type": "signed", "contract": "{market.etsc.address.lower()}", "slot": 1, "action": "buy",'
        f' "nonce": {written.nonce}, "hash": "{written.hash}", "raw": "{written.raw}"}}\n'
    )
    (folder / "journal.jsonl").write_text(line + '{"type": "signed", "slot": 1, "act')  # cut off by a crash
    process = market.start("prosumer-1")
    wait_until(lambda: bool(market.purchases("prosumer-1")), "the purchase")
    wait_until(lambda: market.ask(market.etsc.slot()).number == 2, "the deadline of slot 1")
    wait_until(lambda: len(market.purchases("prosumer-1")) > 1, "the purchase of slot 2")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    first, second = market.purchases("prosumer-1")
    assert (first.slot, first.amount, first.tx_hash) == (1, 1234, written.hash)
    assert (second.slot, second.amount) == (2, BEST_mE)


def test_without_an_edge_server_prosumers_open_the_next_slot_at_the_old_price(market: MarketOnChain) -> None:
    for name in BOTS:
        market.prepare(name, slots=1 if name == "edge-server-1" else 2, dead_nodes=1)
        market.start(name)
    assert set(market.exit_codes().values()) == {0}, "\n".join(market.log(name) for name in BOTS)
    ledger = market.ledger()
    assert ledger[2].price_wei_per_mE == PRICE_WEI
    assert ledger[2].opened_at_block > ledger[1].opened_at_block + 8
    assert len(ledger[2].traded_Wh) == len(PROSUMERS)


def test_a_campaign_that_is_over_is_left_at_once(market: MarketOnChain) -> None:
    market.send("edge-server-1", [market.etsc.open_slot(slot, PRICE_WEI) for slot in (1, 2)])
    market.prepare("prosumer-1", slots=1)
    market.prepare("edge-server-1", slots=1)
    for name in ("prosumer-1", "edge-server-1"):
        market.start(name)
    assert market.exit_codes() == {"prosumer-1": 0, "edge-server-1": 0}
    assert [line["slot"] for line in market.journal("prosumer-1", "missed")] == [1]
    assert market.purchases("prosumer-1") == []


def test_an_account_without_ether_ends_its_bot_with_one_line(market: MarketOnChain) -> None:
    market.send("edge-server-1", [market.etsc.open_slot(1, PRICE_WEI)])
    folder = market.prepare("prosumer-1", slots=1)
    stranger = market.prepare("retailer-2", slots=1)  # never funded
    for file in ("keystore.json", "password"):
        (folder / file).write_bytes((stranger / file).read_bytes())
    assert market.start("prosumer-1").wait(30) == 1
    assert "insufficient funds" in market.log("prosumer-1").splitlines()[-1]


def test_what_a_retailer_earned_is_redeemed_once_a_slot_though_it_is_killed(market: MarketOnChain) -> None:
    for name in BOTS:
        market.prepare(name, slots=4)
        market.start(name)
    for slot in (2, 3):
        market.wait_for_signature(RETAILER, slot, "redeem")
        market.kill(RETAILER)
        market.start(RETAILER)
    assert set(market.exit_codes().values()) == {0}, "\n".join(market.log(name) for name in BOTS)
    earned_mE = sum(-(-BEST_Wh * 600 // 1000) for _ in PROSUMERS)
    redeemed = market.redemptions(RETAILER)
    assert [(event.amount, event.price) for event in redeemed] == [(earned_mE, P_MIN)] * 3
    signed = [line["slot"] for line in market.signed(RETAILER, "redeem")]
    assert signed == [2, 3, 4]
    # One that was killed before it was sent may be mined a slot later.
    assert all(event.slot >= slot for event, slot in zip(redeemed, signed, strict=True))
    assert market.ask(market.etsc.user(market.address(RETAILER))).coins == earned_mE
    posted = market.ask(market.etsc.events(0, "latest", "BuyBackPricePosted"))
    assert [event.price for event in posted] == [P_MIN]


def test_a_redemption_written_down_but_not_sent_is_sent_as_it_was_written(market: MarketOnChain) -> None:
    server = market.address("edge-server-1")
    price, amount = PRICE_WEI, 700
    market.send("edge-server-1", [market.etsc.set_buy_back_price(P_MIN), market.etsc.open_slot(1, price)])
    market.send(RETAILER, [market.etsc.buy_token(server, amount, price, price)])
    folder = market.prepare(RETAILER, slots=2)
    written = market.sign(RETAILER, market.etsc.redeem(server, 250, P_MIN))
    line = (
        f'{{"type": "signed", "contract": "{market.etsc.address.lower()}", "slot": 1, "action": "redeem",'
        f' "nonce": {written.nonce}, "hash": "{written.hash}", "raw": "{written.raw}"}}\n'
    )
    (folder / "journal.jsonl").write_text(line)
    market.start(RETAILER)
    wait_until(lambda: bool(market.redemptions(RETAILER)), "the redemption")
    market.send("edge-server-1", [market.etsc.open_slot(2, price)])
    wait_until(lambda: len(market.redemptions(RETAILER)) > 1, "the redemption of slot 2")
    first, second = market.redemptions(RETAILER)
    assert (first.slot, first.amount, first.tx_hash) == (1, 250, written.hash)
    assert (second.slot, second.amount) == (2, amount - 250)


@pytest.mark.parametrize("buy_back", [P_MIN, 0], ids=["with redemption", "without"])
def test_a_stock_for_two_slots_lasts_as_long_as_elecoins_come_back(
    make_market: Callable[..., MarketOnChain], buy_back: int
) -> None:
    slots = range(1, 6)
    market = make_market(total_mE=5 * BEST_mE)
    for name in BOTS:
        private = {"buy_back_wei_per_mE": buy_back} if name == "edge-server-1" else {}
        market.prepare(name, slots=len(slots), **private)
        market.start(name)
    logs = "\n".join(market.log(name) for name in BOTS)
    assert set(market.exit_codes().values()) == {0}, logs
    bought = {slot: sum(record.bought_mE.values()) for slot, record in market.ledger().items()}
    if buy_back:
        assert bought == dict.fromkeys(slots, 2 * BEST_mE), logs
        assert [event.slot for event in market.redemptions(RETAILER)] == [2, 3, 4, 5]
    else:
        assert bought == {1: 2 * BEST_mE, 2: 2 * BEST_mE, 3: BEST_mE, 4: 0, 5: 0}, logs
        assert market.redemptions(RETAILER) == []


def test_a_meter_s_reading_beyond_its_allowance_is_sent_in_parts_and_none_is_refused(
    make_market: Callable[..., MarketOnChain],
) -> None:
    market = make_market(meter_limit_Wh=GENERATION_WH // 25)
    name = f"meter-{RETAILER}"
    market.prepare(name, slots=1)
    market.start(name)
    retailer = market.etsc.user(market.address(RETAILER))
    sent_before = market.ask(nonce_of(market.address(name)))
    wait_until(lambda: market.ask(retailer).generated == GENERATION_WH, "the whole reading")
    readings = market.ask(market.etsc.events(0, "latest", "Generated"))
    assert len(readings) > 1
    assert market.ask(nonce_of(market.address(name))) - sent_before == len(readings)


def test_a_bot_whose_transaction_reverts_says_why(market: MarketOnChain) -> None:
    """Its right was taken away, which it does not look at."""
    account = market.address(RETAILER)
    market.send("administrator", [market.etsc.set_rights(account, False, True)])
    for name in (RETAILER, f"meter-{RETAILER}"):
        market.prepare(name, slots=1)
        market.start(name)
    wait_until(lambda: len(market.signed(RETAILER, "offer")) > 1, "the retailer to try again")
    reverted, again = market.signed(RETAILER, "offer")[:2]
    receipt = market.receipt(reverted["hash"])
    assert receipt["status"] == "0x0"
    block = int(receipt["blockNumber"], 16)
    line = f"slot=0 action=offer reverted in block {block}: ETSC refused: {account} may not offer electricity"
    wait_until(lambda: line in market.log(RETAILER), "the cause")
    market.send("administrator", [market.etsc.set_rights(account, True, True)])
    retailer = market.etsc.user(account)
    wait_until(lambda: market.ask(retailer).offered == GENERATION_WH, "the offer")
    assert again["nonce"] == reverted["nonce"] + 1
    # Each that was mined without effect is told once, and what had an effect is not told.
    receipts = [market.receipt(line["hash"]) for line in market.signed(RETAILER, "offer")]
    failed = [receipt for receipt in receipts if receipt["status"] == "0x0"]
    wait_until(lambda: market.log(RETAILER).count(" reverted in block ") == len(failed), "all causes")
    assert len(receipts) == len(failed) + 1


def test_while_the_market_is_paused_nobody_sends_and_then_it_goes_on(market: MarketOnChain) -> None:
    market.send("administrator", [market.etsc.pause()])
    before = [market.ask(nonce_of(market.address(name))) for name in BOTS]
    for name in BOTS:
        market.prepare(name, slots=2)
        market.start(name)
    waiting = ("edge-server-1", f"meter-{RETAILER}")
    wait_until(
        lambda: all(market.log(name).count("the market is paused") > 1 for name in waiting),
        "the bots that could act to see the pause",
    )
    head = market.ask(block_number())
    wait_until(lambda: market.ask(block_number()) > head + 1, "another two blocks")
    assert [market.ask(nonce_of(market.address(name))) for name in BOTS] == before
    market.send("administrator", [market.etsc.unpause()])
    assert set(market.exit_codes().values()) == {0}, "\n".join(market.log(name) for name in BOTS)
    assert len(market.ledger()[2].traded_Wh) == len(PROSUMERS)
