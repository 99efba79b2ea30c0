"""The data sets of proof of work are told whole from broken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from errors import EnvironmentFault
from genesis import dag
from genesis.dag import EPOCHS, Epoch, check_room, missing_epochs, remove_remains

_SMALL = b"\xfe\xca\xdd\xba" * 4096


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Epoch:
    """An epoch of 16 KiB, whole in tmp_path, in place of the real ones of 1 GiB."""
    digest = sha256(_SMALL[:4096]).hexdigest()
    epoch = replace(EPOCHS[0], size_bytes=len(_SMALL), head_sha256=digest, tail_sha256=digest)
    monkeypatch.setattr(dag, "EPOCHS", (epoch,))
    (tmp_path / epoch.file_name).write_bytes(_SMALL)
    return epoch


def test_both_epochs_are_missing_from_an_empty_or_absent_directory(tmp_path: Path) -> None:
    assert missing_epochs(tmp_path) == list(EPOCHS)
    assert missing_epochs(tmp_path / "absent") == list(EPOCHS)
    assert remove_remains(tmp_path / "absent") == []


def test_the_names_and_the_blocks_are_those_of_the_epochs() -> None:
    # The seed of epoch 1 is keccak256 of 32 zero bytes; its first 8 bytes name the file.
    assert [epoch.file_name for epoch in EPOCHS] == ["full-R23-" + "0" * 16, "full-R23-290decd9548b62a8"]
    assert [epoch.a_block // 30_000 for epoch in EPOCHS] == [0, 1]


def test_the_sizes_are_those_of_the_specification() -> None:
    # 2^30 + 2^23·epoch, less 128 bytes, downwards to the next prime multiple of 128; and 8 bytes of header.
    for epoch in EPOCHS:
        data_bytes = epoch.size_bytes - 8
        assert data_bytes % 128 == 0
        assert _is_prime(data_bytes // 128)
        limit = 2**30 + 2**23 * epoch.number - 128
        assert not any(_is_prime(rows) for rows in range(data_bytes // 128 + 1, limit // 128 + 1))


@pytest.mark.pow
def test_the_cached_data_sets_are_recognised_as_whole() -> None:
    from orchestrator.dag import dag_directory

    assert missing_epochs(dag_directory()) == []


def test_a_whole_file_stays(small: Epoch, tmp_path: Path) -> None:
    assert missing_epochs(tmp_path) == []
    assert remove_remains(tmp_path) == []
    assert (tmp_path / small.file_name).read_bytes() == _SMALL


@pytest.mark.parametrize(
    "broken",
    [_SMALL[:-1], _SMALL[:-4096] + bytes(4096), bytes(8) + _SMALL[8:], b""],
    ids=["cut", "never written to its end", "without a header", "empty"],
)
def test_a_broken_file_is_missing_and_removed(small: Epoch, tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / small.file_name
    path.write_bytes(broken)
    assert missing_epochs(tmp_path) == [small]
    assert remove_remains(tmp_path) == [path]
    assert not path.exists()


def test_what_an_interrupted_generation_left_is_removed_and_nothing_else(
    small: Epoch, tmp_path: Path
) -> None:
    left = tmp_path / f"{small.file_name}.5577006791947779410"
    foreign = [tmp_path / name for name in ("cache-R23-0000000000000000", "full-R23-abc.txt", "notes.1")]
    for path in (left, *foreign):
        path.write_bytes(b"x")
    assert remove_remains(tmp_path) == [left]
    assert all(path.exists() for path in foreign)


def test_a_small_disk_is_refused_with_both_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2 * 2**30))
    with pytest.raises(EnvironmentFault) as caught:
        check_room(tmp_path, EPOCHS)
    assert str(tmp_path) in str(caught.value)
    assert "2.5 GiB" in str(caught.value)
    assert "2.0 GiB are free" in str(caught.value)
    check_room(tmp_path, EPOCHS[:1])
    check_room(tmp_path, [])


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))
