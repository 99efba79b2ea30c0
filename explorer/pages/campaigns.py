"""/campaigns: the testbed's campaigns side by side, each beside its simulation and its equilibrium."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from explorer import queries, researcher
from explorer.charts import REFERENCE, Axis, Label, Panel, Series, Unit, panels
from explorer.plots import number_ticks
from explorer.researcher import Means, Report, SlotRow
from explorer.site import site_of
from explorer.words import cleaned

_PER_PAGE = 12
_PLACES = 40
_MOST_SLOTS_IN_MARKET = 500
_PLAYED, _EQUILIBRIUM = Label("on the chain"), Label("equilibrium")
_PRICE, _DEMAND = Unit("ether per elecoin", 4), Unit("elecoins")
_QUANTITIES = (
    ("price", "Price, ether per elecoin", 4),
    ("demand", "Demand, elecoins", 3),
    ("server_utility", "Server's utility", 3),
    ("prosumer_utility", "Prosumers' mean utility", 4),
)


@dataclass(frozen=True)
class Beside:
    """A mean of a campaign's complete slots, and what stands beside it; None where that is not known."""

    name: str
    places: int
    played: float | None
    simulated: float | None
    equilibrium: float | None

    def said(self, value: float | None) -> str:
        return "–" if value is None else f"{value:,.{self.places}f}"

    def deviation(self, other: float | None) -> str:
        """Of what was played, as a part of the other."""
        if self.played is None or not other:
            return ""
        return f"{round(100 * (self.played - other) / abs(other), 2) + 0.0:+.2f} %"


@dataclass(frozen=True)
class Row:
    """`here` says whether it was played on the chain that is shown, with the contract that is shown."""

    report: Report
    quantities: tuple[Beside, ...]
    here: bool
    in_market: str


def campaigns(request: Request) -> Response:
    site = site_of(request)
    found = researcher.reports(site.config.campaigns)
    before = request.query_params.get("before", "")
    rest = tuple(report for report in found if not before or report.id < before)
    shown = rest[:_PER_PAGE]
    prices, demands = _charts(shown)
    with site.readers.reading() as index:
        genesis = queries.genesis_hash(index)
    return site.page(
        "campaigns.html.j2",
        configured=site.config.campaigns is not None,
        in_all=len(found),
        report_notices=researcher.notices(site.config.campaigns),
        rows=[
            Row(
                report,
                _beside(report),
                report.is_of(genesis, site.contract),
                _in_market(report),
            )
            for report in shown
        ],
        prices=prices,
        demands=demands,
        older="?" + urlencode({"before": shown[-1].id}) if len(rest) > len(shown) else None,
        first_page=not before,
    )


def _beside(report: Report) -> tuple[Beside, ...]:
    def of(means: Means | None, name: str) -> float | None:
        return None if means is None else getattr(means, name)

    return tuple(
        Beside(
            title, places, *(of(each, name) for each in (report.played, report.simulated, report.equilibrium))
        )
        for name, title, places in _QUANTITIES
    )


def _in_market(report: Report) -> str:
    slots = min(report.last_slot - report.first_slot + 1, _MOST_SLOTS_IN_MARKET)
    return "/market?" + urlencode({"slots": slots, "to": report.last_slot})


@lru_cache(maxsize=8)
def _charts(shown: tuple[Report, ...]) -> tuple[Markup | None, Markup | None]:
    """Prices and demands; kept, as a report is read once and drawn for everybody."""
    return (
        _chart("prices", "Price by campaign", shown, _PRICE, _price, lambda best: best.price),
        _chart("demands", "Demand by campaign", shown, _DEMAND, _demand, lambda best: best.demand),
    )


def _price(row: SlotRow) -> float:
    return row.price


def _demand(row: SlotRow) -> float:
    return row.demand


def _chart(
    key: str,
    title: str,
    shown: Sequence[Report],
    unit: Unit,
    value: Callable[[SlotRow], float],
    best: Callable[[Means], float],
) -> Markup | None:
    """A panel for each campaign over the slots that it counts from 1; a place is the mean of some of them."""
    longest = max((_played(report) for report in shown), default=0)
    if not longest:
        return None
    size = math.ceil(longest / _PLACES)
    ends = [(first, min(first + size - 1, longest)) for first in range(1, longest + 1, size)]
    names = [str(first) if first == last else f"{first}–{last}" for first, last in ends]
    small = []
    for report in shown:
        series = [Series(_PLAYED, _means_of(report, size, len(ends), value))]
        if report.equilibrium is not None:
            same: list[float | None] = [best(report.equilibrium)] * len(ends)
            series.append(Series(_EQUILIBRIUM, same, REFERENCE))
        small.append(Panel(_name(report), series))
    return panels(key, title, Axis("slot of the campaign", names, number_ticks(ends)), small, unit)


def _name(report: Report) -> Label:
    return Label(f"{cleaned(report.id)} {cleaned(report.policy, 24)}")


def _played(report: Report) -> int:
    return report.last_slot - report.first_slot + 1 if report.series else 0


def _means_of(
    report: Report, size: int, places: int, value: Callable[[SlotRow], float]
) -> list[float | None]:
    bins: list[list[float]] = [[] for _ in range(places)]
    for row in report.series:
        if row.complete:
            bins[(row.slot - report.first_slot) // size].append(value(row))
    return [math.fsum(each) / len(each) if each else None for each in bins]
