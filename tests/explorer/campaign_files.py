"""Reports of campaigns as `testbed campaign run` writes them, of slots that a test has played itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from market.equilibrium import solve
from market.mining import mining_utility, shares
from market.parameters import Parameters
from market.units import Wh_to_kWh, mE_to_elecoins, wei_per_mE_to_price
from market.utilities import delivered_utility, server_utility


@dataclass(frozen=True)
class Played:
    """What a slot settled for each prosumer: wei per mE, mE bought (None: it did not act), Wh delivered."""

    prices: Sequence[int]
    x_mE: Sequence[int | None]
    y_Wh: Sequence[int]


@dataclass(frozen=True)
class Roster:
    """Addresses, in the order of the game's w and alpha."""

    prosumers: Sequence[str]
    edge_servers: Sequence[str]
    sealers: Sequence[str]
    retailers: Sequence[str] = ()


def report_of(
    game: Parameters,
    roster: Roster,
    genesis_hash: str,
    contract: str,
    played: Sequence[Played],
    *,
    id: str = "0001",
    first_slot: int = 1,
    loads: Sequence[Sequence[float]] | None = None,
    **change: Any,
) -> dict[str, Any]:
    """`loads` of shape (N, slots of a day) make the slots follow a day."""
    day_games = [game]
    if loads is not None:
        day_games = [
            replace(game, w=tuple(w * load for w, load in zip(game.w, slot, strict=True)))
            for slot in zip(*loads, strict=True)
        ]
    records = [
        _record(day_games[at % len(day_games)], first_slot, at + 1, slot) for at, slot in enumerate(played)
    ]
    complete = sum(record["complete"] for record in records)
    participants = [
        {"name": f"{name}-{at}", "role": role, "address": address}
        for name, role, addresses in (
            ("edge-server", "edge server", roster.edge_servers),
            ("retailer", "retailer", roster.retailers),
            ("prosumer", "prosumer", roster.prosumers),
            ("sealer", "sealer", roster.sealers),
        )
        for at, address in enumerate(addresses, 1)
    ]
    day = {
        "source": "made for a test",
        "slots_per_day": len(day_games),
        "loads": loads,
        "generation": [1.0] * len(day_games),
        "equilibria": [asdict(solve(each)) for each in day_games],
    }
    return {
        "kind": "campaign report",
        "version": 1,
        "id": id,
        "testbed": "tests",
        "created": "2026-01-02T03:04:05+00:00",
        "engine": "process",
        "consensus": "clique",
        "policy": "equilibrium",
        "policy_file": None,
        "policy_origin": None,
        "seed": 1,
        "slots": len(played),
        "slots_played": len(played),
        "first_slot": first_slot,
        "start_block": 1,
        "end_block": 2,
        "end_block_hash": "0x" + "ab" * 32,
        "configuration": {"mnemonic": None},
        "chain": {"chain_id": 40506, "genesis_hash": genesis_hash, "contract": contract},
        "versions": {"testbed": "0.1.0", "commit": None, "geth": "1.11.6", "python": "3.11.7"},
        "parameters": asdict(game),
        "participants": participants,
        "equilibrium": asdict(solve(game)),
        "day": None if loads is None else day,
        "simulation": None,
        "slot_records": records,
        "redemptions": [],
        "totals": {
            "purchases": sum(bool(x) for slot in played for x in slot.x_mE),
            "trades": sum(bool(y) for slot in played for y in slot.y_Wh),
            "energy_kWh": Wh_to_kWh(sum(sum(slot.y_Wh) for slot in played)),
            "redeemed_elecoins": 0.0,
            "redeemed_ether": 0.0,
            "blocks": 2,
            "slots_complete": complete,
            "slots_per_two_blocks": None,
            "fees_ether": 0.0,
        },
        "mining": {
            "blocks": {},
            "shares": {},
            "expected_shares": dict(enumerate(shares(game))),
            "U_m": mining_utility(game),
        },
        "died": [],
        "notes": [],
        "interrupted": False,
        "audit": {
            "ok": True,
            "block": 2,
            "block_hash": "0x" + "ab" * 32,
            "checked": 7,
            "failed": 0,
            "totals": {},
            "checks": [],
        },
        **change,
    }


def _record(game: Parameters, first_slot: int, slot: int, played: Played) -> dict[str, Any]:
    own = [wei_per_mE_to_price(price) for price in played.prices]
    x = [None if amount is None else mE_to_elecoins(amount) for amount in played.x_mE]
    return {
        "slot": slot,
        "chain_slot": first_slot + slot - 1,
        "opened_at_block": 1,
        "opened_by": "edge-server-1",
        "price": own[0] if len(set(own)) == 1 else sum(own) / len(own),
        "price_wei_per_mE": played.prices[0],
        "prices": own,
        "prices_wei_per_mE": list(played.prices),
        "x": x,
        "x_mE": list(played.x_mE),
        "y_Wh": list(played.y_Wh),
        "server_utility": server_utility(
            [amount or 0.0 for amount in x],
            own,
            k=game.k,
            Q=game.Q,
            e_c=game.e_c,
            mining_utility=mining_utility(game),
        ),
        "prosumer_utilities": [
            None
            if amount is None
            else delivered_utility(Wh_to_kWh(y), amount, price, theta=game.theta, eta=game.eta, w=w)
            for amount, price, y, w in zip(x, own, played.y_Wh, game.w, strict=True)
        ],
        "complete": all(played.x_mE) and all(played.y_Wh),
    }


def write(folder: Path, report: dict[str, Any]) -> Path:
    """Where the testbed puts it: in the campaign's own folder."""
    path = folder / str(report["id"]) / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, allow_nan=False) + "\n")
    return path
