"""What a role tells the loop to do with what it saw at one head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chain.call import Call
from chain.rpc import Read


@dataclass(frozen=True)
class Action:
    """One transaction: `name` and `slot` find it again in the journal, `note` says why it was sent."""

    name: str
    slot: int
    call: Call
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """Transactions that leave together, results to write down, and whether nothing is left to do."""

    actions: tuple[Action, ...] = ()
    results: tuple[Mapping[str, Any], ...] = ()
    done: bool = False


class Role(Protocol):
    """Decides from the chain alone: `play` keeps no state that a restart would lose."""

    def reads(self) -> Sequence[Read[Any]]:
        """What it must know at a head."""
        ...

    def play(self, head: int, answers: Sequence[Any]) -> Decision:
        """What to do, given the answers to its reads. Raises TestbedError where it cannot go on."""
        ...
