"""A campaign's report tells what was played, nothing more, and can be read back."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from contracts.audit import Audit, Check
from errors import EnvironmentFault, TestbedError
from market.equilibrium import solve
from market.mining import mining_utility
from market.parameters import Parameters
from market.units import Q_to_mE_per_kWh, elecoins_to_mE, mE_to_elecoins, mE_to_Wh, price_to_wei_per_mE
from market.utilities import prosumer_utility, server_utility
from orchestrator.report import load_report, write_report
from orchestrator.report_text import report_text

Choose = Callable[[int], tuple[float, list[float | None]]]
_FILES = {"report.json", "report.md", "report.png", "report.svg"}
_HOLDS = Check("elecoins", "all", "total", 1_200_000, 1_200_000)


def at_equilibrium(game: Parameters) -> Choose:
    best = solve(game)
    return lambda slot: (best.price, list(best.demands))


def at_random(game: Parameters) -> Choose:
    def choose(slot: int) -> tuple[float, list[float | None]]:
        draw = random.Random(slot)
        return draw.uniform(game.p_min, game.p_max), [draw.uniform(game.x_min, game.x_max) for _ in game.w]

    return choose


def report_of(
    slots: int,
    choose: Choose | None = None,
    *,
    planned: int | None = None,
    game: Parameters | None = None,
    checks: tuple[Check, ...] = (_HOLDS,),
    **change: Any,
) -> dict[str, Any]:
    """A report as the campaign assembles it, of slots in which all chose as `choose` says."""
    game = game or Parameters()
    best = solve(game)
    records = [_record(game, slot, *(choose or at_equilibrium(game))(slot)) for slot in range(1, slots + 1)]
    complete = sum(record["complete"] for record in records)
    return {
        "kind": "campaign report",
        "version": 1,
        "id": "0001",
        "testbed": "default",
        "created": "2026-01-02T03:04:05Z",
        "engine": "process",
        "consensus": "clique",
        "policy": "equilibrium",
        "seed": 1,
        "slots": planned or max(slots, 1),
        "slots_played": slots,
        "first_slot": 1,
        "start_block": 5,
        "end_block": 5 + 2 * slots,
        "end_block_hash": "0x" + "ab" * 32,
        "configuration": {"campaign": {"slots": slots}},
        "chain": {"chain_id": 4242, "genesis_hash": "0x" + "cd" * 32, "contract": "0x" + "ef" * 20},
        "versions": {"testbed": "0.1.0", "commit": None, "geth": "1.11.6", "python": "3.11.7"},
        "parameters": asdict(game),
        "participants": [
            {"name": "edge-server-1", "role": "edge-server", "address": "0x" + "00" * 20},
            *(
                {"name": f"prosumer-{i + 1}", "role": "prosumer", "address": f"0x{i + 1:040x}"}
                for i in range(game.prosumers)
            ),
            {"name": "retailer-1", "role": "retailer", "address": "0x" + "11" * 20},
        ],
        "equilibrium": asdict(best),
        "slot_records": records,
        "totals": {
            "purchases": game.prosumers * complete,
            "trades": game.prosumers * complete,
            "blocks": 2 * slots,
            "slots_complete": complete,
            "slots_per_two_blocks": complete / slots if slots else None,
            "fees_ether": 0.00123,
        },
        "mining": {
            "blocks": {"edge-server-1": 11, "edge-server-2": 9},
            "shares": {"edge-server-1": 0.55, "edge-server-2": 0.45},
            "expected_shares": {"edge-server-1": 0.31, "edge-server-2": 0.69},
            "U_m": mining_utility(game),
        },
        "died": [],
        "notes": [],
        "interrupted": False,
        "audit": Audit(
            5 + 2 * slots, "0x" + "ab" * 32, checks, {"elecoins_mE": 1_200_000, "failed_transactions": 0}
        ).to_json(),
        **change,
    }


def _record(g: Parameters, slot: int, price: float, demands: list[float | None]) -> dict[str, Any]:
    Q = Q_to_mE_per_kWh(g.Q)
    x_mE = [None if x is None else elecoins_to_mE(x) for x in demands]
    x = [None if mE is None else mE_to_elecoins(mE) for mE in x_mE]
    settled = [value for value in x if value is not None]
    return {
        "slot": slot,
        "chain_slot": slot,
        "opened_at_block": 5 + 2 * slot,
        "opened_by": "edge-server-1",
        "price": price,
        "price_wei_per_mE": price_to_wei_per_mE(price),
        "x": x,
        "x_mE": x_mE,
        "y_Wh": [0 if mE is None else mE_to_Wh(mE, Q) for mE in x_mE],
        "server_utility": server_utility(
            settled, price, k=g.k, Q=g.Q, e_c=g.e_c, mining_utility=mining_utility(g)
        ),
        "prosumer_utilities": [
            None if value is None else prosumer_utility(value, price, theta=g.theta, eta=g.eta, Q=g.Q, w=w)
            for value, w in zip(x, g.w, strict=True)
        ],
        "complete": None not in x,
    }


def with_a_death(slot_of_death: int) -> Choose:
    best = solve(Parameters())

    def choose(slot: int) -> tuple[float, list[float | None]]:
        demands: list[float | None] = list(best.demands)
        if slot >= slot_of_death:
            demands[2] = None
        return best.price, demands

    return choose
