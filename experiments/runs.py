"""What a sweep is made of: one training or one genetic search, named by all that it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from learning.game import Game
from learning.genetic import Side, optimise
from learning.learner import Learner, train, updates_per_step
from learning.policy_file import code_version
from learning.strategies import Strategies, measure
from market.parameters import Parameters

GRID = 40
"""How many prices, and how many demands: the grid that the project's figures are for."""


LEADER_GAP, FOLLOWER_GAP = 0.01, 0.005
"""Within these a training counts as having found the equilibrium."""


@dataclass(frozen=True)
class Training:
    """One seed of one learner. `checkpoints` are measured at equally spaced steps, the last at the end."""

    parameters: Parameters
    learner: Learner
    seed: int
    steps: int
    checkpoints: int = 1
    sellers: int = 1

    @property
    def game(self) -> Game:
        return Game(self.parameters, GRID, GRID, self.sellers)

    @property
    def updates(self) -> int:
        return self.steps * updates_per_step(self.game)

    def compute(self) -> list[dict[str, Any]]:
        """The measures of every checkpoint, each with its step."""
        learned = train(self.game, self.learner, self.seed, self.steps, checkpoints=self.checkpoints)
        return [_plain({"step": each.step, **measured(each.strategies)}) for each in learned.history]


@dataclass(frozen=True)
class Search:
    """One seed of the genetic algorithm for one side."""

    parameters: Parameters
    side: Side
    seed: int

    updates = 0

    def compute(self) -> list[dict[str, Any]]:
        found = optimise(self.parameters, self.side, self.seed)
        means = {"price": found.price, "mean_prosumer_utility": found.mean_prosumer_utility}
        return [_plain({**asdict(found), **means})]


Run = Training | Search


def measured(strategies: Strategies) -> dict[str, Any]:
    """What strategies play, earn and could gain, as JSON."""
    found = measure(strategies)
    means = {"follower_gap": found.follower_gap, "mean_prosumer_utility": found.mean_prosumer_utility}
    return {**asdict(found), **means}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As it is read from its file again, so that nothing depends on whether it was."""
    plain: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
    return plain


def key(run: Run) -> str:
    """Twenty hexadecimal digits that no other run has, nor this one with other code."""
    identity = {"kind": type(run).__name__, **asdict(run), "grid": GRID, "code": code_version()}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:20]


@cache
def warm(prepare: Callable[[], object]) -> None:
    """Runs `prepare` once in a process."""
    prepare()


def load_kernel() -> None:
    """Compiles the learners, or reads them from numba's cache, for both pricings."""
    for pricing in ("unified", "discriminated"):
        train(Game(Parameters(w=(0.1,), pricing=pricing), 2, 2), Learner(), 0, 1)
