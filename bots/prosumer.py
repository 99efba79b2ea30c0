"""The prosumer: sees a price, buys elecoins and trades them for electricity, once in each slot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bots.decision import Action, Decision
from bots.journal import Journal
from bots.ledger import Ledger, LedgerWindow, SlotRecord, ended_at, ledger_of
from bots.settings import Settings
from chain.rpc import Read
from contracts.etsc import Etsc
from learning.draws import generator
from learning.policy import make_policy
from market.daily import in_slot
from market.units import (
    Q_to_mE_per_kWh,
    Wh_to_kWh,
    elecoins_to_mE,
    mE_to_elecoins,
    mE_to_Wh,
    wei_per_mE_to_price,
)
from market.utilities import delivered_utility


@dataclass(frozen=True)
class ProsumerView:
    """The open slot, the ledger around it, the offers, and what this bot's journal says of itself."""

    head: int
    slot: int
    slot_opened_at_block: int
    seller: str
    price_wei_per_mE: int
    """What this prosumer pays now."""
    ledger: Ledger
    offered_Wh: Mapping[str, int]
    signed_purchase: bool
    """Whether a purchase for this slot was ever signed: it is never signed a second time."""
    tried_retailers: tuple[str, ...]
    closed_slots: frozenset[int]


class Prosumer:
    def __init__(self, settings: Settings, etsc: Etsc, journal: Journal, address: str) -> None:
        private = settings.private
        self._settings = settings
        self._etsc = etsc
        self._journal = journal
        self._address = address.lower()
        self._window = LedgerWindow(etsc)
        self._policy = make_policy(
            "prosumer",
            private.section("policy").values,
            private.values,
            settings.seed,
            settings.name,
        )
        self._theta, self._eta, self._w = (private.positive(key) for key in ("theta", "eta", "w"))
        self._loads = private.numbers("loads")
        self._Q_mE_per_kWh = Q_to_mE_per_kWh(private.positive("Q"))
        self._edge_server = private.text("edge_server")
        self._retailers = private.texts("retailers")
        # Each prosumer has its own deadline, so that one of them opens the slot and not all.
        self._patience_blocks = private.whole("patience_blocks", 1) + private.whole("index")

    def reads(self) -> list[Read[Any]]:
        offers = [self._etsc.user(retailer) for retailer in self._retailers]
        price = self._etsc.price_for(self._edge_server, self._address)
        return [self._etsc.slot(), price, *offers, self._window.read()]

    def play(self, head: int, answers: Sequence[Any]) -> Decision:
        slot, price, *users, events = answers
        ledger = ledger_of(events)
        closed = self._journal.closed_slots()
        self._window.narrow(
            ledger, slot.number, self._settings.oldest_without(closed), self._settings.confirmations
        )
        trades = self._journal.signed(slot.number, "trade")
        return self.decide(
            ProsumerView(
                head=head,
                slot=slot.number,
                slot_opened_at_block=slot.opened_at_block,
                seller=slot.seller,
                price_wei_per_mE=price,
                ledger=ledger,
                offered_Wh={
                    retailer: user.offered for retailer, user in zip(self._retailers, users, strict=True)
                },
                signed_purchase=bool(self._journal.signed(slot.number, "buy")),
                tried_retailers=tuple(line["retailer"] for line in trades),
                closed_slots=closed,
            )
        )

    def decide(self, view: ProsumerView) -> Decision:
        results = tuple(self._results(view))
        closed = view.closed_slots | {result["slot"] for result in results}
        done = self._settings.oldest_without(closed) > self._settings.last_slot
        return Decision(tuple(self._actions(view)), results, done)

    def _actions(self, view: ProsumerView) -> Iterator[Action]:
        if not self._settings.plays(view.slot) or self._settings.is_over(
            view.slot, view.slot_opened_at_block, view.head
        ):
            return
        if (
            view.slot < self._settings.last_slot
            and view.head >= view.slot_opened_at_block + self._patience_blocks
        ):
            yield Action(
                "open",
                view.slot + 1,
                self._etsc.open_slot(view.slot + 1, view.price_wei_per_mE),
                {"price_wei_per_mE": view.price_wei_per_mE},
            )
            return
        record = view.ledger.get(view.slot)
        bought_mE = None if record is None else record.bought_mE.get(self._address)
        if bought_mE is not None and record is not None:
            if not record.finished(self._address):
                yield from self._trade(view, mE_to_Wh(bought_mE, self._Q_mE_per_kWh))
        elif not view.signed_purchase:
            yield from self._buy(view)

    def _buy(self, view: ProsumerView) -> Iterator[Action]:
        price = wei_per_mE_to_price(view.price_wei_per_mE)
        x = self._policy.act(self._settings.relative(view.slot), np.array([price]))
        amount_mE = elecoins_to_mE(x)
        quantity_Wh = mE_to_Wh(amount_mE, self._Q_mE_per_kWh)
        if quantity_Wh == 0:
            amount_mE = 0  # elecoins that pay for no electricity at all are not worth buying
        limit = view.price_wei_per_mE
        yield Action(
            "buy",
            view.slot,
            self._etsc.buy_token(view.seller, amount_mE, limit, limit),
            {"x_mE": amount_mE, "price": price},
        )
        if amount_mE > 0:
            yield from self._trade(view, quantity_Wh)

    def _trade(self, view: ProsumerView, quantity_Wh: int) -> Iterator[Action]:
        """With the first retailer, in an order drawn for this slot, that offers enough and has not failed
        before; nothing where none does."""
        slot = self._settings.relative(view.slot)
        order = generator(self._settings.seed, self._settings.name, slot, "retailer").permutation(
            len(self._retailers)
        )
        able = [
            self._retailers[index]
            for index in order
            if view.offered_Wh[self._retailers[index]] >= quantity_Wh > 0
        ]
        able.sort(key=lambda retailer: view.tried_retailers.count(retailer))
        if able:
            yield Action(
                "trade",
                view.slot,
                self._etsc.trade(able[0], quantity_Wh),
                {"retailer": able[0], "y_Wh": quantity_Wh},
            )

    def _results(self, view: ProsumerView) -> Iterator[dict[str, Any]]:
        """A result for each slot in which nothing more can happen, once that is deep enough."""
        settings, deep = self._settings, view.head - self._settings.confirmations
        for slot in range(settings.first_slot, settings.last_slot + 1):
            record = view.ledger.get(slot)
            if record is None or slot in view.closed_slots:
                continue
            end = ended_at(view.ledger, slot, settings.last_slot, settings.wait_blocks)
            if record.finished_by([self._address], deep) or (end is not None and end <= deep):
                yield self._result(record)

    def _result(self, record: SlotRecord) -> dict[str, Any]:
        wei_per_mE = record.price_for(self._address)
        price = wei_per_mE_to_price(wei_per_mE)
        result = {"slot": record.slot, "price": price, "price_wei_per_mE": wei_per_mE}
        x_mE = record.bought_mE.get(self._address)
        if x_mE is None:
            return {"type": "missed", **result}
        y_Wh = record.traded_Wh.get(self._address, 0)
        w = self._w * in_slot(self._loads, self._settings.relative(record.slot))
        utility = delivered_utility(
            Wh_to_kWh(y_Wh), mE_to_elecoins(x_mE), price, theta=self._theta, eta=self._eta, w=w
        )
        return {"type": "settled", **result, "x_mE": x_mE, "y_Wh": y_Wh, "utility": utility}
