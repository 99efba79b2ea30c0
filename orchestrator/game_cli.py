"""The commands about the game itself, which need no chain: `testbed equilibrium` and `testbed learn`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

game_app = typer.Typer()

PresetName = Annotated[
    str, typer.Option("--preset", "-p", help="interior, trend or discriminated.", metavar="NAME")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Another value for a parameter, in JSON: theta, eta, k, Q, w, p_min, p_max, x_min, x_max, …",
        metavar="KEY=VALUE",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value for programs.")]

_SEEDS = 12
_STEPS = 200_000
_GRID = 40

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def epilog(*examples: str) -> str:
    # An empty line starts a new paragraph; a single one would be filled.
    return "[bold]Example:[/bold]\n\n" + "\n\n".join(f"[cyan]{example}[/cyan]" for example in examples)


@game_app.command(epilog=epilog("testbed equilibrium", "testbed equilibrium --preset trend --set Q=0.5"))
def equilibrium(preset: PresetName = "interior", settings: Settings = None, as_json: AsJson = False) -> None:
    """Solve the Stackelberg game exactly: prices, demands, utilities, and which bounds bind."""
    from orchestrator.game_options import read_game
    from orchestrator.game_tables import equilibrium_json, show_equilibrium

    parameters = read_game(preset, settings or [])
    if as_json:
        print(json.dumps(equilibrium_json(preset, parameters), allow_nan=False))
    else:
        show_equilibrium(out, preset, parameters)


@game_app.command(epilog=epilog("testbed learn --seeds 12 --out policy.npz", "testbed learn --algorithm q"))
def learn(
    preset: PresetName = "interior",
    algorithm: Annotated[
        str,
        typer.Option(
            "--algorithm", "-a", help="dma-ubrl, dma-ubrl-paper, phc, giga-wolf or q.", metavar="NAME"
        ),
    ] = "dma-ubrl",
    settings: Settings = None,
    learner_settings: Annotated[
        list[str] | None,
        typer.Option(
            "--learner",
            help="Another value for a setting of the learner, in JSON: gamma, sigma, explore_from, …",
            metavar="KEY=VALUE",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many trainings.")] = _SEEDS,
    steps: Annotated[int, typer.Option(min=1, help="How long each is, in slots.")] = _STEPS,
    grid: Annotated[int, typer.Option(help="How many prices, and how many demands.")] = _GRID,
    path: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to keep the policy of the first seed, 0.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train edge server and prosumers with incomplete information, and say how close they came."""
    from learning.game import Game
    from learning.policy_file import save
    from orchestrator.game_options import learner_named, read_game, read_settings
    from orchestrator.game_tables import show_training
    from orchestrator.progress import progress_bar
    from orchestrator.training import train_seeds

    game = Game(read_game(preset, settings or []), grid, grid)
    learner = learner_named(algorithm, read_settings("--learner", learner_settings or []))
    if path is not None and path.is_dir():
        raise typer.BadParameter(f"{path} is a folder", param_hint="--out")
    with progress_bar(err) as show:
        training = train_seeds(game, algorithm, learner, seeds, steps, show)
    if path is not None:
        first = training.learned[0]
        save(path, algorithm, first.strategies, first.origin)
    if as_json:
        print(json.dumps(training.to_json(), allow_nan=False))
        return
    show_training(out, training)
    if path is not None:
        out.print(f"\nThe policy of seed 0 is in {path}: `testbed campaign run --policy {path}` plays it.")
