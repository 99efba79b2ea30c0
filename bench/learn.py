"""`bench learn`: updates of DMA-UBRL a second, beside the same in C and OpenSpiel's WoLF-PHC.

All play the preset `interior` on 40 prices and 40 demands with the same settings, in turns, so that what else
the machine does hits all of them. An update is one agent's in one step. In the middle of the turns
`testbed experiment all` runs as a whole, some minutes: what its learners reach of the rate of one process for
each core, measured before and after.
"""

from __future__ import annotations

import importlib.metadata
import multiprocessing
import os
import shutil
import signal
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np

from bench.figures import Comparison, Limit, Rows, Side
from bench.room import Room
from errors import EnvironmentFault
from experiments.catalogue import FIGURES
from experiments.experiment import run_experiments
from learning.game import Game
from learning.learner import LEARNERS, train, updates_per_step
from learning.strategies import exact
from learning.strategies import measure as measured
from market.presets import preset
from orchestrator.command import run

_GAME = Game(preset("interior"))
_LEARNER = LEARNERS["dma-ubrl"]
_STEPS = 200_000
_UPDATES = _STEPS * updates_per_step(_GAME)

_RATE = 5.0  # million updates a second on one core
_OF_C = 0.6
_OF_OPEN_SPIEL = 250.0
_OF_PROCESSES = 0.7
_WHOLE_MINUTES = 10.0
_SEEDS = 12

_SOURCE = Path(__file__).with_name("learner.c")
_OPEN_SPIEL_SECONDS = 1.0
_SECONDS = 120.0
_PRICE_TOLERANCE = 0.1  # a seed may end two prices of the grid beside the optimum


@dataclass
class _Rates:
    """Thousands of updates a second, and the mean prices that were learnt, by repetition."""

    c: list[float] = field(default_factory=list)
    one: list[float] = field(default_factory=list)
    all: list[float] = field(default_factory=list)
    open_spiel: list[float] = field(default_factory=list)
    experiments: list[float] = field(default_factory=list)
    price_c: list[float] = field(default_factory=list)
    price: list[float] = field(default_factory=list)
    whole_seconds: float = 0.0
    genetic_seconds: float = 0.0


def measure(place: Room, repetitions: int) -> Comparison:
    cores = os.cpu_count() or 1
    program = Program(place.scratch("learner"))
    open_spiel = OpenSpiel()
    place.report("compiling the learner")
    train(_GAME, _LEARNER, 0, 1)
    rates = _Rates()
    with _processes(cores) as processes:
        for seed in range(repetitions):
            if seed == repetitions // 2:
                _experiments(place, rates)
            rate, price = program.learn(seed)
            rates.c.append(rate)
            rates.price_c.append(price)
            rate, price = _learn(seed)
            rates.one.append(rate)
            rates.price.append(price)
            slowest = max(processes.map(_train, range(seed * cores, (seed + 1) * cores)))
            rates.all.append(cores * _UPDATES / slowest / 1e3)
            rates.open_spiel.append(open_spiel.learn())
            place.report(
                f"{seed + 1}/{repetitions}: thousand updates a second: C {rates.c[-1]:,.0f}, learner"
                f" {rates.one[-1]:,.0f}, {cores} at once {rates.all[-1]:,.0f},"
                f" OpenSpiel {rates.open_spiel[-1]:,.1f}"
            )
    call = 'learning.learner.train(Game(preset("interior")), LEARNERS["dma-ubrl"], SEED)'
    sides = [
        Side("C", "thousand/s", rates.c, program.commands),
        Side("learner, one core", "thousand/s", rates.one, [call]),
        Side(f"learner, {cores} processes at once", "thousand/s", rates.all, [call]),
        Side("OpenSpiel, one core", "thousand/s", rates.open_spiel, [open_spiel.command]),
        Side("testbed experiment all", "thousand/s", rates.experiments, [_EXPERIMENTS]),
    ]
    return _compared(rates, sides, cores)


_EXPERIMENTS = f"testbed experiment all --seeds {_SEEDS} --steps {_STEPS}"


