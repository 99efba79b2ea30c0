"""What a campaign did, read from the chain: every slot's price, demands and utilities, and the audit."""

from __future__ import annotations

import math
import platform
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chain.clique import sealer_of
from chain.rpc import Rpc, RpcError, quantity
from contracts.audit import Audit, audit
from contracts.etsc import Etsc
from contracts.events import Event, PricePosted, ProsumerPricePosted, Purchased, Redeemed, SlotOpened, Traded
from learning.policy import make_leader, make_policy
from learning.simulation import simulate
from market.equilibrium import solve
from market.mining import mining_utility, shares
from market.units import (
    Wh_to_kWh,
    mE_to_elecoins,
    wei_per_mE_to_price,
    wei_to_ether,
)
from market.utilities import delivered_utility, server_utility
from orchestrator.existing import Testbed
from orchestrator.manifest import Campaign, bots_of
from orchestrator.participants import allocation_wei
from orchestrator.strategy import POLICY_FILE

if TYPE_CHECKING:
    from orchestrator.campaign import Course

_BLOCK_REWARD_WEI = 2 * 10**18  # EIP-1234
_BATCH = 100


def assemble(
    testbed: Testbed, campaign: Campaign, course: Course, rpc: Rpc, end_block: int
) -> tuple[dict[str, Any], Audit]:
    """The report of a campaign that ended at `end_block`, and the audit of all accounts at that block."""
    etsc = Etsc(testbed.registration.contract)
    events = rpc.fetch(etsc.events(course.start_block, end_block))
    blocks = _blocks(rpc, course.start_block, end_block)
    people = testbed.participants
    by_address = {each.address.lower(): each.name for each in (*people.market, *people.sealers)}
    records = _slot_records(testbed, campaign, events, _openers(rpc, events, by_address))
    proof_of_work = testbed.plan.consensus == "pow"
    result = audit(
        rpc,
        etsc.address,
        end_block,
        allocation_wei(testbed.config, testbed.game, people),
        [sealer.address for sealer in people.sealers],
        block_reward_wei=_BLOCK_REWARD_WEI if proof_of_work else 0,
    )
    complete = [record for record in records if record["complete"]]
    trades = [event for event in events if isinstance(event, Traded)]
    redemptions = _redemptions(campaign, events, by_address)
    stored = campaign.strategy.stored
    report = {
        "kind": "campaign report",
        "version": 1,
        "id": campaign.id,
        "testbed": testbed.state.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "engine": testbed.state.engine,
        "consensus": testbed.plan.consensus,
        "policy": campaign.strategy.name,
        # What was learnt is kept beside the report; what made it stands here too.
        "policy_file": stored and POLICY_FILE,
        "policy_origin": stored and {**stored.origin, "code": stored.code},
        "seed": campaign.order.seed,
        "slots": campaign.order.slots,
        "slots_played": len(records),
        "first_slot": campaign.first_slot,
        "start_block": course.start_block,
        "end_block": end_block,
        "end_block_hash": result.block_hash,
        # Without the mnemonic: a report is made to be passed on.
        "configuration": {**testbed.state.config, "mnemonic": None},
        "chain": {
            "chain_id": testbed.plan.chain_id,
            "genesis_hash": testbed.state.genesis_hash,
            "contract": etsc.address,
        },
        "versions": _versions(rpc),
        "parameters": asdict(testbed.game),
        "participants": [
            {"name": each.name, "role": each.role, "address": each.address}
            for each in (*people.market, *people.sealers)
        ],
        # Where slots follow a day, that of its mean; `day` has each slot's.
        "equilibrium": asdict(solve(testbed.game)),
        "day": _day(testbed, campaign),
        "simulation": simulation(testbed, campaign, [record["slot"] for record in complete]),
        "slot_records": records,
        # Beside the utilities, in none of which they are.
        "redemptions": redemptions,
        "totals": {
            "purchases": sum(1 for event in events if isinstance(event, Purchased) and event.amount > 0),
            "trades": len(trades),
            "energy_kWh": Wh_to_kWh(sum(trade.quantity for trade in trades)),
            "redeemed_elecoins": mE_to_elecoins(sum(row["amount_mE"] for row in redemptions)),
            "redeemed_ether": wei_to_ether(sum(int(row["paid_wei"]) for row in redemptions)),
            "blocks": len(blocks),
            "slots_complete": len(complete),
            "slots_per_two_blocks": _slots_per_two_blocks(records, events),
            "fees_ether": wei_to_ether(_fees_wei(rpc, blocks)),
        },
        "mining": _mining(testbed, blocks),
        "died": [asdict(death) for death in course.died.values()],
        "notes": course.notes,
        "interrupted": course.interrupted,
        "audit": result.to_json(),
    }
    return report, result


