"""Parameters refuse what the game cannot have, and say which quantity, value and bound."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errors import TestbedError
from market.equilibrium import solve
from market.mining import mining_utility
from market.parameters import PRICINGS, Parameters, evenly_spaced_intentions
from market.presets import PRESETS, preset


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
        ({"Q": 1e-308}, ["Q", "1e-308", ">= 1e-20"]),
        ({"w": (0.1, 5e-324)}, ["w[1]", "5e-324", ">= 1e-20"]),
        ({"x_max": 1e300}, ["x_max", "1e+300", "<= 1e+20"]),
        ({"R_f": 10**400}, ["R_f", "a whole number of 1329 bits", "finite"]),
        ({"theta": 10**5000}, ["theta", "a whole number of 16610 bits", "finite"]),
        ({"w": (0.1, -(10**400))}, ["w", "a whole number of 1329 bits", "finite"]),
        ({"seller": 10**400}, ["seller", "a whole number of 1329 bits", "finite"]),
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


@pytest.mark.parametrize("number", [2.5, 2.0, "3", True, math.nan])
@pytest.mark.parametrize("name", PRESETS)
def test_a_number_of_prosumers_that_is_no_whole_number_is_refused(name: str, number: Any) -> None:
    with pytest.raises(TestbedError, match=r"number of prosumers = .* it must be a whole number"):
        preset(name, number)
    with pytest.raises(TestbedError, match="it must be a whole number"):
        evenly_spaced_intentions(number)


_POSITIVE = ("theta", "eta", "k", "Q", "p_min")
_NOT_NEGATIVE = ("x_min", "e_c", "R_f", "r", "s", "lam", "l")


def _game_unless_nobody_would_buy(values: dict[str, Any]) -> Parameters | None:
    try:
        return Parameters(**values)
    except TestbedError as refusal:
        if "c = √(kθH/η)" not in str(refusal):
            raise
    return None


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_whatever_is_allowed_has_a_finite_equilibrium(data: st.DataObject) -> None:
    """Every number anywhere within its bounds: it is refused because c <= k, or solved."""
    exponents = st.sampled_from([-20, -19.5, -1, 0, 1, 19.5, 20]) | st.floats(-20, 20)
    positive = exponents.map(lambda exponent: min(max(10.0**exponent, 1e-20), 1e20))
    values: dict[str, Any] = {name: data.draw(positive, name) for name in _POSITIVE}
    values |= {name: data.draw(st.just(0.0) | positive, name) for name in _NOT_NEGATIVE}
    values |= {
        name: tuple(data.draw(st.lists(positive, min_size=1, max_size=4), name)) for name in ("w", "alpha")
    }
    values["p_max"] = max(values["p_min"], data.draw(positive, "p_max"))
    values["x_max"] = max(values["x_min"], data.draw(positive, "x_max"))
    values["pricing"] = data.draw(st.sampled_from(PRICINGS), "pricing")
    game = _game_unless_nobody_would_buy(values)
    if game is None:
        return
    found = solve(game)
    numbers = (found.server_utility, mining_utility(game), *found.prices, *found.demands)
    assert all(map(math.isfinite, (*numbers, *found.prosumer_utilities)))


def test_a_misspelt_preset_is_answered_with_the_right_one() -> None:
    with pytest.raises(TestbedError, match="Did you mean 'interior'"):
        preset("interor")


def test_parameters_survive_json() -> None:
    game = preset("interior")
    assert Parameters(**json.loads(json.dumps(dataclasses.asdict(game)))) == game
