"""The market without a chain, slot by slot, as a hand would compute it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from learning.policy import make_leader, make_policy
from learning.simulation import simulate
from market.equilibrium import solve
from market.parameters import Parameters
from market.presets import preset

GAME = replace(preset("interior"), w=(0.11, 0.09))
LEADER = {"p_min": GAME.p_min, "p_max": GAME.p_max}


def followers(game: Parameters, loads: list[list[float]]) -> list[object]:
    keys = ("theta", "eta", "Q", "x_min", "x_max")
    shared = {key: getattr(game, key) for key in keys}
    return [
        make_policy(
            "prosumer", {"name": "equilibrium"}, {**shared, "w": w, "loads": load}, 1, f"prosumer-{i}"
        )
        for i, (w, load) in enumerate(zip(game.w, loads, strict=True))
    ]


def test_the_equilibrium_s_policies_play_the_equilibrium_of_each_slot_of_a_day() -> None:
    loads = [1.0, 1.44]
    games = tuple(replace(GAME, w=tuple(w * load for w in GAME.w)) for load in loads)
    prices = [solve(game).price for game in games]
    leader = make_leader([{"name": "equilibrium", "prices": prices}], LEADER, 1, "edge-server-1")
    played = simulate(games, leader, followers(GAME, [loads] * 2), 3)  # type: ignore[arg-type]
    for slot, game in zip(played, (*games, games[0]), strict=True):
        best = solve(game)
        assert slot.prices == pytest.approx(best.prices)
        assert slot.demands == pytest.approx(best.demands)
        assert slot.server_utility == pytest.approx(best.server_utility)
        assert slot.prosumer_utilities == pytest.approx(best.prosumer_utilities)


def test_each_prosumer_sees_its_own_price() -> None:
    game = replace(GAME, pricing="discriminated")
    best = solve(game)
    specs = [{"name": "equilibrium", "prices": [price]} for price in best.prices]
    leader = make_leader(specs, LEADER, 1, "edge-server-1")
    (played,) = simulate((game,), leader, followers(game, [[1.0]] * 2), 1)  # type: ignore[arg-type]
    assert played.prices == best.prices
    assert played.demands == pytest.approx(best.demands)
    assert played.server_utility == pytest.approx(best.server_utility)
