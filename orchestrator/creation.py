"""A testbed's state: made for a new one, adapted for one that exists, removed."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Sequence

from errors import EnvironmentFault, TestbedError
from orchestrator import store
from orchestrator.allocation import allocate_ports, allocate_subnet, is_free, port_names
from orchestrator.config import Config, parse_config
from orchestrator.engine import Report, choose_engine, make_engine
from orchestrator.participants import keys_of, parameters_of
from orchestrator.store import State

# What may change on a chain that exists; all else is in its genesis block, its keys or its contract.
_CHANGEABLE = {
    ("chain", "cpu_share"),
    ("chain", "cache_mb"),
    ("market", "buy_back"),
    ("campaign", "slots"),
    ("campaign", "policy"),
    ("campaign", "seed"),
    ("campaign", "wait_blocks"),
    ("explorer", "port"),
}
_CHANGEABLE_OF_NODE = {"device", "score", "memory_gb", "miner_threads"}


def create(name: str, config: Config, wanted_engine: str, report: Report) -> State:
    parameters_of(config, os.cpu_count() or 1)
    # Imported here: it loads the key libraries, which nobody needs on a testbed that exists.
    from genesis.keys import new_mnemonic

    mnemonic = config.mnemonic or new_mnemonic()
    keys = keys_of(config, mnemonic)
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
            mnemonic=mnemonic,
            addresses={name: key.address for name, key in keys.items()},
            # A new chain ID for every new chain: a wallet remembers nonces by it.
            chain_id=10**6 + secrets.randbelow(2**31 - 10**6),
            genesis_time=int(time.time()),
            ports=allocate_ports(port_names(config, own_network=engine.own_network), neighbours, fixed),
            subnet=(allocate_subnet(neighbours, engine.subnets_in_use()) if engine.own_network else None),
        )
        store.save(state)
    return state


def _remove_leftovers(name: str) -> None:
    """What a killed `destroy` or a killed first `up` left, or one whose state is lost."""
    if store.exists(name):
        destroy_in_engine(name)
        store.remove(name)


def adopt(state: State, config: Config | None, wanted_engine: str, report: Report) -> None:
    """Take over what may change of a configuration for a chain that exists."""
    if wanted_engine not in ("auto", state.engine):
        raise TestbedError(
            f"{state.name!r} runs with the engine {state.engine}",
            fix=f"`testbed destroy --name {state.name}` first, or take another --name.",
        )
    if config is not None:
        # Through the model, since a state may be older than a key.
        old = parse_config(state.config, where=f"the configuration of {state.name}").model_dump(mode="json")
        new = config.model_dump(mode="json")
        if fixed := list(_fixed_differences(old, new)):
            raise TestbedError(
                f"the chain of {state.name!r} exists and cannot change: {', '.join(fixed)}",
                fix=f"`testbed destroy --name {state.name}` first, or take another --name.",
            )
        if new["mnemonic"] is None:
            new["mnemonic"] = old["mnemonic"]
        port = config.explorer.port
        if port is not None and port != state.ports["explorer"]:
            _check_ports_free({"explorer": port})
            state.ports["explorer"] = port
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


def destroy_in_engine(name: str) -> None:
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
