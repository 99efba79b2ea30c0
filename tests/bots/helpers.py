"""Settings, ledgers and addresses for tests of decisions, as a campaign of slots 3 to 5 would have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bots.ledger import SlotRecord
from bots.settings import Section, Settings
from contracts.etsc import EdgeServer, User

CONTRACT = "0x" + "c0" * 20
SELLER = "0x" + "5e" * 20
ALICE, BOB, CAROL = ("0x" + digit * 40 for digit in "abc")
NORTH, SOUTH = ("0x" + digit * 40 for digit in "12")
PRICE = 27 * 10**15
P_MIN = 10 * 10**15

PROSUMER: dict[str, Any] = {
    "policy": {"name": "equilibrium"},
    "theta": 100.0,
    "eta": 0.3,
    "Q": 0.6,
    "w": 0.1,
    "loads": [1.0],
    "x_min": 0.0,
    "x_max": 15.0,
    "edge_server": SELLER,
    "retailers": [NORTH, SOUTH],
    "index": 0,
    "patience_blocks": 10,
}
EDGE_SERVER: dict[str, Any] = {
    "policies": [{"name": "equilibrium", "prices": [27.0]}],
    "p_min": 10.0,
    "p_max": 45.0,
    "prosumers": [ALICE, BOB],
    "retailers": [NORTH, SOUTH],
    "demand_Wh_per_slot": 50_000,
    "k": 8.0,
    "Q": 0.6,
    "e_c": 0.0,
    "mining_utility": 108.0,
    "buy_back_wei_per_mE": P_MIN,
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


def till(sold_mE: int = 0, **changes: Any) -> EdgeServer:
    """What ETSC says of a seller that buys elecoins back at p_min and has sold so many."""
    values: dict[str, Any] = {
        "registered": True,
        "price": PRICE,
        "discriminated": False,
        "priced_in_slot": 0,
        "buy_back_price": P_MIN,
        "stock": 10**9 - sold_mE,
        "credit": sold_mE * (PRICE - P_MIN),
        "reserve": sold_mE * P_MIN,
    }
    return EdgeServer(**(values | changes))


def user(**changes: Any) -> User:
    """What ETSC says of a registered user who has nothing."""
    amounts = dict.fromkeys(("power", "coins", "generated", "consumed", "deficit", "offered"), 0)
    rights = {"registered": True, "gen_right": True, "trans_right": True}
    values: dict[str, Any] = {"name": "somebody", "meter": None, **rights, **amounts}
    return User(**(values | changes))


def record(
    slot: int, opened_at: int, bought: dict[str, int], traded: dict[str, int] | None = None
) -> SlotRecord:
    """All bought and traded in the block after the opening; traded is as `bought` pays for, unless told."""
    if traded is None:
        traded = {who: mE * 1000 // 600 for who, mE in bought.items() if mE}
    return SlotRecord(slot, opened_at, PRICE, dict(bought), traded, {who: opened_at + 1 for who in bought})
