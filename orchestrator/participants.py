"""Who takes part in a testbed: their names, keys and what the genesis block gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from genesis.paths import PARTICIPANT_PATH, SEALER_PATH
from market.parameters import Parameters
from market.units import WEI_PER_ETHER, elecoins_to_mE, kWh_to_Wh, price_to_wei_per_mE
from orchestrator.config import Config
from orchestrator.plan import cpu_quotas

if TYPE_CHECKING:
    from genesis.keys import Key

# A participant sends at most a handful of transactions a slot, each of some 10^5 gas at about 1 gwei:
# this is a thousand times as much.
_GAS_ETHER_PER_SLOT = 1
_GAS_ETHER_BASE = 1000


@dataclass(frozen=True)
class Participant:
    """One account: what is public of it, and where its key comes from."""

    name: str
    role: str
    path: str
    address: str


@dataclass(frozen=True)
class Participants:
    """Accounts by role. Names on chain and of the bots are these names."""

    administrator: Participant
    edge_servers: tuple[Participant, ...]
    retailers: tuple[Participant, ...]
    prosumers: tuple[Participant, ...]
    meters: tuple[Participant, ...]
    sealers: tuple[Participant, ...]
    seller: Participant

    @property
    def users(self) -> tuple[Participant, ...]:
        """Those whom the administrator registers, in the order of their meters."""
        return (*self.retailers, *self.prosumers)

    @property
    def bots(self) -> tuple[Participant, ...]:
        return (self.seller, *self.users, *self.meters)

    @property
    def market(self) -> tuple[Participant, ...]:
        """Everybody but the sealers, in the order of their derivation paths."""
        return (self.administrator, *self.edge_servers, *self.users, *self.meters)


def _roster(config: Config) -> list[tuple[str, str, str]]:
    """Name, role and derivation path of everybody; node j is edge server j + 1."""
    market = [("administrator", "administrator")]
    market += [(f"edge-server-{i + 1}", "edge server") for i in range(len(config.nodes))]
    users = [(f"retailer-{i + 1}", "retailer") for i in range(config.market.retailers)]
    users += [(f"prosumer-{i + 1}", "prosumer") for i in range(config.market.prosumers)]
    market += users
    market += [(f"meter-{name}", "smart meter") for name, _ in users]
    sealers = [(f"sealer-{node.name}", "sealer") for node in config.nodes]
    return [(name, role, PARTICIPANT_PATH.format(i)) for i, (name, role) in enumerate(market)] + [
        (name, role, SEALER_PATH.format(i)) for i, (name, role) in enumerate(sealers)
    ]


def keys_of(config: Config, mnemonic: str) -> dict[str, Key]:
    """The keys of everybody by name. Raises TestbedError where the mnemonic is none (BIP-39)."""
    from genesis.keys import derive  # loads the key libraries

    return {key.name: key for key in derive(mnemonic, [(name, path) for name, _, path in _roster(config)])}


def participants_of(config: Config, addresses: Mapping[str, str]) -> Participants:
    """Everybody, given the addresses of their keys by name."""
    everybody = [Participant(name, role, path, addresses[name]) for name, role, path in _roster(config)]

    def of(role: str) -> tuple[Participant, ...]:
        return tuple(each for each in everybody if each.role == role)

    return Participants(
        administrator=of("administrator")[0],
        edge_servers=of("edge server"),
        retailers=of("retailer"),
        prosumers=of("prosumer"),
        meters=of("smart meter"),
        sealers=of("sealer"),
        seller=of("edge server")[_selling_index(config)],
    )


def _selling_index(config: Config) -> int:
    return [node.name for node in config.nodes].index(config.selling_node)


def parameters_of(config: Config, host_cpus: int) -> Parameters:
    """The game that the configuration describes; computing power is what the nodes' quotas say.

    Raises TestbedError where this machine has too little of it.
    """
    quotas = tuple(cpu_quotas(config, host_cpus))
    return replace(config.market.game, alpha=quotas, seller=_selling_index(config))


def allocation_wei(config: Config, game: Parameters, participants: Participants) -> dict[str, int]:
    """Ether of each participant in the genesis block: gas, and what a prosumer may ever pay."""
    slots = config.campaign.declared_slots
    gas = (_GAS_ETHER_BASE + _GAS_ETHER_PER_SLOT * slots) * WEI_PER_ETHER
    purchases = slots * elecoins_to_mE(game.x_max) * price_to_wei_per_mE(game.p_max)
    allocation = {each.address: gas for each in participants.market}
    for prosumer in participants.prosumers:
        allocation[prosumer.address] += purchases
    return allocation


def total_mE(config: Config, game: Parameters) -> int:
    """Elecoins of ETSC: each edge server's equal part covers slots · N · x_max, since one may sell all."""
    for_one = config.campaign.declared_slots * game.prosumers * elecoins_to_mE(game.x_max)
    return for_one * len(config.nodes)


def slot_generation_Wh(game: Parameters, retailers: int, part: float = 1.0) -> int:
    """What one retailer generates in a slot: together N · x_max / Q, so that supply does not bind, or some
    part of it where generation follows a day."""
    return -(-kWh_to_Wh(part * game.prosumers * game.x_max / game.Q) // retailers)
