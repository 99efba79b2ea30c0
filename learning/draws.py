"""Random draws that depend on who decides and when, and on nothing else.

The same seed, agent, slot and purpose give the same numbers on the chain, after a restart, in another
process and in simulation; neither Python's hash() nor the order of calls enters.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np


def generator(seed: int, agent: str, slot: int, purpose: str) -> np.random.Generator:
    """A fresh PCG64 generator for one decision; slots are counted from the campaign's first, 1."""
    key = json.dumps([seed, agent, slot, purpose]).encode()
    digest = hashlib.blake2b(key, digest_size=32).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int.from_bytes(digest, "big"))))
