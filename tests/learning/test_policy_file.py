"""Policies on disk: the same again, or a refusal that says why."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from errors import TestbedError
from learning.game import Game
from learning.learner import LEARNERS, Learned, train
from learning.policy_file import code_version, load, save
from market.presets import preset

GAME = Game(replace(preset("interior"), w=(0.11, 0.09)), price_points=4, demand_points=5)


@pytest.fixture(scope="module")
def learned() -> Learned:
    return train(GAME, LEARNERS["dma-ubrl"], 7, 500)


@pytest.fixture
def stored(learned: Learned, tmp_path: Path) -> Path:
    path = tmp_path / "policy.npz"
    save(path, "dma-ubrl", learned.strategies, learned.origin)
    return path


def test_what_was_stored_comes_back(stored: Path, learned: Learned) -> None:
    policy = load(stored, GAME.parameters)
    assert (policy.name, policy.code) == ("dma-ubrl", code_version())
    assert policy.origin == {**learned.origin, "seed": 7, "steps": 500}
    assert policy.strategies.game == GAME
    np.testing.assert_array_equal(policy.strategies.leader, learned.strategies.leader)
    np.testing.assert_array_equal(policy.strategies.followers, learned.strategies.followers)


def test_two_trainings_with_one_seed_are_the_same_file(stored: Path, tmp_path: Path) -> None:
    again = train(GAME, LEARNERS["dma-ubrl"], 7, 500)
    save(tmp_path / "again.npz", "dma-ubrl", again.strategies, again.origin)
    assert (tmp_path / "again.npz").read_bytes() == stored.read_bytes()


def test_anybody_reads_it_with_numpy_alone(stored: Path) -> None:
    with np.load(stored, allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        np.testing.assert_array_equal(arrays["prices"], GAME.prices)
        np.testing.assert_array_equal(arrays["demands"], GAME.demands)
    assert about["game"]["parameters"]["theta"] == 100
    assert about["origin"]["seed"] == 7


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"theta": 90.0}, "theta = 100.0, which here is 90.0"),
        ({"w": (0.1,)}, "w = "),
        ({"pricing": "discriminated"}, "pricing = 'unified', which here is 'discriminated'"),
        ({"x_max": 14.0}, "x_max = "),
    ],
)
def test_it_plays_no_other_game(stored: Path, change: dict[str, Any], words: str) -> None:
    with pytest.raises(TestbedError, match=f"another game: {words}") as refused:
        load(stored, replace(GAME.parameters, **change))
    assert refused.value.where == str(stored)
    assert "testbed learn" in str(refused.value)


def test_what_no_choice_changes_may_differ(stored: Path, learned: Learned) -> None:
    elsewhere = replace(GAME.parameters, alpha=(0.3, 0.7), seller=1, e_c=2.0, R_f=1.0)
    assert load(stored, elsewhere).strategies.game == GAME


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="no such policy file"):
        load(tmp_path / "none.npz")


def test_no_cut_and_no_flipped_byte_gets_through(stored: Path, learned: Learned) -> None:
    whole = stored.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 97)]
    for place in range(0, len(whole), 53):
        damaged.append(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    refused = 0
    for content in damaged:
        stored.write_bytes(content)
        try:
            policy = load(stored, GAME.parameters)
        except TestbedError:
            refused += 1
        else:
            # Some bytes of a zip say nothing: dates, attributes.
            np.testing.assert_array_equal(policy.strategies.leader, learned.strategies.leader)
            np.testing.assert_array_equal(policy.strategies.followers, learned.strategies.followers)
    assert refused > 0.7 * len(damaged)


@pytest.mark.parametrize("content", [b"", b"not a zip", json.dumps({"leader": [1]}).encode()])
def test_another_kind_of_file_is_refused(stored: Path, content: bytes) -> None:
    stored.write_bytes(content)
    with pytest.raises(TestbedError, match="no whole policy file"):
        load(stored)


def test_it_never_runs_what_a_file_holds(stored: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array([{"format": print}], dtype=object), allow_pickle=True)
    stored.write_bytes(buffer.getvalue())
    with pytest.raises(TestbedError, match="no whole policy file"):
        load(stored)


def _rewritten(path: Path, **changes: object) -> None:
    with np.load(path) as arrays:
        content = dict(arrays)
    about = json.loads(content["about"].tobytes())
    for key, value in changes.items():
        if key in content:
            content[key] = value
        else:
            about[key] = value
    content["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(path, **content)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leader": np.full((1, 4), 0.5)}, "sums to 2"),
        ({"leader": np.full((1, 3), 1 / 3)}, r"shape \(1, 3\)"),
        ({"format": "other 9"}, "format 'other 9'"),
        ({"game": {"parameters": {"theta": -1}}}, "theta = -1"),
        ({"game": {"parameters": {}, "planets": 3}}, "no whole policy file"),
        ({"game": 5}, "no whole policy file"),
        ({"prices": np.arange(4.0)}, "grids are not those"),
        ({"fingerprint": "0" * 16}, "not the one that its fingerprint is of"),
        # A constant of the utility, which no table and no grid shows.
        ({"game": {**GAME.identity, "parameters": {**asdict(GAME.parameters), "e_c": 9.0}}}, "fingerprint"),
    ],
)
def test_a_file_that_was_meddled_with_is_refused(
    stored: Path, changes: dict[str, object], words: str
) -> None:
    _rewritten(stored, **changes)
    with pytest.raises(TestbedError, match=words):
        load(stored)
