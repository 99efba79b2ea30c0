"""What each bot of a campaign is told: only its own parameters, and what is public."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.depth import CONFIRMATIONS
from errors import TestbedError
from errors.files import write_atomic
from market.daily import in_slot
from market.equilibrium import Equilibrium, solve
from market.mining import mining_utility
from market.parameters import Parameters
from market.units import Q_to_mE_per_kWh, elecoins_to_mE, mE_to_Wh
from orchestrator import store
from orchestrator.existing import Testbed
from orchestrator.participants import slot_generation_Wh
from orchestrator.strategy import Strategy
from orchestrator.terms import terms_of


@dataclass(frozen=True)
class Order:
    """What a campaign is to play."""

    slots: int
    policy: str
    seed: int


@dataclass(frozen=True)
class Campaign:
    """One campaign of a testbed: what is played, from which slot of the chain on, and where it is kept."""

    id: str
    order: Order
    first_slot: int
    baselines_Wh: dict[str, int]
    games: tuple[Parameters, ...]
    """Of each slot of a day, which repeats; one where every slot is like every other."""
    equilibria: tuple[Equilibrium, ...]
    """Of each slot of a day."""
    strategy: Strategy
    directory: Path

    @property
    def last_slot(self) -> int:
        return self.first_slot + self.order.slots - 1

    def game_in(self, slot: int) -> Parameters:
        """The game of a slot of the campaign: 1, 2, …"""
        return in_slot(self.games, slot)


def new_campaign(
    testbed: Testbed,
    order: Order,
    games: tuple[Parameters, ...],
    strategy: Strategy,
    open_slot: int,
    generated_Wh: dict[str, int],
) -> Campaign:
    """The next campaign on this chain; generated_Wh is what the retailers' meters have counted so far.

    Raises TestbedError where the chain was not funded for that many slots.
    """
    left = testbed.config.campaign.declared_slots - open_slot
    if order.slots > left:
        raise TestbedError(
            f"{order.slots} slots are wanted, but this chain is funded for {max(left, 0)} more",
            where="campaign.declared_slots",
            fix="`testbed destroy`, then `testbed up` with a larger campaign.declared_slots.",
        )
    state = testbed.state
    state.campaigns += 1
    store.save(state)
    campaign_id = f"{state.campaigns:04d}"
    directory = testbed.plan.campaigns / campaign_id
    return Campaign(
        id=campaign_id,
        order=order,
        first_slot=open_slot + 1,
        baselines_Wh=generated_Wh,
        games=games,
        equilibria=tuple(map(solve, games)),
        strategy=strategy,
        directory=directory,
    )


def write_bots(testbed: Testbed, campaign: Campaign) -> list[str]:
    """Each bot's `bot.json` in its own folder, and an empty journal; returns the bots' names."""
    names = []
    for bot, role, private in bots_of(testbed, campaign):
        folder = testbed.plan.directory / "bots" / bot
        # The journals of earlier campaigns were copied to their reports.
        (folder / "journal.jsonl").unlink(missing_ok=True)
        settings = {**_public(testbed, campaign), "role": role, "name": bot, "private": private}
        write_atomic(folder / "bot.json", json.dumps(settings, indent=1), private=True)
        names.append(bot)
    return names


def _public(testbed: Testbed, campaign: Campaign) -> dict[str, Any]:
    nodes = testbed.plan.nodes
    return {
        "chain_id": testbed.plan.chain_id,
        "contract": testbed.registration.contract,
        "rpc_urls": [node.inner_rpc_url for node in nodes],
        "ws_urls": [node.inner_ws_url for node in nodes],
        "seed": campaign.order.seed,
        "first_slot": campaign.first_slot,
        "slots": campaign.order.slots,
        "confirmations": CONFIRMATIONS[testbed.plan.consensus],
        "wait_blocks": testbed.config.campaign.wait_blocks,
    }


def bots_of(testbed: Testbed, campaign: Campaign) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, role and what else only that bot is told."""
    game, people = testbed.game, testbed.participants
    retailers = [retailer.address for retailer in people.retailers]
    slot_demand_Wh = game.prosumers * mE_to_Wh(elecoins_to_mE(game.x_max), Q_to_mE_per_kWh(game.Q))
    bots: list[tuple[str, str, dict[str, Any]]] = [
        (
            people.seller.name,
            "edge-server",
            {
                "policies": list(campaign.strategy.leader),
                **{key: getattr(game, key) for key in ("p_min", "p_max", "k", "Q", "e_c")},
                "prosumers": [prosumer.address for prosumer in people.prosumers],
                "retailers": retailers,
                "demand_Wh_per_slot": slot_demand_Wh,
                "mining_utility": mining_utility(game),
                "buy_back_wei_per_mE": testbed.config.market.buy_back_wei_per_mE,
            },
        )
    ]
    for index, prosumer in enumerate(people.prosumers):
        private = {
            "policy": campaign.strategy.followers[index],
            "edge_server": people.seller.address,
            **{key: getattr(game, key) for key in ("theta", "eta", "Q", "x_min", "x_max")},
            "w": game.w[index],
            "loads": testbed.config.market.loads[index],
            "retailers": retailers,
            "index": index,
            "patience_blocks": testbed.config.campaign.slot_deadline_blocks,
        }
        bots.append((prosumer.name, "prosumer", private))
    terms = terms_of(testbed.config, game)
    for retailer in people.retailers:
        bots.append((retailer.name, "retailer", {"min_unit_price_wei_per_mE": terms.min_unit_price}))
    generation_Wh = [
        slot_generation_Wh(game, len(people.retailers), part) for part in testbed.config.market.generation
    ]
    for user, meter in zip(people.users, people.meters, strict=True):
        private = {"user": user.address, "kind": user.role, "limit_Wh_per_block": terms.meter_limit}
        if user.role == "retailer":
            private["first_reading_Wh"] = slot_generation_Wh(game, len(people.retailers))
            private["generation_Wh"] = generation_Wh
            private["baseline_Wh"] = campaign.baselines_Wh[user.address]
        bots.append((meter.name, "meter", private))
    return bots
