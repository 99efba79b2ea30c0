"""The genesis block is one that Geth takes, with the signers and the money that were asked for."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from genesis.block import GAS_LIMIT, genesis_block
from orchestrator.geth import find_geth

_SIGNERS = [f"0x{byte * 20}" for byte in ("c3", "01", "fe")]
_RICH = "0x" + "ab" * 20


def block(*signers: str, period: int = 1) -> dict[str, Any]:
    return genesis_block(
        chain_id=7,
        timestamp=int(time.time()),
        allocation_wei={_RICH: 10**27 + 1},
        clique_signers=signers,
        clique_period_seconds=period,
    )


def initialised(folder: Path, content: dict[str, Any]) -> str:
    """What Geth's console finds in a database made from the block: hash, balance and extra data."""
    (folder / "genesis.json").write_text(json.dumps(content))
    geth = [str(find_geth(print)), "--datadir", str(folder / "data")]
    init = [*geth, "init", str(folder / "genesis.json")]
    made = subprocess.run(init, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    script = (
        "var b = eth.getBlock(0);"
        f"[b.difficulty, b.gasLimit, b.extraData, eth.getBalance('{_RICH}').toFixed(), eth.chainId(),"
        " b.baseFeePerGas].join(' ')"
    )
    flags = ["--networkid", "7", "--nodiscover", "--maxpeers", "0", "--port", "0", "--authrpc.port", "0"]
    asked = [*geth, *flags, "--ipcdisable", "--nat", "none", "--verbosity", "1", "console", "--exec", script]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip().strip('"')


@pytest.mark.parametrize("signers", [_SIGNERS, []], ids=["clique", "pow"])
def test_geth_makes_the_chain_that_was_asked_for(tmp_path: Path, signers: list[str]) -> None:
    content = block(*signers)
    difficulty = "1" if signers else "131072"
    expected = f"{difficulty} {GAS_LIMIT} {content['extraData']} {10**27 + 1} 0x7 {10**9}"
    assert initialised(tmp_path, content) == expected


def test_the_signers_stand_sorted_between_the_vanity_and_the_seal() -> None:
    extra = bytes.fromhex(block(*_SIGNERS)["extraData"][2:])
    assert extra[:32] == bytes(32)
    assert extra[-65:] == bytes(65)
    middle = extra[32:-65]
    assert [middle[i : i + 20].hex()[:2] for i in range(0, len(middle), 20)] == ["01", "c3", "fe"]
    assert len(extra) == 32 + 3 * 20 + 65


def test_the_order_in_which_signers_are_named_makes_no_other_chain() -> None:
    one, other = block(*_SIGNERS), block(*reversed(_SIGNERS))
    assert one["extraData"] == other["extraData"]


def test_signers_sort_by_their_bytes_however_they_are_spelt() -> None:
    mixed = ["0x" + "Ab" * 20, "0x" + "aA" * 20]
    extra = block(*mixed)["extraData"]
    assert extra.index("aa" * 20) < extra.index("ab" * 20)


def test_the_period_is_the_one_asked_for_and_proof_of_work_has_none() -> None:
    assert block(*_SIGNERS, period=5)["config"]["clique"] == {"period": 5, "epoch": 30_000}
    assert "clique" not in block()["config"]
    assert block()["config"]["ethash"] == {}


def test_every_fork_up_to_london_holds_from_the_first_block_and_none_later() -> None:
    forks = {key: at for key, at in block(*_SIGNERS)["config"].items() if key.endswith("Block")}
    assert set(forks.values()) == {0}
    assert "londonBlock" in forks
    assert not {"terminalTotalDifficulty", "shanghaiTime"} & set(block(*_SIGNERS)["config"])
