"""/market: a window of slots: prices and demands beside their equilibrium, electricity, elecoins, utilities,
and who mined the blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from chain.depth import CONFIRMATIONS
from explorer import market_queries, market_window, mining, queries, researcher, words
from explorer.charts import Label
from explorer.csv_text import Cell, decimals, flag
from explorer.market_charts import MOST_PANELS, WindowCharts, hours_chart
from explorer.market_window import Outcome, Slot, Window
from explorer.pages.exports import short_file
from explorer.pages.lists import NUMBER
from explorer.queries import Connection, Row
from explorer.researcher import Report
from explorer.site import Site, site_of
from explorer.tables import who
from market.equilibrium import Equilibrium
from market.mining import mining_utility
from market.units import Wh_to_kWh, mE_to_elecoins

_CHOICES = (50, 100, 200, 500)
_SLOTS, _MOST_SLOTS = 200, 500
# Prosumers times slots, which bounds how many purchases a page reads.
_MOST_DEMANDS = 10_000
_MOST_ROWS, _MOST_COLUMNS = 60, 8
_HEATS = 5


@dataclass(frozen=True)
class Beside:
    """A mean over slots, and that of the same slots' equilibria."""

    label: Label
    mean: float
    best: float

    @property
    def deviation(self) -> float | None:
        """As a part of the equilibrium."""
        return (self.mean - self.best) / abs(self.best) if self.best else None


@dataclass(frozen=True)
class Comparison:
    """Over so many complete slots; a pair for each prosumer: its demand and its utility."""

    slots: int
    rows: tuple[Beside, ...]
    prosumers: tuple[tuple[Beside, Beside], ...]


@dataclass(frozen=True)
class Pairs:
    """Wh by buyer (rows) and retailer (columns), those who traded the most first."""

    retailers: Sequence[bytes]
    rows: Sequence[tuple[bytes, Sequence[int]]]
    most: int
    left_out: int

    def heat(self, amount: int) -> int:
        """From 0, nothing, to 5, about the most of any pair."""
        return math.ceil(_HEATS * amount / self.most) if amount else 0


_COLUMNS = (
    *("slot", "opened_in_block", "campaign", "prosumer", "prosumer_name", "intention_w", "elecoins"),
    *("ether_per_elecoin", "kWh_delivered", "utility", "equilibrium_elecoins"),
    *("equilibrium_ether_per_elecoin", "equilibrium_utility", "slot_complete", "slot_deep"),
)


def market(request: Request) -> Response:
    site = site_of(request)
    contract = site.contract
    if contract is None:
        return _without_contract(site)
    with site.readers.reading() as index:
        window, most = _window(request, site, index, contract)
        if window is None:
            return site.page("market.html.j2", window=None)
        return site.page(
            "market.html.j2",
            window=window,
            most=most,
            widest=_MOST_SLOTS,
            this=_query(len(window.slots), window.last),
            **_shown(site, index, window),
        )


def sheet(request: Request) -> Response:
    """/market.csv: what each prosumer bought, paid, got and had of it in each slot of the same window."""
    site = site_of(request)
    contract = site.contract
    if contract is None:
        return _without_contract(site)
    with site.readers.reading() as index:
        window, _ = _window(request, site, index, contract)
    rows = [] if window is None else [row for slot in window.slots for row in _rows(site, window, slot)]
    name = "market" if window is None else f"market-{window.first}-{window.last}"
    return short_file(site, name, _COLUMNS, rows)


def _without_contract(site: Site) -> Response:
    return site.missing("contract", "ETSC", "No ETSC is known yet: it is found once it is deployed.")


def _rows(site: Site, window: Window, slot: Slot) -> Iterator[Sequence[Cell]]:
    """Of each prosumer of the slot's campaign; or of whoever bought, where no report tells of the slot."""
    outcome = window.outcomes.get(slot.number)
    people = sorted(slot.bought) if outcome is None else outcome.report.prosumers
    intentions = [None] * len(people) if outcome is None else outcome.report.intentions_in(slot.number)
    for at, (prosumer, w) in enumerate(zip(people, intentions, strict=True)):
        bought = slot.bought.get(prosumer)
        yield (
            slot.number,
            slot.opened_at,
            None if outcome is None else outcome.report.id,
            *who(site, prosumer),
            *decimals(
                w,
                None if bought is None else mE_to_elecoins(bought.amount_mE),
                slot.asked(prosumer),
                Wh_to_kWh(slot.trades.received_Wh.get(prosumer, 0)),
                None if outcome is None else outcome.prosumer_utilities[at],
            ),
            *decimals(*((None,) * 3 if outcome is None else _of(outcome.equilibrium, at))),
            flag(None if outcome is None else outcome.complete),
            flag(None if outcome is None else outcome.settled),
        )


