"""The inner loops of the learners, compiled by numba.

Sums run over four accumulators of their own, in a fixed order, so that additions need not wait for each
other though the compiler may not reorder floating point: the same seed gives the same bytes on one machine.
On another the logarithms in the utilities, which numpy takes, may differ in their last bit. What is no sum
has a loop of its own, because only such loops are vectorised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

from learning.game import Floats, Indices

WOLF_PHC, PHC, GIGA_WOLF, Q_LEARNING = range(4)

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(*, counted: bool) -> Callable[[_Function], _Function]:
    """Compiles a function that counts references to arrays, or does not, and so for what it calls.

    Without the counts, atomic additions that take half of the time, a function can allocate nothing.
    """
    options: dict[str, Any] = {"cache": True, "_nrt": counted}  # numba's types do not know this option
    return cast(Callable[[_Function], _Function], njit(**options))


@njit(cache=True, inline="always")
def draw(policy: Floats, best: int, kind: int, exploration: float, uniform: float) -> int:
    """An action: any with probability `exploration`, else the policy's. One uniform number serves both."""
    n: int = policy.shape[0]
    if uniform < exploration:
        return min(int(uniform / exploration * n), n - 1)
    if kind == Q_LEARNING:
        return best
    rest = (uniform - exploration) / (1.0 - exploration)
    cumulative = 0.0
    for action in range(n):
        cumulative += policy[action]
        if rest < cumulative:
            return action
    # Probabilities sum to 1 but for rounding, which must not lead to an action that the policy excludes.
    action = n - 1
    while action > 0 and policy[action] <= 0.0:
        action -= 1
    return action


@njit(cache=True, inline="always")
def learn_value(q: Floats, visits: Indices, best: int, action: int, target: float, sigma: float) -> int:
    """Q(s,a) += σ_n [target − Q(s,a)]; the greedy action, of equals the first.

    A negative σ asks for averages: σ_n = max(−σ, 1/n) at the n-th visit.
    """
    if sigma < 0.0:
        visits[action] += 1
        sigma = max(-sigma, 1.0 / visits[action])
    before = q[action]
    q[action] += sigma * (target - q[action])
    if action == best and q[action] < before:
        for other in range(q.shape[0]):
            if q[other] > q[best] or (q[other] == q[best] and other < best):
                best = other
    elif q[action] > q[best] or (q[action] == q[best] and action < best):
        best = action
    return best


@njit(cache=True, inline="always")
def is_winning(q: Floats, policy: Floats, average: Floats, count: float) -> bool:
    """Moves the average policy on, and says whether the policy earns more than it: π·Q > π̄·Q."""
    n = q.shape[0]
    weight = 1.0 / count
    for j in range(n):
        average[j] += (policy[j] - average[j]) * weight
    e0 = e1 = e2 = e3 = 0.0
    whole = n - n % 4
    for j in range(0, whole, 4):
        e0 += (policy[j] - average[j]) * q[j]
        e1 += (policy[j + 1] - average[j + 1]) * q[j + 1]
        e2 += (policy[j + 2] - average[j + 2]) * q[j + 2]
        e3 += (policy[j + 3] - average[j + 3]) * q[j + 3]
    for j in range(whole, n):
        e0 += (policy[j] - average[j]) * q[j]
    return (e0 + e1) + (e2 + e3) > 0.0


@njit(cache=True, inline="always")
def climb(policy: Floats, best: int, delta: float) -> None:
    """Every action gives up min(π_a, δ/(|A|−1)) to the greedy one."""
    n = policy.shape[0]
    step = delta / (n - 1)
    s0 = s1 = s2 = s3 = 0.0
    whole = n - n % 4
    for j in range(0, whole, 4):
        s0 += min(policy[j], step)
        s1 += min(policy[j + 1], step)
        s2 += min(policy[j + 2], step)
        s3 += min(policy[j + 3], step)
    for j in range(whole, n):
        s0 += min(policy[j], step)
    for j in range(n):
        policy[j] -= min(policy[j], step)
    policy[best] += (s0 + s1) + (s2 + s3)


@_compiled(counted=True)
def project(point: Floats) -> None:
    """The nearest point of the probability simplex, in place (Michelot 1986: few passes, and no sorting)."""
    total = 0.0
    for value in point:
        total += value
    kept = point.shape[0]
    threshold = (total - 1.0) / kept
    while True:
        total = 0.0
        above = 0
        for value in point:
            if value > threshold:
                total += value
                above += 1
        if above == kept:
            break
        kept = above
        threshold = (total - 1.0) / kept
    for j in range(point.shape[0]):
        point[j] = max(point[j] - threshold, 0.0)


@_compiled(counted=True)
def giga(q: Floats, policy: Floats, slow: Floats, step: float) -> None:
    """One step of GIGA-WoLF (Bowling 2005), with the learned Q(s,·) as the gradient; `slow` is its z."""
    before = slow.copy()
    fast = policy + step * q
    slow += step / 3.0 * q
    project(fast)
    project(slow)
    moved = np.sqrt(((slow - before) ** 2).sum())
    apart = np.sqrt(((slow - fast) ** 2).sum())
    share = 1.0 if apart <= moved else moved / apart
    policy[:] = fast + share * (slow - fast)


