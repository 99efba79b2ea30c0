"""New heads keep coming, from whichever node is alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from chain.heads import Head, heads
from tests.chain.conftest import MakeNode
from tests.chain.liar import Answer, Liar, http
from tests.explorer.gethnode import RICH, GethNode, free_ports

# Each pause without a head is a None about every half second.
_MANY = 120


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def url_of(node: GethNode) -> str:
    return f"ws://127.0.0.1:{node.ws}"


def next_head(stream: Iterator[Head | None]) -> Head:
    for _ in range(_MANY):
        if (head := next(stream)) is not None:
            return head
    raise AssertionError("no head came")


def test_each_new_block_comes_once_and_is_the_nodes_own(node: GethNode, stop: threading.Event) -> None:
    stream = heads([url_of(node)], stop)
    seen = {head.number: head for head in (next_head(stream) for _ in range(4))}
    numbers = sorted(seen)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) >= 3, "at most the present head may come twice"
    for number, head in seen.items():
        block = node.ask("eth_getBlockByNumber", hex(number), False)
        assert head == Head.from_json(block)
        assert (head.hash, head.parent_hash) == (block["hash"], block["parentHash"])
        assert head.base_fee_wei == int(block["baseFeePerGas"], 16) > 0


def test_the_first_head_is_the_present_one_and_silence_is_told(
    make_node: MakeNode, stop: threading.Event
) -> None:
    """This chain seals nothing unless a transaction comes."""
    quiet = make_node(0)
    quiet.grow(1, RICH[0])
    stream = heads([url_of(quiet)], stop)
    assert next_head(stream).hash == quiet.head_hash()
    assert next(stream) is None
    quiet.grow(1, RICH[0])
    assert next_head(stream).number >= 2
    quiet.stop()


def test_when_a_node_dies_the_next_takes_over(
    node: GethNode, make_node: MakeNode, stop: threading.Event
) -> None:
    dying = make_node(1)
    stream = heads([url_of(dying), url_of(node)], stop)
    assert dying.ask("eth_getBlockByHash", next_head(stream).hash, False) is not None
    assert dying.process is not None
    dying.process.kill()
    dying.process.wait()
    dying.process = None
    after = [next_head(stream) for _ in range(3)][-1]
    assert node.ask("eth_getBlockByHash", after.hash, False) is not None


def test_a_node_that_comes_back_is_heard_again(make_node: MakeNode, stop: threading.Event) -> None:
    node = make_node(1)
    stream = heads([url_of(node)], stop)
    before = next_head(stream)
    node.stop()
    while next(stream) is not None:
        pass
    node.start()
    assert next_head(stream).number >= before.number
    node.stop()


def test_addresses_where_no_node_is_are_passed_over(
    node: GethNode, liar: Callable[[bytes | Answer], Liar], stop: threading.Event
) -> None:
    (port,) = free_ports(1)
    page = liar(http(b"<html>")).url.replace("http", "ws")
    stream = heads([f"ws://127.0.0.1:{port}", page, url_of(node)], stop)
    assert node.ask("eth_getBlockByHash", next_head(stream).hash, False) is not None


def test_it_ends_when_told_to(node: GethNode, stop: threading.Event) -> None:
    stream = heads([url_of(node)], stop)
    next_head(stream)
    stop.set()
    assert list(stream) == []
    assert list(heads([url_of(node)], stop)) == []
