"""A window of the market as charts. Where there are more slots than a chart has places, a place is the mean
of some slots that follow one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from explorer.charts import (
    COLOURS,
    REFERENCE,
    Axis,
    Label,
    Panel,
    Series,
    Unit,
    bar_chart,
    line_chart,
    look,
    panels,
)
from explorer.market_window import EVERYBODY, Outcome, Window
from explorer.plots import number_ticks
from explorer.words import moment
from market.units import Wh_to_kWh, mE_to_elecoins, wei_per_mE_to_price

MOST_PANELS = 32
_MOST_FIGURES, _FEWEST_PLACES = 1600, 24
_EQUILIBRIUM = Label("equilibrium")
_HOURS_PER_DAY = 24
_PRICE = Unit("ether per elecoin", 4)
_ELECOINS = Unit("elecoins")
_UTILITY = Unit("units of utility", 4)

Named = Callable[[bytes], Label]
Values = list[float | None]
"""One for each slot of a window."""


@dataclass
class WindowCharts:
    """`prosumers` in their order; `named` gives the label of an account."""

    window: Window
    prosumers: Sequence[bytes]
    named: Named
    slots_per_place: int = field(init=False)
    axis: Axis = field(init=False)

    def __post_init__(self) -> None:
        slots = self.window.slots
        places = max(_FEWEST_PLACES, _MOST_FIGURES // max(1, len(self.prosumers)))
        self.slots_per_place = size = math.ceil(len(slots) / places)
        runs = [slots[start : start + size] for start in range(0, len(slots), size)]
        ends = [(run[0].number, run[-1].number) for run in runs]
        names = [str(first) if first == last else f"{first}–{last}" for first, last in ends]
        self.axis = Axis("slot", names, number_ticks(ends))

    @property
    def shown(self) -> Sequence[bytes]:
        """Those who have a panel."""
        return self.prosumers[:MOST_PANELS]

    def prices(self) -> Markup:
        slots = self.window.slots
        servers = [*dict.fromkeys(server for slot in slots for server, _ in slot.prices)][:COLOURS]
        lines = [
            self._series(
                self.named(server),
                [
                    None if price is None else wei_per_mE_to_price(price)
                    for price in (slot.prices.get((server, EVERYBODY)) for slot in slots)
                ],
                look(index),
            )
            for index, server in enumerate(servers)
        ]
        best = self._reference(self._told(lambda outcome: outcome.equilibrium.price))
        return line_chart("price", "Price", self.axis, [*lines, *best], _PRICE)

    def own_prices(self) -> Markup | None:
        """What each prosumer is asked; None where all are asked the same."""
        slots = self.window.slots
        if all(prosumer == EVERYBODY for slot in slots for _, prosumer in slot.prices):
            return None
        asked: dict[bytes, Values] = {each: [slot.asked(each) for slot in slots] for each in self.shown}
        best = self._of_each(lambda outcome: outcome.equilibrium.prices)
        return self._panels("own-price", "Price for each prosumer", "asked", asked, best, _PRICE)

    def demand(self) -> Markup:
        bought = [mE_to_elecoins(slot.bought_mE) if slot.bought else None for slot in self.window.slots]
        best = self._reference(self._told(lambda outcome: math.fsum(outcome.equilibrium.demands)))
        line = self._series(Label("bought"), bought)
        return line_chart("demand", "Demand of all together", self.axis, [line, *best], _ELECOINS)

    def demands(self) -> Markup:
        bought = self._columns()
        for index, slot in enumerate(self.window.slots):
            for buyer, purchase in slot.bought.items():
                if (column := bought.get(buyer)) is not None:
                    column[index] = mE_to_elecoins(purchase.amount_mE)
        best = self._of_each(lambda outcome: outcome.equilibrium.demands)
        return self._panels("demands", "Demand of each prosumer", "bought", bought, best, _ELECOINS)

    def supply(self) -> Markup:
        line = self._series(Label("in circulation"), [*map(mE_to_elecoins, self.window.circulating_mE)])
        return line_chart("supply", "Elecoins in circulation", self.axis, [line], _ELECOINS)

    def server_utility(self) -> Markup:
        line = self._series(Label("reached"), self._told(lambda outcome: outcome.server_utility))
        best = self._reference(self._told(lambda outcome: outcome.equilibrium.server_utility))
        title = "Utility of the edge server"
        return line_chart("server-utility", title, self.axis, [line, *best], _UTILITY)

    def prosumer_utilities(self) -> Markup:
        reached = self._of_each(lambda outcome: outcome.prosumer_utilities)
        best = self._of_each(lambda outcome: outcome.equilibrium.prosumer_utilities)
        title = "Utility of each prosumer"
        return self._panels("prosumer-utilities", title, "reached", reached, best, _UTILITY)

    def _columns(self) -> dict[bytes, Values]:
        empty: Values = [None] * len(self.window.slots)
        return {prosumer: empty.copy() for prosumer in self.shown}

    def _told(self, of: Callable[[Outcome], float | None]) -> Values:
        """None where no campaign's parameters are known."""
        outcomes = map(self.window.outcomes.get, (slot.number for slot in self.window.slots))
        return [None if outcome is None else of(outcome) for outcome in outcomes]

    def _of_each(self, of: Callable[[Outcome], Sequence[float | None]]) -> dict[bytes, Values]:
        """What an outcome has of each of its campaign's prosumers, by prosumer."""
        columns = self._columns()
        for index, slot in enumerate(self.window.slots):
            if (outcome := self.window.outcomes.get(slot.number)) is not None:
                for prosumer, value in zip(outcome.report.prosumers, of(outcome), strict=True):
                    if (column := columns.get(prosumer)) is not None:
                        column[index] = value
        return columns

    def _panels(
        self,
        key: str,
        title: str,
        name: str,
        values: Mapping[bytes, Values],
        best: Mapping[bytes, Values],
        unit: Unit,
    ) -> Markup:
        small = [
            Panel(
                self.named(prosumer),
                [Series(Label(name), self._means(values[prosumer])), *self._reference(best[prosumer])],
            )
            for prosumer in self.shown
        ]
        return panels(key, title, self.axis, small, unit)

    def _reference(self, values: Values) -> list[Series]:
        """Nothing where nothing is known."""
        if all(value is None for value in values):
            return []
        return [Series(_EQUILIBRIUM, self._means(values), REFERENCE)]

    def _series(self, label: Label, values: Values, style: str = "s0") -> Series:
        if self.slots_per_place == 1:
            return Series(label, values, style)
        spread = [(min(some), max(some)) if some else None for some in self._by_place(values)]
        return Series(label, self._means(values), style, spread)

    def _means(self, values: Values) -> Values:
        if self.slots_per_place == 1:
            return values
        return [math.fsum(some) / len(some) if some else None for some in self._by_place(values)]

    def _by_place(self, values: Values) -> Iterator[list[float]]:
        size = self.slots_per_place
        for start in range(0, len(values), size):
            yield [value for value in values[start : start + size] if value is not None]


