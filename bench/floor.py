"""The raw floor: a chain of three nodes by plain commands, with nothing of the testbed's around them.

Only keys (made before, not timed), the genesis file's text and the wire format of IPC are shared code.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from chain.rpc import IpcRpc, RpcUnreachable
from errors import EnvironmentFault
from genesis.block import genesis_block
from genesis.keys import derive, new_mnemonic, write_keystore
from genesis.paths import SEALER_PATH
from orchestrator.allocation import allocate_ports
from orchestrator.command import end, run
from orchestrator.interrupts import uninterrupted

NODES = ("a", "b", "c")
_CHAIN_ID = "424242"
_POLL_SECONDS = 0.01
# Miners held to a quota pay for every question with hashes.
_POW_POLL_SECONDS = 0.05
_SECONDS = 300.0
_LABEL = "io.elecoin.bench"


@dataclass(frozen=True)
class Recipe:
    """What the plain commands run: geth is an image with Docker, else a binary; quotas in processors."""

    engine: str
    geth: str
    consensus: str = "clique"
    dag: Path | None = None
    quotas: Sequence[float] | None = None


class PlainChain:
    """Three nodes of one private chain. `start` is what a benchmark times."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self._recipe = recipe
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._containers: dict[str, str] = {}
        self._commands: dict[str, list[str]] = {}
        self._mark = f"{_LABEL}={folder}"
        keys = derive(new_mnemonic(), [(name, SEALER_PATH.format(i)) for i, name in enumerate(NODES)])
        self._sealers = {key.name: key.address for key in keys}
        for key in keys:
            write_keystore(key, folder / key.name / "sealer")
        ports = allocate_ports(NODES, [], {}) if recipe.engine == "process" else {}
        self._ports = {name: ports.get(name, 30303) for name in NODES}
        self._genesis = folder / "genesis.json"

    @property
    def commands(self) -> list[str]:
        """The command lines of one node, then what was said to it over IPC."""
        lines = [shlex.join(words).replace(str(self._folder), "DIR") for words in self._commands.values()]
        return [
            *(f"3 × {line}" for line in lines),
            "IPC: admin_addTrustedPeer, admin_addPeer along a ring of three, 3 × miner_start",
        ]

    def start(self, height: int) -> float:
        """Seconds from the first command until a block of that height is there; with clique, until all
        nodes have one hash at it."""
        begun = time.perf_counter()
        self._write_genesis()
        with ThreadPoolExecutor(max_workers=len(NODES)) as pool:
            list(pool.map(self._initialise, NODES))
            list(pool.map(self._run, NODES))
        nodes = {name: IpcRpc(str(self._folder / name / "geth.ipc")) for name in NODES}
        try:
            _until(lambda: all(_answers(node) for node in nodes.values()), "the plain nodes do not answer")
            self._mesh(nodes)
            for node in nodes.values():
                node.request("miner_start", *([] if self._recipe.consensus == "clique" else [1]))
            clique = self._recipe.consensus == "clique"
            reached, every = (_agreed, _POLL_SECONDS) if clique else (_anywhere, _POW_POLL_SECONDS)
            _until(lambda: reached(list(nodes.values()), height), "the plain chain does not grow", every)
            return time.perf_counter() - begun
        finally:
            for node in nodes.values():
                node.close()

    def end(self) -> None:
        end(*self._processes)
        if self._recipe.engine == "docker":
            listing = ["docker", "ps", "--all", "--quiet", "--filter", f"label={self._mark}"]
            # One after the other: several that leave one network at once can deadlock Docker 20.10
            # (moby pull request 42545).
            for container in run(listing, timeout_seconds=_SECONDS).stdout.split():
                run(["docker", "rm", "--force", "--volumes", container], timeout_seconds=_SECONDS)
        shutil.rmtree(self._folder)

    def _write_genesis(self) -> None:
        """As `testbed up` does, the plain chain carries the time at which it was started."""
        genesis = genesis_block(
            chain_id=int(_CHAIN_ID),
            timestamp=int(time.time()),
            allocation_wei={},
            clique_signers=list(self._sealers.values()) if self._recipe.consensus == "clique" else [],
        )
        self._genesis.write_text(json.dumps(genesis))

    def _initialise(self, name: str) -> None:
        directory = self._folder / name
        words = ["init", "--datadir", str(directory), str(self._genesis)]
        if self._recipe.engine == "docker":
            mounts = ["--volume", f"{self._folder}:{self._folder}"]
            words = ["docker", "run", "--rm", "--network", "none", *self._container(mounts), *words]
        else:
            words = [self._recipe.geth, *words]
        self._commands["init"] = words
        run(words, timeout_seconds=_SECONDS)

    def _run(self, name: str) -> None:
        recipe, directory = self._recipe, self._folder / name
        words = [
            *("--datadir", str(directory), "--keystore", str(directory / "sealer")),
            *("--networkid", _CHAIN_ID, "--syncmode", "full", "--gcmode", "archive", "--cache", "64"),
            *("--maxpeers", "2", "--nodiscover", "--nat", "none", "--port", str(self._ports[name])),
            *("--authrpc.port", "0", "--miner.gasprice", "1000000000"),
            *("--miner.etherbase", self._sealers[name]),
        ]
        if recipe.consensus == "clique":
            words += ["--unlock", self._sealers[name], "--allow-insecure-unlock"]
            words += ["--password", str(directory / "sealer" / "password")]
        else:
            words += ["--miner.threads", "1", "--ethash.dagdir", str(recipe.dag), "--ethash.dagsinmem", "1"]
        if recipe.engine == "docker":
            options = ["--volume", f"{directory}:{directory}"]
            options += [] if recipe.dag is None else ["--volume", f"{recipe.dag}:{recipe.dag}:ro"]
            if recipe.quotas is not None:
                options += ["--cpus", str(recipe.quotas[NODES.index(name)])]
            words = ["docker", "run", "--detach", *self._container(options), *words]
            self._containers[name] = run(words, timeout_seconds=_SECONDS).stdout.strip()
        else:
            words = [recipe.geth, *words]
            with (directory / "log").open("wb") as log:
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            self._processes.append(process)
        self._commands["run"] = words

    def _container(self, options: Sequence[str]) -> list[str]:
        owner = f"{os.getuid()}:{os.getgid()}"
        return ["--user", owner, "--label", self._mark, *options, "--entrypoint", "geth", self._recipe.geth]

    def _mesh(self, nodes: dict[str, IpcRpc]) -> None:
        addresses = self._addresses(nodes)
        for name, node in nodes.items():
            for other in NODES:
                if other != name:
                    node.request("admin_addTrustedPeer", addresses[other])
        # A ring of three is a mesh. Each node dials one: of two peers Geth dials no more than one by itself.
        for name, following in zip(NODES, (*NODES[1:], NODES[0]), strict=True):
            nodes[name].request("admin_addPeer", addresses[following])
        _until(
            lambda: all(len(node.request("admin_peers")) == len(NODES) - 1 for node in nodes.values()),
            "the plain nodes do not connect",
        )

    def _addresses(self, nodes: dict[str, IpcRpc]) -> dict[str, str]:
        keys = {
            name: urlsplit(node.request("admin_nodeInfo")["enode"]).username for name, node in nodes.items()
        }
        hosts = self._hosts() if self._recipe.engine == "docker" else dict.fromkeys(NODES, "127.0.0.1")
        return {name: f"enode://{keys[name]}@{hosts[name]}:{self._ports[name]}" for name in NODES}

    def _hosts(self) -> dict[str, str]:
        words = ["docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}"]
        words += [self._containers[name] for name in NODES]
        return dict(zip(NODES, run(words, timeout_seconds=_SECONDS).stdout.split(), strict=True))


