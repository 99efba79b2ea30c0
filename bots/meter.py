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
    """Electricity in Wh; generated and consumed are the cumulative readings that the chain knows, and the
    allowance is what this meter's next reading might rise by in the block of the head."""

    head: int
    slot: int
    slot_opened_at_block: int
    power_Wh: int
    generated_Wh: int
    consumed_Wh: int
    allowance_Wh: int


class Meter:
    def __init__(self, settings: Settings, etsc: Etsc, address: str) -> None:
        self._settings = settings
        self._etsc = etsc
        self._address = address
        self._limit_Wh_per_block = settings.private.whole("limit_Wh_per_block", 1)
        self._user = settings.private.text("user")
        kind = settings.private.text("kind")
        if kind not in ("retailer", "prosumer"):
            raise TestbedError(
                f"kind = {kind!r} is not allowed: it must be retailer or prosumer",
                where=settings.private.where,
            )
        self._generates = kind == "retailer"
        if self._generates:
            self._first_reading_Wh = settings.private.whole("first_reading_Wh")
            self._generation_Wh = settings.private.wholes("generation_Wh")
            self._baseline_Wh = settings.private.whole("baseline_Wh")

    def reads(self) -> list[Read[Any]]:
        return [self._etsc.slot(), self._etsc.user(self._user), self._etsc.meter(self._address)]

    def play(self, head: int, answers: Sequence[Any]) -> Decision:
        """Raises TestbedError where another meter took this one's place."""
        slot, user, meter = answers
        if meter is None:
            raise TestbedError(
                f"{self._address} reports for nobody any more: another meter took its place",
                where=self._settings.name,
            )
        return self.decide(
            MeterView(
                head,
                slot.number,
                slot.opened_at_block,
                user.power,
                user.generated,
                user.consumed,
                meter.generation_allowance if self._generates else meter.consumption_allowance,
            )
        )

    def decide(self, view: MeterView) -> Decision:
        action = self._generation(view) if self._generates else self._consumption(view)
        if action is not None:
            return Decision((action,))
        return Decision(done=self._settings.is_over(view.slot, view.slot_opened_at_block, view.head))

    def _generation(self, view: MeterView) -> Action | None:
        """A first reading before the first slot, and what a slot generates with each slot of the campaign
        that opens; days repeat."""
        opened = min(max(self._settings.relative(view.slot), 0), self._settings.slots)
        days, slots = divmod(opened, len(self._generation_Wh))
        generated_Wh = days * sum(self._generation_Wh) + sum(self._generation_Wh[:slots])
        due = self._baseline_Wh + self._first_reading_Wh + generated_Wh
        if due <= view.generated_Wh:
            return None
        cumulative = view.generated_Wh + self._allowed(view, due - view.generated_Wh)
        return Action(
            "generation", view.slot, self._etsc.generation(cumulative), {"cumulative_Wh": cumulative}
        )

    def _consumption(self, view: MeterView) -> Action | None:
        """A prosumer uses up all that it received."""
        if view.power_Wh <= 0:
            return None
        cumulative = view.consumed_Wh + self._allowed(view, view.power_Wh)
        return Action(
            "consumption", view.slot, self._etsc.consumption(cumulative), {"cumulative_Wh": cumulative}
        )

    def _allowed(self, view: MeterView, increase_Wh: int) -> int:
        """As much of an increase as ETSC takes now; the rest is for the blocks to come. The reading is mined
        in the block after the head at the earliest, which allows one block's more."""
        return min(increase_Wh, view.allowance_Wh + self._limit_Wh_per_block)
