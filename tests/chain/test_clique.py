"""Who sealed a block is read from the block alone, and the node agrees."""

from __future__ import annotations

from typing import Any

import pytest

from chain.call import Call
from chain.clique import sealer_of
from tests.explorer.gethnode import RICH, SEALER, GethNode


def block(node: GethNode, number: int) -> dict[str, Any]:
    found: dict[str, Any] = node.ask("eth_getBlockByNumber", hex(number), True)
    return found


def test_the_sealer_is_the_one_that_the_node_names(node: GethNode) -> None:
    node.send(RICH[0], *(Call(RICH[1].address, b"\x01\x02", 1, 60_000) for _ in range(3)))
    head = node.height()
    blocks = [block(node, number) for number in range(1, head + 1)]
    assert any(each["transactions"] for each in blocks)
    for each in blocks:
        assert sealer_of(each) == SEALER.address
        assert sealer_of(each).lower() == node.ask("clique_getSigner", each["hash"])


def test_a_changed_header_was_sealed_by_nobody_known(node: GethNode) -> None:
    node.grow(1, RICH[2])
    changed = {**block(node, node.height()), "gasUsed": "0x1"}
    assert sealer_of(changed) != SEALER.address


def test_a_block_without_a_seal_is_refused(node: GethNode) -> None:
    node.grow(1, RICH[3])
    sealed = block(node, node.height())
    for extra in ("0x", "0x" + "00" * 32, sealed["extraData"][:-2], "0x" + "ff" * 97):
        with pytest.raises(ValueError, match="seal"):
            sealer_of({**sealed, "extraData": extra})
    with pytest.raises(ValueError, match="no signature"):
        sealer_of(block(node, 0))
