"""A testbed that exists: its state and all that follows from it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from market.parameters import Parameters
from orchestrator import store
from orchestrator.config import Config, parse_config
from orchestrator.dag import dag_directory
from orchestrator.engine import Engine, make_engine
from orchestrator.participants import Participants, parameters_of, participants_of
from orchestrator.plan import Plan, build_plan
from orchestrator.registration import Registration
from orchestrator.store import State


@dataclass(frozen=True)
class Testbed:
    """State, configuration, the game, who plays it, what runs, and what runs it."""

    __test__ = False

    state: State
    config: Config
    game: Parameters
    participants: Participants
    plan: Plan
    engine: Engine

    @property
    def registration(self) -> Registration:
        return Registration(self.config, self.game, self.participants)


def open_testbed(name: str) -> Testbed:
    """Raises TestbedError where there is no such testbed, or its state is damaged."""
    return testbed_of(store.require(name))


def testbed_of(state: State) -> Testbed:
    config = parse_config(state.config, where=f"the configuration of {state.name}")
    participants = participants_of(config, state.addresses)
    plan = build_plan(config, state, [sealer.address for sealer in participants.sealers], dag_directory())
    game = parameters_of(config, os.cpu_count() or 1)
    return Testbed(state, config, game, participants, plan, make_engine(state.engine, state.name))