def hours_chart(first: int, last: int, sold: Sequence[tuple[int, bytes, int]], named: Named) -> Markup:
    """Electricity by retailer in each hour (seconds since 1970 / 3600), from rows of hour, retailer, Wh."""
    hours = range(first, last + 1)
    totals: dict[bytes, int] = {}
    for _, retailer, amount in sold:
        totals[retailer] = totals.get(retailer, 0) + amount
    largest = sorted(totals, key=lambda each: (-totals[each], each))
    shown = largest if len(largest) <= COLOURS else largest[: COLOURS - 1]
    rows: dict[bytes | None, list[int]] = {retailer: [0] * len(hours) for retailer in sorted(shown)}
    if len(shown) < len(largest):
        rows[None] = [0] * len(hours)
    for hour, retailer, amount in sold:
        rows[retailer if retailer in rows else None][hour - first] += amount
    series = [
        Series(
            Label(f"{len(largest) - len(shown)} others") if retailer is None else named(retailer),
            [Wh_to_kWh(amount) for amount in amounts],
            look(index),
        )
        for index, (retailer, amounts) in enumerate(rows.items())
    ]
    return bar_chart("hours", "Electricity sold in each hour", _hour_axis(hours), series, Unit("kWh"))


def _hour_axis(hours: range) -> Axis:
    def day(hour: int) -> str:
        return moment(hour * 3600)[:10]

    def clock(hour: int) -> str:
        return f"{hour % _HOURS_PER_DAY:02}:00"

    by_day = len(hours) > 2 * _HOURS_PER_DAY
    ticks = [
        (index, day(hour)[5:] if by_day else clock(hour))
        for index, hour in enumerate(hours)
        if not by_day or hour % _HOURS_PER_DAY == 0
    ]
    return Axis("hour (UTC)", [f"{day(hour)} {clock(hour)}" for hour in hours], ticks)
