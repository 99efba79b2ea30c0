"""The testbed from Python: what the command line does, for notebooks and scripts.

import testbed

running = testbed.up("default")
summary = testbed.run_campaign("default", testbed.Order(slots=10, policy="equilibrium", seed=1))
testbed.destroy("default")
"""

from errors import EnvironmentFault, TestbedError
from orchestrator.campaign import Summary, run_campaign
from orchestrator.config import Config, load_config
from orchestrator.existing import Testbed, open_testbed
from orchestrator.manifest import Order
from orchestrator.report import load_report
from orchestrator.status import Status, status_of
from orchestrator.up import destroy, down, up

__all__ = [
    "Config",
    "EnvironmentFault",
    "Order",
    "Status",
    "Summary",
    "Testbed",
    "TestbedError",
    "destroy",
    "down",
    "load_config",
    "load_report",
    "open_testbed",
    "run_campaign",
    "status_of",
    "up",
]
