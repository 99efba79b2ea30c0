"""The genesis block of a private chain, as `geth init` takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GAS_LIMIT = 30_000_000
_CLIQUE_EPOCH_BLOCKS = 30_000
_MINIMUM_DIFFICULTY = 131_072
_INITIAL_BASE_FEE_WEI = 10**9
_FORKS_AT_GENESIS = (
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "muirGlacierBlock",
    "berlinBlock",
    "londonBlock",
)


def genesis_block(
    *,
    chain_id: int,
    timestamp: int,
    allocation_wei: Mapping[str, int],
    clique_signers: Sequence[str] = (),
    clique_period_seconds: int = 1,
) -> dict[str, Any]:
    """Clique (EIP-225) where signers are given, else ethash at the minimum difficulty; London rules.

    The timestamp should be the present: a node drops the transactions of its peers while its
    head is older than a month.
    """
    config: dict[str, Any] = {"chainId": chain_id, **dict.fromkeys(_FORKS_AT_GENESIS, 0)}
    if clique_signers:
        config["clique"] = {"period": clique_period_seconds, "epoch": _CLIQUE_EPOCH_BLOCKS}
        signers = b"".join(sorted(bytes.fromhex(signer[2:]) for signer in clique_signers))
        extra_data, difficulty = bytes(32) + signers + bytes(65), 1
    else:
        config["ethash"] = {}
        extra_data, difficulty = bytes(32), _MINIMUM_DIFFICULTY
    return {
        "config": config,
        "timestamp": hex(timestamp),
        "extraData": "0x" + extra_data.hex(),
        "difficulty": hex(difficulty),
        "gasLimit": hex(GAS_LIMIT),
        "baseFeePerGas": hex(_INITIAL_BASE_FEE_WEI),
        "alloc": {address: {"balance": hex(wei)} for address, wei in allocation_wei.items()},
    }
