"""`bench pow`: the first block of proof of work beside plain commands', in containers of the same quotas."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

from bench.engines import engines, geth_for
from bench.figures import Comparison, Limit, Side
from bench.floor import Recipe, plain_chain
from bench.room import Room
from chain.rpc import HttpRpc, RpcError, RpcUnreachable, block_number
from errors import EnvironmentFault
from genesis.dag import missing_epochs
from orchestrator.config import Config
from orchestrator.dag import dag_directory
from orchestrator.plan import cpu_quotas

_RATIO = 2.0
_POLL_SECONDS = 0.05


def measure(place: Room, starts: int) -> Comparison:
    """When a block comes is chance, so medians are compared."""
    dag = dag_directory()
    if missing_epochs(dag):
        raise EnvironmentFault(
            "the data sets of proof of work are not there", where=str(dag), fix="`python -m orchestrator.dag`"
        )
    (engine,) = engines("docker", place.report)
    quotas = cpu_quotas(Config(), os.cpu_count() or 1)
    recipe = Recipe(engine, geth_for(engine, place.report), "pow", dag, quotas)
    floor: list[float] = []
    ours: list[float] = []
    ready: list[float] = []
    commands: list[str] = []
    for number in range(starts):
        with plain_chain(recipe, place.scratch(f"floor{number}")) as chain:
            floor.append(chain.start(1))
            commands = chain.commands
        name = f"p{number}"
        with FirstBlock(place, name) as first:
            ready.append(place.up(name, engine, "--consensus", "pow"))
        ours.append(first.seconds)
        place.destroy(name)
        place.report(f"{number + 1}/{starts}: plain {floor[-1]:.1f} s, testbed up {ours[-1]:.1f} s")
    command = f"testbed up --name NEW --engine {engine} --consensus pow --json"
    sides = [
        Side("plain commands, to the first block", "s", floor, commands),
        Side("testbed up, to the first block", "s", ours, [command]),
        Side("testbed up, until it returns", "s", ready, [command]),
    ]
    ratio = sides[1].median / sides[0].median
    return Comparison(
        title="proof of work (docker): from the first command to the first block on any node",
        sides=sides,
        ratio=ratio,
        limits=[Limit("median to the first block / median of the plain commands", ratio, _RATIO)],
        figures={"quotas": quotas, "slowest_ratio": round(sides[1].most / sides[0].median, 4)},
    )


class FirstBlock:
    """Watches a testbed that is being started; `seconds` is when its first block was on any node."""

    def __init__(self, place: Room, name: str) -> None:
        self._place = place
        self._name = name
        self._end = threading.Event()
        self._seconds: float | None = None
        self._thread = threading.Thread(target=self._watch, name="first block", daemon=True)

    def __enter__(self) -> FirstBlock:
        self._begun = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        if self._seconds is None:
            raise EnvironmentFault("no block was seen though `testbed up` returned", where=self._name)
        return self._seconds

    def _watch(self) -> None:
        while not self._end.wait(_POLL_SECONDS) and (state := self._place.state(self._name)) is None:
            pass
        if self._end.is_set() or state is None:
            return
        ports = [port for name, port in state["ports"].items() if name.endswith(".rpc")]
        nodes = [HttpRpc(f"http://127.0.0.1:{port}") for port in ports]
        while not _any_block(nodes):
            if self._end.wait(_POLL_SECONDS):
                break
        else:
            self._seconds = time.perf_counter() - self._begun
        for node in nodes:
            node.close()


def _any_block(nodes: Sequence[HttpRpc]) -> bool:
    for node in nodes:
        try:
            if node.fetch(block_number()) > 0:
                return True
        except (RpcUnreachable, RpcError):
            continue  # it is being started
    return False
