"""The journal survives a crash at any byte, and a restarted bot finds what it had signed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bots.journal import Journal
from errors import TestbedError
from tests.bots.helpers import CONTRACT


def signed(slot: int, nonce: int, action: str = "buy") -> dict[str, Any]:
    line = {"type": "signed", "slot": slot, "action": action, "nonce": nonce}
    return line | {"hash": f"0xh{nonce}", "raw": f"0xr{nonce}"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def test_what_was_appended_is_found_after_a_restart(path: Path) -> None:
    Journal(path, CONTRACT).append([signed(3, 7), signed(3, 8, "trade")])
    again = Journal(path, CONTRACT)
    assert [line["nonce"] for line in again.signed(3, "buy")] == [7]
    assert [line["nonce"] for line in again.signed(3, "trade")] == [8]
    assert again.signed(4, "buy") == []


def test_what_the_chain_has_not_taken_is_given_back_as_it_was_signed(path: Path) -> None:
    journal = Journal(path, CONTRACT)
    journal.append([signed(3, 7), signed(3, 8, "trade")])
    assert [(s.nonce, s.raw, s.hash) for s in journal.unmined(8)] == [(8, "0xr8", "0xh8")]
    assert [s.nonce for s in journal.unmined(7)] == [7, 8]
    assert journal.unmined(9) == []


@pytest.mark.parametrize("end", range(1, 160, 7))
def test_a_crash_while_writing_loses_only_the_line_that_was_not_whole(path: Path, end: int) -> None:
    Journal(path, CONTRACT).append([signed(3, 7)])
    whole = path.read_bytes()
    Journal(path, CONTRACT).append([signed(4, 8)])
    torn = path.read_bytes()[: len(whole) + end]
    path.write_bytes(torn)
    again = Journal(path, CONTRACT)
    survived = [7, 8] if torn.endswith(b"\n") and len(torn) > len(whole) else [7]
    assert [s.nonce for s in again.unmined(0)] == survived
    again.append([signed(5, 9)])
    assert [s.nonce for s in Journal(path, CONTRACT).unmined(0)] == [*survived, 9]


def test_damage_inside_the_file_is_named_by_line_and_not_skipped(path: Path) -> None:
    Journal(path, CONTRACT).append([signed(3, 7), signed(3, 8)])
    first, second = path.read_text().splitlines()
    path.write_text(f"{first[:-9]}\n{second}\n")
    with pytest.raises(TestbedError, match=r"journal\.jsonl:1: this line is damaged"):
        Journal(path, CONTRACT)


def test_a_line_of_something_else_is_refused(path: Path) -> None:
    path.write_text('{"type": "signed"}\n')
    with pytest.raises(TestbedError, match=r"journal\.jsonl:1: this line is not a journal's"):
        Journal(path, CONTRACT)


def test_what_was_signed_for_another_contract_is_kept_but_not_played(path: Path) -> None:
    Journal(path, "0x" + "ab" * 20).append([signed(3, 7)])
    journal = Journal(path, CONTRACT)
    journal.append([signed(3, 1)])
    assert [s.nonce for s in journal.unmined(0)] == [1]
    assert len(path.read_text().splitlines()) == 2


def test_a_contract_written_in_another_case_is_the_same(path: Path) -> None:
    Journal(path, CONTRACT.upper().replace("X", "x")).append([signed(3, 7)])
    assert Journal(path, CONTRACT).unmined(0)


def test_results_tell_which_slots_are_closed(path: Path) -> None:
    journal = Journal(path, CONTRACT)
    journal.append([{"type": "settled", "slot": 3}, {"type": "missed", "slot": 4}, signed(5, 1)])
    assert journal.closed_slots() == {3, 4}


def test_every_line_is_on_disk_when_append_returns(path: Path) -> None:
    journal = Journal(path, CONTRACT)
    journal.append([signed(3, 7)])
    assert [json.loads(line)["nonce"] for line in path.read_text().splitlines()] == [7]


def test_a_journal_that_cannot_be_opened_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TestbedError, match="the journal cannot be opened"):
        Journal(tmp_path / "missing" / "journal.jsonl", CONTRACT)
