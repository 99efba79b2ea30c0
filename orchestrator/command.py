"""Running other programs: bounded in time, never through a shell, never silent, no orphans."""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import EnvironmentFault
from orchestrator.progress import HEARTBEAT_SECONDS, Report, with_elapsed

_GRACE_SECONDS = 5.0
_TAIL_LINES = 15

# What a program says when the machine is at fault: (words in its stderr, what that means, what to do).
_CAUSES = (
    (
        "permission denied while trying to connect to the docker",
        "Docker refuses this user",
        "Join the group `docker` (`sudo usermod -aG docker $USER`, then log in again),"
        " or take `--engine process`.",
    ),
    (
        "cannot connect to the docker daemon",
        "Docker's daemon does not answer",
        "Start it (`sudo systemctl start docker`, or Docker Desktop), or take `--engine process`.",
    ),
    (
        "no space left on device",
        "the disk is full",
        "Make room (`docker system df` shows what Docker holds), or set TESTBED_CACHE to another disk.",
    ),
)


@dataclass(frozen=True)
class Output:
    """What a program left behind when it ended."""

    returned: int
    stdout: str
    stderr: str


class CommandFailed(EnvironmentFault):
    """A program failed, could not be started (returned 127), or ran out of time (returned None)."""

    def __init__(
        self, argv: Sequence[str], returned: int | None, stderr: str, what: str | None = None
    ) -> None:
        self.argv = list(argv)
        self.returned = returned
        self.stderr = stderr
        known = next(((cause, fix) for words, cause, fix in _CAUSES if words in stderr.lower()), None)
        tail = "\n".join(stderr.strip().splitlines()[-_TAIL_LINES:])
        if known is not None:
            super().__init__(known[0], where=_shown(argv), fix=known[1])
        else:
            what = what or f"failed with exit code {returned}"
            super().__init__(what, where=_shown(argv), fix=tail or None)


def _shown(argv: Sequence[str]) -> str:
    text = shlex.join(argv)
    return f"`{text}`" if len(text) <= 160 else f"`{text[:157]}…`"


def run(
    argv: Sequence[str | Path],
    *,
    timeout_seconds: float,
    report: Report | None = None,
    what: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> Output:
    """Run a program to its end and return what it said; `env` is added to this process's environment.

    With `report`, says `what` at once and again, with the seconds passed, every two seconds. Whatever
    ends the wait early (Ctrl-C too) ends the program and its children. Raises CommandFailed where the
    program cannot be started, where it is not done in time, and, with `check`, where it fails.
    """
    words = [str(word) for word in argv]
    begun = time.monotonic()
    if report is not None:
        report(what)
    with _started(words, cwd=cwd, env=env, stdout=subprocess.PIPE) as process:
        while True:
            left = timeout_seconds - (time.monotonic() - begun)
            try:
                stdout, stderr = process.communicate(timeout=max(0.0, min(left, HEARTBEAT_SECONDS)))
                break
            except subprocess.TimeoutExpired as expired:
                if left <= HEARTBEAT_SECONDS:
                    said = (expired.stderr or b"").decode(errors="replace")
                    raise CommandFailed(
                        words, None, said, f"not done after {timeout_seconds:.0f} s"
                    ) from None
                if report is not None:
                    report(with_elapsed(what, time.monotonic() - begun))
    output = Output(process.returncode, stdout.decode(errors="replace"), stderr.decode(errors="replace"))
    if check and output.returned != 0:
        raise CommandFailed(words, output.returned, output.stderr or output.stdout)
    return output


def stderr_lines(
    argv: Sequence[str | Path], *, timeout_seconds: float, pass_fds: Sequence[int] = ()
) -> Generator[str, None, None]:
    """The lines that a program writes to stderr, as they come; "" where two seconds pass without one.

    Closing the iterator ends the program. Raises CommandFailed as `run` does.
    """
    words = [str(word) for word in argv]
    ends_at = time.monotonic() + timeout_seconds
    tail: list[str] = []
    pending = b""
    with _started(words, stdout=subprocess.DEVNULL, pass_fds=pass_fds) as process, _waiter(process) as ready:
        while True:
            if time.monotonic() > ends_at:
                raise CommandFailed(words, None, "\n".join(tail), f"not done after {timeout_seconds:.0f} s")
            if not ready.select(HEARTBEAT_SECONDS):
                yield ""
                continue
            assert process.stderr is not None
            chunk = os.read(process.stderr.fileno(), 1 << 16)
            if not chunk:
                break
            *complete, pending = (pending + chunk).split(b"\n")
            for line in complete:
                text = line.decode(errors="replace")
                tail = [*tail[1 - _TAIL_LINES :], text]
                yield text
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE_SECONDS)
    if process.returncode != 0:
        raise CommandFailed(words, process.returncode, "\n".join([*tail, pending.decode(errors="replace")]))


@contextlib.contextmanager
def _waiter(process: subprocess.Popen[bytes]) -> Iterator[selectors.BaseSelector]:
    assert process.stderr is not None
    with selectors.DefaultSelector() as ready:
        ready.register(process.stderr, selectors.EVENT_READ)
        yield ready


@contextlib.contextmanager
def _started(
    words: list[str], *, env: Mapping[str, str] | None = None, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """The running program, in a process group of its own that does not outlive the block."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **env} if env is not None else None,
            start_new_session=True,
            **options,
        )
    except OSError as error:
        raise CommandFailed(words, 127, "", f"cannot be started: {error.strerror}") from error
    try:
        yield process
    finally:
        if process.poll() is None:
            _end_group(process)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def end(*processes: subprocess.Popen[Any], seconds: float = 20.0) -> None:
    """Asks programs that were started by hand to end, all at once, and kills those that have not in time."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_GRACE_SECONDS)
            return