@contextmanager
def plain_chain(recipe: Recipe, folder: Path) -> Iterator[PlainChain]:
    """The chain, not started yet; gone after the block."""
    chain = PlainChain(recipe, folder)
    try:
        yield chain
    finally:
        with uninterrupted():
            chain.end()


def _until(condition: Callable[[], bool], what: str, every_seconds: float = _POLL_SECONDS) -> None:
    deadline = time.monotonic() + _SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise EnvironmentFault(f"{what} after {_SECONDS:.0f} s")
        time.sleep(every_seconds)


def _answers(node: IpcRpc) -> bool:
    try:
        node.request("net_version")
    except RpcUnreachable:
        return False
    return True


def _agreed(nodes: Sequence[IpcRpc], height: int) -> bool:
    if min(int(node.request("eth_blockNumber"), 16) for node in nodes) < height:
        return False
    lowest = hex(min(int(node.request("eth_blockNumber"), 16) for node in nodes))
    blocks = [node.request("eth_getBlockByNumber", lowest, False) for node in nodes]
    return None not in blocks and len({block["hash"] for block in blocks}) == 1


def _anywhere(nodes: Sequence[IpcRpc], height: int) -> bool:
    return max(int(node.request("eth_blockNumber"), 16) for node in nodes) >= height