def _experiments(place: Room, rates: _Rates) -> None:
    """Every experiment from nothing, as the command runs them."""
    said = {"": 0}

    def show(what: str, done: float, left: float | None) -> None:
        tenth = int(done * 10)
        if said.get(what) != tenth:
            said[what] = tenth
            place.report(f"{_EXPERIMENTS}: {what} {done:.0%}")

    begun = time.perf_counter()
    outcome = run_experiments(list(FIGURES), _SEEDS, _STEPS, place.scratch("experiments"), show)
    rates.whole_seconds = time.perf_counter() - begun
    rates.genetic_seconds = outcome.searches.seconds
    rates.experiments.append(outcome.learners.updates / outcome.learners.seconds / 1e3)


def _compared(rates: _Rates, sides: Sequence[Side], cores: int) -> Comparison:
    c, one, together, open_spiel, experiments = sides
    of_c = one.median / c.median
    of_one = together.median / (cores * one.median)
    optimum = measured(exact(_GAME)).price
    kept = sum(ours >= _OF_C * theirs for ours, theirs in zip(rates.one, rates.c, strict=True))
    prices = {"c": statistics.fmean(rates.price_c), "learner": statistics.fmean(rates.price)}
    return Comparison(
        title="DMA-UBRL on `interior`, 40 × 40: updates a second",
        sides=sides,
        ratio=of_c,
        limits=[
            Limit("learner / C, medians", of_c, _OF_C, at_least=True, in_each=(kept, len(rates.c))),
            Limit("learner on one core, million updates a second", one.median / 1e3, _RATE, at_least=True),
            Limit(
                "learner / OpenSpiel, medians", one.median / open_spiel.median, _OF_OPEN_SPIEL, at_least=True
            ),
            Limit(
                f"learners of all experiments / {cores} processes at once",
                experiments.median / together.median,
                _OF_PROCESSES,
                at_least=True,
            ),
            Limit("all experiments, minutes", rates.whole_seconds / 60, _WHOLE_MINUTES),
        ],
        figures={
            "genetic_seconds": round(rates.genetic_seconds, 1),
            "processes": cores,
            "processes_ratio": round(of_one, 4),
            "prices": {side: round(price, 4) for side, price in prices.items()},
            "price_optimum": round(optimum, 4),
        },
        rows=Rows(
            ["without a limit", ""],
            [
                [f"{cores} processes at once / {cores} × one alone", f"{of_one:.2f}"],
                ["genetic algorithm in all experiments, s", f"{rates.genetic_seconds:.0f}"],
                ["mean price learnt in C", f"{prices['c']:.2f}"],
                ["mean price learnt here", f"{prices['learner']:.2f}"],
                ["best price of the grid", f"{optimum:.2f}"],
            ],
        ),
    )


def _learn(seed: int) -> tuple[float, float]:
    """Thousands of updates a second of one whole training here, and the mean price that it came to."""
    begun = time.perf_counter()
    learned = train(_GAME, _LEARNER, seed, _STEPS)
    seconds = time.perf_counter() - begun
    return _UPDATES / seconds / 1e3, measured(learned.strategies).price


class Program:
    """learner.c, compiled in `folder`. Raises EnvironmentFault without a compiler."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("cc") is None:
            raise EnvironmentFault(
                "there is no C compiler `cc` to compare with",
                fix="Install one (Debian: `sudo apt-get install gcc libc6-dev`).",
            )
        g = _GAME.parameters
        self._path = folder / "learner"
        words = ["cc", "-O3", f"-DACTIONS={_GAME.price_points}", f"-DPROSUMERS={g.prosumers}", "-o"]
        run([*words, self._path, _SOURCE, "-lm"], timeout_seconds=_SECONDS)
        settings = (_LEARNER.explore_for, _LEARNER.sigma, _LEARNER.win, _LEARNER.lose)
        game = (g.theta, g.eta, g.k, g.Q, g.p_min, g.p_max, g.x_min, g.x_max, *g.w)
        self._numbers = [f"{number:.12g}" for number in (*settings, *game)]
        self.commands = [
            f"{' '.join(words)} learner bench/{_SOURCE.name} -lm",
            f"./learner SEED {_STEPS} {' '.join(self._numbers)}",
        ]

    def learn(self, seed: int) -> tuple[float, float]:
        """As `_learn`. Raises EnvironmentFault where what was learnt is not this game's."""
        said = run([self._path, str(seed), str(_STEPS), *self._numbers], timeout_seconds=_SECONDS)
        updates, seconds, price, *demands = map(float, said.stdout.split())
        check(int(updates), price, demands)
        return updates / seconds / 1e3, price


