"""The smart meter of one user: reports cumulative readings of what it generated or consumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bots.decision import Action, Decision
from bots.settings import Settings
from chain.rpc import Read
from contracts.etsc import Etsc
from errors import TestbedError


@dataclass(frozen=True)
class MeterView:
    """Electricity in Wh; generated and consumed are the cumulative readings that the chain knows."""

    head: int
    slot: int
    slot_opened_at_block: int
    power_Wh: int
    generated_Wh: int
    consumed_Wh: int


class Meter:
    def __init__(self, settings: Settings, etsc: Etsc) -> None:
        self._settings = settings
        self._etsc = etsc
        self._user = settings.private.text("user")
        kind = settings.private.text("kind")
        if kind not in ("retailer", "prosumer"):
            raise TestbedError(
                f"kind = {kind!r} is not allowed: it must be retailer or prosumer",
                where=settings.private.where,
            )
        self._generates = kind == "retailer"
        if self._generates:
            self._generation_Wh_per_slot = settings.private.whole("generation_Wh_per_slot")
            self._baseline_Wh = settings.private.whole("baseline_Wh")

    def reads(self) -> list[Read[Any]]:
        return [self._etsc.slot(), self._etsc.user(self._user)]

    def play(self, head: int, answers: Sequence[Any]) -> Decision:
        slot, user = answers
        return self.decide(
            MeterView(head, slot.number, slot.opened_at_block, user.power, user.generated, user.consumed)
        )

    def decide(self, view: MeterView) -> Decision:
        action = self._generation(view) if self._generates else self._consumption(view)
        if action is not None:
            return Decision((action,))
        return Decision(done=self._settings.is_over(view.slot, view.slot_opened_at_block, view.head))

    def _generation(self, view: MeterView) -> Action | None:
        """One slot's worth before the first slot, one more with each slot of the campaign that opens."""
        opened = min(max(self._settings.relative(view.slot), 0), self._settings.slots)
        cumulative = self._baseline_Wh + self._generation_Wh_per_slot * (opened + 1)
        if cumulative <= view.generated_Wh:
            return None
        return Action(
            "generation", view.slot, self._etsc.generation(cumulative), {"cumulative_Wh": cumulative}
        )

    def _consumption(self, view: MeterView) -> Action | None:
        """A prosumer uses up all that it received."""
        if view.power_Wh <= 0:
            return None
        cumulative = view.consumed_Wh + view.power_Wh
        return Action(
            "consumption", view.slot, self._etsc.consumption(cumulative), {"cumulative_Wh": cumulative}
        )
