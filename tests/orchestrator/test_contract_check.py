"""`testbed contract check` is green on the contract, and not on what is wrong with a contract."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak
from typer.testing import CliRunner

from chain.call import Call
from chain.rpc import Rpc
from contracts.artifact import ARTIFACT, Artifact, signature
from contracts.etsc import Etsc
from errors import TestbedError
from orchestrator.cli import app
from orchestrator.command import run
from orchestrator.contract_check import GAS_FILE, Check, Failed, gas_of
from orchestrator.contract_script import records, script
from orchestrator.foundry import CONTRACTS, Project, Tools, project, tools
from orchestrator.rehearsal import Attack, Rehearsal, Step, rehearse, simulator

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def installed() -> Tools:
    return tools(print)


@pytest.fixture
def anvil(installed: Tools) -> Iterator[Rpc]:
    with simulator(installed.command("anvil")) as rpc:
        yield rpc


@pytest.fixture
def broken(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    """The project with one line of one source file replaced."""
    file, found, replacement = request.param
    shutil.copytree(CONTRACTS / "src", tmp_path / "src")
    path = tmp_path / "src" / file
    text = path.read_text()
    assert text.count(found) == 1
    path.write_text(text.replace(found, replacement))
    with project(print, tmp_path / "src") as made:
        yield made


@pytest.mark.longest
def test_the_contract_is_in_order() -> None:
    """With a quarter of the sequences of calls that the command draws: all of them take half of its time."""
    said = run(
        [Path(sys.executable).with_name("testbed"), "contract", "check", "--json"],
        timeout_seconds=1700,
        check=False,
        env={"FOUNDRY_INVARIANT_RUNS": "64"},
    )
    results = json.loads(said.stdout)
    assert [(result["name"], result["detail"]) for result in results if not result["ok"]] == []
    assert said.returned == 0
    assert {result["stage"] for result in results} == {"build", "simulator", "Geth"}
    assert len(results) == 10


@pytest.fixture(scope="module")
def rehearsed(installed: Tools) -> Iterator[Check]:
    """The check after both rehearsals of the contract as it is."""
    with project(print) as made:
        check = Check(made, print)
        check.rehearsal_on_anvil()
        check.rehearsal_on_geth()
        yield check


NO_SELF_TRADE = ("Electricity.sol", "if (retailer == prosumer) revert SelfTrade(prosumer);", "")
FORMAT = ("Electricity.sol", "revert SelfTrade(prosumer);", "revert  SelfTrade(prosumer);")
UNPAUSED_BUY_BACK = (
    "Elecoins.sol",
    "        _running();\n        _till(msg.sender);",
    "        _till(msg.sender);",
)
MINTED = (
    "Electricity.sol",
    "- (quantity << OFFERED) + (cost << COINS)",
    "- (quantity << OFFERED) + (cost + 1 << COINS)",
)
UNEXPLAINED = ("Electricity.sol", "// slither-disable-next-line timestamp", "")


@pytest.mark.parametrize("broken", [NO_SELF_TRADE], indirect=True)
def test_another_contract_is_not_the_artifact_and_fails_its_tests(broken: Project) -> None:
    check = Check(broken, print)
    with pytest.raises(Failed, match="do not compile to the checked-in artifact"):
        check.artifact()
    _keep_tests(broken, "Market.sol", "Trade.t.sol")
    with pytest.raises(Failed, match=r"1 of \d+ failed") as caught:
        check.tests()
    assert "nobodyTradesWithItself" in caught.value.detail


def test_tests_of_other_bytes_than_the_artifacts_fail_the_step(installed: Tools) -> None:
    with project(print) as made:
        _keep_tests(made, "Market.sol", "Withdraw.t.sol")
        settings = made.folder / "foundry.toml"
        text = settings.read_text()
        settings.write_text(text.replace("optimizer_runs = 200", "optimizer_runs = 1"))
        with pytest.raises(Failed, match="what was tested is not the checked-in artifact"):
            Check(made, print).tests()


def _keep_tests(made: Project, *names: str) -> None:
    """Only these files or folders of test/."""
    for file in (made.folder / "test").iterdir():
        if file.name not in names:
            shutil.rmtree(file) if file.is_dir() else file.unlink()


def test_an_opcode_that_geth_does_not_know_is_found(
    rehearsed: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rehearsed.opcodes() == "London's only"
    code = {"bytecode": "0x600160005f", "deployedBytecode": "0x60005f"}  # PUSH1 1, then PUSH1 0, PUSH0
    (tmp_path / "later.json").write_text(json.dumps(code))
    monkeypatch.setattr("orchestrator.contract_check.ARTIFACT", Artifact(tmp_path / "later.json"))
    with pytest.raises(Failed, match=r"opcodes that Geth 1\.11\.6 refuses") as caught:
        rehearsed.opcodes()
    assert caught.value.detail == "PUSH0"


@pytest.fixture
def few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOUNDRY_INVARIANT_RUNS", "12")
    monkeypatch.setenv("FOUNDRY_INVARIANT_DEPTH", "128")


@pytest.mark.usefixtures("few_runs")
@pytest.mark.parametrize("broken", [MINTED], indirect=True)
def test_an_invariant_that_breaks_fails_the_step(broken: Project) -> None:
    _keep_tests(broken, "Market.sol", "invariants")
    (broken.folder / "test" / "invariants" / "Forbidden.t.sol").unlink()
    with pytest.raises(Failed, match=r"[12] of 3 failed") as caught:
        Check(broken, print).invariants()
    assert "Ledger.t.sol:LedgerInvariants invariant_nothingAppearsOrVanishes()" in caught.value.detail


@pytest.mark.usefixtures("few_runs")
def test_a_handler_that_never_does_anything_or_is_forgotten_fails_the_step(installed: Tools) -> None:
    with project(print) as made:
        _keep_tests(made, "Market.sol", "invariants")
        (made.folder / "test" / "invariants" / "Forbidden.t.sol").unlink()
        handler = made.folder / "test" / "invariants" / "ElectricityHandler.sol"
        text = handler.read_text()
        found = "        address retailer = pick(cast.users, userSeed, _offers);\n"
        assert text.count(found) == 1
        handler.write_text(text.replace(found, f"        vm.assume(false);\n{found}"))
        stage = made.folder / "test" / "invariants" / "Stage.sol"
        lines = stage.read_text().splitlines(keepends=True)
        stage.write_text("".join(line for line in lines if "ForbiddenReadings.sol" not in line))
        with pytest.raises(Failed, match="12 functions of handlers did nothing") as caught:
            Check(made, print).invariants()
    readings = ("readAsNoMeter", "readTooLittleOrTooMuch", "relayAgain", "relayFalse", "relayForged")
    assert caught.value.detail.splitlines() == [
        f"{suite}: {function}"
        for suite in ("Ledger.t.sol:LedgerInvariants", "Replay.t.sol:ReplayInvariants")
        for function in (*(f"ForbiddenReadings.{name}" for name in readings), "Handler.retract")
    ]


@pytest.mark.parametrize("broken", [UNPAUSED_BUY_BACK], indirect=True)
def test_what_cannot_be_proved_fails_the_step(broken: Project) -> None:
    _keep_tests(broken, "proofs", "invariants")
    for file in (broken.folder / "test" / "invariants").iterdir():
        if file.name != "SignedReading.sol":
            file.unlink()
    with pytest.raises(Failed, match=r"1 of \d\d not proved") as caught:
        Check(broken, print).halmos()
    assert caught.value.detail.startswith("check_noneGoesThroughWhilePaused(")


BOUNDED = """// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