def check(updates: int, price: float, demands: Sequence[float]) -> None:
    """Raises EnvironmentFault unless these are a training's updates and led near the game's equilibrium.

    `price` and `demands` (N,) are means of what is played; the demands must answer that price.
    """
    optimum = measured(exact(_GAME)).price
    answers = [np.interp(price, _GAME.prices, _GAME.demands[best]) for best in _GAME.best_responses]
    step = _GAME.demands[1] - _GAME.demands[0]
    if (
        updates != _UPDATES
        or len(demands) != len(answers)
        or abs(price - optimum) > _PRICE_TOLERANCE * optimum
        or max(abs(demand - answer) for demand, answer in zip(demands, answers, strict=True)) > step
    ):
        raise EnvironmentFault(
            f"{updates:,} updates led to the price {price:.2f} and the demands"
            f" {', '.join(f'{demand:.2f}' for demand in demands)}: that is not the learner's game,"
            f" whose price is {optimum:.2f}",
            where=str(_SOURCE),
        )


class OpenSpiel:
    """Its WoLF-PHC for all agents; they go on learning from one call to the next.

    It updates π at the state that it has come to, and projects it onto the simplex each time.
    """

    def __init__(self) -> None:
        try:
            from open_spiel.python import rl_environment, rl_tools
            from open_spiel.python.algorithms.wolf_phc import WoLFPHC
        except ImportError as error:
            raise EnvironmentFault("OpenSpiel is not installed", fix="`make setup` first.") from error
        self._made = rl_environment.TimeStep
        self._kind = rl_environment.StepType.MID
        constant = rl_tools.ConstantSchedule
        self._agents = [
            WoLFPHC(
                player,
                actions,
                step_size=constant(_LEARNER.sigma),
                epsilon_schedule=rl_tools.LinearSchedule(1.0, 0.0, int(_LEARNER.explore_for * _STEPS)),
                delta_w=constant(_LEARNER.win),
                delta_l=constant(_LEARNER.lose),
                discount_factor=_LEARNER.gamma,
            )
            for player, actions in enumerate(
                [_GAME.price_points] + [_GAME.demand_points] * _GAME.parameters.prosumers
            )
        ]
        self._legal = [list(range(_GAME.price_points))]
        self._legal += [list(range(_GAME.demand_points))] * _GAME.parameters.prosumers
        self._rewards = [0.0] * len(self._agents)
        self._play()  # the first step has nothing to learn from
        version = importlib.metadata.version("open-spiel")
        self.command = f"WoLFPHC.step of open_spiel {version}, {len(self._agents)} agents"

    def learn(self) -> float:
        """Thousands of updates a second, over about a second."""
        begun = time.perf_counter()
        steps = 0
        while (seconds := time.perf_counter() - begun) < _OPEN_SPIEL_SECONDS:
            self._play()
            steps += 1
        return steps * len(self._agents) / seconds / 1e3

    def _play(self) -> None:
        price = self._agents[0].step(self._seen(0)).action
        seen = self._seen(price)
        chosen = [agent.step(seen).action for agent in self._agents[1:]]
        utilities = _GAME.follower_utilities
        self._rewards = [float(_GAME.margins[price] * _GAME.demands[chosen].sum())]
        self._rewards += [float(utilities[i, price, demand]) for i, demand in enumerate(chosen)]

    def _seen(self, state: int) -> Any:
        """What the agents are shown: their state, and what the last step brought each."""
        states = [[state]] * len(self._agents)
        observations = {"info_state": states, "legal_actions": self._legal}
        return self._made(observations, self._rewards, [1.0] * len(self._agents), self._kind)


@dataclass
class _Start:
    """Of the processes that train at once; None in any other."""

    barrier: Barrier | None = None


_START = _Start()


@contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes that have compiled the learner."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(count)
    with ProcessPoolExecutor(count, context, _ready, (barrier,)) as processes:
        try:
            list(processes.map(_train, range(count)))
            yield processes
        finally:
            barrier.abort()  # an interruption may have left one waiting for others that do not come


def _ready(barrier: Barrier) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the benchmark hears it, and ends them
    _START.barrier = barrier
    train(_GAME, _LEARNER, 0, 1)


def _train(seed: int) -> float:
    """Seconds of a training that begins when all processes are there."""
    if _START.barrier is not None:
        _START.barrier.wait(_SECONDS)
    begun = time.perf_counter()
    train(_GAME, _LEARNER, seed, _STEPS)
    return time.perf_counter() - begun
