"""/market shows what a market that was played settled: each figure is worked out anew from the play, from the
contract at the same block, or from its events."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from chain.rpc import HttpRpc
from contracts.replay import Books, replay
from market.equilibrium import solve
from market.parameters import Parameters
from orchestrator.report import load_report
from tests.explorer.gethnode import SEALER
from tests.explorer.html_tables import table_of
from tests.explorer.played_campaigns import (
    DISCRIMINATED,
    LOADS,
    OTHER_SEALER,
    UNIFIED,
    floats,
    playing,
    write_campaigns,
)
from tests.explorer.played_market import (
    BUYS,
    PROSUMERS,
    RETAILERS,
    SERVERS,
    PlayedMarket,
    TOTAL_mE,
    accounts,
)
from tests.explorer.running import Explorer, configuration
from tests.explorer.test_pages import words


@pytest.fixture(scope="module")
def market() -> Iterator[PlayedMarket]:
    with playing() as market:
        yield market


@pytest.fixture(scope="module")
def explorer(market: PlayedMarket, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """One for all tests that only look, with both campaigns."""
    directory = tmp_path_factory.mktemp("explorer")
    folder = write_campaigns(market, directory)
    config = configuration(
        directory, market.node, contract=market.etsc.address, accounts=accounts(), campaigns=str(folder)
    )
    explorer = Explorer(directory, config)
    try:
        explorer.start()
        explorer.wait_for(market.node)
        yield explorer
    finally:
        explorer.kill()


@pytest.fixture
def campaigns(explorer: Explorer) -> Path:
    return Path(explorer.config["campaigns"])


def test_the_campaigns_here_are_such_as_the_testbed_reads(campaigns: Path) -> None:
    for path in sorted(campaigns.glob("*/report.json")):
        assert load_report(path)["id"] == path.parent.name


def test_each_edge_servers_price_stands_beside_the_equilibrium(explorer: Explorer) -> None:
    table = table_of(explorer.get("/market").text, "Price, ether per elecoin")
    assert table.head == ["slot", "edge-server-1", "edge-server-2", "equilibrium"]
    assert table.column("slot") == ["1", "2", "3", "4", "5"]
    assert floats(table.column("edge-server-1")) == [27, 30, 28, 28, 26]
    assert floats(table.column("edge-server-2")) == [None, 22, 22, 22, 22]  # in force until it posts again
    best = floats(table.column("equilibrium"))
    day = [solve(Parameters(**{**asdict(DISCRIMINATED), "w": w})) for w in _day_intentions()]
    unified = solve(UNIFIED).price
    assert best[:4] == pytest.approx([unified, unified, day[0].price, day[1].price], abs=1e-4)
    assert best[4] is None


def _day_intentions() -> list[tuple[float, ...]]:
    return [tuple(w * load[at] for w, load in zip(DISCRIMINATED.w, LOADS, strict=True)) for at in range(2)]


def test_each_prosumer_is_shown_the_price_that_it_was_asked(explorer: Explorer) -> None:
    table = table_of(explorer.get("/market").text, "Price for each prosumer")
    # Slot 2 was opened by edge-server-2, at which prosumer-1 and prosumer-3 did not buy. Slot 4 was opened by
    # somebody else: the own prices of slot 3 stay in force. Those of slot 5 are void.
    assert floats(table.column("prosumer-1")) == [27, 25, 31, 31, 26]
    assert floats(table.column("prosumer-2")) == [27, 22, 24, 24, 26]
    assert floats(table.column("prosumer-3")) == [27, 30, 28, 28, 26]
    day = [solve(Parameters(**{**asdict(DISCRIMINATED), "w": w})) for w in _day_intentions()]
    assert floats(table.column("prosumer-1, equilibrium"))[2:4] == pytest.approx(
        [each.prices[0] for each in day], abs=1e-4
    )


def test_demands_are_those_bought_and_nothing_is_not_zero(explorer: Explorer) -> None:
    page = explorer.get("/market").text
    table = table_of(page, "Demand of each prosumer, elecoins")
    for at in range(3):
        expected = [
            next((buy.amount_mE / 1000 for buy in BUYS[slot] if buy.prosumer == at), None)
            for slot in range(1, 6)
        ]
        assert floats(table.column(f"prosumer-{at + 1}")) == expected
    unified = solve(UNIFIED).demands
    assert floats(table.column("prosumer-3, equilibrium"))[:2] == pytest.approx([unified[2]] * 2, abs=1e-3)
    together = table_of(page, "Demand of all together")
    assert floats(together.column("bought")) == pytest.approx([7.5, 9.5, 18.001, 2.0, 1.0])
    assert floats(together.column("equilibrium"))[0] == pytest.approx(math.fsum(unified), abs=1e-3)


def _game(slot: int) -> Parameters:
    if slot < 3:
        return UNIFIED
    return Parameters(**{**asdict(DISCRIMINATED), "w": _day_intentions()[slot - 3]})


def test_utilities_are_equations_2_and_3_of_what_was_settled(explorer: Explorer) -> None:
    page = explorer.get("/market").text
    servers = floats(table_of(page, "Utility of the edge server").column("reached"))
    prosumers = table_of(page, "Utility of each prosumer")
    for slot in range(1, 5):
        g = _game(slot)
        mined = (g.R_f + g.r * g.s) * (1 / 3) * math.exp(-g.lam * g.l * g.s)
        sold = [buy for buy in BUYS[slot] if buy.server == 0]  # the campaign's seller is edge-server-1
        income = sum(buy.amount_mE / 1000 * buy.price for buy in sold)
        cost = g.k * (sum(buy.amount_mE / 1000 for buy in sold) / g.Q + g.e_c)
        assert servers[slot - 1] == pytest.approx(mined + income - cost, abs=1e-4)
        for at in range(3):
            reached = floats(prosumers.column(f"prosumer-{at + 1}"))[slot - 1]
            buy = next((each for each in BUYS[slot] if each.prosumer == at), None)
            if buy is None:
                assert reached is None
                continue
            revenue = g.theta * math.log(1 + g.w[at] * buy.energy_Wh / 1000)
            assert reached == pytest.approx(revenue - g.eta * buy.price * buy.amount_mE / 1000, abs=1e-4)
    assert servers[4] is None
    assert floats(prosumers.column("prosumer-1"))[4] is None


def test_utilities_are_those_that_the_campaigns_report_has(
    market: PlayedMarket, campaigns: Path, explorer: Explorer
) -> None:
    page = explorer.get("/market?slots=2&to=4").text
    records = load_report(campaigns / "0002" / "report.json")["slot_records"]
    servers = floats(table_of(page, "Utility of the edge server").column("reached"))
    assert servers == pytest.approx([record["server_utility"] for record in records], abs=1e-4)
    table = table_of(page, "Utility of each prosumer")
    for at in range(3):
        expected = [record["prosumer_utilities"][at] for record in records]
        assert floats(table.column(f"prosumer-{at + 1}")) == [
            None if each is None else pytest.approx(each, abs=1e-4) for each in expected
        ]


def test_means_are_over_complete_slots_beside_the_same_slots_equilibria(explorer: Explorer) -> None:
    # Slots 2 and 3 are complete; in slot 1 prosumer-3 bought nothing, in slot 4 it was not there.
    page = explorer.get("/market").text
    table = table_of(page, "Means over 2 complete slots")
    day = solve(_game(3))
    price = (math.fsum([25, 22, 30]) / 3 + math.fsum([31, 24, 28]) / 3) / 2
    best = (solve(UNIFIED).price + day.price) / 2
    assert floats(table.row("price")[:2]) == pytest.approx([price, best], abs=1e-4)
    assert table.row("price")[2] == f"{100 * (price - best) / best:+.2f} %"
    demand, best = (9.5 + 18.001) / 2, (math.fsum(solve(UNIFIED).demands) + math.fsum(day.demands)) / 2
    assert floats(table.row("Σx")[:2]) == pytest.approx([demand, best], abs=1e-4)


def test_electricity_by_pair_and_hour_is_that_traded(explorer: Explorer) -> None:
    page = explorer.get("/market").text
    pairs = table_of(page, "By pair in these hours, kWh")
    sold = {
        (at, retailer): sum(
            buy.energy_Wh
            for buys in BUYS.values()
            for buy in buys
            if buy.energy_Wh and (buy.prosumer, buy.retailer) == (at, retailer)
        )
        for at in range(3)
        for retailer in range(2)
    }
    for (at, retailer), Wh in sold.items():
        cells = dict(zip(pairs.head[1:], pairs.row(f"prosumer-{at + 1}"), strict=True))
        assert cells[f"retailer-{retailer + 1}"] == (f"{Wh / 1000:.3f}" if Wh else "–")
    hours = table_of(page, "Electricity sold in each hour")
    for retailer in range(2):
        expected = sum(Wh for (_, seller), Wh in sold.items() if seller == retailer) / 1000
        told = floats(hours.column(f"retailer-{retailer + 1}"))
        assert math.fsum(each for each in told if each is not None) == pytest.approx(expected)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:00", hour) for hour in hours.column("hour (UTC)"))


def _books(market: PlayedMarket, last_block: int) -> Books:
    with HttpRpc(market.node.rpc_url) as rpc:
        events = rpc.fetch(market.etsc.events(0, last_block))
    return replay(events)


@pytest.mark.parametrize("slot", [1, 2, 3, 4, 5])
def test_elecoins_and_electricity_after_any_slot_are_those_of_the_events_until_then(
    explorer: Explorer, market: PlayedMarket, slot: int
) -> None:
    page = explorer.get(f"/market?slots=2&to={slot}").text
    books = _books(market, market.ends[slot])
    circulating = TOTAL_mE - sum(server.stock for server in books.edge_servers.values())
    assert floats(table_of(page, "Elecoins in circulation").column("in circulation"))[-1] == pytest.approx(
        circulating / 1000
    )
    holders = table_of(page, f"Who holds them after slot {slot}")
    named = {each["address"]: each["name"] for each in accounts()}
    coins = {named[address]: user.coins for address, user in books.users.items() if user.coins}
    assert {row[0].split()[0]: row[1] for row in holders.rows} == {
        name: f"{mE / 1000:,.3f}" for name, mE in coins.items()
    }
    assert holders.foot[:2] == ["Together", f"{sum(coins.values()) / 1000:,.3f}"]
    assert sum(coins.values()) == circulating
    power = table_of(page, "In kWh, since the beginning")
    for address, user in books.users.items():
        if user.generated or user.consumed or user.power:
            assert power.row(named[address])[:5] == [
                f"{Wh / 1000:,.3f}"
                for Wh in (user.generated, user.consumed, user.power, user.offered, user.deficit)
            ]
    text = words(page)
    for server in SERVERS:
        stock = books.edge_servers[server.address].stock
        whole, rest = divmod(stock, 1000)
        told = f"{whole:,}" + (f".{rest:03d}".rstrip("0") if rest else "")
        assert re.search(rf"In stock at\s+{named[server.address]}\s+{told} elecoins", text)


def test_what_everybody_holds_now_is_what_the_contract_says(explorer: Explorer, market: PlayedMarket) -> None:
    page = explorer.get("/market").text
    holders = table_of(page, "Who holds them after slot 5, as far as it is played")
    power = table_of(page, "In kWh, since the beginning")
    people = [*PROSUMERS, *RETAILERS]
    named = {each["address"]: each["name"] for each in accounts()}
    with HttpRpc(market.node.rpc_url) as rpc:
        users = rpc.fetch_all([market.etsc.user(each.address) for each in people])
        stocks = rpc.fetch_all([market.etsc.edge_server(each.address) for each in SERVERS])
        total = rpc.fetch(market.etsc.total_elecoins())
    assert users[1].coins == 0  # prosumer-2 spent all of them on electricity
    for each, user in zip(people, users, strict=True):
        name = named[each.address]
        if user.coins:
            assert holders.row(name)[0] == f"{user.coins / 1000:,.3f}"
        assert power.row(name)[:2] == [f"{user.generated / 1000:,.3f}", f"{user.consumed / 1000:,.3f}"]
        assert power.row(name)[2] == f"{user.power / 1000:,.3f}"
    circulating = floats(table_of(page, "Elecoins in circulation").column("in circulation"))[-1]
    assert circulating == pytest.approx((total - sum(each.stock for each in stocks)) / 1000)


def test_blocks_of_each_sealer_stand_beside_its_computing_share(
    explorer: Explorer, market: PlayedMarket
) -> None:
    with HttpRpc(market.node.rpc_url) as rpc:
        opened = rpc.fetch(market.etsc.events(0, "latest", "SlotOpened"))
    page = explorer.get("/market?slots=2&to=4").text
    first, last = opened[2].block_number, opened[4].block_number - 1
    table = table_of(page, f"{last - first + 1:,} blocks, {first:,} to {last:,}")
    blocks, share, interval, computing, _, orphans, _ = table.row("node-1")
    assert (blocks, share, computing) == (f"{last - first + 1}", "100.0 %", "33.3 %")
    assert re.fullmatch(r"\d+\.\d to 100\.0 %", interval)
    assert orphans == "0 0.0 %"
    # It sealed nothing, though it has two thirds of the computing power.
    assert table.row(OTHER_SEALER.address[:8])[:4][0] == "0"
    assert table.row(OTHER_SEALER.address[:8])[3] == "66.7 %"
    assert "Under Clique the sealers take turns" in words(page)


def test_windows_lead_from_one_to_the_next(explorer: Explorer) -> None:
    seen = []
    path = "/market?slots=2"
    for _ in range(3):
        page = explorer.get(path).text
        seen.append(table_of(page, "Price, ether per elecoin").column("slot"))
        older = re.search(r'href="(\?slots=\d+&amp;to=\d+)" rel="prev"', page)
        if older is None:
            break
        path = "/market" + older[1].replace("&amp;", "&")
    assert seen == [["4", "5"], ["2", "3"], ["1"]]
    newer = re.search(
        r'href="(\?slots=\d+&amp;to=\d+)" rel="next"', explorer.get("/market?slots=2&to=3").text
    )
    assert newer is not None
    assert newer[1] == "?slots=2&amp;to=5"


@pytest.mark.parametrize(
    "query",
    [
        "slots=0",
        "slots=-1",
        "slots=abc",
        "slots=" + "9" * 400,
        "to=0",
        "to=999999999999999999",
        "to=" + "9" * 30,
        "slots=500&to=1",
        "to=%00",
        "slots=1&slots=2&to=&to=x",
        "slots=%F0%9F%92%A9",
    ],
)
def test_nonsense_in_the_query_is_a_page(explorer: Explorer, query: str) -> None:
    answer = explorer.get("/market?" + query)
    assert answer.status == 200
    assert "style=" not in answer.text
    assert answer.text.count("<script") == 1


def test_campaigns_slots_and_blocks_beside_shares_are_files_too(
    market: PlayedMarket, explorer: Explorer, campaigns: Path
) -> None:
    rows = explorer.get("/export/campaign-slots.csv").csv_rows()
    assert [(row["campaign"], row["slot"]) for row in rows] == [
        ("0002", "3"),
        ("0002", "4"),
        ("0001", "1"),
        ("0001", "2"),
    ]
    series = load_report(campaigns / "0001" / "report.json")["slot_records"]
    best = solve(UNIFIED)
    for row, told in zip(rows[2:], series, strict=True):
        assert float(row["price"]) == told["price"]
        assert float(row["price_equilibrium"]) == best.price
        assert float(row["demand_equilibrium"]) == math.fsum(best.demands)
        assert float(row["prosumer_utility_equilibrium"]) == best.mean_prosumer_utility
    own, other = explorer.get("/export/shares.csv").csv_rows()
    assert (own["sealer"], own["blocks"]) == (SEALER.address, str(market.node.height()))
    assert float(own["share"]) == 1.0
    assert math.isclose(float(own["interval_high"]), 1.0)
    assert (other["sealer"], other["blocks"], float(other["share"])) == (OTHER_SEALER.address, "0", 0.0)
    assert math.isclose(float(own["computing_share"]), 1 / 3)
    assert math.isclose(float(other["computing_share"]), 2 / 3)


def test_what_each_prosumer_had_of_each_slot_is_a_file_of_the_pages_window(
    explorer: Explorer, campaigns: Path
) -> None:
    rows = explorer.get("/market.csv").csv_rows()
    assert {row["slot"] for row in rows} == {"1", "2", "3", "4", "5"}
    best, told = solve(UNIFIED), load_report(campaigns / "0001" / "report.json")["slot_records"]
    for record in told:
        mine = [row for row in rows if (row["slot"], row["campaign"]) == (str(record["slot"]), "0001")]
        assert [row["prosumer_name"] for row in mine] == ["prosumer-1", "prosumer-2", "prosumer-3"]
        assert [float(row["intention_w"]) for row in mine] == list(UNIFIED.w)
        assert [float(row["equilibrium_elecoins"]) for row in mine] == list(best.demands)
        assert [float(row["equilibrium_utility"]) for row in mine] == list(best.prosumer_utilities)
        bought = {buy.prosumer: buy for buy in BUYS[record["slot"]]}
        assert [row["elecoins"] for row in mine] == [
            f"{bought[at].amount_mE / 1000}" if at in bought else "" for at in range(3)
        ]
        whole = {str(len(bought) == 3).lower()}
        assert {row["slot_complete"] for row in mine} <= whole | {"false"}
    # Where no report tells of a slot, nothing of a game is made up.
    (untold,) = {(row["campaign"], row["intention_w"], row["utility"]) for row in rows if row["slot"] == "5"}
    assert untold == ("", "", "")
    some = explorer.get("/market.csv?slots=2&to=4")
    assert {row["slot"] for row in some.csv_rows()} == {"3", "4"}
    assert some.headers["content-disposition"] == 'attachment; filename="tests-market-3-4.csv"'
    assert 'href="/market.csv?slots=2&amp;to=4"' in explorer.get("/market?slots=2&to=4").text


def test_utilities_in_the_file_are_those_of_the_page(explorer: Explorer) -> None:
    rows = explorer.get("/market.csv").csv_rows()
    table = table_of(explorer.get("/market").text, "Utility of each prosumer")
    for name in ("prosumer-1", "prosumer-2", "prosumer-3"):
        mine = [row["utility"] for row in rows if row["prosumer_name"] == name]
        shown = floats(table.column(name))[: len(mine)]
        assert any(mine)
        for utility, seen in zip(mine, shown, strict=True):
            assert (utility == "") == (seen is None)
            assert seen is None or math.isclose(float(utility), seen, abs_tol=5e-4)
