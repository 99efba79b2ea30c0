"""The testbed from Python: what the command line does, for notebooks and scripts.

import testbed

running = testbed.up("default")
summary = testbed.run_campaign("default", testbed.Order(slots=10, policy="dma-ubrl", seed=1))
testbed.destroy("default")

game = testbed.Game(testbed.preset("interior"))
learned = testbed.train(game, testbed.LEARNERS["dma-ubrl"], seed=0)
print(testbed.measure(learned.strategies).leader_gap, testbed.solve(game.parameters).price)
"""

from errors import EnvironmentFault, TestbedError
from experiments.experiment import read_data, run_experiments
from learning.game import Game
from learning.learner import LEARNERS, Learner, train
from learning.policy_file import load as load_policy
from learning.policy_file import save as save_policy
from learning.statistics import summary
from learning.strategies import Strategies, exact, measure, uniform
from market.equilibrium import Equilibrium, solve
from market.parameters import Parameters
from market.presets import PRESETS, preset
from orchestrator.campaign import Summary, run_campaign
from orchestrator.config import Config, load_config
from orchestrator.existing import Testbed, open_testbed
from orchestrator.explorer_index import check_index, rebuild_index
from orchestrator.manifest import Order
from orchestrator.report import load_report
from orchestrator.status import Status, status_of
from orchestrator.up import destroy, down, up

__all__ = [
    "LEARNERS",
    "PRESETS",
    "Config",
    "EnvironmentFault",
    "Equilibrium",
    "Game",
    "Learner",
    "Order",
    "Parameters",
    "Status",
    "Strategies",
    "Summary",
    "Testbed",
    "TestbedError",
    "check_index",
    "destroy",
    "down",
    "exact",
    "load_config",
    "load_policy",
    "load_report",
    "measure",
    "open_testbed",
    "preset",
    "read_data",
    "rebuild_index",
    "run_campaign",
    "run_experiments",
    "save_policy",
    "solve",
    "status_of",
    "summary",
    "train",
    "uniform",
    "up",
]
