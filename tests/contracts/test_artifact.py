"""The checked-in artifact is what the pinned compiler makes of the sources, and what Geth 1.11 can run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.artifact import ARTIFACT
from tests.contracts.compiler import (
    CONTRACTS,
    FIXTURE_NAMES,
    FIXTURES,
    compile_contract,
    etsc_sources,
    fixture_sources,
)

# Opcodes of Shanghai and Cancun, which a chain with no fork after London refuses.
LATER_OPCODES = {0x5C: "TLOAD", 0x5D: "TSTORE", 0x5E: "MCOPY", 0x5F: "PUSH0"}
# What ETSC has no business with.
UNWANTED_OPCODES = {0x32: "ORIGIN", 0xF2: "CALLCODE", 0xF4: "DELEGATECALL", 0xFF: "SELFDESTRUCT"}
PUSH1, PUSH32 = 0x60, 0x7F


def opcodes(code: bytes) -> Iterator[int]:
    """The instructions of runtime code, without what they push and without the metadata behind them."""
    end = len(code) - 2 - int.from_bytes(code[-2:], "big")
    place = 0
    while place < end:
        yield code[place]
        place += 1 + (code[place] - PUSH1 + 1 if PUSH1 <= code[place] <= PUSH32 else 0)


def test_the_artifact_is_what_the_sources_compile_to(tmp_path: Path) -> None:
    compile_contract("ETSC", etsc_sources(), tmp_path / "ETSC.json")
    assert (tmp_path / "ETSC.json").read_bytes() == (CONTRACTS / "artifacts" / "ETSC.json").read_bytes()


@pytest.mark.parametrize("name", FIXTURE_NAMES)
def test_the_tests_own_contracts_are_what_their_sources_compile_to(name: str, tmp_path: Path) -> None:
    contract, sources = fixture_sources(name)
    compile_contract(contract, sources, tmp_path / "out.json")
    assert (tmp_path / "out.json").read_bytes() == (FIXTURES / f"{name}.json").read_bytes()


def test_the_code_needs_no_fork_after_london() -> None:
    used = set(opcodes(ARTIFACT.deployed_bytecode))
    assert {0x54, 0x55, 0xA4} <= used  # the disassembly reads instructions: SLOAD, SSTORE, LOG4
    assert not used & LATER_OPCODES.keys()


def test_the_disassembly_finds_an_opcode_that_is_too_new() -> None:
    code = bytes([PUSH1, 0x5F, 0x5F, 0x00]) + b"\x5e\x5e" + (2).to_bytes(2, "big")
    assert list(opcodes(code)) == [PUSH1, 0x5F, 0x00]


def test_the_creating_code_needs_no_fork_after_london() -> None:
    """Up to the runtime code that it carries, which is checked above."""
    constructor = ARTIFACT.bytecode[: ARTIFACT.bytecode.index(ARTIFACT.deployed_bytecode[:64])]
    assert not set(opcodes(constructor + b"\0\0")) & LATER_OPCODES.keys()


def test_the_code_knows_no_origin_no_foreign_code_and_no_end() -> None:
    assert not set(opcodes(ARTIFACT.deployed_bytecode)) & UNWANTED_OPCODES.keys()


def test_ether_is_taken_by_one_function_and_by_no_fallback() -> None:
    assert not [entry for entry in ARTIFACT.abi if entry["type"] in {"fallback", "receive"}]
    payable = [entry["name"] for entry in ARTIFACT.abi if entry.get("stateMutability") == "payable"]
    assert payable == ["buyToken"]


def test_the_locked_packages_name_hashes_and_no_registry() -> None:
    text = (CONTRACTS / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert packages["node_modules/solc"]["version"] == "0.8.26"
    for name, package in packages.items():
        assert "resolved" not in package
        assert name == "" or package["integrity"].startswith("sha512-")
    assert "registry" not in text