def simulation(testbed: Testbed, campaign: Campaign, slots: list[int]) -> dict[str, Any] | None:
    """Means over the same slots of what the same policies with the same draws do without a chain.

    None where there is no slot: there is nothing to set it beside.
    """
    if not slots:
        return None
    seed = campaign.order.seed
    leader, followers = None, []
    for name, role, private in bots_of(testbed, campaign):
        if role == "edge-server":
            leader = make_leader(private["policies"], private, seed, name)
        elif role == "prosumer":
            followers.append(make_policy("prosumer", private["policy"], private, seed, name))
    assert leader is not None
    played = simulate(campaign.games, leader, followers, max(slots))
    kept = [played[slot - 1] for slot in slots]

    def means(rows: list[tuple[float, ...]]) -> list[float]:
        return [math.fsum(values) / len(values) for values in zip(*rows, strict=True)]

    prices = means([each.prices for each in kept])
    return {
        "slots": len(kept),
        "price": math.fsum(prices) / len(prices),
        "prices": prices,
        "demands": means([each.demands for each in kept]),
        "server_utility": math.fsum(each.server_utility for each in kept) / len(kept),
        "prosumer_utilities": means([each.prosumer_utilities for each in kept]),
    }


def _day(testbed: Testbed, campaign: Campaign) -> dict[str, Any] | None:
    """The day that the slots followed: loads of shape (N, slots of a day), an equilibrium for each slot."""
    market = testbed.config.market
    if market.profiles is None:
        return None
    return {
        "source": market.profiles.source,
        "slots_per_day": len(campaign.games),
        "loads": market.loads,
        "generation": market.generation,
        "equilibria": [asdict(equilibrium) for equilibrium in campaign.equilibria],
    }


def _openers(rpc: Rpc, events: list[Event], by_address: Mapping[str, str]) -> dict[int, str]:
    """Who opened each slot: after the deadline that may be anyone."""
    opened = [event for event in events if isinstance(event, SlotOpened)]
    found = rpc.batch([("eth_getTransactionByHash", [event.tx_hash]) for event in opened])
    return {
        event.slot: by_address.get(transaction["from"].lower(), transaction["from"])
        for event, transaction in zip(opened, found, strict=True)
    }


