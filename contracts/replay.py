"""What ETSC must say of everybody, worked out from its events and from nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from contracts.etsc import EdgeServer, Meter, Slot, Terms
from contracts.events import (
    AdministrationOffered,
    AdministrationTaken,
    BuyBackPricePosted,
    Consumed,
    EdgeServerAdded,
    Empowered,
    Event,
    Generated,
    Initialised,
    MeterBound,
    MeterRotated,
    Offered,
    Paused,
    PricePosted,
    ProsumerPricePosted,
    Purchased,
    Redeemed,
    Retracted,
    RightsChanged,
    SlotOpened,
    Traded,
    Unpaused,
    Withdrawn,
)

WH_PER_KWH = 1000
# The contract counts the blocks between a meter's readings in so many bits.
_BLOCKS_COUNTED = 1 << 24

_Administration = Initialised | AdministrationOffered | AdministrationTaken | Paused | Unpaused
_Registration = Empowered | RightsChanged | MeterBound | MeterRotated
_Pricing = SlotOpened | PricePosted | ProsumerPricePosted | BuyBackPricePosted
_Exchange = EdgeServerAdded | Purchased | Redeemed | Withdrawn
_Electricity = Offered | Retracted | Traded
_Metering = Generated | Consumed


@dataclass
class UserBook:
    """Everything that `contracts.etsc.User` has, under the same names."""

    name: str = ""
    registered: bool = False
    gen_right: bool = False
    trans_right: bool = False
    power: int = 0
    coins: int = 0
    generated: int = 0
    consumed: int = 0
    deficit: int = 0
    offered: int = 0
    meter: str | None = None


@dataclass
class MeterBook:
    """For whom a meter reports, None since another took its place, and the blocks of its last readings."""

    user: str | None
    generation_block: int
    consumption_block: int


@dataclass
class EdgeServerBook:
    """Amounts in mE, prices in wei per mE, credit in wei; own prices by the prosumer's address."""

    allotment: int = 0
    stock: int = 0
    credit: int = 0
    price: int = 0
    priced_in_slot: int = 0
    buy_back_price: int = 0
    own_prices: dict[str, int] = field(default_factory=dict)
    ever_own_priced: set[str] = field(default_factory=set)

    def price_for(self, prosumer: str) -> int:
        return self.own_prices.get(prosumer, self.price)


@dataclass
class Turnover:
    """What changed hands since the beginning, and what should have at the prices in force."""

    purchases_wei: int = 0
    purchases_due_wei: int = 0
    redemptions_wei: int = 0
    redemptions_due_wei: int = 0
    redeemed_me: int = 0
    withdrawals_wei: int = 0
    trades_me: int = 0
    trades_due_me: int = 0