@njit(cache=True, inline="always")
def update(
    q: Floats,
    policy: Floats,
    average: Floats,
    visits: Indices,
    best: int,
    kind: int,
    action: int,
    target: float,
    sigma: float,
    count: float,
    win: float,
    lose: float,
) -> int:
    """One update of one agent in one state, its `count`-th there; the greedy action afterwards."""
    best = learn_value(q, visits, best, action, target, sigma)
    if kind == WOLF_PHC:
        climb(policy, best, win if is_winning(q, policy, average, count) else lose)
    elif kind == PHC:
        climb(policy, best, win)
    elif kind == GIGA_WOLF:
        giga(q, policy, average, win)
    return best


@njit(cache=True, inline="always")
def explored(step: int, start: float, end: float, until: float) -> float:
    """ε at a step: linear from `start` to `end`, which it has from step `until` on."""
    return end if step >= until else start + (end - start) * step / until


@njit(cache=True, inline="always")
def lowest(posted: Indices) -> int:
    """The lowest of the posted prices."""
    price: int = posted[0]
    for m in range(1, posted.shape[0]):
        price = min(price, posted[m])
    return price


@_compiled(counted=False)
def play_unified(
    rng: np.random.Generator,
    first: int,
    last: int,
    kind: int,
    schedule: Floats,
    follower_utilities: Floats,
    margins: Floats,
    demands: Floats,
    leader: tuple[Floats, Floats, Floats, Indices, Indices, Indices],
    followers: tuple[Floats, Floats, Floats, Indices, Indices, Indices],
    posted: Indices,
    chosen: Indices,
) -> None:
    """Steps first … last − 1 with one price of each seller; `posted` holds the prices on the table, (M,),
    and `chosen` has room for the demands, (N,).

    A side is (Q, π, π̄, visits, greedy, counts): shapes (M, A) and (M,) for the leaders, (N, A, B) and (N, A)
    for the followers. Prosumers see the lowest price, and buy from those who ask it in equal parts.
    """
    start, end, until, sigma, gamma, win, lose = schedule
    lq, lpolicy, laverage, lvisits, lbest, lcounts = leader
    fq, fpolicy, faverage, fvisits, fbest, fcounts = followers
    sellers = lq.shape[0]
    for step in range(first, last):
        exploration = explored(step, start, end, until)
        price = lowest(posted)
        total = 0.0
        for i in range(fq.shape[0]):
            x = draw(fpolicy[i, price], fbest[i, price], kind, exploration, rng.random())
            chosen[i] = x
            total += demands[x]
        sharing = 0
        for m in range(sellers):
            sharing += posted[m] == price
        exploration = explored(step + 1, start, end, until)
        for m in range(sellers):
            action = posted[m]
            reward = margins[action] * total / sharing if action == price else 0.0
            target = reward + gamma * lq[m, lbest[m]]
            lcounts[m] += 1
            lbest[m] = update(
                lq[m], lpolicy[m], laverage[m], lvisits[m], lbest[m],
                kind, action, target, sigma, lcounts[m], win, lose,
            )  # fmt: skip
            posted[m] = draw(lpolicy[m], lbest[m], kind, exploration, rng.random())
        following = lowest(posted)
        for i in range(fq.shape[0]):
            x = chosen[i]
            target = follower_utilities[i, price, x] + gamma * fq[i, following, fbest[i, following]]
            fcounts[i, price] += 1
            fbest[i, price] = update(
                fq[i, price], fpolicy[i, price], faverage[i, price], fvisits[i, price], fbest[i, price],
                kind, x, target, sigma, fcounts[i, price], win, lose,
            )  # fmt: skip


@_compiled(counted=False)
def play_discriminated(
    rng: np.random.Generator,
    first: int,
    last: int,
    kind: int,
    schedule: Floats,
    follower_utilities: Floats,
    margins: Floats,
    demands: Floats,
    leader: tuple[Floats, Floats, Floats, Indices, Indices, Indices],
    followers: tuple[Floats, Floats, Floats, Indices, Indices, Indices],
    posted: Indices,
    chosen: Indices,
) -> None:
    """As `play_unified`, a price for each prosumer: U_e is separable, so the leader is N tables, (N, A)."""
    start, end, until, sigma, gamma, win, lose = schedule
    lq, lpolicy, laverage, lvisits, lbest, lcounts = leader
    fq, fpolicy, faverage, fvisits, fbest, fcounts = followers
    for step in range(first, last):
        exploration = explored(step, start, end, until)
        later = explored(step + 1, start, end, until)
        for i in range(fq.shape[0]):
            price = posted[i]
            x = draw(fpolicy[i, price], fbest[i, price], kind, exploration, rng.random())
            target = margins[price] * demands[x] + gamma * lq[i, lbest[i]]
            lcounts[i] += 1
            lbest[i] = update(
                lq[i], lpolicy[i], laverage[i], lvisits[i], lbest[i],
                kind, price, target, sigma, lcounts[i], win, lose,
            )  # fmt: skip
            following = draw(lpolicy[i], lbest[i], kind, later, rng.random())
            posted[i] = following
            target = follower_utilities[i, price, x] + gamma * fq[i, following, fbest[i, following]]
            fcounts[i, price] += 1
            fbest[i, price] = update(
                fq[i, price], fpolicy[i, price], faverage[i, price], fvisits[i, price], fbest[i, price],
                kind, x, target, sigma, fcounts[i, price], win, lose,
            )  # fmt: skip
