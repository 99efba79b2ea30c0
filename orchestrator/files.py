"""What lies in a testbed's directory before its services start: genesis block, keys, their settings."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from errors.files import write_atomic
from genesis.block import genesis_block
from orchestrator.engine import Engine
from orchestrator.existing import Testbed
from orchestrator.participants import allocation_wei, keys_of
from orchestrator.plan import Node, Plan, explorer_listen

_MAKING = ".genesis-"


def write_genesis(testbed: Testbed) -> Path:
    path = testbed.plan.directory / "genesis.json"
    if not path.exists():
        clique = testbed.plan.consensus == "clique"
        block = genesis_block(
            chain_id=testbed.state.chain_id,
            timestamp=testbed.state.genesis_time,
            allocation_wei=allocation_wei(testbed.config, testbed.game, testbed.participants),
            clique_signers=[node.sealer for node in testbed.plan.nodes] if clique else [],
            clique_period_seconds=testbed.config.chain.period_seconds,
        )
        write_atomic(path, json.dumps(block, indent=1))
    return path


def write_keys(testbed: Testbed) -> None:
    """A keystore for every bot and, with clique, for every node; those that are there stay."""
    plan, people = testbed.plan, testbed.participants
    places = {bot.name: plan.directory / "bots" / bot.name for bot in people.bots}
    for node, sealer in zip(plan.nodes, people.sealers, strict=True):
        node.ipc_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        node.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # With proof of work the etherbase is cold: no node holds its key.
        if plan.consensus == "clique":
            places[sealer.name] = node.directory / "sealer"
    missing = {name: place for name, place in places.items() if not (place / "keystore.json").exists()}
    if not missing:
        return
    from genesis.keys import write_keystore

    keys = keys_of(testbed.config, testbed.state.mnemonic)
    for name, place in missing.items():
        write_keystore(keys[name], place)


def write_explorer_config(testbed: Testbed, contract: str) -> None:
    plan, people = testbed.plan, testbed.participants
    listen, port = explorer_listen(testbed.state)
    content = {
        "name": plan.name,
        "consensus": plan.consensus,
        "listen": listen,
        "port": port,
        "index": str(plan.explorer_index),
        "campaigns": str(plan.campaigns),
        "contract": contract,
        "genesis_hash": testbed.state.genesis_hash,
        "allowed_hosts": [],
        "nodes": [_explorer_node(node) for node in plan.nodes],
        "accounts": [
            {"address": each.address, "name": each.name, "role": each.role} for each in people.market
        ],
    }
    plan.campaigns.mkdir(parents=True, exist_ok=True)  # before the first campaign: the explorer looks into it
    path = plan.directory / "explorer" / "explorer.json"
    text = json.dumps(content, indent=1)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomic(path, text, private=True)


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


def initialise(engine: Engine, plan: Plan, genesis: Path) -> None:
    """Each node's settings, and once the genesis block in its database."""
    for node in plan.nodes:
        _write_settings(node)
    wanting = [node for node in plan.nodes if not (node.directory / "initialised").exists()]
    if not wanting:
        return
    # The database of the genesis block is the same for all: made once, and copied while no node runs.
    for abandoned in (plan.directory / "nodes").glob(f"{_MAKING}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    # In a new directory each time: where this command was killed before, its Geth may still be at work.
    made = Path(tempfile.mkdtemp(prefix=_MAKING, dir=plan.directory / "nodes"))
    engine.geth(["--datadir", str(made), "init", str(genesis)], made, [genesis])
    for node in wanting:
        # What a killed start left may be half a database.
        shutil.rmtree(node.directory / "geth", ignore_errors=True)
        shutil.copytree(
            made / "geth", node.directory / "geth", ignore=shutil.ignore_patterns("LOCK", "nodekey")
        )
        (node.directory / "initialised").touch()
    shutil.rmtree(made)


def _write_settings(node: Node) -> None:
    """What Geth takes in a file only: by option it has the port alone, and listens to every network. And it
    dials no more than a third of the peers that it may have, so that a node which dialled one of two
    would never dial the other again."""
    text = f'[Node.P2P]\nListenAddr = "{node.p2p_host}:{node.p2p_port}"\nDialRatio = 1\n'
    if not node.settings_path.exists() or node.settings_path.read_text(encoding="utf-8") != text:
        write_atomic(node.settings_path, text)
