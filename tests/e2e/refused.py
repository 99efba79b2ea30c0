"""What every refusal of the command has in common."""

from __future__ import annotations

from tests.e2e.running import Ran


def refused(ran: Ran, code: int, *words: str) -> None:
    """It ended with this code and one message that holds these words, and showed no traceback."""
    assert ran.code == code, f"ended with {ran.code}:\n{ran.err}\n{ran.out}"
    assert "Traceback" not in ran.err, ran.err
    assert ran.err.count("Error") == 1, ran.err
    for word in words:
        assert word in ran.err, ran.err
