"""What strategies earn, against enumeration of every joint action."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from errors import TestbedError
from learning.game import Game
from learning.strategies import Measures, Strategies, exact, measure, uniform
from market.equilibrium import solve
from market.mining import mining_utility
from market.parameters import Parameters, Pricing
from market.presets import preset

SMALL = Parameters(w=(0.11, 0.09, 0.1), e_c=0.5)


def any_strategies(game: Game, seed: int = 0) -> Strategies:
    rng = np.random.default_rng(seed)
    shape = uniform(game)
    return Strategies(
        game,
        rng.dirichlet(np.ones(game.price_points), shape.leader.shape[:-1]),
        rng.dirichlet(np.ones(game.demand_points), shape.followers.shape[:-1]),
    )


def _incomes_and_utilities(game: Game, offers: tuple[int, ...]) -> tuple[np.ndarray, list[int]]:
    """What each seller may sell at, and the price index that each prosumer meets."""
    cheapest = min(offers)
    share = np.array([offer == cheapest for offer in offers], float)
    return share / share.sum(), [cheapest] * game.parameters.prosumers


@pytest.mark.parametrize("sellers", [1, 2, 3])
def test_expectations_and_regrets_are_those_of_all_joint_actions(sellers: int) -> None:
    game = Game(SMALL, price_points=3, demand_points=4, sellers=sellers)
    played = any_strategies(game)
    answers = game.demands[game.best_responses].sum(axis=0)  # exact responses together, (A,)
    price, income = 0.0, 0.0
    utilities, best_utilities = np.zeros(3), np.zeros(3)
    at_exact = np.zeros(sellers)
    if_instead = np.zeros((sellers, 3))
    for offers in itertools.product(range(3), repeat=sellers):
        chance = np.prod([played.leader[m, a] for m, a in enumerate(offers)])
        shares, (met, *_) = _incomes_and_utilities(game, offers)
        price += chance * game.prices[met]
        for i in range(3):
            utilities[i] += chance * played.followers[i, met] @ game.follower_utilities[i, met]
            best_utilities[i] += chance * game.follower_utilities[i, met].max()
            income += chance * game.margins[met] * (played.followers[i, met] @ game.demands) / sellers
        at_exact += chance * shares * game.margins[met] * answers[met]
        for m, instead in itertools.product(range(sellers), range(3)):
            deviating = (*offers[:m], instead, *offers[m + 1 :])
            shares, (met, *_) = _incomes_and_utilities(game, deviating)
            if_instead[m, instead] += chance * shares[m] * game.margins[met] * answers[met]
    regret = float((if_instead.max(axis=1) - at_exact).sum())

    seen = measure(played)
    assert seen.price == pytest.approx(price)
    assert seen.prices == pytest.approx((price,) * 3)
    assert seen.server_utility == pytest.approx(income + mining_utility(SMALL) - SMALL.k * SMALL.e_c)
    assert seen.prosumer_utilities == pytest.approx(tuple(utilities))
    assert seen.nashconv == pytest.approx(regret + (best_utilities - utilities).sum())
    assert seen.leader_gap == pytest.approx(regret / (game.margins * answers).max())
    assert seen.follower_gap == pytest.approx((best_utilities - utilities).sum() / best_utilities.sum())


def test_under_discriminated_pricing_each_prosumer_is_a_game_of_its_own() -> None:
    game = Game(replace(SMALL, pricing="discriminated"), price_points=3, demand_points=4)
    played = any_strategies(game)
    seen = measure(played)
    alone: list[Measures] = []
    for i, w in enumerate(SMALL.w):
        single = Game(replace(SMALL, w=(w,)), price_points=3, demand_points=4)
        alone.append(measure(Strategies(single, played.leader[i : i + 1], played.followers[i : i + 1])))
    fixed = mining_utility(SMALL) - SMALL.k * SMALL.e_c
    assert seen.prices == pytest.approx(tuple(each.price for each in alone))
    assert seen.demands == pytest.approx(tuple(each.demands[0] for each in alone))
    assert seen.server_utility - fixed == pytest.approx(sum(each.server_utility - fixed for each in alone))
    assert seen.nashconv == pytest.approx(sum(each.nashconv for each in alone))


@pytest.mark.parametrize("pricing", ["unified", "discriminated"])
def test_nothing_deviates_from_the_exact_equilibrium(pricing: Pricing) -> None:
    seen = measure(exact(Game(replace(preset("interior"), pricing=pricing))))
    assert (seen.leader_gap, seen.nashconv, max(seen.follower_gaps)) == (0, 0, 0)


def test_a_fine_grid_comes_to_the_closed_form() -> None:
    game = Game(preset("interior"), price_points=1001, demand_points=1001)
    seen, oracle = measure(exact(game)), solve(preset("interior"))
    assert seen.price == pytest.approx(oracle.price, rel=0.01)
    assert seen.server_utility == pytest.approx(oracle.server_utility, rel=1e-3)
    assert seen.prosumer_utilities == pytest.approx(oracle.prosumer_utilities, rel=0.02)


def test_the_best_price_of_the_default_grid_is_that_of_the_facts() -> None:
    assert measure(exact(Game(preset("interior")))).price == pytest.approx(27.948718, abs=1e-6)


def test_utility_near_the_equilibriums_does_not_hide_a_gap() -> None:
    """Regrets of both sides may cancel in a utility; no gap does."""
    game = Game(preset("interior"), price_points=8, demand_points=8)
    random = measure(uniform(game))
    assert random.leader_gap > 0.1
    assert random.follower_gap > 0.1
    assert random.nashconv > 100


def test_gaps_are_defined_where_nothing_can_be_earned() -> None:
    # The cost per elecoin, k/Q = 80, is above every price: selling nothing is best.
    dear = Game(Parameters(Q=0.1, x_min=0.0), price_points=4, demand_points=4)
    seen = measure(uniform(dear))
    assert np.isfinite([seen.leader_gap, seen.nashconv, *seen.follower_gaps]).all()
    assert seen.leader_gap > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price_points": 1}, "price_points = 1 is not allowed: it must be a whole number >= 2"),
        ({"demand_points": 0}, "demand_points = 0"),
        ({"demand_points": 2.5}, "demand_points = 2.5"),
        ({"sellers": 0}, "sellers = 0"),
        ({"parameters": Parameters(p_min=20, p_max=20)}, "p_max = 20 is not allowed"),
        ({"parameters": Parameters(x_min=3, x_max=3)}, "x_max = 3 is not allowed"),
        ({"parameters": Parameters(pricing="discriminated"), "sellers": 2}, "must be 'unified'"),
    ],
)
def test_a_game_without_choices_is_refused(change: dict, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(TestbedError, match=words.replace("(", r"\(")):
        Game(**{"parameters": Parameters(), **change})


@pytest.mark.parametrize(
    ("table", "at", "value", "words"),
    [
        ("leader", (0,), (-0.5, 0.75, 0.75), r"the leader's table has -0.5 at \[0, 0\]: no probability"),
        ("leader", (0,), (-1e-7, 0.5, 0.5 + 1e-7), r"has -1e-07 at \[0, 0\]: no probability"),
        ("followers", (1, 2, 3), np.nan, r"the followers' table has nan at \[1, 2, 3\]: no probability"),
        ("followers", (2, 1), (0.25, 0.25, 0.25, 0.35), r"row \[2, 1\] of the followers' table sums to 1.1,"),
        ("followers", (2, 1), (0.25, 0.25, 0.25, 0.15), r"row \[2, 1\] of the followers' table sums to 0.9,"),
    ],
)
def test_tables_that_are_no_strategies_are_refused_with_the_place(
    table: str, at: tuple[int, ...], value: Any, words: str
) -> None:
    game = Game(SMALL, price_points=3, demand_points=4)
    good = uniform(game)
    tables = {"leader": good.leader.copy(), "followers": good.followers.copy()}
    tables[table][at] = value
    with pytest.raises(TestbedError, match=words):
        Strategies(game, **tables)


def test_of_several_bad_rows_the_worst_is_named() -> None:
    game = Game(SMALL, price_points=3, demand_points=4)
    followers = uniform(game).followers.copy()
    followers[0, 1] *= 1.001
    followers[2, 0] *= 0.5
    with pytest.raises(TestbedError, match=r"row \[2, 0\] of the followers' table sums to 0.5, not to 1"):
        Strategies(game, uniform(game).leader, followers)


def test_tables_of_another_shape_are_refused() -> None:
    game = Game(SMALL, price_points=3, demand_points=4)
    good = uniform(game)
    with pytest.raises(TestbedError, match=r"the shape \(2, 3, 4\), the game asks for \(3, 3, 4\)"):
        Strategies(game, good.leader, good.followers[:2])


@pytest.mark.parametrize(
    ("change", "binding"),
    [
        ({}, ()),
        ({"p_max": 20.0}, ("p_max",)),
        ({"p_min": 40.0}, ("p_min",)),
        ({"x_max": 1.0}, ("x_max[0]", "x_max[1]", "x_max[2]")),
        ({"p_max": 20.0, "pricing": "discriminated"}, ("p_max[0]", "p_max[1]", "p_max[2]")),
        ({"w": (0.25, 0.03), "p_min": 30.0}, ("x_min[1]",)),
    ],
)
def test_bounds_that_are_played_are_named(change: dict, binding: tuple[str, ...]) -> None:  # type: ignore[type-arg]
    game = Game(replace(SMALL, **change), demand_points=401)  # so that few demands round
    assert measure(exact(game)).binding == binding


def test_a_bound_is_named_from_half_of_the_slots_on() -> None:
    game = Game(SMALL, price_points=3, demand_points=4)
    best = exact(game)
    for share, binding in ((0.5, ("p_max",)), (0.49, ())):
        leader = np.array([[0.0, 1 - share, share]])
        inside = np.zeros_like(best.followers)
        inside[..., 1] = 1.0
        assert measure(Strategies(game, leader, inside)).binding == binding
