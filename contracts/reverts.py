"""Why ETSC refused: the data of a revert as an error with a name and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eth_abi.exceptions import DecodingError

from chain.rpc import RpcError
from contracts.artifact import ARTIFACT, AbiEntry, decode_values
from errors import TestbedError

# Solidity's own two: a reason in words, and a failed check of the language (0x11: arithmetic overflow).
_BUILT_IN: dict[bytes, AbiEntry] = {
    bytes.fromhex("08c379a0"): {"name": "Error", "inputs": [{"name": "reason", "type": "string"}]},
    bytes.fromhex("4e487b71"): {"name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
}


class EtscRevert(TestbedError):
    """ETSC refused a call. `name` is its error's name, `values` are the offending values by their names."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        listed = ", ".join(f"{key} {value}" for key, value in values.items())
        super().__init__(f"ETSC refused: {name}" + (f" ({listed})" if listed else ""))
        self.name = name
        self.values = dict(values)


def decode_revert(data: bytes | str | None) -> EtscRevert:
    """The cause that revert data tells, whether as bytes or as 0x text.

    The name is "" for a revert without data and "Unknown" for data that is none of ETSC's errors.
    """
    raw = bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else bytes(data or b"")
    if not raw:
        return EtscRevert("", {})
    entry = ARTIFACT.errors.get(raw[:4]) or _BUILT_IN.get(raw[:4])
    if entry is not None:
        try:
            values = decode_values(entry["inputs"], raw[4:])
        except DecodingError:
            pass  # the selector of one of ours before something else: unknown after all
        else:
            names = [parameter["name"] for parameter in entry["inputs"]]
            return EtscRevert(entry["name"], dict(zip(names, values, strict=True)))
    return EtscRevert("Unknown", {"data": "0x" + raw.hex()})


def revert_of(error: RpcError) -> EtscRevert | None:
    """The cause when a node says that a call reverted; None when it refused for a reason of its own."""
    reverted = error.code == 3 or "execution reverted" in error.message
    return decode_revert(error.data if isinstance(error.data, str) else None) if reverted else None
