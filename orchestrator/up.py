"""`testbed up`, `down`, `destroy`: from a configuration to a chain that trades, and back.

Each step of `up` is skipped where it is already true, so that it continues after a crash, a reboot or
Ctrl-C wherever it was.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from chain.rpc import HttpRpc
from errors import EnvironmentFault, TestbedError
from genesis.block import genesis_block
from genesis.keys import check_mnemonic, new_mnemonic, write_keystore
from market.parameters import Parameters
from orchestrator import store
from orchestrator.allocation import allocate_ports, allocate_subnet, is_free, port_names
from orchestrator.config import Config, parse_config
from orchestrator.dag import dag_directory, ensure_dag
from orchestrator.engine import Engine, Report, choose_engine, make_engine
from orchestrator.mesh import join, wait_for_ipc, wait_until_ready
from orchestrator.participants import Participants, allocation_wei, parameters_of, participants_of
from orchestrator.plan import Node, Plan, build_plan, explorer_listen
from orchestrator.progress import ReportStep
from orchestrator.registration import Registration
from orchestrator.store import State

_EXPLORER_SECONDS = 30.0
# What may change on a chain that exists; all else is in its genesis block, its keys or its contract.
_CHANGEABLE = {
    ("chain", "cpu_share"),
    ("chain", "cache_mb"),
    ("campaign", "slots"),
    ("campaign", "policy"),
    ("campaign", "seed"),
    ("campaign", "wait_blocks"),
    ("explorer", "port"),
}
_CHANGEABLE_OF_NODE = {"device", "score", "memory_gb", "miner_threads"}


@dataclass(frozen=True)
class Testbed:
    """A testbed that exists: its state and everything that follows from it."""

    __test__ = False

    state: State
    config: Config
    game: Parameters
    participants: Participants
    plan: Plan
    engine: Engine

    @property
    def registration(self) -> Registration:
        return Registration(self.config, self.game, self.participants, self.state.chain_id)

    @property
    def genesis_allocation_wei(self) -> dict[str, int]:
        return allocation_wei(self.config, self.game, self.participants)


def open_testbed(name: str) -> Testbed:
    """Raises TestbedError where there is no such testbed, or its state is damaged."""
    return _testbed(store.require(name))


def _testbed(state: State) -> Testbed:
    config = parse_config(state.config, where=f"the configuration of {state.name}")
    participants = participants_of(config, state.mnemonic)
    plan = build_plan(config, state, [key.address for key in participants.sealers], dag_directory())
    game = parameters_of(config, os.cpu_count() or 1)
    return Testbed(state, config, game, participants, plan, make_engine(state.engine, state.name))


def up(name: str, config: Config | None, engine: str, report: Report, show: ReportStep) -> Testbed:
    """Make the testbed `name` run, whatever state it is in. Without a configuration: the one that it has,
    or the profile `paper`.

    Raises TestbedError. A testbed that this very call began and could not start is taken away again.
    """
    with store.locked(name):
        state = store.load(name)
        fresh = state is None
        if state is None:
            state = _create(name, config or Config(), engine, report)
        else:
            _adopt(state, config, engine, report)
        try:
            testbed = _start(state, report, show)
        except (TestbedError, OSError) as error:
            if fresh:
                _undo(state)
            if isinstance(error, OSError):
                raise EnvironmentFault(str(error), where=str(store.directory_of(name))) from error
            raise
        return testbed


def _create(name: str, config: Config, wanted_engine: str, report: Report) -> State:
    parameters_of(config, os.cpu_count() or 1)
    if config.mnemonic is not None:
        check_mnemonic(config.mnemonic)
    _remove_leftovers(name)
    engine_name = choose_engine(wanted_engine, report)
    engine = make_engine(engine_name, name)
    fixed = {} if config.explorer.port is None else {"explorer": config.explorer.port}
    _check_ports_free(fixed)
    with store.allocating() as neighbours:
        state = State(
            name=name,
            engine=engine_name,
            config=config.model_dump(mode="json"),
            mnemonic=config.mnemonic or new_mnemonic(),
            # A new chain ID for every new chain: a wallet remembers nonces by it.
            chain_id=10**6 + secrets.randbelow(2**31 - 10**6),
            genesis_time=int(time.time()),
            ports=allocate_ports(port_names(config, own_network=engine.own_network), neighbours, fixed),
            subnet=(allocate_subnet(neighbours, engine.subnets_in_use()) if engine.own_network else None),
        )
        store.save(state)
    return state


def _remove_leftovers(name: str) -> None:
    """A directory without a state is what a killed `destroy` or a killed first `up` left."""
    if store.directory_of(name).exists():
        _destroy_in_all_engines(name)
        store.remove(name)


def _adopt(state: State, config: Config | None, wanted_engine: str, report: Report) -> None:
    """Take over what may change of a configuration for a chain that exists."""
    if wanted_engine not in ("auto", state.engine):
        raise TestbedError(
            f"{state.name!r} runs with the engine {state.engine}",
            fix=f"`testbed destroy --name {state.name}` first, or take another --name.",
        )
    if config is not None:
        old, new = state.config, config.model_dump(mode="json")
        if fixed := list(_fixed_differences(old, new)):
            raise TestbedError(
                f"the chain of {state.name!r} exists and cannot change: {', '.join(fixed)}",
                fix=f"`testbed destroy --name {state.name}` first, or take another --name.",
            )
        if new["mnemonic"] is None:
            new["mnemonic"] = old["mnemonic"]
        if config.explorer.port is not None:
            state.ports["explorer"] = config.explorer.port
        state.config = new
    running = {
        name
        for name, service in make_engine(state.engine, state.name).states().items()
        if service.status == "running"
    }
    taken = {
        name: port
        for name, port in state.ports.items()
        if name.partition(".")[0] not in running and not is_free(port)
    }
    configured = parse_config(state.config, where=state.name).explorer.port
    if configured is not None and "explorer" in taken:
        _check_ports_free({"explorer": configured})
    if taken:
        with store.allocating() as neighbours:
            fixed_ports = {name: port for name, port in state.ports.items() if name not in taken}
            state.ports = allocate_ports(state.ports, neighbours, fixed_ports)
        for name, port in taken.items():
            report(f"port {port} of {name} is taken by another program; it gets {state.ports[name]}")
    store.save(state)


def _fixed_differences(old: dict[str, object], new: dict[str, object]) -> Sequence[str]:
    different = []
    for section in new:
        before, after = old[section], new[section]
        if section == "mnemonic" and after is None:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            different += [
                f"{section}.{key}"
                for key in after
                if before[key] != after[key] and (section, key) not in _CHANGEABLE
            ]
        elif section == "nodes":
            assert isinstance(before, list)
            assert isinstance(after, list)

            def kept(nodes: list[dict[str, object]]) -> list[dict[str, object]]:
                return [{k: v for k, v in node.items() if k not in _CHANGEABLE_OF_NODE} for node in nodes]

            if kept(before) != kept(after):
                different.append("nodes")
        elif before != after:
            different.append(section)
    return different


def _check_ports_free(ports: dict[str, int]) -> None:
    for name, port in ports.items():
        if not is_free(port):
            raise EnvironmentFault(
                f"port {port} is taken by another program",
                where=f"{name}.port",
                fix="Take another port, or leave the key out and a free one is found.",
            )


def _start(state: State, report: Report, show: ReportStep) -> Testbed:
    testbed = _testbed(state)
    plan, engine = testbed.plan, testbed.engine
    report("looking for Geth and images")
    engine.prepare(report)
    if plan.consensus == "pow":
        ensure_dag(engine.makedag, report, show)
    store.check_socket_path(max((node.ipc_path for node in plan.nodes), key=lambda path: len(str(path))))
    registration = testbed.registration
    report("writing keys and the genesis block")
    genesis = _write_genesis(testbed)
    _write_keys(testbed)
    _write_explorer_config(testbed, registration.contract)
    _initialise(engine, plan, genesis)
    report(f"starting {', '.join(node.name for node in plan.nodes)} and the explorer")
    engine.apply(plan)
    urls = [node.rpc_url for node in plan.nodes]
    if not state.ready_once:
        report("sending the contract and the registrations")
        _when_answering(engine, plan)
        with HttpRpc(urls[0]) as rpc:
            registration.send(rpc, urls)
    report("connecting the nodes and sealing")
    join(engine, plan)
    report("waiting for one hash on all nodes")
    state.genesis_hash = wait_until_ready(engine, plan, registration.is_done)
    with HttpRpc(urls[0]) as rpc:
        registration.verify(rpc)
    _wait_for_explorer(testbed)
    if state.contract is None or not state.ready_once:
        state.contract = registration.contract
        state.ready_once = True
        store.save(state)
    return testbed


def _when_answering(engine: Engine, plan: Plan) -> None:
    """Transactions can be handed over as soon as the nodes listen, which is before they are connected."""
    for node in plan.nodes:
        wait_for_ipc(engine, node).close()


def _write_genesis(testbed: Testbed) -> Path:
    path = testbed.plan.directory / "genesis.json"
    if not path.exists():
        clique = testbed.plan.consensus == "clique"
        block = genesis_block(
            chain_id=testbed.state.chain_id,
            timestamp=testbed.state.genesis_time,
            allocation_wei=testbed.genesis_allocation_wei,
            clique_signers=[node.sealer for node in testbed.plan.nodes] if clique else [],
            clique_period_seconds=testbed.config.chain.period_seconds,
        )
        store.write_atomic(path, json.dumps(block, indent=1))
    return path


def _write_keys(testbed: Testbed) -> None:
    for node, sealer in zip(testbed.plan.nodes, testbed.participants.sealers, strict=True):
        node.ipc_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        node.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # With proof of work the etherbase is cold: no node holds its key.
        if testbed.plan.consensus == "clique":
            write_keystore(sealer, node.directory / "sealer")
    for key in testbed.participants.bots:
        write_keystore(key, testbed.plan.directory / "bots" / key.name)


def _write_explorer_config(testbed: Testbed, contract: str) -> None:
    plan, people = testbed.plan, testbed.participants
    listen, port = explorer_listen(testbed.state)
    roles = {
        "administrator": [people.administrator],
        "edge server": people.edge_servers,
        "retailer": people.retailers,
        "prosumer": people.prosumers,
        "smart meter": people.meters,
    }
    content = {
        "name": plan.name,
        "chain_id": plan.chain_id,
        "consensus": plan.consensus,
        "listen": listen,
        "port": port,
        "database": str(plan.directory / "explorer" / "index.sqlite"),
        "contract": contract,
        "genesis_hash": testbed.state.genesis_hash,
        "allowed_hosts": [],
        "nodes": [_explorer_node(node) for node in plan.nodes],
        "accounts": [
            {"address": key.address, "name": key.name, "role": role}
            for role, keys in roles.items()
            for key in keys
        ]
        + [
            {"address": node.sealer, "name": key.name, "role": "sealer"}
            for node, key in zip(plan.nodes, people.sealers, strict=True)
        ],
    }
    path = plan.directory / "explorer" / "explorer.json"
    text = json.dumps(content, indent=1)
    if not path.exists() or path.read_text() != text:
        store.write_atomic(path, text, private=True)


def _explorer_node(node: Node) -> dict[str, str]:
    return {
        "name": node.name,
        "device": node.device,
        "rpc_url": node.inner_rpc_url,
        "ws_url": node.inner_ws_url,
        "ipc_path": str(node.ipc_path),
        "address": f"{node.p2p_host}:{node.p2p_port}",
        "sealer": node.sealer,
    }


def _initialise(engine: Engine, plan: Plan, genesis: Path) -> None:
    """Write the genesis block into each node's database, once."""

    def initialise(node: Node) -> None:
        mark = node.directory / "initialised"
        if mark.exists():
            return
        # What a killed `init` left may be half a database.
        shutil.rmtree(node.directory / "geth", ignore_errors=True)
        engine.geth(["--datadir", str(node.directory), "init", str(genesis)], node.directory, [genesis])
        mark.touch()

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(initialise, plan.nodes))


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
        if not store.directory_of(name).exists():
            return False
        _destroy_in_all_engines(name)
        store.remove(name)
        return True


def _destroy_in_all_engines(name: str) -> None:
    """Without a state that can be read, the engine is not known either."""
    try:
        state = store.load(name)
    except TestbedError:
        state = None
    if state is not None:
        make_engine(state.engine, name).destroy()
        return
    make_engine("process", name).destroy()
    if (store.directory_of(name) / "compose.yaml").exists():
        make_engine("docker", name).destroy()
