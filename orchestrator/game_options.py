"""The game and the learner as the command line names them: a preset and `key=value` with JSON values."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from errors import TestbedError, UsageError
from learning.learner import LEARNERS, Learner
from market.parameters import Parameters
from market.presets import preset


def read_settings(option: str, words: Sequence[str]) -> dict[str, Any]:
    """`["Q=0.5", "w=[0.1, 0.2]"]` as a mapping. Raises UsageError for what is none, or twice there."""
    values: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        key = key.strip()
        if not equals or not key:
            raise UsageError(
                f"{option} {word!r} is no key=value, such as {option} Q=0.5 or {option} 'w=[0.1, 0.2]'"
            )
        if key in values:
            raise UsageError(f"{option} {key} is there twice: give it one value")
        try:
            values[key] = json.loads(text, parse_constant=_refuse_constant)
        except ValueError as error:
            raise UsageError(
                f"{option} {key}: {text!r} is no JSON value ({error}); a number is 0.5, a list '[0.1, 0.2]',"
                " a text '\"unified\"'"
            ) from error
    return values


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def read_game(preset_name: str, words: Sequence[str]) -> Parameters:
    """The preset's parameters with some changed. Raises TestbedError for an unknown name or a bad value."""
    parameters = preset(preset_name)
    settings = read_settings("--set", words)
    names = [field.name for field in fields(Parameters)]
    for key in settings:
        if key not in names:
            raise unknown("parameter", key, names)
    return replace(parameters, **settings)


def learner_named(algorithm: str, settings: Mapping[str, Any]) -> Learner:
    """The learner of this name with some settings changed. Raises TestbedError for an unknown name."""
    if algorithm not in LEARNERS:
        raise unknown("algorithm", algorithm, LEARNERS)
    learner = LEARNERS[algorithm]
    for key, value in settings.items():
        if key not in asdict(learner):
            raise unknown("setting of the learner", key, asdict(learner))
        kind = type(getattr(learner, key))
        # A whole number is a number; True is not.
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise TestbedError(f"{key} = {value!r} is not allowed: it must be a {_KINDS[kind]}")
    return replace(learner, **settings)


_KINDS = {float: "number", bool: "truth value, true or false", str: "text"}


def unknown(kind: str, name: str, known: Iterable[str]) -> TestbedError:
    """An unknown name, with the nearest known one."""
    known = list(known)
    close = [each for each in known if each.lower() == name.lower()]
    close += difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return TestbedError(
        f"unknown {kind} {name!r}, allowed: {', '.join(known)}",
        fix=f"Did you mean {close[0]!r}?" if close else None,
    )
