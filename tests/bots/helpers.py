"""Settings, ledgers and addresses for tests of decisions, as a campaign of slots 3 to 5 would have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bots.ledger import SlotRecord
from bots.settings import Section, Settings

CONTRACT = "0x" + "c0" * 20
SELLER = "0x" + "5e" * 20
ALICE, BOB, CAROL = ("0x" + digit * 40 for digit in "abc")
NORTH, SOUTH = ("0x" + digit * 40 for digit in "12")
PRICE = 27 * 10**15

PROSUMER: dict[str, Any] = {
    "policy": {"name": "equilibrium"},
    "theta": 100.0,
    "eta": 0.3,
    "Q": 0.6,
    "w": 0.1,
    "x_min": 0.0,
    "x_max": 15.0,
    "retailers": [NORTH, SOUTH],
    "index": 0,
    "patience_blocks": 10,
}
EDGE_SERVER: dict[str, Any] = {
    "policy": {"name": "equilibrium", "price": 27.0},
    "p_min": 10.0,
    "p_max": 45.0,
    "prosumers": [ALICE, BOB],
    "retailers": [NORTH, SOUTH],
    "demand_Wh_per_slot": 50_000,
    "k": 8.0,
    "Q": 0.6,
    "e_c": 0.0,
    "mining_utility": 108.0,
}


def settings(role: str, private: dict[str, Any], **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "folder": Path(),
        "role": role,
        "name": f"{role}-1",
        "chain_id": 1,
        "contract": CONTRACT,
        "rpc_urls": ("http://127.0.0.1:1",),
        "ws_urls": ("ws://127.0.0.1:1",),
        "seed": 1,
        "first_slot": 3,
        "slots": 3,
        "confirmations": 3,
        "wait_blocks": 4,
        "private": Section(private, "bot.json, private"),
    }
    return Settings(**(values | changes))


def record(
    slot: int, opened_at: int, bought: dict[str, int], traded: dict[str, int] | None = None
) -> SlotRecord:
    """All bought and traded in the block after the opening; traded is as `bought` pays for, unless told."""
    if traded is None:
        traded = {who: mE * 1000 // 600 for who, mE in bought.items() if mE}
    return SlotRecord(slot, opened_at, PRICE, dict(bought), traded, {who: opened_at + 1 for who in bought})
