"""What every account must hold, worked out from the events of ETSC and from nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from contracts.events import (
    Consumed,
    EdgeServerAdded,
    Empowered,
    Event,
    Generated,
    MeterBound,
    Offered,
    Purchased,
    SlotOpened,
    Traded,
    Withdrawn,
)


@dataclass
class UserBook:
    """Wh, and coins in mE; as `contracts.etsc.User` has them."""

    power: int = 0
    coins: int = 0
    generated: int = 0
    consumed: int = 0
    deficit: int = 0
    offered: int = 0


@dataclass
class EdgeServerBook:
    """stock in mE, credit in wei, price in wei per mE."""

    stock: int = 0
    credit: int = 0
    price: int = 0


@dataclass
class Books:
    """The accounts after some events, and the sums that must hold whatever they were."""

    users: defaultdict[str, UserBook] = field(default_factory=lambda: defaultdict(UserBook))
    edge_servers: defaultdict[str, EdgeServerBook] = field(
        default_factory=lambda: defaultdict(EdgeServerBook)
    )
    total_elecoins: int = 0
    purchased_wei: int = 0
    withdrawn_wei: int = 0

    def enter(self, event: Event) -> None:
        """One event more. Nothing is refused here: a wrong book shows when it is compared."""
        match event:
            case EdgeServerAdded() | SlotOpened() | Purchased() | Withdrawn():
                self._enter_sale(event)
            case Traded():
                self._enter_trade(event)
            case Offered():
                self.users[event.retailer].offered += event.quantity
            case Generated() | Consumed():
                self._enter_reading(event)
            case Empowered():
                self.users[event.user] = UserBook()
            case MeterBound():
                pass  # changes who reports, no balance

    def _enter_sale(self, event: EdgeServerAdded | SlotOpened | Purchased | Withdrawn) -> None:
        seller = self.edge_servers[event.seller if isinstance(event, SlotOpened) else event.edge_server]
        match event:
            case EdgeServerAdded():
                seller.stock += event.stock
                self.total_elecoins += event.stock
            case SlotOpened():
                seller.price = event.price
            case Purchased():
                cost_wei = event.amount * event.price
                self.users[event.buyer].coins += event.amount
                seller.stock -= event.amount
                seller.credit += cost_wei
                self.purchased_wei += cost_wei
            case Withdrawn():
                seller.credit -= event.amount
                self.withdrawn_wei += event.amount

    def _enter_trade(self, event: Traded) -> None:
        buyer, retailer = self.users[event.buyer], self.users[event.retailer]
        buyer.power += event.quantity
        buyer.coins -= event.cost
        retailer.power -= event.quantity
        retailer.offered -= event.quantity
        retailer.coins += event.cost

    def _enter_reading(self, event: Generated | Consumed) -> None:
        user = self.users[event.user]
        match event:
            case Generated():
                user.power += event.cumulative - user.generated
                user.generated = event.cumulative
            case Consumed():
                user.power += (event.deficit - user.deficit) - (event.cumulative - user.consumed)
                user.consumed = event.cumulative
                user.deficit = event.deficit


def replay(events: Iterable[Event]) -> Books:
    """The books after `events`, which are in the order of the chain."""
    books = Books()
    for event in events:
        books.enter(event)
    return books
