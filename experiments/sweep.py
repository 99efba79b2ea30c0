"""Many runs on all cores, or on a Ray cluster. Each is kept as soon as it is there, so a sweep that was
interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import EnvironmentFault, TestbedError
from errors.files import write_atomic
from experiments.runs import Run, key, load_kernel, warm

Result = list[dict[str, Any]]
Results = Mapping[Run, Result]
Show = Callable[[str, float, float | None], None]
"""Is told what goes on, the part of 0..1 that is done, and the seconds left (None: not known yet)."""
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Swept:
    """`seconds` is the time that what was computed now took, `updates` the learners' among it."""

    results: Results
    computed: int
    damaged: int
    seconds: float
    updates: int


def sweep(what: str, runs: Sequence[Run], folder: Path, show: Show, ray: str | None = None) -> Swept:
    """The results of all runs: those that `folder` has, and the others computed and kept there.

    `ray` is the address of a cluster whose machines have this package. Raises TestbedError where it does not
    answer, EnvironmentFault where the folder cannot be written; a file that is no whole result of its run is
    counted as damaged and made anew.
    """
    results: dict[Run, Result] = {}
    missing: dict[Run, Path] = {}
    damaged = 0
    for run in dict.fromkeys(runs):
        path = folder / f"{key(run)}.json"
        try:
            results[run] = _read(path)
        except OSError:
            missing[run] = path
        except ValueError:
            damaged += 1
            missing[run] = path
    if not missing:
        return Swept(results, 0, damaged, 0.0, 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(f"cannot be written: {error.strerror}", where=str(folder)) from error
    pending = list(missing)
    show(what, len(results) / (len(results) + len(pending)), None)
    before = time.perf_counter()
    for done, (index, result) in enumerate(_compute(pending, ray), start=1):
        run = pending[index]
        content = {"run": repr(run), "result": result, "sha256": _digest(result)}
        write_atomic(missing[run], json.dumps(content) + "\n")
        results[run] = result
        passed = time.perf_counter() - before
        remaining = passed / done * (len(pending) - done)
        show(what, len(results) / (len(results) + len(pending) - done), remaining)
    seconds = time.perf_counter() - before
    return Swept(results, len(pending), damaged, seconds, sum(run.updates for run in pending))


def _read(path: Path) -> Result:
    """Raises OSError where there is none to read, ValueError where it is no whole result."""
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict) or content.get("sha256") != _digest(content.get("result")):
        raise ValueError(f"{path} holds no whole result")
    result: Result = content["result"]
    return result


def _digest(result: object) -> str:
    return hashlib.sha256(json.dumps(result).encode()).hexdigest()


def _one(index: int, run: Run) -> tuple[int, Result]:
    warm(load_kernel)
    return index, run.compute()


def _compute(runs: Sequence[Run], ray: str | None) -> Iterator[tuple[int, Result]]:
    """Results with the place of their run, as they come."""
    if ray is not None:
        yield from _on_ray(runs, ray)
        return
    from joblib import Parallel, delayed

    workers = min(len(runs), os.cpu_count() or 1)
    # A worker that was killed ends the sweep with an error of joblib's that says so; what is done is kept.
    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    yield from parallel(delayed(_one)(index, run) for index, run in enumerate(runs))


def _reach(address: str) -> None:
    """Raises OSError where nothing listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():  # neither `auto` nor `local`, which Ray finds by itself
        socket.create_connection((host, int(port)), timeout=_PATIENCE_SECONDS).close()


def _on_ray(runs: Sequence[Run], address: str) -> Iterator[tuple[int, Result]]:
    try:
        import ray
    except ImportError as error:
        raise TestbedError(
            "Ray is not installed",
            fix="Install it here and on the cluster: pip install 'elecoin-testbed[ray]'.",
        ) from error
    try:
        _reach(address)
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise TestbedError(
            f"no Ray cluster answers at {address!r}: {error}",
            fix="Start one with `ray start --head`, and give the address it prints: --ray 127.0.0.1:6379.",
        ) from error
    try:
        remote = ray.remote(_one)
        pending = [remote.remote(index, run) for index, run in enumerate(runs)]
        while pending:
            ready, pending = ray.wait(pending)
            yield from ray.get(ready)
    finally:
        ray.shutdown()
