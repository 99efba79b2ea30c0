"""Trainings with several seeds, and how close they came to the equilibrium."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from learning.game import Game
from learning.learner import Learned, Learner, train, updates_per_step
from learning.statistics import Summary, summary
from learning.strategies import Measures, exact, measure
from orchestrator.progress import ReportStep, Step

_GAPS = ("leader_gap", "follower_gap", "nashconv")
_PLAYED = ("price", "mean_demand", "server_utility", "mean_prosumer_utility")
MEASURED = (*_PLAYED, *_GAPS)


@dataclass(frozen=True)
class Training:
    """The trainings of seeds 0 … K−1, in this order."""

    algorithm: str
    game: Game
    learned: tuple[Learned, ...]
    measures: tuple[Measures, ...]
    updates_per_second: float
    """On one core: the median over the seeds."""

    @property
    def equilibrium(self) -> Measures:
        """Of the game on the grid: what the learners are compared with."""
        return measure(exact(self.game))

    def bounds(self) -> dict[str, int]:
        """The bounds that are played, each with the number of seeds in which it is."""
        return dict(Counter(name for each in self.measures for name in each.binding))

    def summary(self, quantity: str) -> Summary:
        return summary([getattr(each, quantity) for each in self.measures])

    def distance(self, quantity: str) -> float | None:
        """Of the mean over seeds from the equilibrium's, as a part of that; None of what is nothing there."""
        wanted: float = getattr(self.equilibrium, quantity)
        return abs(self.summary(quantity).mean / wanted - 1) if wanted else None

    def to_json(self) -> dict[str, Any]:
        """Gaps as parts of 1, means over the seeds; `summaries` has their intervals, `distance` how far the
        means are from the equilibrium's. `binding` names the bounds that hold a choice: the learnt ones, each
        with its number of seeds, and the equilibrium's."""
        summaries = {quantity: self.summary(quantity).to_json() for quantity in MEASURED}
        best = self.equilibrium
        return {
            "algorithm": self.algorithm,
            "learner": asdict(self.learned[0].learner),
            "steps": self.learned[0].steps,
            "seeds": len(self.learned),
            "price": summaries["price"],
            **{quantity: summaries[quantity]["mean"] for quantity in _GAPS},
            "updates_per_second": round(self.updates_per_second),
            "summaries": summaries,
            "distance": {quantity: self.distance(quantity) for quantity in _PLAYED},
            "binding": {"learnt": self.bounds(), "equilibrium": list(best.binding)},
            "equilibrium": {quantity: getattr(best, quantity) for quantity in MEASURED},
            "game": self.game.identity,
        }


def train_seeds(
    game: Game, algorithm: str, learner: Learner, seeds: int, steps: int, show: ReportStep
) -> Training:
    """Trains once for each seed, 0 … seeds − 1; `show` is told how far it is."""
    show(Step(f"training {algorithm}", 0.0, None))
    train(game, learner, 0, 2)  # compiles, so that no seed's time has it
    learned, rates = [], []
    began = time.perf_counter()
    for seed in range(seeds):

        def tell(step: int, done_before: float = seed / seeds) -> None:
            done = done_before + step / steps / seeds
            show(Step(f"training {algorithm}", done, (time.perf_counter() - began) * (1 / done - 1)))

        before = time.perf_counter()
        learned.append(train(game, learner, seed, steps, progress=tell))
        rates.append(steps * updates_per_step(game) / (time.perf_counter() - before))
    measures = tuple(measure(each.strategies) for each in learned)
    return Training(algorithm, game, tuple(learned), measures, median(rates))
