"""A campaign beside the equilibrium, and beside the same policies without a chain."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from orchestrator.markdown import NONE, number, table
from orchestrator.report_day import mean_equilibrium, short_deliveries
from orchestrator.report_records import acted, complete_slots, mean, prosumer_names


def against_equilibrium(report: dict[str, Any]) -> Iterator[str]:
    records = complete_slots(report)
    equilibrium = mean_equilibrium(report, records)
    yield "## Beside the closed-form equilibrium"
    yield ""
    yield (
        f"Means over the {len(records)} complete slots of {len(report['slot_records'])} that were played;"
        " a slot is complete when every prosumer bought and traded."
        if records
        else "No slot was complete, so there is no mean to set beside the equilibrium."
    )
    yield (
        "Utilities are equations (2) and (3) with the integers that the chain settled, converted back, and"
        f" without gas: all fees together were {number(report['totals']['fees_ether'])} ether."
    )
    yield from _short_deliveries(report)
    if report.get("day"):
        yield "Every slot of the day has its own equilibrium: beside each mean is theirs over the same slots."
    if equilibrium["binding"]:
        yield f"Bounds that hold a choice at the equilibrium: {', '.join(equilibrium['binding'])}."
    yield ""
    demands, utilities = equilibrium["demands"], equilibrium["prosumer_utilities"]
    header = ("", "mean on chain", "equilibrium", "deviation")
    yield from table(
        header,
        (
            _beside("price, ether per elecoin", [r["price"] for r in records], equilibrium["price"]),
            _beside("Σx, elecoins per slot", [math.fsum(r["x"]) for r in records], math.fsum(demands)),
            _beside("server utility", [r["server_utility"] for r in records], equilibrium["server_utility"]),
            _beside(
                "mean prosumer utility", [mean(r["prosumer_utilities"]) for r in records], mean(utilities)
            ),
        ),
    )
    yield ""
    yield from table(
        ("prosumer", "mean x, elecoins", *header[2:], "mean utility", *header[2:]),
        (
            (
                *_beside(name, [r["x"][i] for r in records], demands[i]),
                *_beside("", [r["prosumer_utilities"][i] for r in records], utilities[i])[1:],
            )
            for i, name in enumerate(prosumer_names(report))
        ),
    )


def against_simulation(report: dict[str, Any]) -> Iterator[str]:
    """A report may be older than simulations."""
    simulated: dict[str, Any] | None = report.get("simulation")
    records = complete_slots(report)
    yield "## Beside the same policies in simulation"
    yield ""
    if simulated is None:
        yield "This report does not say." if records else "No slot was complete."
        return
    yield "The same slots with the same policies and the same draws, without a chain: elecoins and prices are"
    yield "not rounded to its units, supply never binds, and nobody is late."
    yield ""
    utilities = simulated["prosumer_utilities"]
    yield from table(
        ("", "mean on chain", "simulation", "deviation"),
        (
            _beside("price, ether per elecoin", [r["price"] for r in records], simulated["price"]),
            _beside(
                "Σx, elecoins per slot", [math.fsum(r["x"]) for r in records], math.fsum(simulated["demands"])
            ),
            _beside("server utility", [r["server_utility"] for r in records], simulated["server_utility"]),
            _beside(
                "mean prosumer utility", [mean(r["prosumer_utilities"]) for r in records], mean(utilities)
            ),
            *(
                _beside(f"x of {name}", [r["x"][i] for r in records], simulated["demands"][i])
                for i, name in enumerate(prosumer_names(report))
            ),
        ),
    )


def _short_deliveries(report: dict[str, Any]) -> Iterator[str]:
    """Where supply binds, equation (3) is taken with what arrived, and the reader must know."""
    short = [each for record in report["slot_records"] for each in short_deliveries(report, record)]
    if any(short):
        yield (
            f"In {sum(short)} of {len(short)} purchases less electricity arrived than the elecoins pay for."
            " Where supply bound, equation (3) takes the electricity that arrived."
        )


def _beside(what: str, found: Iterable[float | None], equilibrium: float | None) -> tuple[str, str, str, str]:
    seen = mean(acted(found))
    return what, number(seen), number(equilibrium), _deviation(seen, equilibrium)


def _deviation(found: float | None, expected: float | None) -> str:
    if found is None or not expected:
        return NONE
    # Adding zero makes of a rounded -0.0 a 0.0.
    return f"{round(100 * (found - expected) / abs(expected), 3) + 0.0:+.3f} %"
