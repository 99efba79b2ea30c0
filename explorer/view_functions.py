"""ETSC's view functions as forms: what a reader types, as a question to the contract, and its answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from chain.rpc import Rpc, RpcError
from contracts.artifact import ARTIFACT, AbiEntry, signature
from contracts.reverts import revert_of
from explorer.etsc import Decoded, decode_result
from explorer.words import checksummed, cleaned_long, hexed

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_DECIMAL = re.compile(r"\d{1,78}", re.ASCII)
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]{1,64}")
_LONGEST = 200
# What a number is measured in, where a name alone does not say.
_UNITS = {("checkQualification", "quantity"): "Wh"}

Named = Callable[[str], bytes | None]
"""The account that a name stands for."""


class WrongInput(ValueError):
    """What is wrong with what was typed, in words for who typed it."""


@dataclass(frozen=True)
class Input:
    """A parameter: `kind` is its type in Solidity."""

    name: str
    kind: str
    unit: str | None


@dataclass(frozen=True)
class Function:
    name: str
    signature: str
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Question:
    """A function and what was typed for it; `wrong` says by input what cannot be asked."""

    function: Function
    typed: Mapping[str, str]
    wrong: Mapping[str, str]
    data: bytes | None
    """What is sent to the contract; None where something is wrong."""


@dataclass(frozen=True)
class Answer:
    """What came back: the values, or why there are none."""

    decoded: Decoded | None
    refusal: str | None = None
    refused_with: str | None = None
    """The name of the contract's own error, where it refused."""


@lru_cache(maxsize=1)
def view_functions() -> tuple[Function, ...]:
    """In the order of their names; those without inputs first."""
    found = [_function(entry) for entry in ARTIFACT.functions.values() if entry["stateMutability"] == "view"]
    return tuple(sorted(found, key=lambda function: (bool(function.inputs), function.name)))


def _function(entry: AbiEntry) -> Function:
    name = entry["name"]
    inputs = (Input(one["name"], one["type"], _UNITS.get((name, one["name"]))) for one in entry["inputs"])
    return Function(name, signature(entry), tuple(inputs))


def question(function: Function, typed: Mapping[str, str], named: Named) -> Question:
    """What was typed, by the inputs' names, as what it means; an input that is missing is an empty one."""
    texts = {one.name: typed.get(one.name, "").strip()[:_LONGEST] for one in function.inputs}
    values: list[object] = []
    wrong: dict[str, str] = {}
    for one in function.inputs:
        try:
            values.append(_READERS[one.kind](texts[one.name], named))
        except WrongInput as error:
            wrong[one.name] = str(error)
    return Question(function, texts, wrong, None if wrong else ARTIFACT.encode_call(function.name, *values))


def _address(text: str, named: Named) -> str:
    if _ADDRESS.fullmatch(text):
        return checksummed(bytes.fromhex(text[2:]))
    account = named(text) if text else None
    if account is None:
        raise WrongInput("An address is 0x and 40 hexadecimal digits; the name of an account does as well.")
    return checksummed(account)


def _number(text: str, _: Named) -> int:
    plain = text.replace(",", "")
    if _DECIMAL.fullmatch(plain):
        number = int(plain)
    elif _HEXADECIMAL.fullmatch(plain):
        number = int(plain, 16)
    else:
        raise WrongInput("A number is decimal digits, or 0x and hexadecimal digits.")
    if number >= 1 << 256:
        raise WrongInput("A number is less than 2^256 here.")
    return number


_READERS: dict[str, Callable[[str, Named], object]] = {"address": _address, "uint256": _number}


def ask(rpc: Rpc, contract: bytes, questions: Sequence[Question], block_hash: bytes) -> list[Answer]:
    """The answers in the state of that block, in one round trip. Raises RpcUnreachable."""
    block = {"blockHash": hexed(block_hash)}
    calls = [
        ("eth_call", [{"to": hexed(contract), "data": hexed(one.data)}, block])
        for one in questions
        if one.data is not None
    ]
    results = iter(rpc.batch(calls))
    return [
        _answer(one.function.name, next(results)) if one.data is not None else Answer(None)
        for one in questions
    ]


def _answer(function: str, result: Any) -> Answer:
    if isinstance(result, RpcError):
        revert = revert_of(result)
        if revert is None:
            return Answer(None, cleaned_long(result.what))
        hint = "" if revert.fix is None else f" {revert.fix}"
        return Answer(None, f"{cleaned_long(revert.what)}.{hint}", revert.name or "without a reason")
    try:
        data = bytes.fromhex(result.removeprefix("0x"))
    except (AttributeError, ValueError):
        return Answer(None, "the node's answer is not hexadecimal")
    if not data:
        return Answer(None, "there is no code at this address in the state of that block")
    decoded = decode_result(function, data)
    return Answer(decoded, None if decoded else "the answer is not what ETSC's interface says")
