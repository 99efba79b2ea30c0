"""What a price for each prosumer does to welfare, and competition between edge servers to the price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Picture

from experiments.drawing import BLACK, BLUE, VERMILION, legend, line, panels
from experiments.figure import Claim, Figure, chosen, mean, over_seeds, why
from experiments.runs import GRID, Run, Training
from experiments.sweep import Results
from learning.game import Game
from learning.learner import LEARNERS
from market.competition import bertrand, pure_equilibria
from market.equilibrium import solve
from market.parameters import PRICINGS, Parameters, Pricing
from market.presets import PRESETS, preset

# Unified against discriminated pricing


def _welfare_games() -> Iterator[tuple[str, Pricing, Parameters]]:
    for name in PRESETS:
        for pricing in PRICINGS:
            yield name, pricing, replace(preset(name), pricing=pricing)


def _welfare_runs(seeds: int, steps: int) -> list[Run]:
    return [
        Training(parameters, LEARNERS["dma-ubrl"], seed, steps)
        for _, _, parameters in _welfare_games()
        for seed in range(seeds)
    ]


_WELFARE = ("server_utility", "prosumers", "welfare")


def _welfare_data(results: Results, seeds: int, steps: int) -> pd.DataFrame:
    records = []
    for name, pricing, g in _welfare_games():
        found = [results[Training(g, LEARNERS["dma-ubrl"], seed, steps)][-1] for seed in range(seeds)]
        for policy, members in (("dma-ubrl", found), ("equilibrium", [vars(solve(g))])):
            for each in members:
                prosumers = sum(each["prosumer_utilities"])
                total = each["server_utility"] + prosumers
                seen = (each["server_utility"], prosumers, total)
                by = {"preset": name, "pricing": pricing, "policy": policy}
                records.append({**by, **dict(zip(_WELFARE, seen, strict=True))})
    return over_seeds(records, _WELFARE)


def _welfare_draw(data: pd.DataFrame) -> Picture:
    names = list(dict.fromkeys(data["preset"]))
    picture, axes = panels(names, "", ["utility"])
    for panel, name in zip(axes, names, strict=True):
        for index, (pricing, colour) in enumerate(zip(PRICINGS, (BLUE, VERMILION), strict=True)):
            rows = chosen(data, preset=name, pricing=pricing)
            learned = chosen(rows, policy="dma-ubrl")
            places = np.arange(3) + (index - 0.5) * 0.36
            error = [learned["mean"] - learned["low"], learned["high"] - learned["mean"]]
            panel.bar(places, learned["mean"], 0.34, color=colour, label=f"{pricing}, DMA-UBRL", yerr=error)
            solved = chosen(rows, policy="equilibrium")["mean"]
            panel.plot(places, solved, "_", color=BLACK, markersize=14, label="equilibrium")
        panel.set_xticks(range(3), ("server", "prosumers", "together"))
    legend(picture, axes)
    return picture


def _welfare_claims(data: pd.DataFrame) -> list[Claim]:
    claims = []
    for name in dict.fromkeys(data["preset"]):
        change = {
            policy: {
                quantity: mean(data, preset=name, policy=policy, pricing="discriminated", quantity=quantity)
                - mean(data, preset=name, policy=policy, pricing="unified", quantity=quantity)
                for quantity in _WELFARE
            }
            for policy in ("equilibrium", "dma-ubrl")
        }
        exactly, learned = change["equilibrium"], change["dma-ubrl"]
        holds = exactly["server_utility"] >= -1e-9
        claims.append(
            Claim(
                "A price for each prosumer never costs the server anything.",
                "testbed",
                name,
                holds,
                f"at the equilibrium it changes the server's utility by {exactly['server_utility']:+.2f}, the"
                f" prosumers' sum by {exactly['prosumers']:+.2f}, welfare by {exactly['welfare']:+.2f};"
                f" learnt: {learned['server_utility']:+.2f},"
                f" {learned['prosumers']:+.2f}, {learned['welfare']:+.2f}",
                why(
                    holds,
                    if_so="One price for all remains allowed; nothing changes where the cap binds for all."
                    " What is learnt differs by more: a leader finds the prices at which demands round up on"
                    " the grid.",
                    if_not="Unexplained.",
                ),
            )
        )
    return claims


# Several edge servers

_SELLERS = range(1, 5)
_SERVERS = ("price", "trade", "prosumer_utility", "nashconv")


def _server_training(sellers: int, seed: int, steps: int) -> Training:
    return Training(preset("interior"), LEARNERS["dma-ubrl"], seed, steps, sellers=sellers)


def _server_runs(seeds: int, steps: int) -> list[Run]:
    return [_server_training(sellers, seed, steps) for sellers in _SELLERS for seed in range(seeds)]


def _server_data(results: Results, seeds: int, steps: int) -> pd.DataFrame:
    g = preset("interior")
    game = Game(g, GRID, GRID)
    totals = game.leader_utilities.sum(axis=0)
    records = []
    for sellers in _SELLERS:
        for seed in range(seeds):
            found = results[_server_training(sellers, seed, steps)][-1]
            trade = sum(found["demands"]) * (found["price"] - g.k / g.Q)
            seen = (found["price"], trade, found["mean_prosumer_utility"], found["nashconv"])
            records.append({"preset": "interior", "M": sellers, "policy": "dma-ubrl", **_named(seen)})
        if sellers == 1:
            lows = [int(totals.argmax())]
        else:
            lows = sorted({profile[0] for profile in pure_equilibria(g, list(game.prices), sellers)})
        for place, policy in ((0, "lowest pure equilibrium"), (-1, "highest pure equilibrium")):
            at = lows[place]
            utility = float(game.follower_utilities[:, at].max(axis=1).mean())
            seen = (float(game.prices[at]), float(totals[at]), utility, 0.0)
            records.append({"preset": "interior", "M": sellers, "policy": policy, **_named(seen)})
    return over_seeds(records, _SERVERS)


def _named(seen: tuple[float, ...]) -> dict[str, float]:
    return dict(zip(_SERVERS, seen, strict=True))


def _server_draw(data: pd.DataFrame) -> Picture:
    titles = ("price", "trade of all servers", "mean utility of prosumers")
    units = ["ether per elecoin", "utility", "utility"]
    picture, axes = panels(titles, "competing edge servers M", units)
    for panel, quantity in zip(axes, _SERVERS, strict=False):
        rows = chosen(data, quantity=quantity)
        line(panel, chosen(rows, policy="dma-ubrl"), "M", "DMA-UBRL", VERMILION)
        for index, policy in enumerate(("lowest pure equilibrium", "highest pure equilibrium")):
            line(panel, chosen(rows, policy=policy), "M", policy, (BLACK, BLUE)[index], None)
        panel.set_xticks(list(_SELLERS))
    limit = bertrand(preset("interior"))
    label = ", ".join(limit.binding) or "k/Q"
    axes[0].axhline(limit.price, color=BLACK, linewidth=0.5, label=label)
    legend(picture, axes)
    return picture


def _server_claims(data: pd.DataFrame) -> list[Claim]:
    prices = [float(value) for value in chosen(data, policy="dma-ubrl", quantity="price")["mean"]]
    cost = preset("interior").k / preset("interior").Q
    step = (preset("interior").p_max - preset("interior").p_min) / (GRID - 1)
    near = max(prices[1:]) <= cost + 2 * step
    return [
        Claim(
            "Competition takes the price from c/Q down to the cost of an elecoin, k/Q.",
            "testbed",
            "interior",
            near,
            f"learnt prices {', '.join(f'{p:.2f}' for p in prices)} for M = 1 … {len(prices)}; k/Q ="
            f" {cost:.2f}, a step of the grid {step:.2f}",
            why(
                near,
                if_so="Who asks less has all the trade (Bertrand), within two steps of the grid.",
                if_not="Learners that move at once do not undercut each other down to the cost: near it a"
                " price earns so little that they hardly tell one from the other, or they hold a higher one"
                " together.",
            ),
        ),
        Claim(
            "Two servers are enough for that.",
            "testbed",
            "interior",
            max(prices[1:]) - min(prices[1:]) <= step,
            f"the price changes by {max(prices[1:]) - min(prices[1:]):.2f} with more than two",
            "One cheaper rival takes all the trade; a second one adds nothing.",
        ),
    ]


WELFARE = Figure(
    "welfare",
    "Unified against discriminated pricing: welfare",
    _welfare_runs,
    _welfare_data,
    _welfare_draw,
    _welfare_claims,
)
SERVERS = Figure(
    "servers", "More than one edge server", _server_runs, _server_data, _server_draw, _server_claims
)
