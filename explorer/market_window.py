"""Some slots of the market in a row: what was asked, bought, delivered and given back in each of them.

Amounts are the chain's integers (mE, Wh, wei). Where a campaign's report has the parameters, utilities are
equations (2) and (3) with these integers converted back, as in that report; nobody's are known without one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from explorer import market_queries as queries
from explorer.etsc import topic_of
from explorer.queries import Connection, Row
from explorer.researcher import Report
from explorer.slot_trades import Bought, Trades, trades_in
from market.equilibrium import Equilibrium
from market.mining import mining_utility
from market.units import Wh_to_kWh, mE_to_elecoins, wei_per_mE_to_price, wei_to_ether
from market.utilities import delivered_utility, server_utility

EVERYBODY = b""


@dataclass
class Slot:
    """`prices` are in force at each edge server, wei per mE: (server, EVERYBODY) or (server, prosumer)."""

    number: int
    opened_at: int
    timestamp: int
    seller: bytes
    trades: Trades
    prices: Mapping[tuple[bytes, bytes], int] = field(default_factory=dict)

    @property
    def bought(self) -> Mapping[bytes, Bought]:
        return self.trades.bought

    @property
    def last_block(self) -> int:
        """Of the newest purchase or delivery, or of the opening."""
        return max(self.opened_at, self.trades.last_block)

    @property
    def price(self) -> int | None:
        """What its seller asks of everybody, wei per mE."""
        return self.prices.get((self.seller, EVERYBODY))

    @property
    def bought_mE(self) -> int:
        return sum(each.amount_mE for each in self.bought.values())

    def asked(self, prosumer: bytes) -> float | None:
        """Ether per elecoin that a prosumer paid, or else that the seller asks of it; None if not known."""
        bought = self.bought.get(prosumer)
        if bought is not None and bought.amount_mE:
            return _paid_price(bought.amount_mE, bought.paid_wei)
        price = self.prices.get((self.seller, prosumer), self.price)
        return None if price is None else wei_per_mE_to_price(price)


@dataclass(frozen=True)
class Outcome:
    """A slot beside its equilibrium. Utilities are None where nobody bought, or while it is not deep enough;
    complete where every prosumer bought and was delivered something."""

    report: Report
    equilibrium: Equilibrium
    complete: bool
    settled: bool
    server_utility: float | None
    prosumer_utilities: tuple[float | None, ...]

    @property
    def mean_prosumer_utility(self) -> float | None:
        known = [each for each in self.prosumer_utilities if each is not None]
        return math.fsum(known) / len(known) if known else None


@dataclass(frozen=True)
class Window:
    """Slots `first` to `last` of `newest`; their blocks; elecoins in circulation (mE) after each slot.

    `outcomes` has an entry for each slot that a campaign's report tells of.
    """

    slots: Sequence[Slot]
    newest: int
    first_block: int
    last_block: int
    last_timestamp: int
    total_mE: int
    circulating_mE: Sequence[int]
    outcomes: Mapping[int, Outcome]

    @property
    def first(self) -> int:
        return self.slots[0].number

    @property
    def last(self) -> int:
        return self.slots[-1].number

    @property
    def is_newest(self) -> bool:
        return self.last == self.newest


def look(
    connection: Connection,
    contract: bytes,
    reports: Sequence[Report],
    tip: Row,
    *,
    depth: int,
    wanted: int,
    to: int | None,
) -> Window | None:
    """The last `wanted` slots up to slot `to`; None before the first slot is opened."""
    newest = queries.newest_slot(connection)
    if newest is None:
        return None
    last = newest if to is None else min(max(to, 1), newest)
    rows = queries.slots(connection, max(1, last - wanted + 1), last + 1)
    following = rows.pop() if rows and rows[-1]["slot"] > last else None
    if not rows:  # a contract that is no ETSC may count its slots otherwise
        return None
    numbers = [row["slot"] for row in rows]
    opened = {row["slot"]: row["hash"] for row in (*rows, *([following] if following is not None else []))}
    closed_by = {slot: opened[slot + 1] for slot in numbers if slot + 1 in opened}
    trades = trades_in(connection, contract, numbers, closed_by)
    slots = [
        Slot(row["slot"], row["number"], row["timestamp"], row["seller"], trades[row["slot"]]) for row in rows
    ]
    last_block = tip["number"] if following is None else following["number"] - 1
    _enter_prices(connection, contract, slots, last_block)
    total, circulating = _supply(connection, slots)
    return Window(
        slots=slots,
        newest=newest,
        first_block=slots[0].opened_at,
        last_block=last_block,
        last_timestamp=tip["timestamp"] if following is None else following["timestamp"],
        total_mE=total,
        circulating_mE=circulating,
        outcomes={
            slot.number: _outcome(slot, report, slot.last_block <= tip["number"] - depth)
            for slot in slots
            if (report := _telling_of(slot.number, reports)) is not None
        },
    )


def _telling_of(slot: int, reports: Sequence[Report]) -> Report | None:
    return next((each for each in reports if each.series and each.first_slot <= slot <= each.last_slot), None)


def _enter_prices(connection: Connection, contract: bytes, slots: Sequence[Slot], last_block: int) -> None:
    """A price stays in force until its edge server posts again, and so do its prices for single prosumers.

    What was posted before the first of these slots is not looked for.
    """
    rows = defaultdict(list)
    for row in queries.prices(connection, slots[0].number, slots[-1].number):
        rows[row["slot"]].append(row)
    posted: set[tuple[int, bytes]] | None = None
    if any(row["prosumer"] != EVERYBODY for some in rows.values() for row in some):
        topic = topic_of("PricePosted")
        posted = queries.postings(connection, contract, topic, slots[0].opened_at, last_block)
    prices: dict[tuple[bytes, bytes], int] = {}
    for slot in slots:
        for row in rows[slot.number]:
            server, prosumer = row["edge_server"], row["prosumer"]
            if prosumer == EVERYBODY and posted is not None and (slot.number, server) in posted:
                prices = {key: price for key, price in prices.items() if key[0] != server}
            prices = {**prices, (server, prosumer): int(row["price_wei"])}
        slot.prices = prices


def _supply(connection: Connection, slots: Sequence[Slot]) -> tuple[int, list[int]]:
    """All elecoins that there are, and those in circulation at the end of each slot, mE."""
    endowments = queries.endowments(connection)
    total = sum(endowments.values())
    begins = queries.first_entry_from(connection, slots[0].number)
    stocks = queries.stocks(connection, list(endowments), begins)
    circulating = total - sum(stocks.values())
    after = []
    for slot in slots:
        circulating += slot.bought_mE - slot.trades.redeemed_mE
        after.append(circulating)
    return total, after


def _outcome(slot: Slot, report: Report, settled: bool) -> Outcome:
    game, equilibrium = report.parameters, report.equilibrium_in(slot.number)
    bought = [slot.bought.get(prosumer) for prosumer in report.prosumers]
    received = [slot.trades.received_Wh.get(prosumer, 0) for prosumer in report.prosumers]
    complete = all(each is not None and each.amount_mE for each in bought) and all(received)
    if not settled:
        return Outcome(report, equilibrium, complete, False, None, (None,) * len(bought))
    seller = report.edge_servers[game.seller]
    sold = [
        (amount, paid)
        for each in bought
        if each is not None
        for server, amount, paid in each.at
        if server == seller
    ]
    utilities = (
        None
        if each is None
        else delivered_utility(
            Wh_to_kWh(received_Wh),
            mE_to_elecoins(each.amount_mE),
            _paid_price(each.amount_mE, each.paid_wei),
            theta=game.theta,
            eta=game.eta,
            w=w,
        )
        for each, received_Wh, w in zip(bought, received, report.intentions_in(slot.number), strict=True)
    )
    return Outcome(
        report=report,
        equilibrium=equilibrium,
        complete=complete,
        settled=True,
        server_utility=server_utility(
            [mE_to_elecoins(amount) for amount, _ in sold],
            [_paid_price(amount, paid) for amount, paid in sold],
            k=game.k,
            Q=game.Q,
            e_c=game.e_c,
            mining_utility=mining_utility(game),
        ),
        prosumer_utilities=tuple(utilities),
    )


def _paid_price(amount_mE: int, paid_wei: int) -> float:
    """Ether per elecoin: of several purchases what one cost on average, of nothing 0."""
    if amount_mE == 0:
        return 0.0
    price, rest = divmod(paid_wei, amount_mE)
    return wei_to_ether(paid_wei) / mE_to_elecoins(amount_mE) if rest else wei_per_mE_to_price(price)
