"""The edge server opens the next slot when the last one is complete, and waits for nobody for ever."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bots.edge_server import EdgeServer, EdgeServerView
from bots.journal import Journal
from bots.ledger import SlotRecord
from contracts.etsc import Etsc
from errors import TestbedError
from market.utilities import server_utility
from tests.bots.helpers import ALICE, BOB, CONTRACT, EDGE_SERVER, PRICE, record, settings

ETSC = Etsc(CONTRACT)


@pytest.fixture
def edge_server(tmp_path: Path) -> EdgeServer:
    return EdgeServer(
        settings("edge-server", EDGE_SERVER), ETSC, Journal(tmp_path / "journal.jsonl", CONTRACT)
    )


def view(slot: int, head: int, *records: SlotRecord, **changes: Any) -> EdgeServerView:
    opened_at = next((r.opened_at_block for r in records if r.slot == slot), 0)
    seen = EdgeServerView(head, slot, opened_at, 100_000, {r.slot: r for r in records}, 1, frozenset())
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
    assert result["utility"] == server_utility([5.0, 6.0], 27.0, k=8, Q=0.6, e_c=0, mining_utility=108)


def test_a_campaign_that_does_not_follow_the_open_slot_is_refused(edge_server: EdgeServer) -> None:
    with pytest.raises(TestbedError, match="first_slot = 3 is not the next slot: slot 1 is open"):
        edge_server.decide(view(1, 10))


def test_a_random_price_differs_by_slot_and_not_by_restart(tmp_path: Path) -> None:
    private = EDGE_SERVER | {"policy": {"name": "random"}}

    def prices() -> list[int]:
        server = EdgeServer(
            settings("edge-server", private), ETSC, Journal(tmp_path / "journal.jsonl", CONTRACT)
        )
        done = {ALICE: 6000, BOB: 6000}
        views = (view(2, 5), view(3, 11, record(3, 10, done)))
        return [server.decide(seen).actions[0].note["price_wei_per_mE"] for seen in views]

    first, second = prices()
    assert first != second
    assert prices() == [first, second]
