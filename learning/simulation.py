"""The market without a chain: the same policies, the same draws, slot by slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learning.policy import Policy
from market.daily import in_slot
from market.mining import mining_utility
from market.parameters import Parameters
from market.utilities import prosumer_utility, server_utility


@dataclass(frozen=True)
class Played:
    """One slot: prices in ether per elecoin and demands in elecoins, shape (N,) each, and utilities."""

    prices: tuple[float, ...]
    demands: tuple[float, ...]
    server_utility: float
    prosumer_utilities: tuple[float, ...]


def simulate(
    games: Sequence[Parameters], leader: Sequence[Policy], followers: Sequence[Policy], slots: int
) -> list[Played]:
    """Slots 1 … `slots`. `leader` is one policy, or one for each prosumer's price; `games` are those of the
    slots of a day, which repeats: one where every slot is like every other.

    As on the chain the leader sees the demands of the slot before, zeros at first, and each prosumer its own
    price; elecoins and prices are not rounded to the chain's units, and supply does not bind.
    """
    demands: tuple[float, ...] = (0.0,) * games[0].prosumers
    played = []
    for slot in range(1, slots + 1):
        g = in_slot(games, slot)
        seen = np.array(demands)
        prices = tuple(policy.act(slot, seen) for policy in leader)
        if len(prices) == 1:
            prices *= g.prosumers
        demands = tuple(
            policy.act(slot, np.array([price])) for policy, price in zip(followers, prices, strict=True)
        )
        utility = server_utility(demands, prices, k=g.k, Q=g.Q, e_c=g.e_c, mining_utility=mining_utility(g))
        utilities = tuple(
            prosumer_utility(x, price, theta=g.theta, eta=g.eta, Q=g.Q, w=w)
            for x, price, w in zip(demands, prices, g.w, strict=True)
        )
        played.append(Played(prices, demands, utility, utilities))
    return played
