"""module=block: rewards, and blocks by time."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from explorer import queries
from explorer.api.asked import NO_END, Asked, Refused
from explorer.site import Site
from explorer.words import hexed
from market.units import WEI_PER_ETHER

# Since Constantinople; the testbed's chains have all forks up to London from their genesis on.
_POW_WEI = 2 * WEI_PER_ETHER


@dataclass(frozen=True)
class Reward:
    """What the sealer or miner of a block was paid, in wei: newly made ether, for uncles, and tips."""

    made: int
    for_uncles: int
    tips: int

    @property
    def total(self) -> int:
        return self.made + self.for_uncles + self.tips


def uncle_reward(number: int, included_at: int) -> int:
    """An uncle's miner gets an eighth less for each block that it came too late (yellow paper, 11.3)."""
    return _POW_WEI * (8 - (included_at - number)) // 8


def reward_of(site: Site, index: sqlite3.Connection, block: sqlite3.Row) -> Reward:
    """Clique makes no ether: its sealers get the tips alone. The base fee is burnt with either."""
    base_fee = int(block["base_fee_wei"])
    rows = index.execute(
        "SELECT gas_used, gas_price_wei FROM transactions WHERE id BETWEEN ?1 << 20 AND (?1 << 20) + 0xfffff",
        (block["id"],),
    )
    tips = sum(row["gas_used"] * (int(row["gas_price_wei"]) - base_fee) for row in rows)
    made = _POW_WEI if site.consensus == "pow" and block["number"] > 0 else 0
    return Reward(made, made * block["uncles"] // 32, tips)


def reward(asked: Asked) -> dict[str, object]:
    number = asked.number("blockno")
    with asked.reading() as index:
        block = queries.block_at(index, number)
        if block is None:
            raise Refused("Error! No such block")
        paid = reward_of(asked.site, index, block)
        uncles = queries.uncles_in(index, block["id"])
    return {
        "blockNumber": str(number),
        "timeStamp": str(block["timestamp"]),
        "blockMiner": hexed(block["sealer"] or bytes(20)),
        "blockReward": str(paid.total),
        "uncles": [
            {
                "miner": hexed(uncle["miner"]),
                "unclePosition": str(uncle["position"]),
                "blockreward": str(uncle_reward(uncle["number"], number)),
            }
            for uncle in uncles
        ],
        "uncleInclusionReward": str(paid.for_uncles),
    }


def countdown(asked: Asked) -> dict[str, str]:
    number = asked.number("blockno")
    with asked.reading() as index:
        tip = asked.tip_number(index)
        interval = queries.block_interval_seconds(index)
    if number <= tip:
        raise Refused("Error! Block number already pass")
    if tip < 0 or interval is None:
        raise Refused("Error! There are too few blocks to tell how long one takes")
    return {
        "CurrentBlock": str(tip),
        "CountdownBlock": str(number),
        "RemainingBlock": str(number - tip),
        "EstimateTimeInSec": f"{(number - tip) * interval:.1f}",
    }


def number_by_time(asked: Asked) -> str:
    """The last block of that moment or before it, or the first of that moment or after it."""
    timestamp = min(asked.number("timestamp"), NO_END)
    before = asked.one_of("closest", ("before", "after"), "before") == "before"
    with asked.reading() as index:
        tip = asked.tip_number(index)
        # Times never fall along the chain: the lowest height whose time is past the wanted one, by halving.
        low, high = 0, tip + 1
        while low < high:
            middle = (low + high) // 2
            block = queries.block_at(index, middle)
            time = 0 if block is None else block["timestamp"]
            if time > timestamp or (not before and time == timestamp):
                high = middle
            else:
                low = middle + 1
    found = low - 1 if before else low
    if not 0 <= found <= tip:
        raise Refused("Error! No closest block found")
    return str(found)
