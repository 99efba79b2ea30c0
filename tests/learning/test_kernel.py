"""The compiled loops against plain transcriptions of the definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from learning import kernel
from learning.game import Floats

_ACTIONS = 7


def _state(seed: int) -> tuple[np.random.Generator, Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    return rng, rng.normal(size=_ACTIONS), rng.dirichlet(np.ones(_ACTIONS)), rng.dirichlet(np.ones(_ACTIONS))


@pytest.mark.parametrize("seed", range(40))
def test_an_update_is_that_of_bowling_and_veloso(seed: int) -> None:
    rng, q, policy, average = _state(seed)
    action, count, target = int(rng.integers(_ACTIONS)), int(rng.integers(1, 9)), float(rng.normal())
    win, lose, sigma = 0.1, 0.4, 0.3
    # The definition, line by line.
    q_then, average_then = q.copy(), average + (policy - average) / count
    q_then[action] += sigma * (target - q_then[action])
    delta = win if policy @ q_then > average_then @ q_then else lose
    policy_then, greedy = policy.copy(), int(q_then.argmax())
    for other in range(_ACTIONS):
        if other != greedy:
            given = min(policy[other], delta / (_ACTIONS - 1))
            policy_then[other] -= given
            policy_then[greedy] += given

    best = kernel.update(
        q, policy, average, np.zeros(_ACTIONS, np.int64), int(q.argmax()),
        kernel.WOLF_PHC, action, target, sigma, count, win, lose,
    )  # fmt: skip
    assert best == greedy
    for ours, defined in ((q, q_then), (average, average_then), (policy, policy_then)):
        np.testing.assert_allclose(ours, defined, rtol=0, atol=1e-14)


def test_wolf_learns_fast_when_losing_and_slowly_when_winning() -> None:
    q = np.arange(float(_ACTIONS))
    best_known, worst_known = np.eye(_ACTIONS)[-1], np.eye(_ACTIONS)[0]
    half = np.full(_ACTIONS, 1 / _ACTIONS)
    assert kernel.is_winning(q, best_known, half.copy(), 10.0)
    assert not kernel.is_winning(q, worst_known, half.copy(), 10.0)
    assert not kernel.is_winning(q, half, half.copy(), 10.0)


def test_averages_are_of_all_targets_until_sigma_is_the_greater() -> None:
    q, visits = np.zeros(3), np.zeros(3, np.int64)
    targets = [4.0, 1.0, 7.0, 2.0]
    for count, target in enumerate(targets, 1):
        kernel.learn_value(q, visits, 0, 1, target, -0.01)
        assert q[1] == pytest.approx(np.mean(targets[:count]))
    kernel.learn_value(q, visits, 0, 1, 10.0, -0.5)
    assert q[1] == pytest.approx(3.5 + 0.5 * 6.5)


def test_the_greedy_action_is_the_first_of_the_best_after_any_updates() -> None:
    rng, q = np.random.default_rng(3), np.zeros(_ACTIONS)
    best, visits = 0, np.zeros(_ACTIONS, np.int64)
    for _ in range(500):
        # Whole numbers and σ = 1, so that equal values happen all the time.
        best = kernel.learn_value(q, visits, best, int(rng.integers(_ACTIONS)), float(rng.integers(3)), 1.0)
        assert best == q.argmax()


@pytest.mark.parametrize("exploration", [0.0, 0.3, 1.0])
def test_actions_are_drawn_as_often_as_policy_and_exploration_say(exploration: float) -> None:
    _, _, policy, _ = _state(1)
    numbers = (np.arange(20_000) + 0.5) / 20_000
    drawn = [kernel.draw(policy, 2, kernel.WOLF_PHC, exploration, float(u)) for u in numbers]
    shares = np.bincount(drawn, minlength=_ACTIONS) / len(drawn)
    np.testing.assert_allclose(shares, exploration / _ACTIONS + (1 - exploration) * policy, atol=2e-4)
    greedy = [kernel.draw(policy, 2, kernel.Q_LEARNING, exploration, float(u)) for u in numbers]
    shares = np.bincount(greedy, minlength=_ACTIONS) / len(greedy)
    expected = exploration / _ACTIONS + (1 - exploration) * np.eye(_ACTIONS)[2]
    np.testing.assert_allclose(shares, expected, atol=2e-4)


def test_the_last_number_below_one_draws_an_action() -> None:
    almost_one = float(np.nextafter(1.0, 0.0))
    short = np.full(3, 0.333)  # sums to less than one, as rounding may leave it
    assert kernel.draw(short, 0, kernel.WOLF_PHC, 0.0, almost_one) == 2
    assert kernel.draw(short, 0, kernel.WOLF_PHC, 1.0, almost_one) == 2


@pytest.mark.parametrize(("policy", "last"), [((0.3, 0.699, 0.0, 0.0), 1), ((0.999, 0.0, 0.0, 0.0), 0)])
def test_a_sum_below_one_never_draws_what_the_policy_excludes(policy: tuple[float, ...], last: int) -> None:
    almost_one = float(np.nextafter(1.0, 0.0))
    assert kernel.draw(np.array(policy), 3, kernel.WOLF_PHC, 0.0, almost_one) == last
    explored = kernel.draw(np.array(policy), 3, kernel.WOLF_PHC, 0.5, almost_one)
    assert explored == last


@pytest.mark.parametrize("seed", range(10))
def test_the_projection_is_the_nearest_point_of_the_simplex(seed: int) -> None:
    rng = np.random.default_rng(seed)
    point = rng.normal(size=4) * 2
    nearest = point.copy()
    kernel.project(nearest)
    assert nearest.min() >= 0
    assert nearest.sum() == pytest.approx(1)
    corners_and_more = np.vstack([np.eye(4), rng.dirichlet(np.ones(4), 300)])
    # Optimality of a convex projection: no direction into the simplex comes nearer.
    assert ((corners_and_more - nearest) @ (point - nearest)).max() <= 1e-12


def test_giga_wolf_stays_a_policy_and_leans_to_what_pays() -> None:
    _, q, policy, slow = _state(5)
    for _ in range(50):
        kernel.giga(q, policy, slow, 0.05)
        assert policy.min() >= 0  # `Strategies` takes nothing below it
        assert policy.sum() == pytest.approx(1)
    assert policy.argmax() == q.argmax()


def test_exploration_falls_in_a_line_and_then_stays() -> None:
    seen = [kernel.explored(step, 1.0, 0.2, 8.0) for step in range(12)]
    np.testing.assert_allclose(np.diff(seen[:9]), -0.1)
    assert seen[8:] == [0.2] * 4
    assert all(a >= b for a, b in itertools.pairwise(seen))
