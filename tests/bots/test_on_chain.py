"""Real bots on a real chain: they trade, survive being killed, and never buy twice."""

from __future__ import annotations

import signal

from tests.bots.market_on_chain import BOTS, PROSUMERS, RETAILER, MarketOnChain, wait_until

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
    assert retailer.generated == 5 * 50_000


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
