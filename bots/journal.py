"""What a bot has signed and settled, in a file that survives it: one JSON object per line.

A transaction is written here before it is sent. A bot that died in between finds it again and sends
the very same bytes: the same nonce, so it takes effect once at most.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chain.wallet import Signed
from errors import TestbedError

Line = dict[str, Any]


class Journal:
    """Lines of one contract; those of other contracts stay in the file and are not looked at.

    Every line has `type`, `contract` and `slot`. Type "signed" adds `action`, `nonce`, `hash`, `raw`;
    "settled" and "missed" are a slot's result, written once it is deep enough.
    """

    def __init__(self, path: Path, contract: str) -> None:
        """Opens or creates the file; a last line cut off by a crash is dropped.

        Raises TestbedError where the file cannot be opened or another line is damaged.
        """
        self._path = path
        self._contract = contract.lower()
        try:
            self._file = path.open("a+b")
        except OSError as error:
            raise TestbedError(f"the journal cannot be opened: {error}", where=str(path)) from error
        self._lines = [line for line in self._load() if line["contract"] == self._contract]

    def _load(self) -> list[Line]:
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self._file.truncate(len(whole))
        return [self._parse(number, line) for number, line in enumerate(whole.splitlines(), 1)]

    def _parse(self, number: int, text: bytes) -> Line:
        try:
            line = json.loads(text)
        except ValueError as error:
            raise TestbedError("this line is damaged", where=f"{self._path}:{number}") from error
        if not isinstance(line, dict) or not {"type", "contract", "slot"} <= line.keys():
            raise TestbedError("this line is not a journal's", where=f"{self._path}:{number}")
        return line

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """On disk when this returns."""
        new = [{"contract": self._contract, **line} for line in lines]
        if not new:
            return
        self._file.write(b"".join(json.dumps(line).encode() + b"\n" for line in new))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._lines += new

    def signed(self, slot: int, action: str) -> list[Line]:
        """What was signed for one action of a slot, oldest first."""
        return [
            line
            for line in self._lines
            if line["type"] == "signed" and line["slot"] == slot and line["action"] == action
        ]

    def unmined(self, mined_nonce: int) -> list[Signed]:
        """What the chain has not yet taken, given the account's nonce there, in the order of nonces.

        Asked of the file and not of memory, so that a restart and a reorganisation look alike.
        """
        by_nonce = {
            line["nonce"]: Signed(line["raw"], line["hash"], line["nonce"])
            for line in self._lines
            if line["type"] == "signed" and line["nonce"] >= mined_nonce
        }
        return [by_nonce[nonce] for nonce in sorted(by_nonce)]

    def closed_slots(self) -> frozenset[int]:
        """Slots whose result is written."""
        return frozenset(line["slot"] for line in self._lines if line["type"] in ("settled", "missed"))

    def close(self) -> None:
        self._file.close()
