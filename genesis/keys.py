"""Accounts of a testbed: one BIP-39 mnemonic, standard derivation paths, keystores."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.hdaccount import generate_mnemonic, key_from_seed, seed_from_mnemonic
from eth_account.types import Language
from eth_keyfile.keyfile import create_keyfile_json
from eth_utils.exceptions import ValidationError

from errors import TestbedError

# The password lies beside its keystore, so a slow key derivation would protect nothing and cost
# a second of processor time for every dozen bots.
_SCRYPT_WORK_FACTOR = 2
_IV_HEX_DIGITS = 32


@dataclass(frozen=True)
class Key:
    name: str
    address: str
    path: str
    private_key: bytes


def new_mnemonic() -> str:
    """Twelve words (BIP-39) from the operating system's randomness."""
    return generate_mnemonic(num_words=12, lang=Language.ENGLISH)


def derive(mnemonic: str, names_and_paths: Iterable[tuple[str, str]]) -> list[Key]:
    """A key for each name at its path (BIP-32). Raises TestbedError where the mnemonic is none."""
    words = mnemonic.split()
    try:
        seed = seed_from_mnemonic(" ".join(words), "")
    except ValidationError:
        # The library's message holds the words, which are all but the secret itself.
        raise TestbedError(
            f"its {len(words)} words are not a BIP-39 mnemonic: there must be 12, 15, 18, 21 or 24 of one"
            " language's list, the last of which fits the others",
            where="mnemonic",
            fix="Look for a misspelt word, or leave the key out: a new mnemonic is made.",
        ) from None
    keys = []
    for name, path in names_and_paths:
        private_key = key_from_seed(seed, path)
        keys.append(Key(name, Account.from_key(private_key).address, path, private_key))
    return keys


def write_keystore(key: Key, directory: Path) -> None:
    """`keystore.json` and `password`, mode 0600, in `directory`; left alone where they are whole."""
    keystore, password = directory / "keystore.json", directory / "password"
    if keystore.exists() and password.exists():
        return
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    words = secrets.token_hex(16)
    content = encrypted(key.private_key, words)
    _write_private(password, words)
    _write_private(keystore, json.dumps(content))


def encrypted(private_key: bytes, password: str) -> dict[str, Any]:
    """A keystore (Web3 Secret Storage, version 3) that Geth opens too.

    eth-keyfile writes its random initialisation vector as a number: one in 256 lacks its leading zero, and
    Geth panics on it ("bad IV length").
    """
    while True:
        keyfile: dict[str, Any] = create_keyfile_json(
            private_key, password, kdf="scrypt", iterations=_SCRYPT_WORK_FACTOR
        )
        if len(keyfile["crypto"]["cipherparams"]["iv"]) == _IV_HEX_DIGITS:
            return keyfile


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(temporary, path)
