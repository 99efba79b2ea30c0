"""Strategies on disk: one `.npz` that says which game it plays, how it was made, and by which code.

`leader` and `followers` are the tables of `Strategies`, `prices` and `demands` the grids, and `about` is JSON
in UTF-8: format, name, game (`Game.identity`), fingerprint, origin (settings, seed, steps) and code.
The same strategies give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np

from errors import TestbedError
from errors.files import write_atomic
from learning.game import Game
from learning.strategies import Strategies
from market.parameters import Parameters

_FORMAT = "elecoin-testbed policy 1"
# What numpy, zipfile and zlib raise for a file that is no whole archive of the tables.
_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, RuntimeError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
# What the game that is played depends on; the rest of the parameters adds a constant to U_e.
_PLAYED = ("theta", "eta", "k", "Q", "w", "p_min", "p_max", "x_min", "x_max", "pricing")
_FIX = "Train it anew: `testbed learn --out FILE`."


@dataclass(frozen=True, eq=False)
class Stored:
    """Strategies with what made them."""

    name: str
    strategies: Strategies
    origin: Mapping[str, Any]
    code: str


def save(path: Path, name: str, strategies: Strategies, origin: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    game = strategies.game
    about = {
        "format": _FORMAT,
        "name": name,
        "game": game.identity,
        "fingerprint": game.fingerprint,
        "origin": dict(origin),
        "code": code_version(),
    }
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        about=np.frombuffer(json.dumps(about, sort_keys=True, allow_nan=False).encode(), np.uint8),
        prices=game.prices,
        demands=game.demands,
        leader=strategies.leader,
        followers=strategies.followers,
    )
    write_atomic(path, buffer.getvalue())


def load(path: Path, parameters: Parameters | None = None) -> Stored:
    """Raises TestbedError for a file that is missing, damaged, or made for another game than `parameters`.

    What no choice changes, e_c and all that only mining depends on, may differ.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            leader, followers = arrays["leader"], arrays["followers"]
            grids = arrays["prices"], arrays["demands"]
        if about["format"] != _FORMAT:
            raise TestbedError(f"it has the format {about['format']!r}, this version reads {_FORMAT!r}")
        identity = about["game"]
        made_for = Game(**{**identity, "parameters": Parameters(**identity["parameters"])})
        if about["fingerprint"] != made_for.fingerprint:
            raise TestbedError("its game is not the one that its fingerprint is of")
        strategies = Strategies(made_for, leader, followers)
        if not all(map(np.array_equal, grids, (made_for.prices, made_for.demands))):
            raise TestbedError("its grids are not those of its game")
        name, origin, code = about["name"], about["origin"], about["code"]
    except FileNotFoundError as error:
        raise TestbedError("there is no such policy file", where=str(path), fix=_FIX) from error
    except TestbedError as error:
        raise TestbedError(f"this policy cannot be used: {error.what}", where=str(path), fix=_FIX) from error
    except _DAMAGE as error:
        raise TestbedError(f"this is no whole policy file: {error}", where=str(path), fix=_FIX) from error
    if parameters is not None:
        _demand_same(made_for.parameters, parameters, path)
    return Stored(name, strategies, origin, code)


def _demand_same(made_for: Parameters, parameters: Parameters, path: Path) -> None:
    for name in _PLAYED:
        there, here = getattr(made_for, name), getattr(parameters, name)
        if there != here:
            raise TestbedError(
                f"it was made for another game: {name} = {there!r}, which here is {here!r}",
                where=str(path),
                fix=_FIX,
            )


@cache
def code_version() -> str:
    """The package's version and eight digits of the hash of the sources that a training depends on."""
    digest = hashlib.sha256()
    for package in ("learning", "market"):
        modules = (each for each in resources.files(package).iterdir() if each.name.endswith(".py"))
        for module in sorted(modules, key=lambda each: each.name):
            digest.update(module.name.encode() + module.read_bytes())
    return f"{metadata.version('elecoin-testbed')}+{digest.hexdigest()[:8]}"
