"""What a smart meter signs (EIP-712), so that anybody may bring its readings to the chain."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from eth_account import Account

DOMAIN_NAME, DOMAIN_VERSION = "ETSC", "1"
TYPES = {
    "Reading": [
        {"name": "meter", "type": "address"},
        {"name": "user", "type": "address"},
        {"name": "generated", "type": "uint256"},
        {"name": "consumed", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}


@dataclass(frozen=True)
class Reading:
    """What `meter` has counted for `user` so far, in Wh, both cumulative.

    deadline, in seconds since 1970, is the last moment at which it may be relayed.
    """

    meter: str
    user: str
    generated: int
    consumed: int
    deadline: int


@dataclass(frozen=True)
class SignedReading:
    """Good once, on one chain, for one contract: `contracts.etsc.Etsc.relay_reading` brings it there."""

    reading: Reading
    v: int
    r: bytes
    s: bytes


def sign_reading(private_key: bytes, reading: Reading, etsc_address: str, chain_id: int) -> SignedReading:
    """Signs with the meter's key for the ETSC at `etsc_address`."""
    domain: dict[str, Any] = {
        "name": DOMAIN_NAME,
        "version": DOMAIN_VERSION,
        "chainId": chain_id,
        "verifyingContract": etsc_address,
    }
    signed = Account.sign_typed_data(private_key, domain, TYPES, asdict(reading))
    return SignedReading(reading, signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big"))
