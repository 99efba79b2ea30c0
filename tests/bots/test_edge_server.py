"""The edge server opens the next slot when the last one is complete, and waits for nobody for ever."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bots.edge_server import EdgeServer, EdgeServerView
from bots.journal import Journal
from bots.ledger import SlotRecord
from contracts.etsc import Etsc, Slot
from errors import TestbedError
from market.utilities import server_utility
from tests.bots.helpers import (
    ALICE,
    BOB,
    CONTRACT,
    EDGE_SERVER,
    P_MIN,
    PRICE,
    SELLER,
    record,
    settings,
    till,
    user,
)

ETSC = Etsc(CONTRACT)


@pytest.fixture
def edge_server(tmp_path: Path) -> EdgeServer:
    return edge_server_of(tmp_path)


def edge_server_of(tmp_path: Path, **private: Any) -> EdgeServer:
    journal = Journal(tmp_path / "journal.jsonl", CONTRACT)
    return EdgeServer(settings("edge-server", EDGE_SERVER | private), ETSC, journal, SELLER)


def view(slot: int, head: int, *records: SlotRecord, **changes: Any) -> EdgeServerView:
    opened_at = next((r.opened_at_block for r in records if r.slot == slot), 0)
    seen = EdgeServerView(
        head=head,
        slot=slot,
        slot_opened_at_block=opened_at,
        offered_Wh=100_000,
        ledger={r.slot: r for r in records},
        first_head=1,
        closed_slots=frozenset(),
        till=till(),
        signed_buy_back=False,
    )
    return dataclasses.replace(seen, **changes)


def test_the_first_slot_waits_for_offers_that_cover_it(edge_server: EdgeServer) -> None:
    assert edge_server.decide(view(2, 3, offered_Wh=49_999)).actions == ()
    (action,) = edge_server.decide(view(2, 3, offered_Wh=50_000)).actions
    assert action.call == ETSC.open_slot(3, PRICE)


def test_offers_that_never_come_delay_the_first_slot_by_the_blocks_of_patience_only(
    edge_server: EdgeServer,
) -> None:
    assert edge_server.decide(view(2, 4, offered_Wh=0, first_head=1)).actions == ()
    assert edge_server.decide(view(2, 5, offered_Wh=0, first_head=1)).actions


def test_the_next_slot_opens_once_all_bought_and_traded(edge_server: EdgeServer) -> None:
    (action,) = edge_server.decide(view(3, 11, record(3, 10, {ALICE: 6000, BOB: 6000}))).actions
    assert action.call == ETSC.open_slot(4, PRICE)


@pytest.mark.parametrize(
    "incomplete",
    [
        record(3, 10, {ALICE: 6000}),
        record(3, 10, {ALICE: 6000, BOB: 6000}, {ALICE: 10_000}),
    ],
    ids=["one did not buy", "one did not trade"],
)
def test_an_incomplete_slot_is_waited_for_and_then_left_behind(
    edge_server: EdgeServer, incomplete: SlotRecord
) -> None:
    assert edge_server.decide(view(3, 13, incomplete)).actions == ()
    assert edge_server.decide(view(3, 14, incomplete)).actions


def test_buying_nothing_is_an_action_too(edge_server: EdgeServer) -> None:
    assert edge_server.decide(view(3, 11, record(3, 10, {ALICE: 0, BOB: 6000}))).actions


def test_who_did_not_act_in_the_last_slot_is_not_waited_for(edge_server: EdgeServer) -> None:
    without_bob = (record(3, 10, {ALICE: 6000}), record(4, 14, {ALICE: 6000}))
    assert edge_server.decide(view(4, 15, *without_bob)).actions


def test_who_returns_is_waited_for_again(edge_server: EdgeServer) -> None:
    bob_is_back = (record(3, 10, {ALICE: 6000, BOB: 6000}), record(4, 14, {ALICE: 6000}))
    assert edge_server.decide(view(4, 15, *bob_is_back)).actions == ()


def test_after_a_slot_in_which_nobody_acted_all_are_waited_for(edge_server: EdgeServer) -> None:
    assert edge_server.decide(view(4, 15, record(3, 10, {}), record(4, 14, {}))).actions == ()


def test_the_campaign_s_first_slot_waits_for_all_whatever_came_before_it(edge_server: EdgeServer) -> None:
    before = record(2, 5, {ALICE: 6000})
    assert edge_server.decide(view(3, 11, before, record(3, 10, {ALICE: 6000}))).actions == ()


def test_a_slot_that_somebody_else_opened_is_gone_on_from(edge_server: EdgeServer) -> None:
    done = {ALICE: 6000, BOB: 6000}
    (action,) = edge_server.decide(view(4, 31, record(3, 10, done), record(4, 30, done))).actions
    assert action.slot == 5


def test_the_last_slot_is_followed_by_none(edge_server: EdgeServer) -> None:
    last = record(5, 20, {ALICE: 6000, BOB: 6000})
    assert edge_server.decide(view(5, 99, last)).actions == ()


def test_it_is_done_when_the_last_slot_is_complete_and_deep(edge_server: EdgeServer) -> None:
    last = record(5, 20, {ALICE: 6000, BOB: 6000})
    closed = frozenset({3, 4})
    assert not edge_server.decide(view(5, 23, last, closed_slots=closed)).done
    decision = edge_server.decide(view(5, 24, last, closed_slots=closed))
    assert decision.done
    assert [result["slot"] for result in decision.results] == [5]


def test_it_is_done_when_the_last_slot_was_waited_for_in_vain(edge_server: EdgeServer) -> None:
    last = record(5, 20, {ALICE: 6000})
    closed = frozenset({3, 4})
    assert not edge_server.decide(view(5, 26, last, closed_slots=closed)).done
    assert edge_server.decide(view(5, 27, last, closed_slots=closed)).done


def test_a_slot_s_result_is_equation_2_of_what_was_settled(edge_server: EdgeServer) -> None:
    records = (record(3, 10, {BOB: 6000, ALICE: 5000}), record(4, 12, {}))
    (result,) = edge_server.decide(view(4, 15, *records)).results
    assert result["x_mE"] == [5000, 6000]
    assert result["utility"] == server_utility(
        [5.0, 6.0], [27.0, 27.0], k=8, Q=0.6, e_c=0, mining_utility=108
    )


def test_a_campaign_that_does_not_follow_the_open_slot_is_refused(edge_server: EdgeServer) -> None:
    with pytest.raises(TestbedError, match="first_slot = 3 is not the next slot: slot 1 is open"):
        edge_server.decide(view(1, 10))


def test_a_random_price_differs_by_slot_and_not_by_restart(tmp_path: Path) -> None:
    def prices() -> list[int]:
        server = edge_server_of(tmp_path, policies=[{"name": "random"}])
        done = {ALICE: 6000, BOB: 6000}
        views = (view(2, 5), view(3, 11, record(3, 10, done)))
        return [server.decide(seen).actions[0].note["price_wei_per_mE"] for seen in views]

    first, second = prices()
    assert first != second
    assert prices() == [first, second]


def test_its_buy_back_price_is_posted_together_with_its_first_slot(edge_server: EdgeServer) -> None:
    seen = view(2, 3, till=till(buy_back_price=0))
    assert edge_server.decide(dataclasses.replace(seen, offered_Wh=0)).actions == ()
    post, opening = edge_server.decide(seen).actions
    assert (post.name, post.slot, post.call) == ("buy-back", 3, ETSC.set_buy_back_price(P_MIN))
    assert opening.call == ETSC.open_slot(3, PRICE)


def test_a_buy_back_price_is_posted_once_and_not_where_the_chain_has_it(edge_server: EdgeServer) -> None:
    other = till(buy_back_price=7)
    assert [action.name for action in edge_server.decide(view(2, 3, till=till())).actions] == ["open"]
    assert len(edge_server.decide(view(2, 3, till=other)).actions) == 2
    assert len(edge_server.decide(view(2, 3, till=other, signed_buy_back=True)).actions) == 1


def test_an_edge_server_that_buys_nothing_back_says_so_where_it_did_before(tmp_path: Path) -> None:
    none = edge_server_of(tmp_path, buy_back_wei_per_mE=0)
    assert none.decide(view(2, 3, till=till())).actions[0].call == ETSC.set_buy_back_price(0)
    assert len(none.decide(view(2, 3, till=till(buy_back_price=0))).actions) == 1


def test_what_it_signed_of_its_buy_back_price_is_found_after_a_restart(tmp_path: Path) -> None:
    answers = [Slot(2, 1, SELLER, PRICE), till(buy_back_price=0), user(), user(offered=50_000), []]
    journal = Journal(tmp_path / "journal.jsonl", CONTRACT)
    for expected in (["buy-back", "open"], ["open"]):
        server = edge_server_of(tmp_path)
        actions = server.play(3, answers).actions
        assert [action.name for action in actions] == expected
        lines = [{"slot": a.slot, "action": a.name, "nonce": 1, "hash": "0x", "raw": "0x"} for a in actions]
        journal.append([{"type": "signed", **line} for line in lines])


def test_its_credit_is_withdrawn_before_it_is_full(edge_server: EdgeServer) -> None:
    assert len(edge_server.decide(view(2, 3, till=till(credit=2**87))).actions) == 1
    withdrawal, opening = edge_server.decide(view(2, 3, till=till(credit=2**87 + 1))).actions
    assert withdrawal.call == ETSC.withdraw()
    assert opening.name == "open"


def test_a_price_for_each_prosumer_is_posted_with_its_address(tmp_path: Path) -> None:
    specs = [{"name": "constant", "action": price} for price in (30.0, 20.0)]
    server = edge_server_of(tmp_path, policies=specs)
    (action,) = server.decide(view(3, 11, record(3, 10, {ALICE: 6000, BOB: 6000}))).actions
    own = {ALICE: 30 * 10**15, BOB: 20 * 10**15}
    assert action.call == ETSC.open_discriminated_slot(4, 30 * 10**15, own)


def test_its_utility_has_what_each_prosumer_paid(tmp_path: Path) -> None:
    server = edge_server_of(tmp_path)
    seen = record(3, 10, {ALICE: 5000, BOB: 6000})
    seen.paid_wei_per_mE.update({ALICE: 30 * 10**15, BOB: 20 * 10**15})
    (result,) = server.decide(view(4, 20, seen, record(4, 12, {}))).results
    assert result["utility"] == server_utility(
        [5.0, 6.0], [30.0, 20.0], k=8, Q=0.6, e_c=0, mining_utility=108
    )


def test_other_than_one_policy_or_one_for_each_prosumer_is_refused(tmp_path: Path) -> None:
    specs = [{"name": "random"}] * 3
    with pytest.raises(TestbedError, match="there are 3 policies"):
        edge_server_of(tmp_path, policies=specs)
