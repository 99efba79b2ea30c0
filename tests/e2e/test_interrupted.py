"""Whatever ends `up`, at any moment: the next `up` continues, and `destroy` leaves nothing."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.e2e.running import Begun, Market, wait_until

# One for each line that `up` says, and one beyond: then it ended by itself.
_LINES = range(1, 8)


def _is_ready(status: dict[str, Any]) -> bool:
    nodes = status["nodes"]
    return (
        [node["state"] for node in nodes] == ["running"] * 3
        and all(node["block"] >= 2 for node in nodes)
        and status["contract"]["address"] is not None
        and status["services"] == {"explorer": "running"}
    )


@pytest.mark.parametrize("line", _LINES)
def test_up_continues_after_it_was_killed(new_market: Market, line: int) -> None:
    begun = new_market.begin_up()
    assert begun.said(line) is (line < _LINES[-1]), "the lines of `up` are more or fewer than are tried here"
    begun.signal(signal.SIGKILL)
    assert _is_ready(new_market.up())
    new_market.destroy()
    assert new_market.leftovers() == []


def test_up_continues_after_it_was_killed_while_services_started(new_market: Market) -> None:
    begun = new_market.begin_up()
    wait_until(lambda: len(new_market.instances()) > 1, "the first service")
    begun.signal(signal.SIGKILL)
    assert _is_ready(new_market.up())


@pytest.mark.parametrize("line", _LINES[:-1])
def test_a_killed_up_can_be_destroyed_at_once(new_market: Market, line: int) -> None:
    begun = new_market.begin_up()
    assert begun.said(line)
    begun.signal(signal.SIGKILL)
    new_market.destroy()
    assert new_market.leftovers() == []


def test_up_continues_after_ctrl_c_again_and_again(new_market: Market) -> None:
    for line in _LINES[:-1]:
        begun: Begun = new_market.begin_up()
        if not begun.said(line):
            break  # it had less to do than the time before
        ran = begun.signal(signal.SIGINT)
        if ran.code != 0:  # it was faster than the signal
            assert ran.code == 130, ran.err
            assert "Interrupted" in ran.err
            assert "Traceback" not in ran.err
    assert _is_ready(new_market.up())