class Books:
    """The contract's state after some events, and the sums that must hold whatever they were."""

    def __init__(self) -> None:
        self.total_elecoins = 0
        self.unit_power_price = 0
        self.terms = Terms(0, 0, 0, 0)
        self.users: defaultdict[str, UserBook] = defaultdict(UserBook)
        self.meters: dict[str, MeterBook] = {}
        self.edge_servers: defaultdict[str, EdgeServerBook] = defaultdict(EdgeServerBook)
        self._slot = Slot(0, 0, None, 0)
        self.paused = False
        self.administrator = ""
        self.successor: str | None = None
        self.turnover = Turnover()

    def meter(self, account: str, block: int) -> Meter | None:
        """As the contract must describe it at `block`."""
        book = self.meters.get(account)
        if book is None or book.user is None:
            return None
        return Meter(
            book.user,
            self._allowance(book.generation_block, block),
            self._allowance(book.consumption_block, block),
        )

    def edge_server(self, account: str) -> EdgeServer | None:
        """As the contract must describe it."""
        book = self.edge_servers.get(account)
        if book is None:
            return None
        return EdgeServer(
            registered=True,
            price=book.price,
            discriminated=bool(book.own_prices),
            priced_in_slot=book.priced_in_slot,
            buy_back_price=book.buy_back_price,
            stock=book.stock,
            credit=book.credit,
            reserve=(book.allotment - book.stock) * self.terms.min_unit_price,
        )

    def current_slot(self) -> Slot:
        """As the contract must describe it."""
        seller = self._slot.seller
        return replace(self._slot, price=self.edge_servers[seller].price) if seller else self._slot

    def own_prices(self) -> list[tuple[str, str]]:
        """Each (edge server, prosumer) for whom an own price was ever posted: void ones must not count."""
        return sorted(
            (server, prosumer)
            for server, book in self.edge_servers.items()
            for prosumer in book.ever_own_priced
        )

    def enter(self, event: Event) -> None:
        """One event more. Nothing is refused here: a wrong book shows when it is compared."""
        if isinstance(event, _Administration):
            self._enter_administration(event)
        elif isinstance(event, _Registration):
            self._enter_registration(event)
        elif isinstance(event, _Pricing):
            self._enter_prices(event)
        elif isinstance(event, _Exchange):
            self._enter_exchange(event)
        elif isinstance(event, _Electricity):
            self._enter_electricity(event)
        elif isinstance(event, _Metering):
            self._enter_reading(event)

    def _enter_administration(self, event: _Administration) -> None:
        match event:
            case Initialised():
                self.total_elecoins, self.unit_power_price = event.total_elecoins, event.unit_power_price
                self.terms = Terms(
                    event.slot_deadline_blocks, event.min_unit_price, event.max_unit_price, event.meter_limit
                )
                self._slot = Slot(0, event.block_number, None, 0)
            case AdministrationOffered():
                self.successor = event.successor
            case AdministrationTaken():
                self.administrator, self.successor = event.administrator, None
            case Paused() | Unpaused():
                self.paused = isinstance(event, Paused)

    def _enter_registration(self, event: _Registration) -> None:
        user = self.users[event.user]
        match event:
            case Empowered():
                self.users[event.user] = UserBook(event.user_name, True, event.gen_right, event.trans_right)
            case RightsChanged():
                user.gen_right, user.trans_right = event.gen_right, event.trans_right
            case MeterBound():
                self._bind(event.user, event.meter, event.block_number)
            case MeterRotated():
                self.meters[event.old_meter] = MeterBook(None, 0, 0)
                self._bind(event.user, event.new_meter, event.block_number)

    def _bind(self, user: str, meter: str, block: int) -> None:
        self.users[user].meter = meter
        self.meters[meter] = MeterBook(user, block, block)

    def _enter_prices(self, event: _Pricing) -> None:
        match event:
            case SlotOpened():
                self._slot = Slot(event.slot, event.block_number, event.seller, event.price)
            case PricePosted():
                server = self.edge_servers[event.edge_server]
                server.price, server.priced_in_slot = event.price, event.slot
                server.own_prices.clear()
            case ProsumerPricePosted():
                server = self.edge_servers[event.edge_server]
                server.own_prices[event.prosumer] = event.price
                server.ever_own_priced.add(event.prosumer)
            case BuyBackPricePosted():
                self.edge_servers[event.edge_server].buy_back_price = event.price

    def _enter_exchange(self, event: _Exchange) -> None:
        server, turnover = self.edge_servers[event.edge_server], self.turnover
        match event:
            case EdgeServerAdded():
                server.allotment += event.stock
                server.stock += event.stock
            case Purchased():
                self.users[event.buyer].coins += event.amount
                server.stock -= event.amount
                server.credit += event.amount * (event.price - self.terms.min_unit_price)
                turnover.purchases_wei += event.amount * event.price
                turnover.purchases_due_wei += event.amount * server.price_for(event.buyer)
            case Redeemed():
                self.users[event.user].coins -= event.amount
                server.stock += event.amount
                server.credit += event.amount * (self.terms.min_unit_price - event.price)
                turnover.redemptions_wei += event.amount * event.price
                turnover.redemptions_due_wei += event.amount * server.buy_back_price
                turnover.redeemed_me += event.amount
            case Withdrawn():
                server.credit -= event.amount
                turnover.withdrawals_wei += event.amount

    def _enter_electricity(self, event: _Electricity) -> None:
        retailer = self.users[event.retailer]
        match event:
            case Offered():
                retailer.offered += event.quantity
            case Retracted():
                retailer.offered -= event.quantity
            case Traded():
                buyer = self.users[event.buyer]
                buyer.power += event.quantity
                buyer.coins -= event.cost
                retailer.power -= event.quantity
                retailer.offered -= event.quantity
                retailer.coins += event.cost
                self.turnover.trades_me += event.cost
                self.turnover.trades_due_me += -(-event.quantity * self.unit_power_price // WH_PER_KWH)

    def _enter_reading(self, event: _Metering) -> None:
        user = self.users[event.user]
        meter = self.meters.get(user.meter) if user.meter else None
        match event:
            case Generated():
                user.power += event.cumulative - user.generated
                user.generated = event.cumulative
                if meter:
                    meter.generation_block = event.block_number
            case Consumed():
                user.power += (event.deficit - user.deficit) - (event.cumulative - user.consumed)
                user.consumed = event.cumulative
                user.deficit = event.deficit
                if meter:
                    meter.consumption_block = event.block_number

    def _allowance(self, last_block: int, block: int) -> int:
        return (block - last_block) % _BLOCKS_COUNTED * self.terms.meter_limit


def replay(events: Iterable[Event]) -> Books:
    """The books after `events`, which are in the order of the chain."""
    books = Books()
    for event in events:
        books.enter(event)
    return books
