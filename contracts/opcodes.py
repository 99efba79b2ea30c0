"""What instructions a compiled contract is made of."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.artifact import Artifact

_PUSH1, _PUSH32 = 0x60, 0x7F
# Of Shanghai and Cancun: a chain with no fork after London, which is all that a Geth able to mine proof of
# work can be, takes them for invalid.
LATER_OPCODES = {
    0x49: "BLOBHASH",
    0x4A: "BLOBBASEFEE",
    0x5C: "TLOAD",
    0x5D: "TSTORE",
    0x5E: "MCOPY",
    0x5F: "PUSH0",
}


def opcodes(code: bytes) -> Iterator[int]:
    """The instructions in `code` from its start on, without what they push. Data behind them is read too."""
    place = 0
    while place < len(code):
        yield code[place]
        place += 1 + (code[place] - _PUSH1 + 1 if _PUSH1 <= code[place] <= _PUSH32 else 0)


def later_opcodes(artifact: Artifact) -> set[str]:
    """The names of the instructions that London does not know, in the creating code and in what it leaves."""
    # The creating code carries the other as data, at which the walk would lose its step.
    creating = artifact.bytecode[: artifact.bytecode.index(artifact.deployed_bytecode[:64])]
    used = {*opcodes(creating), *opcodes(artifact.deployed_bytecode)}
    return {name for opcode, name in LATER_OPCODES.items() if opcode in used}
