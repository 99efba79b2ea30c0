"""An account that signs its own transactions (EIP-1559), outside the node."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount

from chain.call import Call
from errors import TestbedError


@dataclass(frozen=True)
class Fees:
    """Fee per gas in wei: the most that is paid, and the tip for the sealer (EIP-1559)."""

    max_fee_wei: int
    tip_wei: int

    @classmethod
    def above(cls, base_fee_wei: int, tip_wei: int = 10**9) -> Fees:
        """Enough for the base fee to double while the transaction waits."""
        return cls(2 * base_fee_wei + tip_wei, tip_wei)


@dataclass(frozen=True)
class Signed:
    raw: str
    hash: str
    nonce: int


class Wallet:
    """A private key and what it signs. The key never leaves the object."""

    def __init__(self, private_key: bytes | str) -> None:
        self._account: LocalAccount = Account.from_key(private_key)
        self.address: str = self._account.address

    @classmethod
    def from_keystore(cls, keystore: Path, password: Path) -> Wallet:
        """Raises TestbedError where a file is missing or the password does not fit."""
        try:
            key = Account.decrypt(json.loads(keystore.read_text()), password.read_text().strip())
        except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
            raise TestbedError(f"the key cannot be opened: {error}", where=str(keystore)) from error
        return cls(bytes(key))

    def sign(self, call: Call, nonce: int, chain_id: int, fees: Fees) -> Signed:
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": chain_id,
            "nonce": nonce,
            "gas": call.gas,
            "maxFeePerGas": fees.max_fee_wei,
            "maxPriorityFeePerGas": fees.tip_wei,
            "value": call.value,
            "data": call.data,
        }
        if call.to is not None:
            transaction["to"] = call.to
        signed = self._account.sign_transaction(transaction)
        return Signed("0x" + signed.raw_transaction.hex(), "0x" + signed.hash.hex(), nonce)
