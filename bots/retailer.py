"""The retailer: offers whatever was metered for it, and turns the elecoins that it earned into ether."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bots.decision import Action, Decision
from bots.journal import Journal
from bots.settings import Settings
from chain.rpc import Read
from contracts.etsc import EdgeServer, Etsc, Slot
from contracts.events import Traded


@dataclass(frozen=True)
class RetailerView:
    """The open slot, what this retailer has, and the seller's till: None where it is not known yet."""

    head: int
    slot: int
    slot_opened_at_block: int
    power_Wh: int
    offered_Wh: int
    seller: str | None = None
    till: EdgeServer | None = None
    earned_before_mE: int = 0
    """Elecoins in hand that come from the slots before the open one."""
    signed_redemption: bool = False
    """Whether a redemption in this slot was ever signed: it is never signed a second time."""


class Retailer:
    def __init__(self, settings: Settings, etsc: Etsc, journal: Journal, address: str) -> None:
        self._settings = settings
        self._etsc = etsc
        self._journal = journal
        self._address = address
        self._min_unit_price = settings.private.whole("min_unit_price_wei_per_mE", 1)
        # Only says what to ask for next: whose till it is, and from where on to look for trades.
        self._last_seen: Slot | None = None

    def reads(self) -> list[Read[Any]]:
        reads: list[Read[Any]] = [self._etsc.slot(), self._etsc.user(self._address)]
        seen = self._last_seen
        if seen is not None and seen.seller is not None:
            reads.append(self._etsc.edge_server(seen.seller))
            # After the account: a trade mined in between is left out of what was earned, not counted twice.
            reads.append(self._etsc.events(seen.opened_at_block, "latest", "Traded"))
        return reads

    def play(self, head: int, answers: Sequence[Any]) -> Decision:
        slot, user, *rest = answers
        view = RetailerView(head, slot.number, slot.opened_at_block, user.power, user.offered)
        seen, self._last_seen = self._last_seen, slot
        # The answers are of no use where another seller opened the slot, or where a reorganisation moved it
        # to before the block from which on trades were asked for.
        if rest and seen and slot.seller == seen.seller and slot.opened_at_block >= seen.opened_at_block:
            till, trades = rest
            view = replace(
                view,
                seller=slot.seller,
                till=till,
                earned_before_mE=user.coins - self._earned_in(slot.number, trades),
                signed_redemption=bool(self._journal.signed(slot.number, "redeem")),
            )
        return self.decide(view)

    def _earned_in(self, slot: int, trades: Iterable[Traded]) -> int:
        return sum(trade.cost for trade in trades if trade.slot == slot and trade.retailer == self._address)

    def decide(self, view: RetailerView) -> Decision:
        if self._settings.is_over(view.slot, view.slot_opened_at_block, view.head):
            return Decision(done=True)
        return Decision((*self._offer(view), *self._redeem(view)))

    def _offer(self, view: RetailerView) -> Iterator[Action]:
        quantity = view.power_Wh - view.offered_Wh
        if quantity > 0:
            yield Action("offer", view.slot, self._etsc.offer(quantity), {"quantity_Wh": quantity})

    def _redeem(self, view: RetailerView) -> Iterator[Action]:
        """What was earned up to the slot before, so that the seller has it to sell again: once a slot, and no
        more than ETSC holds a reserve for there."""
        seller, till = view.seller, view.till
        if seller is None or till is None or view.signed_redemption or not self._settings.plays(view.slot):
            return
        price = till.buy_back_price
        amount = min(view.earned_before_mE, till.reserve // self._min_unit_price)
        if price > 0 and amount > 0:
            yield Action(
                "redeem",
                view.slot,
                self._etsc.redeem(seller, amount, price),
                {"edge_server": seller, "amount_mE": amount, "price_wei_per_mE": price},
            )
