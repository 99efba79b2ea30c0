"""Learnt strategies as policies: the nearest price's row, its probabilities, the same draws anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest

from errors import TestbedError
from learning.policy import make_leader, make_policy

BOUNDS = {"x_min": 0.0, "x_max": 15.0}
LEADER = {"p_min": 10.0, "p_max": 45.0}
TABLE: dict[str, Any] = {
    "name": "table",
    "prices": [10.0, 20.0, 30.0],
    "actions": [0.0, 5.0, 10.0],
    "probabilities": [[1.0, 0.0, 0.0], [0.0, 0.25, 0.75], [0.0, 1.0, 0.0]],
}


def follower(**change: Any) -> Any:
    return make_policy("prosumer", TABLE | change, BOUNDS, 1, "prosumer-1")


@pytest.mark.parametrize(
    ("price", "demand"), [(5.0, 0.0), (10.0, 0.0), (14.9, 0.0), (15.0, 0.0), (25.1, 5.0), (99.0, 5.0)]
)
def test_the_row_is_that_of_the_nearest_price_and_of_two_the_lower(price: float, demand: float) -> None:
    assert follower().act(1, np.array([price])) == demand


def test_actions_come_as_often_as_the_row_says() -> None:
    policy = follower()
    drawn = Counter(policy.act(slot, np.array([20.0])) for slot in range(1, 4001))
    assert set(drawn) == {5.0, 10.0}
    assert drawn[10.0] / 4000 == pytest.approx(0.75, abs=0.03)


def test_rounded_rows_never_lead_to_an_action_that_they_exclude() -> None:
    policy = follower(probabilities=[[0.5, 0.5 - 5e-7, 0.0]] * 3)
    assert {policy.act(slot, np.array([20.0])) for slot in range(1, 2001)} == {0.0, 5.0}


def test_draws_are_the_same_in_another_process() -> None:
    script = (
        "import sys, json, numpy as np\n"
        "from learning.policy import make_policy\n"
        "spec, private = json.loads(sys.argv[1])\n"
        "policy = make_policy('prosumer', spec, private, 1, 'prosumer-1')\n"
        "print([policy.act(slot, np.array([20.0])) for slot in range(1, 30)])"
    )
    words = json.dumps([TABLE, BOUNDS])
    ran = subprocess.run([sys.executable, "-c", script, words], capture_output=True, text=True, check=True)
    policy = follower()
    assert ran.stdout.strip() == str([policy.act(slot, np.array([20.0])) for slot in range(1, 30)])


def test_a_constant_does_the_same_whatever_it_sees() -> None:
    policy = make_policy("prosumer", {"name": "constant", "action": 7.5}, BOUNDS, 1, "prosumer-1")
    assert {policy.act(slot, np.array([float(slot)])) for slot in range(1, 50)} == {7.5}


def test_a_leader_draws_each_prosumer_s_price_for_itself() -> None:
    row = {"name": "table", "actions": [20.0, 30.0], "probabilities": [[0.5, 0.5]]}
    policies = make_leader([row, row, row], LEADER, 1, "edge-server-1")
    drawn = [tuple(policy.act(slot, np.zeros(3)) for policy in policies) for slot in range(1, 60)]
    assert {len(set(prices)) for prices in drawn} == {1, 2}
    (alone,) = make_leader([row], LEADER, 1, "edge-server-1")
    direct = make_policy("edge-server", row, LEADER, 1, "edge-server-1")
    assert [alone.act(slot, np.zeros(3)) for slot in range(1, 60)] == [
        direct.act(slot, np.zeros(3)) for slot in range(1, 60)
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prices": [10.0, 10.0, 30.0]}, "prices are no grid"),
        ({"actions": [5.0, 0.0, 10.0]}, "actions are no grid"),
        ({"actions": [0.0, 5.0, 16.0]}, r"actions are not all in \[0.0, 15.0\]"),
        ({"probabilities": [[1.0, 0.0, 0.0]]}, r"probabilities have the shape \(1, 3\), not \(3, 3\)"),
        ({"probabilities": [[1.0, 0.1, 0.0]] * 3}, "no distribution"),
        ({"probabilities": [[1.5, -0.5, 0.0]] * 3}, "no distribution"),
        ({"probabilities": [[1.0, 0.0], [1.0]]}, "probabilities are no table of numbers"),
        ({"actions": None}, "actions must be a table of finite numbers"),
        ({"actions": [0.0, 5.0, float("nan")]}, "actions must be a table of finite numbers"),
        ({"row": 1}, "unknown key 'row'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(TestbedError, match=words) as refused:
        follower(**change)
    assert refused.value.where == "prosumer-1"


def test_a_constant_beyond_the_bounds_is_refused() -> None:
    with pytest.raises(TestbedError, match=r"action = 16.0 is not allowed: it must be in \[0.0, 15.0\]"):
        make_policy("prosumer", {"name": "constant", "action": 16.0}, BOUNDS, 1, "prosumer-1")
