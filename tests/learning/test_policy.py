"""Policies decide within bounds, from the slot and what they see, and the same in every process."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from errors import TestbedError
from learning.draws import generator
from learning.policy import make_policy
from market.equilibrium import demands, solve
from market.presets import preset

GAME = preset("interior")
LEADER = {"p_min": GAME.p_min, "p_max": GAME.p_max}
FOLLOWER = {key: getattr(GAME, key) for key in ("theta", "eta", "Q", "x_min", "x_max")} | {
    "w": GAME.w[0],
    "loads": [1.0],
}
NOTHING_SEEN = np.zeros(8)


def test_the_leader_s_equilibrium_is_the_solved_price_whatever_it_sees() -> None:
    price = solve(GAME).price
    policy = make_policy(
        "edge-server", {"name": "equilibrium", "prices": [price]}, LEADER, 1, "edge-server-1"
    )
    assert [policy.act(slot, np.full(8, slot)) for slot in (1, 2, 99)] == [price] * 3


@pytest.mark.parametrize("price", [10.0, 27.187914, 45.0])
def test_the_follower_s_equilibrium_is_the_best_response_to_the_price_it_sees(price: float) -> None:
    for w, best in zip(GAME.w, demands(GAME, price), strict=True):
        policy = make_policy("prosumer", {"name": "equilibrium"}, FOLLOWER | {"w": w}, 1, "prosumer-1")
        assert policy.act(1, np.array([price])) == best


def test_random_actions_fill_the_bounds_and_never_leave_them() -> None:
    policy = make_policy("edge-server", {"name": "random"}, LEADER, 7, "edge-server-1")
    actions = [policy.act(slot, NOTHING_SEEN) for slot in range(1, 400)]
    assert min(actions) >= GAME.p_min
    assert max(actions) <= GAME.p_max
    assert np.mean(actions) == pytest.approx((GAME.p_min + GAME.p_max) / 2, abs=2)
    assert len(set(actions)) == len(actions)


def test_a_draw_depends_on_nothing_but_its_key() -> None:
    one = make_policy("prosumer", {"name": "random"}, FOLLOWER, 7, "prosumer-1")
    forwards = [one.act(slot, np.array([20.0])) for slot in (1, 2, 3)]
    again = make_policy("prosumer", {"name": "random"}, FOLLOWER, 7, "prosumer-1")
    assert [again.act(slot, np.array([30.0])) for slot in (3, 2, 1)] == forwards[::-1]


def test_seed_agent_slot_and_purpose_each_change_a_draw() -> None:
    keys = [
        (1, "prosumer-1", 1, "policy"),
        (2, "prosumer-1", 1, "policy"),
        (1, "prosumer-2", 1, "policy"),
        (1, "prosumer-1", 2, "policy"),
        (1, "prosumer-1", 1, "retailer"),
    ]
    assert len({generator(*key).integers(2**62) for key in keys}) == len(keys)


def test_a_draw_is_the_same_in_another_process() -> None:
    script = "from learning.draws import generator; print(generator(7, 'prosumer-1', 3, 'policy').random())"
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert answers == {f"{generator(7, 'prosumer-1', 3, 'policy').random()}\n"}


def test_a_draw_is_the_same_as_in_the_first_version() -> None:
    assert generator(1, "prosumer-1", 1, "policy").random() == FIRST_VERSION


FIRST_VERSION = 0.044673796882463535


@pytest.mark.parametrize(
    ("role", "spec", "private", "words"),
    [
        ("prosumer", {"name": "equilibriun"}, FOLLOWER, "Did you mean 'equilibrium'"),
        ("prosumer", {}, FOLLOWER, "unknown policy None"),
        ("prosumer", {"name": "random", "sed": 1}, FOLLOWER, "unknown key 'sed'"),
        ("prosumer", {"name": "equilibrium", "price": 27.0}, FOLLOWER, "unknown key 'price'"),
        ("prosumer", {"name": "equilibrium"}, {**FOLLOWER, "w": None}, "w = None"),
        ("prosumer", {"name": "random"}, {**FOLLOWER, "x_min": 20.0}, "lower bound 20.0"),
        ("edge-server", {"name": "equilibrium"}, LEADER, "prices must be a table of finite numbers"),
        ("edge-server", {"name": "equilibrium", "prices": [46.0]}, LEADER, r"prices = 46.0.*\[10.0, 45.0\]"),
    ],
)
def test_a_specification_that_does_not_fit_is_refused(
    role: Any, spec: dict[str, Any], private: dict[str, Any], words: str
) -> None:
    with pytest.raises(TestbedError, match=words):
        make_policy(role, spec, private, 1, "agent-1")
