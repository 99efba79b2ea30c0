"""A market of any size, written into an index as its writer does: for what a real chain is too slow for."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from contracts.artifact import ARTIFACT
from contracts.events import topic_of
from explorer.index.database import Database, file_of
from explorer.index.rows import Block, BlockRow, LogRow, UncleRow

CONTRACT = b"\xe7" * 20
LOWEST_WEI = 10 * 10**15
SEALERS = 3
_Q = 600


def account(kind: int, index: int) -> bytes:
    return bytes([kind]) + index.to_bytes(19, "big")


@dataclass
class WrittenMarket:
    """Edge servers seal in turn, one block a second; each block has the events that were emitted before it.

    `salt` tells its blocks from those of other chains; `demands` has what each buyer bought in each slot, mE.
    """

    prosumers: int
    retailers: int
    salt: str = ""
    demands: list[list[int]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    _logs: list[LogRow] = field(default_factory=list)
    _generated: dict[bytes, int] = field(default_factory=dict)
    _consumed: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seal()
        self.emit("AdministrationTaken", account(9, 0))
        self.emit("EdgeServerAdded", self.server, 10**12)
        for each in (*self.buyers, *self.sellers):
            name = f"user {each[-1]}".encode().ljust(32, b"\0")
            self.emit("Empowered", each, name, True, True)
        self.seal()

    @property
    def server(self) -> bytes:
        return account(1, 0)

    @property
    def buyers(self) -> list[bytes]:
        return [account(2, index) for index in range(self.prosumers)]

    @property
    def sellers(self) -> list[bytes]:
        return [account(3, index) for index in range(self.retailers)]

    def emit(self, name: str, *values: bytes | int | bool) -> None:
        topic = topic_of(name)
        inputs = ARTIFACT.events[topic]["inputs"]
        words = [
            value.rjust(32, b"\0") if isinstance(value, bytes) else int(value).to_bytes(32, "big")
            for value in values
        ]
        pairs = list(zip(inputs, words, strict=True))
        topics = [word for entry, word in pairs if entry["indexed"]]
        data = b"".join(word for entry, word in pairs if not entry["indexed"])
        one, two, three = [*topics, None, None, None][:3]
        place = (len(self.blocks), len(self._logs), 0)
        self._logs.append(LogRow(*place, CONTRACT, bytes.fromhex(topic[2:]), one, two, three, data))

    def seal(self, uncles: Iterable[bytes] = ()) -> None:
        number = len(self.blocks)
        parent = self.blocks[-1].block.hash if self.blocks else b"\0" * 32
        lost = [
            UncleRow(at, bytes([at + 1]) * 32, number - 1, miner, 1_700_000_000 + number, "1")
            for at, miner in enumerate(uncles)
        ]
        row = BlockRow(
            hash=sha256(f"{self.salt} {number}".encode()).digest(),
            number=number,
            parent_hash=parent,
            timestamp=1_700_000_000 + number,
            sealer=account(4, number % SEALERS) if number else None,
            difficulty="2",
            gas_limit=30_000_000,
            gas_used=0,
            base_fee_wei="7",
            size=1000,
            extra_data=b"",
            state_root=b"\0" * 32,
            transactions=0,
            uncles=len(lost),
        )
        self.blocks.append(Block(row, [], self._logs, lost))
        self._logs = []

    def play(self, slots: int, seed: int = 1) -> None:
        """Each slot in two blocks: the price; then purchases, deliveries, readings and redemptions."""
        draw = random.Random(seed)
        for slot in range(len(self.demands) + 1, len(self.demands) + slots + 1):
            self.demands.append([])
            price = draw.randrange(20 * 10**15, 30 * 10**15)
            self.emit("SlotOpened", slot, self.server, price)
            self.emit("PricePosted", slot, self.server, price)
            for seller in self.sellers:
                self._generated[seller] = self._generated.get(seller, 0) + 100_000_000
                self.emit("Generated", slot, seller, self._generated[seller])
                self.emit("Offered", slot, seller, 100_000_000)
            self.seal()
            earned = dict.fromkeys(self.sellers, 0)
            for buyer in self.buyers:
                amount = draw.randrange(1, 15_000)
                self.demands[-1].append(amount)
                quantity = amount * 1000 // _Q
                cost = -(-quantity * _Q // 1000)
                seller = draw.choice(self.sellers)
                earned[seller] += cost
                self.emit("Purchased", slot, buyer, self.server, amount, price)
                self.emit("Traded", slot, buyer, seller, quantity, cost)
                self._consumed[buyer] = self._consumed.get(buyer, 0) + quantity
                self.emit("Consumed", slot, buyer, self._consumed[buyer], 0)
            for seller, amount in earned.items():
                if amount > 1:
                    self.emit("Redeemed", slot, seller, self.server, amount // 2, LOWEST_WEI)
            self.seal()

    def fork(self, slots: int, salt: str) -> WrittenMarket:
        """The same chain up to the end of so many slots, to go on from there in another way."""
        height = 2 * slots + 1  # block 1 has the registrations, then two blocks a slot
        other = WrittenMarket(self.prosumers, self.retailers, salt, self.demands[:slots])
        other.blocks = self.blocks[: height + 1]
        other._generated, other._consumed = dict(self._generated), dict(self._consumed)
        return other

    def write(self, directory: Path, ancestor: int = -1) -> Path:
        """The blocks above the ancestor, into the index in that folder; its file."""
        path = file_of(directory, self.blocks[0].block.hash)
        database = Database(path)
        try:
            if ancestor < 0:
                database.set_contract(CONTRACT, lambda: LOWEST_WEI)
            database.write(ancestor, self.blocks[ancestor + 1 :], lambda: LOWEST_WEI)
        finally:
            database.close()
        return path
