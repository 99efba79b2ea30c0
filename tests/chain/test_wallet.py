"""A wallet signs what it is asked to, and a key that cannot be opened is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from chain.call import Call
from chain.wallet import Fees, Wallet
from errors import TestbedError
from genesis.keys import Key, write_keystore

_KEY = bytes(range(1, 33))
_TARGET = "0x" + "11" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_keystore(Key("x", Wallet(_KEY).address, "m", _KEY), tmp_path)
    return tmp_path


def opened(folder: Path) -> Wallet:
    return Wallet.from_keystore(folder / "keystore.json", folder / "password")


def fields(raw: str) -> dict[str, Any]:
    return dict(TypedTransaction.from_bytes(HexBytes(raw)).as_dict())


def test_a_keystore_opens_with_its_password(folder: Path) -> None:
    assert opened(folder).address == Account.from_key(_KEY).address


def test_a_new_line_after_the_password_does_not_matter(folder: Path) -> None:
    password = folder / "password"
    password.write_text(password.read_text() + "\n")
    assert opened(folder).address == Wallet(_KEY).address


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("password", "wrong"),
        ("password", None),
        ("keystore.json", None),
        ("keystore.json", ""),
        ("keystore.json", "{}"),
        ("keystore.json", "[]"),
        ("keystore.json", "null"),
        ("keystore.json", '{"version": 3}'),
        ("keystore.json", '{"version": 3, "crypto": 5}'),
        ("keystore.json", '{"version": 3, "crypto": {"kdf": "none"}}'),
        ("keystore.json", '{"version": 9, "crypto": {}}'),
    ],
)
def test_a_key_that_cannot_be_opened_is_named(folder: Path, file: str, text: str | None) -> None:
    if text is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(text)
    with pytest.raises(TestbedError, match="the key cannot be opened") as caught:
        opened(folder)
    assert caught.value.where == str(folder / "keystore.json")
    assert caught.value.exit_code == 1


def test_a_key_file_that_was_changed_does_not_open(folder: Path) -> None:
    content = json.loads((folder / "keystore.json").read_text())
    text: str = content["crypto"]["ciphertext"]
    content["crypto"]["ciphertext"] = ("1" if text[0] == "0" else "0") + text[1:]
    (folder / "keystore.json").write_text(json.dumps(content))
    with pytest.raises(TestbedError, match="MAC mismatch"):
        opened(folder)


def test_what_is_signed_is_what_was_asked_for_and_bears_the_accounts_signature() -> None:
    call = Call(_TARGET, b"\xab", value=5, gas=77_000)
    signed = Wallet(_KEY).sign(call, 3, 1234, Fees(max_fee_wei=100, tip_wei=7))
    assert Account.recover_transaction(signed.raw) == Wallet(_KEY).address
    found = fields(signed.raw)
    assert (found["chainId"], found["nonce"], found["gas"], found["value"]) == (1234, 3, 77_000, 5)
    assert (found["maxFeePerGas"], found["maxPriorityFeePerGas"]) == (100, 7)
    assert (bytes(found["to"]), bytes(found["data"])) == (b"\x11" * 20, b"\xab")
    assert signed.nonce == 3
    assert signed.hash == "0x" + keccak(hexstr=signed.raw).hex()


def test_a_call_without_a_target_makes_a_contract() -> None:
    signed = Wallet(_KEY).sign(Call(None, b"\x60\x00"), 0, 1, Fees(10, 1))
    assert bytes(fields(signed.raw)["to"]) == b""


def test_the_fees_bear_the_base_fee_doubling() -> None:
    assert Fees.above(10) == Fees(20 + 10**9, 10**9)
    assert Fees.above(10, tip_wei=3) == Fees(23, 3)


def test_a_wallet_does_not_show_its_key() -> None:
    assert _KEY.hex() not in repr(Wallet(_KEY)) + str(vars(Wallet(_KEY)))
