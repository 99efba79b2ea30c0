"""The retailer: offers whatever was metered for it and is not on offer yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bots.decision import Action, Decision
from bots.settings import Settings
from chain.rpc import Read
from contracts.etsc import Etsc


@dataclass(frozen=True)
class RetailerView:
    head: int
    slot: int
    slot_opened_at_block: int
    power_Wh: int
    offered_Wh: int


class Retailer:
    def __init__(self, settings: Settings, etsc: Etsc, address: str) -> None:
        self._settings = settings
        self._etsc = etsc
        self._address = address

    def reads(self) -> list[Read[Any]]:
        return [self._etsc.slot(), self._etsc.user(self._address)]

    def play(self, head: int, answers: Sequence[Any]) -> Decision:
        slot, user = answers
        return self.decide(RetailerView(head, slot.number, slot.opened_at_block, user.power, user.offered))

    def decide(self, view: RetailerView) -> Decision:
        if self._settings.is_over(view.slot, view.slot_opened_at_block, view.head):
            return Decision(done=True)
        quantity = view.power_Wh - view.offered_Wh
        if quantity <= 0:
            return Decision()
        return Decision((Action("offer", view.slot, self._etsc.offer(quantity), {"quantity_Wh": quantity}),))