def _redemptions(
    campaign: Campaign, events: list[Event], by_address: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One row for each time that somebody sold elecoins back to an edge server, in the order of the chain."""
    return [
        {
            "slot": event.slot - campaign.first_slot + 1,
            "chain_slot": event.slot,
            "block": event.block_number,
            "user": by_address.get(event.user.lower(), event.user),
            "edge_server": by_address.get(event.edge_server.lower(), event.edge_server),
            "elecoins": mE_to_elecoins(event.amount),
            "amount_mE": event.amount,
            "price": wei_per_mE_to_price(event.price),
            "price_wei_per_mE": event.price,
            "paid_ether": wei_to_ether(event.amount * event.price),
            # Beyond what a JSON reader's floats can hold.
            "paid_wei": str(event.amount * event.price),
        }
        for event in events
        if isinstance(event, Redeemed)
    ]


def _prices_wei_per_mE(events: list[Event]) -> dict[int, int]:
    """Each slot's price: the seller's last word, as it may still post in a slot that was opened for it."""
    sellers: dict[int, str] = {}
    prices: dict[int, int] = {}
    for event in events:
        if isinstance(event, SlotOpened):
            sellers[event.slot], prices[event.slot] = event.seller, event.price
        elif isinstance(event, PricePosted) and sellers.get(event.slot) == event.edge_server:
            prices[event.slot] = event.price
    return prices


def _slot_records(
    testbed: Testbed, campaign: Campaign, events: list[Event], openers: Mapping[int, str]
) -> list[dict[str, Any]]:
    """One record a slot that was opened, from the settled integers; prosumers in their order."""
    prosumers = [prosumer.address.lower() for prosumer in testbed.participants.prosumers]
    last_act = {event.slot: event for event in events if isinstance(event, SlotOpened)}
    prices = _prices_wei_per_mE(events)
    records = []
    for slot, opened in sorted(last_act.items()):
        if not campaign.first_slot <= slot <= campaign.last_slot:
            continue
        game = campaign.game_in(slot - campaign.first_slot + 1)
        bought: dict[str, int] = {}
        asked: dict[str, int] = {}
        received: dict[str, int] = {}
        for event in events:
            if isinstance(event, Purchased) and event.slot == slot:
                bought[event.buyer.lower()] = bought.get(event.buyer.lower(), 0) + event.amount
                asked[event.buyer.lower()] = event.price
            elif isinstance(event, ProsumerPricePosted) and event.slot == slot:
                asked[event.prosumer.lower()] = event.price
            elif isinstance(event, Traded) and event.slot == slot:
                received[event.buyer.lower()] = received.get(event.buyer.lower(), 0) + event.quantity
        own_prices = [asked.get(prosumer, prices[slot]) for prosumer in prosumers]
        own = [wei_per_mE_to_price(price) for price in own_prices]
        x_mE = [bought.get(prosumer) for prosumer in prosumers]
        y_Wh = [received.get(prosumer, 0) for prosumer in prosumers]
        x = [None if amount is None else mE_to_elecoins(amount) for amount in x_mE]
        records.append(
            {
                "slot": slot - campaign.first_slot + 1,
                "chain_slot": slot,
                "opened_at_block": opened.block_number,
                "opened_by": openers[slot],
                # Under discriminated pricing the mean of what each prosumer was asked.
                "price": own[0] if len(set(own)) == 1 else math.fsum(own) / len(own),
                "price_wei_per_mE": prices[slot],
                "prices": own,
                "prices_wei_per_mE": own_prices,
                "x": x,
                "x_mE": x_mE,
                "y_Wh": y_Wh,
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
                    else delivered_utility(
                        Wh_to_kWh(quantity_Wh), amount, price, theta=game.theta, eta=game.eta, w=w
                    )
                    for amount, price, quantity_Wh, w in zip(x, own, y_Wh, game.w, strict=True)
                ],
                # Everybody bought and traded with x > 0.
                "complete": all(amount for amount in x_mE) and all(y_Wh),
            }
        )
    return records


def _slots_per_two_blocks(records: list[dict[str, Any]], events: list[Event]) -> float | None:
    """Complete slots in the time of two blocks: from the first price to the last trade of the campaign."""
    complete = [record for record in records if record["complete"]]
    if not complete:
        return None
    first: int = records[0]["opened_at_block"]
    slots = {record["chain_slot"] for record in records}
    last = max(event.block_number for event in events if isinstance(event, Traded) and event.slot in slots)
    return 2 * len(complete) / (last - first + 1)


def _blocks(rpc: Rpc, first: int, last: int) -> list[dict[str, Any]]:
    numbers = range(first, last + 1)
    found: list[dict[str, Any]] = []
    for start in range(0, len(numbers), _BATCH):
        part = numbers[start : start + _BATCH]
        found += rpc.batch([("eth_getBlockByNumber", [quantity(number), False]) for number in part])
    if missing := next((block for block in found if block is None or isinstance(block, RpcError)), None):
        raise missing if isinstance(missing, RpcError) else RpcError(0, "a block is missing")
    return found


def _fees_wei(rpc: Rpc, blocks: list[dict[str, Any]]) -> int:
    hashes = [transaction for block in blocks for transaction in block["transactions"]]
    total = 0
    for start in range(0, len(hashes), _BATCH):
        part = hashes[start : start + _BATCH]
        for receipt in rpc.batch([("eth_getTransactionReceipt", [each]) for each in part]):
            if isinstance(receipt, RpcError):
                raise receipt
            total += int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    return total


def _mining(testbed: Testbed, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """Blocks of each edge server beside its part of the computing power."""
    names = [edge_server.name for edge_server in testbed.participants.edge_servers]
    by_sealer = {
        sealer.address.lower(): name for sealer, name in zip(testbed.participants.sealers, names, strict=True)
    }
    counts = dict.fromkeys(names, 0)
    for block in blocks:
        sealer = block["miner"] if testbed.plan.consensus == "pow" else sealer_of(block)
        counts[by_sealer[sealer.lower()]] += 1
    total = max(1, len(blocks))
    return {
        "blocks": counts,
        "shares": {name: count / total for name, count in counts.items()},
        "expected_shares": dict(zip(names, shares(testbed.game), strict=True)),
        "U_m": mining_utility(testbed.game),
    }


def _versions(rpc: Rpc) -> dict[str, str | None]:
    client = re.search(r"v(\d+\.\d+\.\d+)", rpc.request("web3_clientVersion"))
    return {
        "testbed": metadata.version("elecoin-testbed"),
        "commit": _commit(),
        "geth": client[1] if client else None,
        "python": platform.python_version(),
    }


def _commit() -> str | None:
    """Of the checkout that this code runs from; None for an installed package."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        shown = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return shown.stdout.strip()
