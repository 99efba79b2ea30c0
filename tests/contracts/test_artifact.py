"""The checked-in artifact is what the pinned compiler makes of the sources, and what Geth 1.11 can run."""

from __future__ import annotations

import json
from itertools import chain

import pytest
from eth_utils.crypto import keccak

from contracts.artifact import ARTIFACT
from contracts.opcodes import opcodes
from orchestrator.foundry import CONTRACTS
from tests.contracts.compiler import FIXTURE_NAMES, FIXTURES, checked_in, compiled_fixture

# Yellow paper, appendix H, as of London.
LONDON = frozenset(
    chain(
        range(0x00, 0x0C),  # arithmetic
        range(0x10, 0x1E),  # comparisons and bits
        [0x20],  # KECCAK256
        range(0x30, 0x49),  # what the call and the block are
        range(0x50, 0x5C),  # memory, storage, jumps
        range(0x60, 0xA0),  # PUSH1 to SWAP16
        range(0xA0, 0xA5),  # LOG0 to LOG4
        range(0xF0, 0xF6),  # calls and creations
        [0xFA, 0xFD, 0xFE, 0xFF],  # STATICCALL, REVERT, INVALID, SELFDESTRUCT
    )
)
# What ETSC has no business with.
UNWANTED_OPCODES = {0x32: "ORIGIN", 0xF2: "CALLCODE", 0xF4: "DELEGATECALL", 0xFF: "SELFDESTRUCT"}
PUSH1 = 0x60
RUNTIME = ARTIFACT.deployed_bytecode
# Up to the runtime code, which it carries as data.
CREATING = ARTIFACT.bytecode[: ARTIFACT.bytecode.index(RUNTIME[:64])]


@pytest.mark.parametrize("name", FIXTURE_NAMES)
def test_the_tests_own_contracts_are_what_their_sources_compile_to(name: str) -> None:
    assert compiled_fixture(name) == (FIXTURES / f"{name}.json").read_text()


def test_the_artifact_notes_the_sources_that_it_was_compiled_from() -> None:
    noted = {path: digest for path, digest in ARTIFACT.source_hashes.items() if path.startswith("src/")}
    assert noted == {f"src/{path.name}": keccak(path.read_bytes()) for path in (CONTRACTS / "src").iterdir()}


@pytest.mark.parametrize("code", [CREATING, RUNTIME], ids=["creating", "runtime"])
def test_the_code_is_made_of_instructions_that_london_knows(code: bytes) -> None:
    used = set(opcodes(code))
    assert {0x35 if code is RUNTIME else 0x39, 0x52, 0x55} <= used  # it was read in step: MSTORE, SSTORE
    assert used <= LONDON, [hex(opcode) for opcode in used - LONDON]


@pytest.mark.parametrize("opcode", [0x48, 0x49, 0x4A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F, 0xEF])
def test_what_came_after_london_is_told_from_what_it_knows(opcode: int) -> None:
    """BASEFEE and JUMPDEST are London's; BLOBHASH, BLOBBASEFEE, TLOAD, TSTORE, MCOPY and PUSH0 are not."""
    assert (opcode in LONDON) == (opcode in (0x48, 0x5B))
    pushed = bytes([PUSH1, opcode, 0x00])
    assert set(opcodes(pushed)) <= LONDON
    assert opcode in set(opcodes(pushed + bytes([opcode])))


def test_the_code_knows_no_origin_no_foreign_code_and_no_end() -> None:
    assert not set(opcodes(RUNTIME)) & UNWANTED_OPCODES.keys()


def test_a_mutant_is_another_contract_of_the_same_interface() -> None:
    for name in set(FIXTURE_NAMES) - {"ReentrantAccount"}:
        mutant = checked_in(name)
        assert mutant.functions == ARTIFACT.functions
        assert mutant.bytecode != ARTIFACT.bytecode


def test_ether_is_taken_by_one_function_and_by_no_fallback() -> None:
    assert not [entry for entry in ARTIFACT.abi if entry["type"] in {"fallback", "receive"}]
    payable = [entry["name"] for entry in ARTIFACT.abi if entry.get("stateMutability") == "payable"]
    assert payable == ["buyToken"]


def test_the_locked_packages_name_hashes() -> None:
    packages = json.loads((CONTRACTS / "package-lock.json").read_text())["packages"]
    assert packages["node_modules/solc"]["version"] == "0.8.26"
    assert packages["node_modules/@openzeppelin/contracts"]["version"] == "5.1.0"
    for name, package in packages.items():
        assert "resolved" not in package
        assert name == "" or package["integrity"].startswith("sha512-")


@pytest.mark.parametrize("name", ["package.json", "package-lock.json", "foundry.toml"])
def test_the_project_names_no_registry(name: str) -> None:
    text = (CONTRACTS / name).read_text()
    assert "registry" not in text
    assert name == "package-lock.json" or "://" not in text  # the lock names its packages' sponsors