def _of(best: Equilibrium, at: int) -> tuple[float, float, float]:
    return best.demands[at], best.prices[at], best.prosumer_utilities[at]


def _window(request: Request, site: Site, index: Connection, contract: bytes) -> tuple[Window | None, int]:
    """The slots that the request asks for, None before the first; and how many one may ask for."""
    site.learn_names(index)
    wanted, to = _number(request, "slots"), _number(request, "to")
    most = max(20, min(_MOST_SLOTS, _MOST_DEMANDS // max(1, market_queries.users(index))))
    tip = queries.tip(index)
    if tip is None:
        return None, most
    window = market_window.look(
        index,
        contract,
        _reports_of(site, index, contract),
        tip,
        depth=CONFIRMATIONS.get(site.consensus or "", 0),
        wanted=min(max(1, wanted or _SLOTS), most),
        to=to,
    )
    return window, most


def _number(request: Request, key: str) -> int | None:
    text = request.query_params.get(key, "")
    return int(text) if NUMBER.fullmatch(text) else None


def _reports_of(site: Site, index: Connection, contract: bytes) -> list[Report]:
    """Those of this contract on this chain."""
    genesis = queries.genesis_hash(index)
    found = researcher.reports(site.config.campaigns)
    return [report for report in found if report.is_of(genesis, contract)]


def _shown(site: Site, index: Connection, window: Window) -> dict[str, Any]:
    named = _namer(site)
    prosumers = _prosumers(site, window)
    charts = WindowCharts(window, prosumers, named)
    told = list({outcome.report.id: outcome.report for outcome in window.outcomes.values()}.values())
    comparison = _comparison(window, named)
    standings = market_queries.standings(index, market_queries.first_entry_from(index, window.last + 1))
    users = [row for row in standings if row["role"] == "user"]
    holders = [row for row in users if row["coins_after"]]
    metered = [row for row in users if row["generated_after"] or row["consumed_after"] or row["power_after"]]
    last_hour = window.last_timestamp // 3600
    first_hour = max(window.slots[0].timestamp // 3600, last_hour - market_queries.MOST_HOURS + 1)
    return {
        "choices": _choices(window),
        "older": _query(len(window.slots), window.first - 1) if window.first > 1 else None,
        "newer": None if window.is_newest else _query(len(window.slots), window.last + len(window.slots)),
        "charts": charts,
        "left_out": max(0, len(prosumers) - MOST_PANELS),
        "reports": told,
        "untold": sum(slot.number not in window.outcomes for slot in window.slots),
        "report_notices": researcher.notices(site.config.campaigns),
        "utilities_of": mining_utility,
        "comparison": comparison,
        "hours": (first_hour, last_hour),
        "hours_chart": hours_chart(
            first_hour,
            last_hour,
            [tuple(row) for row in market_queries.energy_by_hour(index, first_hour, last_hour)],
            named,
        ),
        "pairs": _pairs(market_queries.energy_by_pair(index, first_hour, last_hour)),
        "holders": sorted(holders, key=lambda row: (-row["coins_after"], row["address"])),
        "held_mE": sum(row["coins_after"] for row in holders),
        "servers": [row for row in standings if row["role"] == "edge-server"],
        "metered": metered,
        "most_Wh": max(
            (max(row["generated_after"], row["consumed_after"], row["power_after"]) for row in metered),
            default=1,
        ),
        "mined": mining.mining(index, window.first_block, window.last_block, told),
        "rate": mining.rate,
        "most_rows": _MOST_ROWS,
        "most_hours": market_queries.MOST_HOURS,
        "energy_Wh": sum(sum(slot.trades.received_Wh.values()) for slot in window.slots),
        "depth": CONFIRMATIONS.get(site.consensus or "", 0),
    }


def _namer(site: Site) -> Callable[[bytes], Label]:
    def named(address: bytes) -> Label:
        text, known = words.checksummed(address), site.name_of(address)
        return Label(known.name if known else words.shortened(text, 8, 4), text, f"/address/{text}")

    return named


def _prosumers(site: Site, window: Window) -> list[bytes]:
    """In the order of the campaigns, then of the configuration, then whoever else bought."""
    of_reports = [prosumer for outcome in window.outcomes.values() for prosumer in outcome.report.prosumers]
    configured = [account.address for account in site.config.accounts if account.role == "prosumer"]
    buyers = sorted({buyer for slot in window.slots for buyer in slot.bought})
    return list(dict.fromkeys([*of_reports, *configured, *buyers]))


def _query(slots: int, to: int | None = None) -> str:
    return "?" + urlencode({"slots": slots} if to is None else {"slots": slots, "to": to})


def _choices(window: Window) -> list[tuple[int, str]]:
    """Other widths of the window, with the same end."""
    end = None if window.is_newest else window.last
    return [(each, _query(each, end)) for each in _CHOICES if each < window.newest]


def _comparison(window: Window, named: Callable[[bytes], Label]) -> Comparison | None:
    """Means over the complete slots with the prosumers of the newest campaign among them, as its report has
    them; None where there is no such slot."""
    whole = [
        (slot, outcome)
        for slot in window.slots
        if (outcome := window.outcomes.get(slot.number)) is not None and outcome.complete and outcome.settled
    ]
    if not whole:
        return None
    people = whole[-1][1].report.prosumers
    same = [(slot, outcome) for slot, outcome in whole if outcome.report.prosumers == people]

    def beside(
        label: Label, reached: Callable[[Slot, Outcome], float | None], best: Callable[[Outcome], float]
    ) -> Beside:
        values = [value for slot, outcome in same if (value := reached(slot, outcome)) is not None]
        return Beside(label, _mean(values), _mean([best(outcome) for _, outcome in same]))

    def demand(index: int) -> Beside:
        return beside(
            named(people[index]),
            lambda slot, _: mE_to_elecoins(slot.bought[people[index]].amount_mE),
            lambda outcome: outcome.equilibrium.demands[index],
        )

    def utility(index: int) -> Beside:
        return beside(
            named(people[index]),
            lambda _, outcome: outcome.prosumer_utilities[index],
            lambda outcome: outcome.equilibrium.prosumer_utilities[index],
        )

    return Comparison(
        slots=len(same),
        rows=(
            beside(
                Label("price, ether per elecoin"),
                lambda slot, _: _mean([slot.asked(each) or 0.0 for each in people]),
                lambda outcome: outcome.equilibrium.price,
            ),
            beside(
                Label("Σx, elecoins per slot"),
                lambda slot, _: math.fsum(mE_to_elecoins(slot.bought[each].amount_mE) for each in people),
                lambda outcome: math.fsum(outcome.equilibrium.demands),
            ),
            beside(
                Label("edge server's utility"),
                lambda _, outcome: outcome.server_utility,
                lambda outcome: outcome.equilibrium.server_utility,
            ),
            beside(
                Label("mean prosumer's utility"),
                lambda _, outcome: outcome.mean_prosumer_utility,
                lambda outcome: outcome.equilibrium.mean_prosumer_utility,
            ),
        ),
        prosumers=tuple((demand(index), utility(index)) for index in range(len(people))),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _pairs(rows: Sequence[Row]) -> Pairs:
    sold: dict[bytes, int] = {}
    received: dict[bytes, int] = {}
    amounts: dict[tuple[bytes, bytes], int] = {}
    for row in rows:
        retailer, buyer, energy = row["retailer"], row["buyer"], row["energy"]
        amounts[buyer, retailer] = energy
        sold[retailer] = sold.get(retailer, 0) + energy
        received[buyer] = received.get(buyer, 0) + energy
    retailers = sorted(sold, key=lambda each: (-sold[each], each))[:_MOST_COLUMNS]
    buyers = sorted(received, key=lambda each: (-received[each], each))[:_MOST_ROWS]
    return Pairs(
        retailers=retailers,
        rows=[(buyer, [amounts.get((buyer, each), 0) for each in retailers]) for buyer in buyers],
        most=max(amounts.values(), default=0),
        left_out=len(sold) - len(retailers) + len(received) - len(buyers),
    )
