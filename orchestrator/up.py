"""`testbed up`, `down`, `destroy`: from a configuration to a chain that trades, and back.

Each step of `up` is skipped where it is already true, so that it continues after a crash, a reboot or
Ctrl-C wherever it was.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request

from chain.rpc import HttpRpc
from errors import EnvironmentFault, TestbedError
from orchestrator import store
from orchestrator.config import Config
from orchestrator.creation import adopt, create, destroy_in_engine
from orchestrator.dag import ensure_dag
from orchestrator.engine import Engine, Report, make_engine
from orchestrator.existing import Testbed, testbed_of
from orchestrator.files import initialise, write_explorer_config, write_genesis, write_keys
from orchestrator.mesh import join, wait_for_rpc, wait_until_ready
from orchestrator.participants import keys_of
from orchestrator.plan import Plan
from orchestrator.progress import ReportStep
from orchestrator.store import State

_EXPLORER_SECONDS = 30.0


def up(
    name: str,
    config: Config | None = None,
    engine: str = "auto",
    report: Report = lambda line: None,
    show: ReportStep = lambda step: None,
) -> Testbed:
    """Make the testbed `name` run, whatever state it is in. Without a configuration: the one that it has,
    or the profile `paper`.

    Raises TestbedError. A testbed that this very call began and could not start is taken away again.
    """
    store.check_room()
    with store.locked(name):
        state = store.load(name)
        fresh = state is None
        if state is None:
            state = create(name, config or Config(), engine, report)
        else:
            adopt(state, config, engine, report)
        try:
            testbed = _start(state, report, show)
        except (TestbedError, OSError) as error:
            if fresh:
                _undo(state)
            if isinstance(error, OSError):
                raise EnvironmentFault(str(error), where=str(store.directory_of(name))) from error
            raise
        return testbed


def _start(state: State, report: Report, show: ReportStep) -> Testbed:
    testbed = testbed_of(state)
    plan, engine = testbed.plan, testbed.engine
    report("looking for Geth and images")
    engine.prepare(report)
    if plan.consensus == "pow":
        ensure_dag(engine.makedag, report, show)
    store.check_socket_path(max((node.ipc_path for node in plan.nodes), key=lambda path: len(str(path))))
    registration = testbed.registration
    report("writing keys and the genesis block")
    genesis = write_genesis(testbed)
    write_keys(testbed)
    write_explorer_config(testbed, registration.contract)
    initialise(engine, plan, genesis)
    report(f"starting {', '.join(node.name for node in plan.nodes)} and the explorer")
    engine.apply(plan)
    urls = [node.rpc_url for node in plan.nodes]
    if not state.ready_once:
        report("sending the contract and the registrations")
        _when_answering(engine, plan)
        with HttpRpc(urls[0]) as rpc:
            administrator = keys_of(testbed.config, state.mnemonic)["administrator"]
            registration.send(rpc, urls, administrator, state.chain_id)
    report("connecting the nodes and sealing")
    join(engine, plan)
    report("waiting for one hash on all nodes")
    state.genesis_hash = wait_until_ready(engine, plan, registration.is_done)
    with HttpRpc(urls[0]) as rpc:
        registration.verify(rpc, first_start=not state.ready_once)
    _wait_for_explorer(testbed)
    if state.contract is None or not state.ready_once:
        state.contract = registration.contract
        state.ready_once = True
        store.save(state)
    return testbed


def _when_answering(engine: Engine, plan: Plan) -> None:
    """Transactions can be handed over as soon as the nodes listen, which is before they are connected."""
    for node in plan.nodes:
        wait_for_rpc(engine, node).close()


def _wait_for_explorer(testbed: Testbed) -> None:
    deadline = time.monotonic() + _EXPLORER_SECONDS
    url = f"{testbed.plan.explorer_url}/health"
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            state = testbed.engine.states().get("explorer")
            if time.monotonic() > deadline or (state is not None and state.status == "exited"):
                raise EnvironmentFault(
                    f"the explorer does not serve: {error}",
                    where=url,
                    fix="`testbed logs explorer` says why.",
                ) from error
        time.sleep(0.05)


def _undo(state: State) -> None:
    make_engine(state.engine, state.name).destroy()
    store.remove(state.name)


def down(name: str) -> None:
    """Stop everything in good order and keep the state. Raises TestbedError where there is no testbed."""
    with store.locked(name):
        state = store.require(name)
        make_engine(state.engine, name).stop()


def destroy(name: str) -> bool:
    """Leave nothing of the testbed, damaged or whole; returns whether there was anything."""
    with store.locked(name):
        if not store.exists(name):
            return False
        destroy_in_engine(name)
        store.remove(name)
        return True
