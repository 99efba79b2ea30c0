"""`testbed contract check` is green on the contract, and not on what is wrong with a contract."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from chain.call import Call
from chain.rpc import Rpc
from contracts.artifact import ARTIFACT, signature
from contracts.etsc import Etsc
from errors import TestbedError
from orchestrator.command import run
from orchestrator.contract_check import Check, Failed
from orchestrator.contract_script import script
from orchestrator.foundry import CONTRACTS, Project, Tools, project, tools
from orchestrator.rehearsal import Attack, Step, rehearse, simulator

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
    said = run(
        [Path(sys.executable).with_name("testbed"), "contract", "check", "--json"],
        timeout_seconds=1700,
        check=False,
    )
    results = json.loads(said.stdout)
    assert [(result["name"], result["detail"]) for result in results if not result["ok"]] == []
    assert said.returned == 0
    assert {result["stage"] for result in results} == {"build", "simulator", "Geth"}
    assert len(results) == 10


NO_SELF_TRADE = ("Electricity.sol", "if (retailer == prosumer) revert SelfTrade(prosumer);", "")
FORMAT = ("Electricity.sol", "revert SelfTrade(prosumer);", "revert  SelfTrade(prosumer);")
UNEXPLAINED = ("Electricity.sol", "// slither-disable-next-line timestamp", "")


@pytest.mark.parametrize("broken", [NO_SELF_TRADE], indirect=True)
def test_another_contract_is_not_the_artifact_and_fails_its_tests(broken: Project) -> None:
    check = Check(broken, print)
    with pytest.raises(Failed, match="do not compile to the checked-in artifact"):
        check.artifact()
    for file in (broken.folder / "test").iterdir():
        if file.name not in {"Market.sol", "Trade.t.sol"}:
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    with pytest.raises(Failed, match=r"1 of \d+ failed") as caught:
        check.tests()
    assert "nobodyTradesWithItself" in caught.value.detail


@pytest.mark.parametrize("broken", [FORMAT], indirect=True)
def test_a_file_that_is_not_formatted_is_found(broken: Project) -> None:
    with pytest.raises(Failed, match="would change files"):
        Check(broken, print).format()


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
