"""Who sealed a clique block (EIP-225)."""

from __future__ import annotations

from typing import Any

import rlp
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.conversions import to_bytes
from eth_utils.crypto import keccak

_SEAL_BYTES = 65
_FIELDS = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
)
_QUANTITIES = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"}


_DIFFICULTIES = (1, 2)


def is_sealed(header: dict[str, Any]) -> bool:
    """Whether a header has the form that clique gives it; proof of work has never such a difficulty."""
    return (
        int(header["difficulty"], 16) in _DIFFICULTIES
        and len(header["extraData"]) >= 2 + 2 * (32 + _SEAL_BYTES)
        and int(header["number"], 16) > 0
    )


def sealer_of(header: dict[str, Any]) -> str:
    """EIP-55 address of the signer, recovered from the seal at the end of `extraData`.

    Raises ValueError where the header carries no seal (a genesis block, a proof-of-work block).
    """
    extra = to_bytes(hexstr=header["extraData"])
    if len(extra) < 32 + _SEAL_BYTES:
        raise ValueError("the header carries no clique seal")
    fields = [
        int(header[name], 16) if name in _QUANTITIES else to_bytes(hexstr=header[name])
        for name in _FIELDS
        if name in header
    ]
    fields[_FIELDS.index("extraData")] = extra[:-_SEAL_BYTES]
    sealed_hash = keccak(rlp.encode(fields))
    try:
        key = Signature(extra[-_SEAL_BYTES:]).recover_public_key_from_msg_hash(sealed_hash)
    except BadSignature as error:
        raise ValueError("what stands in the place of the seal is no signature") from error
    return key.to_checksum_address()
