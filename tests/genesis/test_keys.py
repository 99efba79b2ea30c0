"""Keys come from one mnemonic by the standards, and their files are private, common and left alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from errors import TestbedError
from genesis.keys import Key, derive, new_mnemonic, write_keystore
from genesis.paths import PARTICIPANT_PATH
from orchestrator.geth import find_geth

_KNOWN = "test test test test test test test test test test test junk"
_KNOWN_KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
_KNOWN_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture
def key() -> Key:
    (key,) = derive(_KNOWN, [("first", PARTICIPANT_PATH.format(0))])
    return key


def test_a_known_mnemonic_gives_the_known_key(key: Key) -> None:
    assert key == Key("first", _KNOWN_ADDRESS, "m/44'/60'/0'/0/0", bytes.fromhex(_KNOWN_KEY))


def test_a_new_mnemonic_has_twelve_words_is_valid_and_is_never_the_same() -> None:
    words = {new_mnemonic() for _ in range(5)}
    assert len(words) == 5
    for mnemonic in words:
        assert len(mnemonic.split()) == 12
        assert derive(mnemonic, [("x", PARTICIPANT_PATH.format(0))])


def test_the_error_of_a_bad_mnemonic_hides_its_cause_which_would_show_the_words() -> None:
    with pytest.raises(TestbedError) as caught:
        derive("zebra " * 12, [])
    assert caught.value.__suppress_context__
    assert "zebra" not in str(caught.value)


def test_a_key_file_opens_with_its_password_alone(key: Key, tmp_path: Path) -> None:
    write_keystore(key, tmp_path)
    content = json.loads((tmp_path / "keystore.json").read_text())
    password = (tmp_path / "password").read_text()
    assert bytes(Account.decrypt(content, password)) == key.private_key
    assert len(password) >= 32
    with pytest.raises(ValueError, match="MAC mismatch"):
        Account.decrypt(content, password + "x")


def test_no_two_key_files_share_a_password(key: Key, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_keystore(key, tmp_path / name)
    assert (tmp_path / "a" / "password").read_text() != (tmp_path / "b" / "password").read_text()


def test_geth_signs_with_it_given_the_folder_and_the_passwords_file(key: Key, tmp_path: Path) -> None:
    write_keystore(key, tmp_path / "sealer")
    command = [str(find_geth(print)), "--datadir", str(tmp_path / "data"), "--verbosity", "1"]
    command += ["--keystore", str(tmp_path / "sealer"), "--networkid", "7", "--nodiscover", "--maxpeers", "0"]
    command += ["--port", "0", "--authrpc.port", "0", "--ipcdisable", "--nat", "none"]
    command += ["--unlock", _KNOWN_ADDRESS, "--password", str(tmp_path / "sealer" / "password")]
    command += ["console", "--exec", f"eth.sign('{_KNOWN_ADDRESS}', '0x{b'price'.hex()}')"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60)
    expected = Account.sign_message(encode_defunct(b"price"), key.private_key).signature
    assert said.stdout.strip().strip('"') == "0x" + expected.hex(), said.stderr


def test_key_files_are_their_owners_alone_whatever_the_umask(key: Key, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_keystore(key, tmp_path / "bot")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "bot").iterdir()}
    assert modes == {"keystore.json": 0o600, "password": 0o600}
    assert (tmp_path / "bot").stat().st_mode & 0o777 == 0o700


def test_key_files_that_are_there_are_left_alone(key: Key, tmp_path: Path) -> None:
    write_keystore(key, tmp_path)
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in tmp_path.iterdir()}
    write_keystore(key, tmp_path)
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("lost", ["keystore.json", "password"])
def test_half_a_pair_is_made_anew(key: Key, tmp_path: Path, lost: str) -> None:
    write_keystore(key, tmp_path)
    (tmp_path / lost).unlink()
    write_keystore(key, tmp_path)
    content = json.loads((tmp_path / "keystore.json").read_text())
    assert bytes(Account.decrypt(content, (tmp_path / "password").read_text())) == key.private_key


def test_no_keystore_of_a_thousand_lacks_a_byte_that_geth_would_miss(key: Key, tmp_path: Path) -> None:
    """One in 256 did, as the library writes them, and Geth panicked when it unlocked the key."""
    for number in range(1000):
        write_keystore(key, tmp_path / str(number))
        crypto = json.loads((tmp_path / str(number) / "keystore.json").read_text())["crypto"]
        assert len(bytes.fromhex(crypto["cipherparams"]["iv"])) == 16
        assert len(bytes.fromhex(crypto["kdfparams"]["salt"])) == 16
        assert len(bytes.fromhex(crypto["ciphertext"])) == 32
