"""A bot's own folder: `bot.json` with what it may know, its key, its journal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import TestbedError

ROLES = ("edge-server", "prosumer", "retailer", "meter")


@dataclass(frozen=True)
class Section:
    """A JSON object whose values are read with their type; a TestbedError names file, key and value."""

    values: Mapping[str, Any]
    where: str

    def text(self, key: str) -> str:
        return str(self._typed(key, str, "a text"))

    def whole(self, key: str, at_least: int = 0) -> int:
        value = self._typed(key, int, "a whole number")
        if value < at_least:
            raise self._wrong(key, value, f">= {at_least}")
        return int(value)

    def number(self, key: str) -> float:
        return float(self._typed(key, (int, float), "a number"))

    def positive(self, key: str) -> float:
        value = self.number(key)
        if value <= 0:
            raise self._wrong(key, value, "> 0")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """At least one text."""
        values = self._typed(key, list, "a list of texts")
        if not values or not all(isinstance(value, str) for value in values):
            raise self._wrong(key, values, "a list of at least one text")
        return tuple(values)

    def numbers(self, key: str) -> tuple[float, ...]:
        """At least one number above 0."""
        values = self._typed(key, list, "a list of numbers")
        if not values or not all(
            _is_number(value, (int, float)) and 0 < value < math.inf for value in values
        ):
            raise self._wrong(key, values, "a list of at least one number > 0")
        return tuple(map(float, values))

    def wholes(self, key: str) -> tuple[int, ...]:
        """At least one whole number, none below 0."""
        values = self._typed(key, list, "a list of whole numbers")
        if not values or not all(_is_number(value, int) and value >= 0 for value in values):
            raise self._wrong(key, values, "a list of at least one whole number >= 0")
        return tuple(values)

    def section(self, key: str) -> Section:
        return Section(self._typed(key, dict, "an object"), f"{self.where}, {key}")

    def sections(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """At least one object."""
        values = self._typed(key, list, "a list of objects")
        if not values or not all(isinstance(value, dict) for value in values):
            raise self._wrong(key, values, "a list of at least one object")
        return tuple(values)

    def _typed(self, key: str, kind: type | tuple[type, ...], words: str) -> Any:
        if key not in self.values:
            raise TestbedError(f"the key {key!r} is missing", where=self.where)
        value = self.values[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self._wrong(key, value, words)
        return value

    def _wrong(self, key: str, value: Any, bound: str) -> TestbedError:
        return TestbedError(f"{key} = {value!r} is not allowed: it must be {bound}", where=self.where)


def _is_number(value: Any, kind: type | tuple[type, ...]) -> bool:
    # True is an int to Python.
    return isinstance(value, kind) and not isinstance(value, bool)


@dataclass(frozen=True)
class Settings:
    """What every role needs. Slots are the chain's: first_slot … last_slot, both played."""

    folder: Path
    role: str
    name: str
    chain_id: int
    contract: str
    rpc_urls: tuple[str, ...]
    ws_urls: tuple[str, ...]
    seed: int
    first_slot: int
    slots: int
    confirmations: int
    wait_blocks: int
    """Blocks that an agent waits for the others before it goes on without them."""
    private: Section

    @property
    def last_slot(self) -> int:
        return self.first_slot + self.slots - 1

    def relative(self, slot: int) -> int:
        """The campaign's own count of a slot, 1 … slots: what policies are given."""
        return slot - self.first_slot + 1

    def plays(self, slot: int) -> bool:
        return self.first_slot <= slot <= self.last_slot

    def oldest_without(self, closed: frozenset[int]) -> int:
        """The first slot that has no result yet; one past the last where each has."""
        return next(
            (slot for slot in range(self.first_slot, self.last_slot + 1) if slot not in closed),
            self.last_slot + 1,
        )

    def is_over(self, slot: int, opened_at_block: int, head: int) -> bool:
        """Whether nobody acts in the campaign any more, given the open slot, its first block and the head."""
        if slot == self.last_slot:
            return head >= opened_at_block + self.wait_blocks
        return slot > self.last_slot


def load(folder: Path) -> Settings:
    """Reads DIR/bot.json. Raises TestbedError where it is missing, no JSON, or holds a wrong value."""
    path = folder / "bot.json"
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise TestbedError(f"the bot's settings cannot be read: {error}", where=str(path)) from error
    if not isinstance(values, dict):
        raise TestbedError("the bot's settings are no JSON object", where=str(path))
    top = Section(values, str(path))
    role = top.text("role")
    if role not in ROLES:
        raise TestbedError(f"unknown role {role!r}, allowed: {', '.join(ROLES)}", where=str(path))
    return Settings(
        folder=folder,
        role=role,
        name=top.text("name"),
        chain_id=top.whole("chain_id", 1),
        contract=top.text("contract"),
        rpc_urls=top.texts("rpc_urls"),
        ws_urls=top.texts("ws_urls"),
        seed=top.whole("seed"),
        first_slot=top.whole("first_slot", 1),
        slots=top.whole("slots", 1),
        confirmations=top.whole("confirmations"),
        wait_blocks=top.whole("wait_blocks", 1),
        private=top.section("private"),
    )
