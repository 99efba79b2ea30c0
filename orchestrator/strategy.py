"""What the agents of a campaign play: a policy by name, or one from a file, as specs for the bots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errors import TestbedError
from market.equilibrium import solve
from market.parameters import Parameters

if TYPE_CHECKING:
    from learning.genetic import Side
    from learning.policy_file import Stored
    from learning.strategies import Strategies

LEARNED = ("dma-ubrl", "dma-ubrl-paper", "giga-wolf", "phc", "q")
GENETIC: dict[str, Side] = {"ga-prosumer": "prosumer", "ga-server": "server"}
POLICIES = (*LEARNED, "equilibrium", *GENETIC, "random")
FOLLOW_A_DAY = ("equilibrium", "random")
"""Policies that know, or need not know, each slot's w: what is learnt or searched is made for one."""
POLICY_FILE = "policy.npz"
"""Where a campaign keeps the strategies that it learnt or was given."""
_STEPS = 200_000
_GRID = 40

Spec = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Strategy:
    """Specs for `learning.policy.make_policy`: one for the leader, or one for each prosumer's price; and one
    for each prosumer, who is told its own alone. `stored` holds the tables that they come from.
    """

    name: str
    leader: tuple[Spec, ...]
    followers: tuple[Spec, ...]
    stored: Stored | None = None


def check_policy(policy: str) -> str:
    """The policy itself. Raises TestbedError for what is neither a name nor a policy file's."""
    if policy not in POLICIES and not policy.endswith(".npz"):
        from orchestrator.game_options import unknown

        raise unknown("policy", policy, [*POLICIES, "FILE.npz"])
    return policy


def strategy_of(policy: str, games: tuple[Parameters, ...], seed: int) -> Strategy:
    """Trains, searches, solves or loads what `policy` names, with `seed`; the same arguments, the same specs.
    `games` are those of the slots of a day: one where every slot is like every other.

    Raises TestbedError for an unknown name, for a file that is damaged or made for another game, and for a
    policy that was made for one w where each slot has another.
    """
    check_policy(policy)
    if len(games) > 1 and policy not in FOLLOW_A_DAY:
        raise TestbedError(
            f"the policy {policy!r} is made for one w, and market.profiles gives each slot another",
            where="market.profiles",
            fix=f"{' and '.join(FOLLOW_A_DAY)} follow a day; a testbed without profiles plays any policy.",
        )
    game = games[0]
    unified = game.pricing == "unified"
    if policy.endswith(".npz"):
        from learning.policy_file import load

        stored = load(Path(policy), game)
        return Strategy(stored.name, *_tables(stored.strategies), stored)
    if policy in LEARNED:
        stored = _learn(policy, game, seed)
        return Strategy(policy, *_tables(stored.strategies), stored)
    if policy in GENETIC:
        from learning.genetic import optimise

        found = optimise(game, GENETIC[policy], seed)
        prices = found.prices[:1] if unified else found.prices
        return Strategy(policy, tuple(map(_constant, prices)), tuple(map(_constant, found.demands)))
    followers = ({"name": policy},) * game.prosumers
    if policy == "random":
        return Strategy(policy, ({"name": policy},) * (1 if unified else game.prosumers), followers)
    # The equilibrium needs every prosumer's w: it is an oracle's, and only its prices are handed over.
    solved = [solve(each).prices[: 1 if unified else None] for each in games]
    # A price for each slot of a day; one column for each price that is asked in a slot.
    columns = zip(*solved, strict=True)
    return Strategy(policy, tuple({"name": policy, "prices": list(each)} for each in columns), followers)


def _constant(action: float) -> Spec:
    return {"name": "constant", "action": action}


def _learn(policy: str, game: Parameters, seed: int) -> Stored:
    from learning.game import Game
    from learning.learner import LEARNERS, train
    from learning.policy_file import Stored, code_version

    learned = train(Game(game, _GRID, _GRID), LEARNERS[policy], seed, _STEPS)
    return Stored(policy, learned.strategies, learned.origin, code_version())


def _tables(strategies: Strategies) -> tuple[tuple[Spec, ...], tuple[Spec, ...]]:
    game = strategies.game
    if game.sellers > 1:
        raise TestbedError(
            f"this policy is of {game.sellers} competing sellers, and one edge server sells in a campaign"
        )
    prices, demands = game.prices.tolist(), game.demands.tolist()
    leader = tuple(
        {"name": "table", "actions": prices, "probabilities": [row]} for row in strategies.leader.tolist()
    )
    followers = tuple(
        {"name": "table", "actions": demands, "prices": prices, "probabilities": table}
        for table in strategies.followers.tolist()
    )
    return leader, followers
