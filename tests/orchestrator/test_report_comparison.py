"""What stands beside a campaign's means: its simulation, its equilibrium, and each slot's of a day."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from market.equilibrium import solve
from market.parameters import Parameters
from orchestrator.report_comparison import against_simulation
from orchestrator.report_day import equilibrium_in, mean_equilibrium
from orchestrator.report_text import report_text
from tests.orchestrator.test_report import report_of

GAME = Parameters()
LOADS = (1.0, 1.44)


def simulation(**change: Any) -> dict[str, Any]:
    best = solve(GAME)
    return {
        "slots": 2,
        "price": best.price,
        "prices": list(best.prices),
        "demands": list(best.demands),
        "server_utility": best.server_utility,
        "prosumer_utilities": list(best.prosumer_utilities),
        **change,
    }


def of_a_day() -> dict[str, Any]:
    games = [replace(GAME, w=tuple(w * load for w in GAME.w)) for load in LOADS]
    best = [solve(game) for game in games]

    def choose(slot: int) -> tuple[float, list[float | None]]:
        return best[(slot - 1) % 2].price, list(best[(slot - 1) % 2].demands)

    day = {
        "source": "two slots",
        "slots_per_day": 2,
        "loads": [list(LOADS)] * GAME.prosumers,
        "generation": [0.5, 1.5],
        "equilibria": [asdict(each) for each in best],
    }
    return report_of(4, choose, day=day)


def test_chain_and_simulation_stand_side_by_side() -> None:
    text = "\n".join(against_simulation(report_of(2, simulation=simulation(price=27.0))))
    price = solve(GAME).price
    assert f"| price, ether per elecoin | {price:.4f} | 27.0000 | {100 * (price / 27 - 1):+.3f} % |" in text
    assert text.count("| x of prosumer-") == GAME.prosumers


@pytest.mark.parametrize(("slots", "said"), [(2, "This report does not say."), (0, "No slot was complete.")])
def test_a_report_without_a_simulation_says_so(slots: int, said: str) -> None:
    assert said in list(against_simulation(report_of(slots)))


def test_where_slots_follow_a_day_means_stand_beside_the_same_slots_equilibria() -> None:
    report = of_a_day()
    first, second = (equilibrium_in(report, slot) for slot in (1, 2))
    assert equilibrium_in(report, 3) == first
    mean = mean_equilibrium(report, report["slot_records"][:3])
    assert mean["price"] == pytest.approx((2 * first["price"] + second["price"]) / 3)
    assert mean["demands"][0] == pytest.approx((2 * first["demands"][0] + second["demands"][0]) / 3)
    text = report_text(report)
    assert "## The day that the slots follow" in text
    assert f"| 12:00 | 1.440 | 1.500 | {second['price']:.4f} |" in text


def test_a_report_without_a_day_has_no_such_section() -> None:
    report = report_of(2)
    assert "The day that the slots follow" not in report_text(report)
    assert mean_equilibrium(report, report["slot_records"]) == report["equilibrium"]
