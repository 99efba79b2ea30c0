"""What a transaction does, before anybody signs it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """What a transaction does: to is None where it creates a contract; value in wei."""

    to: str | None
    data: bytes
    value: int = 0
    gas: int = 200_000
