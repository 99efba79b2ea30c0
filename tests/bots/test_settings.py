"""A bot's settings are refused by file, key and value; a wrong call is a usage error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bots.settings import Section, load
from errors import TestbedError
from tests.bots.helpers import CONTRACT, settings

GOOD: dict[str, Any] = {
    "role": "retailer",
    "name": "retailer-1",
    "chain_id": 7,
    "contract": CONTRACT,
    "rpc_urls": ["http://127.0.0.1:1"],
    "ws_urls": ["ws://127.0.0.1:1"],
    "seed": 1,
    "first_slot": 11,
    "slots": 10,
    "confirmations": 3,
    "wait_blocks": 4,
    "private": {},
}


def test_a_bot_s_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "bot.json").write_text(json.dumps(GOOD))
    read = load(tmp_path)
    assert (read.role, read.contract, read.rpc_urls) == ("retailer", CONTRACT, ("http://127.0.0.1:1",))
    assert (read.last_slot, read.relative(11), read.relative(20)) == (20, 1, 10)
    assert [slot for slot in (10, 11, 20, 21) if read.plays(slot)] == [11, 20]


def test_lists_of_numbers_are_read_with_their_bounds() -> None:
    section = Section({"loads": [1, 0.5], "Wh": [0, 7]}, "bot.json")
    assert (section.numbers("loads"), section.wholes("Wh")) == ((1.0, 0.5), (0, 7))
    for wrong in ([], [0.0], [-1.0], [float("nan")], [float("inf")], [True], ["1"], 1.0):
        with pytest.raises(TestbedError, match="loads = "):
            Section({"loads": wrong}, "bot.json").numbers("loads")
    for no_Wh in ([], [-1], [1.5], [True], 3):
        with pytest.raises(TestbedError, match="Wh = "):
            Section({"Wh": no_Wh}, "bot.json").wholes("Wh")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("role", "miner", "unknown role 'miner'"),
        ("name", 3, "name = 3 .* a text"),
        ("slots", 0, "slots = 0 .* >= 1"),
        ("slots", "10", "slots = '10' .* a whole number"),
        ("seed", True, "seed = True .* a whole number"),
        ("rpc_urls", [], r"rpc_urls = \[\] .* at least one"),
        ("ws_urls", "ws://x", "ws_urls = 'ws://x' .* a list"),
        ("private", [], r"private = \[\] .* an object"),
    ],
)
def test_a_wrong_value_is_named_with_its_file_and_key(
    tmp_path: Path, key: str, value: Any, words: str
) -> None:
    (tmp_path / "bot.json").write_text(json.dumps(GOOD | {key: value}))
    with pytest.raises(TestbedError, match=words) as caught:
        load(tmp_path)
    assert str(tmp_path / "bot.json") in str(caught.value)


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    (tmp_path / "bot.json").write_text(json.dumps({k: v for k, v in GOOD.items() if k != key}))
    with pytest.raises(TestbedError, match=f"the key '{key}' is missing"):
        load(tmp_path)


@pytest.mark.parametrize("content", ["", '{"role": ', "[]"])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "bot.json").write_text(content)
    with pytest.raises(TestbedError, match=r"bot\.json"):
        load(tmp_path)


def test_the_campaign_is_over_after_its_last_slot_or_when_that_was_waited_for() -> None:
    campaign = settings("meter", {})  # slots 3 to 5, patience 4 blocks
    assert not campaign.is_over(4, 10, 99)
    assert not campaign.is_over(5, 10, 13)
    assert campaign.is_over(5, 10, 14)
    assert campaign.is_over(6, 10, 10)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [([], 2, "Usage: python -m bots DIR"), (["nowhere"], 1, "nowhere/bot.json")],
)
def test_a_wrong_call_prints_one_line_and_ends_with_its_code(
    arguments: list[str], code: int, words: str
) -> None:
    command = [sys.executable, "-m", "bots", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert len(ended.stderr.splitlines()) == 1
    assert words in ended.stderr