contract Bounded {
    function check_thatStopsAtSomeTurn(uint256 turns) external pure {
        uint256 done;
        while (done < turns) ++done;
        assert(done == turns);
    }
}
"""


def test_a_proof_of_the_first_turns_of_a_loop_only_fails_the_step(installed: Tools) -> None:
    with project(print) as made:
        shutil.rmtree(made.folder / "test")
        proofs = made.folder / "test" / "proofs"
        proofs.mkdir(parents=True)
        (proofs / "Bounded.t.sol").write_text(BOUNDED)
        with pytest.raises(Failed, match="1 of 1 proved for the first turns of a loop only") as caught:
            Check(made, print).halmos()
    assert caught.value.detail == "check_thatStopsAtSomeTurn(uint256): num_bounded_loops 1"


def test_gas_that_is_not_what_it_was_fails_the_step(
    rehearsed: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "on both" in rehearsed.gas()
    expected = json.loads(GAS_FILE.read_text())
    file = tmp_path / "gas.json"
    file.write_text(json.dumps(expected | {"pause": expected["pause"] - 1}))
    monkeypatch.setattr("orchestrator.contract_check.GAS_FILE", file)
    with pytest.raises(Failed, match="the gas is not what it was") as caught:
        rehearsed.gas()
    line = f"pause: {expected['pause']} on Geth, {expected['pause'] - 1} in contracts/gas.json"
    assert caught.value.detail.splitlines()[:-1] == [line]


def test_gas_that_the_simulator_counts_otherwise_fails_the_step(
    rehearsed: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_more_on_anvil(rehearsal: Rehearsal) -> dict[str, int]:
        more = int(rehearsal.client.startswith("anvil"))
        return {name: gas + more * (name == "trade, first") for name, gas in gas_of(rehearsal).items()}

    monkeypatch.setattr("orchestrator.contract_check.gas_of", one_more_on_anvil)
    with pytest.raises(Failed, match="the gas is not what it was") as caught:
        rehearsed.gas()
    (line, _) = caught.value.detail.splitlines()
    assert line.startswith("trade, first: ")
    assert line.endswith(" in anvil")


def test_without_a_rehearsal_on_geth_there_is_no_gas(installed: Tools, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no rehearsal on Geth"):
        Check(Project(tmp_path, installed), print).gas()


def test_records_that_differ_between_anvil_and_geth_fail_the_step(
    rehearsed: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_wei_more(rpc: Rpc, etsc: Etsc) -> dict[str, Any]:
        found = records(rpc, etsc)
        return found | {"wei": found["wei"] + 1}

    monkeypatch.setattr("orchestrator.contract_check.records", one_wei_more)
    with pytest.raises(Failed, match="the records at the end differ from anvil's") as caught:
        rehearsed.rehearsal_on_geth()
    assert any(line.startswith("wei: ") for line in caught.value.detail.splitlines())


@pytest.mark.parametrize("broken", [FORMAT], indirect=True)
def test_a_file_that_is_not_formatted_is_found(broken: Project) -> None:
    with pytest.raises(Failed, match="would change files"):
        Check(broken, print).format()


@pytest.mark.parametrize("broken", [FORMAT], indirect=True)
def test_the_command_goes_on_after_a_step_that_fails_and_ends_with_an_error(
    broken: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.contract_check.project", lambda _: contextlib.nullcontext(broken))
    # They take minutes, and are tried one by one in this file; without a rehearsal the last step fails too.
    for slow in ("tests", "invariants", "slither", "halmos", "rehearsal_on_anvil", "rehearsal_on_geth"):
        monkeypatch.setattr(Check, slow, lambda _: "left out")
    said = CliRunner().invoke(app, ["contract", "check", "--json"])
    assert isinstance(said.exception, TestbedError)
    assert said.exit_code != 0
    assert "the contract is not in order: artifact, format, gas" in str(said.exception)
    results = {result["name"]: result for result in json.loads(said.stdout)}
    assert len(results) == 10
    assert [name for name, result in results.items() if not result["ok"]] == [
        "artifact",
        "format",
        "gas",
    ]
    assert "SelfTrade" in results["format"]["detail"]


@pytest.mark.parametrize("broken", [UNEXPLAINED], indirect=True)
def test_slither_has_its_say(broken: Project) -> None:
    with pytest.raises(Failed, match="1 findings") as caught:
        Check(broken, print).slither()
    assert "timestamp" in caught.value.detail


def test_the_script_calls_every_function_that_changes_something() -> None:
    etsc = Etsc("0x" + "11" * 20)
    called = {step.call.data[:4] for step in script(etsc, 1) if isinstance(step, Step)}
    for name, entry in ARTIFACT.functions.items():
        if entry["stateMutability"] not in {"view", "pure"}:
            assert any(_selects(data, name) for data in called), f"{name} is not rehearsed"


def _selects(data: bytes, function: str) -> bool:
    return data == keccak(text=signature(ARTIFACT.functions[function]))[:4]


def test_an_attack_that_goes_through_ends_the_rehearsal(anvil: Rpc) -> None:
    def naive(etsc: Etsc, chain_id: int) -> list[Step | Attack]:
        deploy = script(etsc, chain_id)[0]
        return [deploy, Attack("the administrator pauses", "administrator", etsc.pause(), "NotAdministrator")]

    with pytest.raises(TestbedError, match="the administrator pauses: it was not refused"):
        rehearse(anvil, naive)


def test_an_attack_that_is_refused_for_another_reason_ends_the_rehearsal(anvil: Rpc) -> None:
    def naive(etsc: Etsc, chain_id: int) -> list[Step | Attack]:
        deploy = script(etsc, chain_id)[0]
        return [deploy, Attack("a stranger pauses", "stranger", etsc.pause(), "MarketPaused")]

    with pytest.raises(TestbedError, match=r"another reason than MarketPaused.*is not the administrator"):
        rehearse(anvil, naive)


def test_a_step_that_fails_ends_the_rehearsal(anvil: Rpc) -> None:
    def wrong(etsc: Etsc, chain_id: int) -> list[Step | Attack]:
        return [script(etsc, chain_id)[0], Step("plain ether", "stranger", Call(etsc.address, b"", value=1))]

    with pytest.raises(TestbedError, match="plain ether failed"):
        rehearse(anvil, wrong)
