"""Parameters refuse what the game cannot have, and say which quantity, value and bound."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from errors import TestbedError
from market.parameters import Parameters
from market.presets import preset


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"theta": 0.0}, ["theta", "0.0", "> 0"]),
        ({"Q": -0.6}, ["Q", "-0.6", "> 0"]),
        ({"p_min": 50.0}, ["p_max", "45.0", "p_min = 50.0"]),
        ({"x_min": -1.0}, ["x_min", "-1.0", ">= 0"]),
        ({"x_max": -1.0}, ["x_max", "-1.0", "x_min = 0.0"]),
        ({"w": ()}, ["length of w", "0", ">= 1"]),
        ({"w": (0.1, 0.0)}, ["w[1]", "0.0", "> 0"]),
        ({"k": math.inf}, ["k", "inf", "finite"]),
        ({"eta": math.nan}, ["eta", "nan", "finite"]),
        ({"eta": "0.3"}, ["eta", "'0.3'", "a number"]),
        ({"w": (0.1, True)}, ["w", "True", "a number"]),
        ({"seller": 1}, ["seller", "1", "0..0"]),
        ({"pricing": "auction"}, ["pricing", "'auction'", "unified, discriminated"]),
        ({"w": (0.02,)}, ["c = √(kθH/η)", "7.30", "> k = 8.0"]),
        ({"p_max": math.nan}, ["p_max", "nan", "finite"]),
        ({"w": "0.1"}, ["w", "'0'", "a number"]),
        ({"w": 0.1}, ["w", "0.1", "a list of numbers"]),
        ({"alpha": (1.0, -2.0)}, ["alpha[1]", "-2.0", "> 0"]),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name_value_and_bound(
    change: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(TestbedError) as caught:
        Parameters(**change)
    for word in words:
        assert word in str(caught.value)


def test_the_interior_preset_has_the_w_of_the_facts() -> None:
    np.testing.assert_allclose(preset("interior").w, 0.1 * np.linspace(1.07, 0.93, 8), rtol=1e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 50])
def test_another_number_of_prosumers_spans_the_same_range(n: int) -> None:
    w = preset("interior", n).w
    np.testing.assert_allclose(w, 0.1 * np.linspace(1.07, 0.93, n), rtol=1e-11)  # printed to 12 places


def test_no_prosumer_at_all_is_refused() -> None:
    with pytest.raises(TestbedError, match="number of prosumers = 0"):
        preset("interior", 0)


def test_a_misspelt_preset_is_answered_with_the_right_one() -> None:
    with pytest.raises(TestbedError, match="Did you mean 'interior'"):
        preset("interor")


def test_parameters_survive_json() -> None:
    game = preset("interior")
    assert Parameters(**json.loads(json.dumps(dataclasses.asdict(game)))) == game
