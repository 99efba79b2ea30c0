"""A compiled contract as checked in: read on first use, because a bot's start should not wait for it."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Sequence
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from errors import TestbedError

AbiEntry = dict[str, Any]


def abi_type(parameter: AbiEntry) -> str:
    """The canonical type of a parameter: a struct is the tuple of its components."""
    kind = str(parameter["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(abi_type, parameter['components']))}){kind.removeprefix('tuple')}"


def signature(entry: AbiEntry) -> str:
    return f"{entry['name']}({','.join(map(abi_type, entry['inputs']))})"


def snake_case(name: str) -> str:
    """A name of the contract's as Python writes it: edgeServer becomes edge_server."""
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name)


def address_or_none(address: str) -> str | None:
    """In EIP-55; None for the zero address, which is how the contract says nobody."""
    return to_checksum_address(address) if int(address, 16) else None


def decode_values(parameters: Sequence[AbiEntry], data: bytes) -> tuple[Any, ...]:
    """The values in `data`, addresses in EIP-55. Raises eth_abi's DecodingError, a ValueError or so."""
    types = [abi_type(parameter) for parameter in parameters]
    return tuple(_readable(kind, value) for kind, value in zip(types, decode(types, data), strict=True))


def _readable(kind: str, value: Any) -> Any:
    return to_checksum_address(value) if kind == "address" else value


class Artifact:
    """What the compiler made of one contract.

    Raises TestbedError where the file is missing or is not what the compiler wrote.
    """

    def __init__(self, file: Path | Traversable) -> None:
        self._file = file

    @cached_property
    def _content(self) -> dict[str, Any]:
        try:
            content = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise TestbedError(
                f"the compiled contract cannot be read: {error}",
                where=str(self._file),
                fix="Run `testbed contract build`, or install the package again.",
            ) from error
        if not isinstance(content, dict):
            raise TestbedError("not a compiled contract", where=str(self._file))
        return content

    @property
    def compiler(self) -> dict[str, Any]:
        """The compiler's name, version and settings."""
        return dict(self._content["compiler"])

    @property
    def source_hashes(self) -> dict[str, bytes]:
        """keccak256 of each file that it was compiled from, as the compiler read it, by path."""
        return {path: bytes.fromhex(digest[2:]) for path, digest in self._content["sources"].items()}

    @property
    def abi(self) -> list[AbiEntry]:
        return list(self._content["abi"])

    @cached_property
    def bytecode(self) -> bytes:
        """What a creating transaction carries, before the constructor's arguments."""
        return bytes.fromhex(self._content["bytecode"][2:])

    @cached_property
    def deployed_bytecode(self) -> bytes:
        """What stands on the chain afterwards, with zeros where the immutables will be."""
        return bytes.fromhex(self._content["deployedBytecode"][2:])

    @cached_property
    def immutable_references(self) -> tuple[tuple[int, int], ...]:
        """(start, length) in bytes of each place of the deployed code that the constructor fills."""
        return tuple((int(start), int(length)) for start, length in self._content["immutableReferences"])

    @cached_property
    def functions(self) -> dict[str, AbiEntry]:
        return {entry["name"]: entry for entry in self.abi if entry["type"] == "function"}

    @cached_property
    def events(self) -> dict[str, AbiEntry]:
        """Events by topic 0."""
        return {
            "0x" + keccak(text=signature(entry)).hex(): entry
            for entry in self.abi
            if entry["type"] == "event"
        }

    @cached_property
    def errors(self) -> dict[bytes, AbiEntry]:
        """Custom errors by selector."""
        return {keccak(text=signature(entry))[:4]: entry for entry in self.abi if entry["type"] == "error"}

    def encode_call(self, function: str, *arguments: Any) -> bytes:
        entry = self.functions[function]
        return keccak(text=signature(entry))[:4] + encode(list(map(abi_type, entry["inputs"])), arguments)

    def encode_deployment(self, *arguments: Any) -> bytes:
        entry = next(entry for entry in self.abi if entry["type"] == "constructor")
        return self.bytecode + encode(list(map(abi_type, entry["inputs"])), arguments)

    def decode_result(self, function: str, data: bytes) -> tuple[Any, ...]:
        return decode_values(self.functions[function]["outputs"], data)

    def is_deployed_code(self, code: bytes) -> bool:
        """Whether `code`, as eth_getCode gives it, is this contract with whatever constructor arguments."""
        return len(code) == len(self.deployed_bytecode) and self.masked(code) == self.deployed_bytecode

    def masked(self, code: bytes) -> bytes:
        """`code` with zeros where this contract's immutables are."""
        masked = bytearray(code)
        for start, length in self.immutable_references:
            end = min(start + length, len(masked))
            masked[start:end] = bytes(max(0, end - start))
        return bytes(masked)


ARTIFACT = Artifact(importlib.resources.files("contracts") / "artifacts" / "ETSC.json")
