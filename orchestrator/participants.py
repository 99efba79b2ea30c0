"""Who takes part in a testbed: their names, keys and what the genesis block gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from errors import TestbedError
from genesis.keys import PARTICIPANT_PATH, SEALER_PATH, Key, derive
from market.parameters import Parameters, preset
from market.units import WEI_PER_ETHER, elecoins_to_mE, kWh_to_Wh, price_to_wei_per_mE
from orchestrator.config import Config
from orchestrator.plan import cpu_quotas

# A participant sends at most a handful of transactions a slot, each of some 10^5 gas at about 1 gwei:
# this is a thousand times as much.
_GAS_ETHER_PER_SLOT = 1
_GAS_ETHER_BASE = 1000


@dataclass(frozen=True)
class Participants:
    """Keys by role. Names on chain and of the bots are the keys' names."""

    administrator: Key
    edge_servers: tuple[Key, ...]
    retailers: tuple[Key, ...]
    prosumers: tuple[Key, ...]
    meters: tuple[Key, ...]
    sealers: tuple[Key, ...]
    seller: Key

    @property
    def users(self) -> tuple[Key, ...]:
        """Those whom the administrator registers, in the order of their meters."""
        return (*self.retailers, *self.prosumers)

    @property
    def bots(self) -> tuple[Key, ...]:
        return (self.seller, *self.users, *self.meters)

    @property
    def all(self) -> tuple[Key, ...]:
        return (self.administrator, *self.edge_servers, *self.users, *self.meters)


def participants_of(config: Config, mnemonic: str) -> Participants:
    """The participants in the order of their derivation paths; node j is edge server j + 1."""
    nodes, market = config.nodes, config.market
    edge_servers = [f"edge-server-{i + 1}" for i in range(len(nodes))]
    retailers = [f"retailer-{i + 1}" for i in range(market.retailers)]
    prosumers = [f"prosumer-{i + 1}" for i in range(market.prosumers)]
    meters = [f"meter-{user}" for user in (*retailers, *prosumers)]
    names = ["administrator", *edge_servers, *retailers, *prosumers, *meters]
    keys = {key.name: key for key in derive(mnemonic, PARTICIPANT_PATH, names)}
    seller = [node.name for node in nodes].index(config.selling_node)
    return Participants(
        administrator=keys["administrator"],
        edge_servers=tuple(keys[name] for name in edge_servers),
        retailers=tuple(keys[name] for name in retailers),
        prosumers=tuple(keys[name] for name in prosumers),
        meters=tuple(keys[name] for name in meters),
        sealers=tuple(derive(mnemonic, SEALER_PATH, [f"sealer-{node.name}" for node in nodes])),
        seller=keys[edge_servers[seller]],
    )


def parameters_of(config: Config, host_cpus: int) -> Parameters:
    """The game that the configuration describes; computing power is what the nodes' quotas say.

    Raises TestbedError naming the key where a value is outside what the model allows.
    """
    market = config.market
    given: Mapping[str, Any] = {
        key: getattr(market, key)
        for key in ("theta", "eta", "k", "Q", "p_min", "p_max", "x_min", "x_max", "e_c")
        if getattr(market, key) is not None
    }
    try:
        game = preset(market.preset).with_prosumers(market.prosumers)
        game = replace(game, **given)
        if market.w is not None:
            game = replace(game, w=tuple(market.w))
        seller = [node.name for node in config.nodes].index(config.selling_node)
        return replace(game, alpha=tuple(cpu_quotas(config, host_cpus)), seller=seller)
    except TestbedError as error:
        raise TestbedError(error.what, where="market", fix=error.fix) from error


def allocation_wei(config: Config, game: Parameters, participants: Participants) -> dict[str, int]:
    """Ether of each participant in the genesis block: gas, and what a prosumer may ever pay."""
    slots = config.campaign.declared_slots
    gas = (_GAS_ETHER_BASE + _GAS_ETHER_PER_SLOT * slots) * WEI_PER_ETHER
    purchases = slots * elecoins_to_mE(game.x_max) * price_to_wei_per_mE(game.p_max)
    allocation = {key.address: gas for key in participants.all}
    for prosumer in participants.prosumers:
        allocation[prosumer.address] += purchases
    return allocation


def total_mE(config: Config, game: Parameters) -> int:
    """Elecoins of ETSC: each edge server's equal part covers slots · N · x_max, since one may sell all."""
    for_one = config.campaign.declared_slots * game.prosumers * elecoins_to_mE(game.x_max)
    return for_one * len(config.nodes)


def slot_generation_Wh(game: Parameters, retailers: int) -> int:
    """What one retailer generates in a slot: together N · x_max / Q, so that supply does not bind."""
    return -(-kWh_to_Wh(game.prosumers * game.x_max / game.Q) // retailers)
