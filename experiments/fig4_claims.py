"""What the claims on Fig. 4(a)–4(d) have in common: curves of what was learnt beside the equilibrium's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from experiments.figure import Claim, chosen, means
from experiments.runs import FOLLOWER_GAP, LEADER_GAP

LEARNED, EXACT, RANDOM = "dma-ubrl", "equilibrium", "random"
_NEAR = 0.02

Test = Callable[[str], tuple[bool, str]]
"""Whether a claim holds of a policy's curves, and what was seen."""


def names_of(data: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(data["preset"]))


def curve(data: pd.DataFrame, name: str, quantity: str, policy: str) -> list[float]:
    return means(data, preset=name, policy=policy, quantity=quantity)


def compared(says: str, name: str, test: Test, if_so: str, if_not: str, impossible: str = "") -> Claim:
    """The reason is the model's; where the learnt curve tells otherwise, that is said too."""
    holds, seen = test(LEARNED)
    exact, solved = test(EXACT)
    reason = if_so if exact else if_not
    if holds != exact:
        reason += (
            " The learnt curve differs because the server's utility is flat around its optimum: neighbouring"
            " prices of the grid earn it almost the same, and which is learnt moves the other curves."
        )
    return Claim(
        says, "paper", name, holds, f"learnt: {seen}; equilibrium: {solved}", reason, exact, impossible
    )


def balanced(data: pd.DataFrame, quantity: str) -> Iterator[Claim]:
    """Near the equilibrium in utility and price, and by the gaps, which no cancelling hides."""
    for name in names_of(data):
        off = {}
        for each in (quantity, "price", "demand"):
            pairs = zip(curve(data, name, each, LEARNED), curve(data, name, each, EXACT), strict=True)
            off[each] = max(abs(seen / wanted - 1) for seen, wanted in pairs)
        leader, follower = (max(curve(data, name, gap, LEARNED)) for gap in ("leader_gap", "follower_gap"))
        learnt = leader <= LEADER_GAP and follower <= FOLLOWER_GAP
        near = max(off[quantity], off["price"]) <= _NEAR
        yield Claim(
            "DMA-UBRL reaches the equilibrium that balances the utilities.",
            "paper",
            name,
            near and learnt,
            f"largest distance from the continuous equilibrium over N: utility {off[quantity]:.1%}, price"
            f" {off['price']:.1%}, demand {off['demand']:.1%}; largest gap on the grid: leader {leader:.2%},"
            f" follower {follower:.2%}",
            _why_balanced(near, learnt),
        )


def _why_balanced(near: bool, learnt: bool) -> str:
    limits = f"{LEADER_GAP:.0%} (leader) and {FOLLOWER_GAP:.1%} (followers)"
    if not learnt:
        return f"The best deviations gain more than {limits}: it is not learnt, whatever the distances say."
    if near:
        return f"The gaps, within {limits}, show that it is no false pass."
    return (
        f"Not to 2 %, though the gaps are within {limits}: on the grid it is reached. The server's utility is"
        " flat around its optimum, so a price one or two steps of the grid away costs it next to nothing, and"
        " moves the prosumers' utility."
    )


def random_play(data: pd.DataFrame, x: str, quantity: str, whose: str) -> Iterator[Claim]:
    """Whether a side fares worse under random play than at the equilibrium, for every x."""
    for name in names_of(data):
        rows = chosen(data, preset=name, quantity=quantity, policy=RANDOM)
        if not len(rows):
            continue
        at = list(rows[x])
        played, solved = means(rows), curve(data, name, quantity, EXACT)
        more = [each for each, ours, theirs in zip(at, played, solved, strict=True) if ours >= theirs]
        most = max(range(len(at)), key=lambda index: played[index] - solved[index])
        where = f"at {x} = {at[most]:g}"
        seen = f"{where} random play brings {played[most]:.1f}, the equilibrium {solved[most]:.1f}"
        if more:
            seen += (
                f"; it brings no less for {len(more)} of {len(at)}, {x} from {min(more):g} to {max(more):g}"
            )
        yield Claim(
            f"Random play brings {whose} less than the equilibrium.",
            "testbed",
            name,
            not more,
            seen,
            _why_random(data, name, most, where)
            if more
            else "What it loses by actions that answer nothing, those of the other side do not make good.",
        )


def _why_random(data: pd.DataFrame, name: str, index: int, where: str) -> str:
    price, demand = (
        [curve(data, name, quantity, policy)[index] for policy in (RANDOM, EXACT)]
        for quantity in ("price", "demand")
    )
    return (
        "The equilibrium is not the best for a side, but where nobody gains by deviating from it."
        f" {where[0].upper()}{where[1:]} random play has a mean price of {price[0]:.1f} and buys"
        f" {demand[0]:.1f} elecoins, the equilibrium {price[1]:.1f} and {demand[1]:.1f}: one side gains what"
        " the other, who would do better by deviating, gives away."
    )
