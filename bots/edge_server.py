"""The edge server that sells: opens each slot with a price once the last one is complete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bots.decision import Action, Decision
from bots.journal import Journal
from bots.ledger import Ledger, LedgerWindow, SlotRecord, ended_at, ledger_of
from bots.settings import Settings
from chain.rpc import Read
from contracts.etsc import EdgeServer as Till
from contracts.etsc import Etsc
from errors import TestbedError
from learning.policy import make_leader
from market.units import mE_to_elecoins, price_to_wei_per_mE, wei_per_mE_to_price
from market.utilities import server_utility

# Half of the wei that ETSC can credit. A purchase that would go beyond the whole is refused.
_MOST_CREDIT_WEI = 2**87


@dataclass(frozen=True)
class EdgeServerView:
    """The open slot and the ledger around it; what retailers offer; how long this bot has looked on; what
    ETSC holds of this edge server, and whether a buy-back price was ever signed in this campaign."""

    head: int
    slot: int
    slot_opened_at_block: int
    offered_Wh: int
    ledger: Ledger
    first_head: int
    closed_slots: frozenset[int]
    till: Till
    signed_buy_back: bool


class EdgeServer:
    def __init__(self, settings: Settings, etsc: Etsc, journal: Journal, address: str) -> None:
        private = settings.private
        self._settings = settings
        self._etsc = etsc
        self._journal = journal
        self._address = address
        self._window = LedgerWindow(etsc)
        self._policies = make_leader(
            private.sections("policies"), private.values, settings.seed, settings.name
        )
        self._prosumers = tuple(address.lower() for address in private.texts("prosumers"))
        if len(self._policies) not in (1, len(self._prosumers)):
            raise TestbedError(
                f"there are {len(self._policies)} policies: one is needed, or one for each of"
                f" {len(self._prosumers)} prosumers",
                where=settings.name,
            )
        self._retailers = private.texts("retailers")
        self._demand_Wh_per_slot = private.whole("demand_Wh_per_slot")
        self._k, self._Q = private.positive("k"), private.positive("Q")
        self._e_c, self._mining_utility = private.number("e_c"), private.number("mining_utility")
        self._buy_back_wei_per_mE = private.whole("buy_back_wei_per_mE")
        self._first_head: int | None = None

    def reads(self) -> list[Read[Any]]:
        offers = [self._etsc.user(retailer) for retailer in self._retailers]
        return [self._etsc.slot(), self._etsc.edge_server(self._address), *offers, self._window.read()]

    def play(self, head: int, answers: Sequence[Any]) -> Decision:
        slot, till, *users, events = answers
        ledger = ledger_of(events)
        closed = self._journal.closed_slots()
        oldest = min(self._settings.oldest_without(closed), slot.number - 1)
        self._window.narrow(ledger, slot.number, oldest, self._settings.confirmations)
        if self._first_head is None:
            self._first_head = head
        return self.decide(
            EdgeServerView(
                head=head,
                slot=slot.number,
                slot_opened_at_block=slot.opened_at_block,
                offered_Wh=sum(user.offered for user in users),
                ledger=ledger,
                first_head=self._first_head,
                closed_slots=closed,
                till=till,
                signed_buy_back=bool(self._journal.signed(self._settings.first_slot, "buy-back")),
            )
        )

    def decide(self, view: EdgeServerView) -> Decision:
        """Raises TestbedError where the campaign's first slot is not the next one to open."""
        results = tuple(self._results(view))
        closed = view.closed_slots | {result["slot"] for result in results}
        done = self._settings.oldest_without(closed) > self._settings.last_slot
        # All together with the slot's opening, so that nothing has to wait for the rest to be mined.
        actions = (*self._housekeeping(view), self._open(view)) if self._is_time(view) else ()
        return Decision(actions, results, done)

    def _housekeeping(self, view: EdgeServerView) -> Iterator[Action]:
        """The campaign's buy-back price, once, where ETSC has another; and the credit before it is full."""
        wanted = self._buy_back_wei_per_mE
        if view.till.buy_back_price != wanted and not view.signed_buy_back:
            yield Action(
                "buy-back",
                self._settings.first_slot,
                self._etsc.set_buy_back_price(wanted),
                {"price_wei_per_mE": wanted},
            )
        if view.till.credit > _MOST_CREDIT_WEI:
            yield Action("withdraw", view.slot, self._etsc.withdraw(), {"credit_wei": view.till.credit})

    def _is_time(self, view: EdgeServerView) -> bool:
        """Whether to open the next slot now."""
        settings = self._settings
        if view.slot < settings.first_slot - 1:
            raise TestbedError(
                f"first_slot = {settings.first_slot} is not the next slot: slot {view.slot} is open",
                where=settings.name,
            )
        if view.slot >= settings.last_slot:
            return False
        if view.slot < settings.first_slot:
            waited = view.head - view.first_head >= settings.wait_blocks
            return waited or view.offered_Wh >= self._demand_Wh_per_slot
        waited = view.head - view.slot_opened_at_block >= settings.wait_blocks
        return waited or self._complete(view, view.slot, view.head)

    def _complete(self, view: EdgeServerView, slot: int, block: int) -> bool:
        """Whether all whom this slot waits for have bought and traded by a block: those who acted in the slot
        before it, or everybody in the first slot and after one in which nobody acted."""
        record, before = view.ledger.get(slot), view.ledger.get(slot - 1)
        if record is None:
            return False
        awaited: Sequence[str] = ()
        if before is not None and slot > self._settings.first_slot:
            awaited = [prosumer for prosumer in self._prosumers if prosumer in before.bought_mE]
        return record.finished_by(awaited or self._prosumers, block)

    def _open(self, view: EdgeServerView) -> Action:
        record = view.ledger.get(view.slot) if self._settings.plays(view.slot) else None
        slot, seen = view.slot + 1, np.array(self._demands(record))
        prices = [policy.act(self._settings.relative(slot), seen) for policy in self._policies]
        wei_per_mE = [price_to_wei_per_mE(price) for price in prices]
        if len(prices) == 1:
            note = {"price": prices[0], "price_wei_per_mE": wei_per_mE[0]}
            return Action("open", slot, self._etsc.open_slot(slot, wei_per_mE[0]), note)
        own = dict(zip(self._prosumers, wei_per_mE, strict=True))
        # Whoever has no price of his own would be a stranger, and pays the highest.
        call = self._etsc.open_discriminated_slot(slot, max(wei_per_mE), own)
        return Action("open", slot, call, {"prices": prices, "prices_wei_per_mE": wei_per_mE})

    def _demands(self, record: SlotRecord | None) -> list[float]:
        """Elecoins that each prosumer bought, shape (N,); zeros where there was no slot."""
        bought = {} if record is None else record.bought_mE
        return [mE_to_elecoins(bought.get(prosumer, 0)) for prosumer in self._prosumers]

    def _results(self, view: EdgeServerView) -> Iterator[dict[str, Any]]:
        """A result for each slot in which nothing more can happen, once that is deep enough."""
        settings, deep = self._settings, view.head - self._settings.confirmations
        for slot in range(settings.first_slot, settings.last_slot + 1):
            record = view.ledger.get(slot)
            if record is None or slot in view.closed_slots:
                continue
            end = ended_at(view.ledger, slot, settings.last_slot, settings.wait_blocks)
            last_complete = slot == settings.last_slot and self._complete(view, slot, deep)
            if last_complete or (end is not None and end <= deep):
                yield self._result(record)

    def _result(self, record: SlotRecord) -> dict[str, Any]:
        price, demands = wei_per_mE_to_price(record.price_wei_per_mE), self._demands(record)
        prices = [wei_per_mE_to_price(record.price_for(prosumer)) for prosumer in self._prosumers]
        utility = server_utility(
            demands, prices, k=self._k, Q=self._Q, e_c=self._e_c, mining_utility=self._mining_utility
        )
        return {
            "type": "settled",
            "slot": record.slot,
            "price": price,
            "price_wei_per_mE": record.price_wei_per_mE,
            "x_mE": [record.bought_mE.get(prosumer, 0) for prosumer in self._prosumers],
            "utility": utility,
        }
