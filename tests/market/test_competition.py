"""Competing sellers: every equilibrium on a grid, found again by trying all deviations."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from errors import TestbedError
from market.competition import Limit, bertrand, pure_equilibria
from market.equilibrium import demands
from market.parameters import Parameters
from market.presets import preset


def _earned(game: Parameters, prices: list[float], offers: tuple[int, ...]) -> list[float]:
    """Each seller's income where prosumers buy from the cheapest in equal parts."""
    price = prices[min(offers)]
    total = (price - game.k / game.Q) * sum(demands(game, price))
    return [total / offers.count(min(offers)) if offer == min(offers) else 0.0 for offer in offers]


@pytest.mark.parametrize("sellers", [2, 3])
@pytest.mark.parametrize(
    "prices",
    [
        list(np.linspace(10, 45, 8)),
        list(np.linspace(13, 15, 7)),  # around the cost, 13.33
        list(np.linspace(20, 45, 5)),  # all above it
        list(np.linspace(5, 12, 4)),  # all below it: whoever sells, loses
    ],
)
def test_they_are_all_profiles_from_which_nobody_gains_by_leaving(sellers: int, prices: list[float]) -> None:
    game = preset("interior")
    expected = [
        offers
        for offers in itertools.combinations_with_replacement(range(len(prices)), sellers)
        if all(
            _earned(game, prices, (*offers[:m], other, *offers[m + 1 :]))[m]
            <= _earned(game, prices, offers)[m] + 1e-12
            for m in range(sellers)
            for other in range(len(prices))
        )
    ]
    assert pure_equilibria(game, prices, sellers) == tuple(expected)
    assert expected  # there is one on each of these grids


def test_prices_fall_to_just_above_the_cost() -> None:
    game = preset("interior")
    prices = np.linspace(game.p_min, game.p_max, 40)
    lowest = {prices[profile[0]] for profile in pure_equilibria(game, list(prices))}
    step = prices[1] - prices[0]
    limit = bertrand(game)
    assert limit.binding == ()
    assert all(limit.price - step < price < limit.price + 2 * step for price in lowest)


def test_the_limit_is_the_cost_or_the_nearest_bound_which_is_then_named() -> None:
    game = preset("interior")
    assert bertrand(game) == Limit(8 / 0.6, ())
    assert bertrand(replace(game, p_min=20.0)) == Limit(20.0, ("p_min",))
    assert bertrand(replace(game, p_max=12.0)) == Limit(12.0, ("p_max",))
    at_the_cost = replace(game, p_min=8 / 0.6)
    assert bertrand(at_the_cost) == Limit(8 / 0.6, ())


def test_one_seller_or_no_grid_is_refused() -> None:
    with pytest.raises(TestbedError, match="sellers = 1"):
        pure_equilibria(preset("interior"), [10.0, 20.0], 1)
    for prices in ([10.0], [20.0, 10.0], [10.0, 10.0]):
        with pytest.raises(TestbedError, match="no grid"):
            pure_equilibria(preset("interior"), prices)
