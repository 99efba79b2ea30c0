"""What an account sends arrives though nodes die, once, and a refusal is heard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from chain.call import Call
from chain.rpc import HttpRpc, RpcError, RpcUnreachable, balance_of, nonce_of
from chain.sender import Sender
from chain.wallet import Signed, Wallet
from tests.chain.conftest import MakeNode
from tests.chain.liar import Answer, Liar, http
from tests.explorer.gethnode import CHAIN_ID, FEES, RICH, GethNode, free_ports, wait_until, wallet

StartLiar = Callable[[bytes | Answer], Liar]
_NOTHING = Call(RICH[0].address, b"", 1)


@pytest.fixture(scope="module")
def others() -> Iterator[Wallet]:
    """Accounts that no other test of this module has used."""
    return iter(RICH[4:20])


@pytest.fixture(scope="module")
def second(make_node: MakeNode) -> GethNode:
    """Another node of the same genesis settings that hears nothing from the first."""
    return make_node(1)


def nowhere() -> str:
    (port,) = free_ports(1)
    return f"http://127.0.0.1:{port}"


def has(node: GethNode, signed: Signed) -> bool:
    return node.ask("eth_getTransactionByHash", signed.hash) is not None


def refusing(message: str) -> Answer:
    """Answers each transaction of a batch with a refusal."""

    def answer(body: bytes) -> bytes:
        refusals = [
            {"id": call["id"], "error": {"code": -32000, "message": message}} for call in json.loads(body)
        ]
        return http(json.dumps(refusals).encode())

    return answer


def test_every_node_gets_every_transaction(
    node: GethNode, second: GethNode, others: Iterator[Wallet]
) -> None:
    sender = Sender(next(others), [node.rpc_url, second.rpc_url], CHAIN_ID)
    signed = sender.sign([_NOTHING, _NOTHING], 0, FEES)
    assert [each.nonce for each in signed] == [0, 1]
    sender.send(signed)
    sender.close()
    assert all(has(each, transaction) for each in (node, second) for transaction in signed)


def test_what_was_sent_is_in_flight_until_it_is_mined(node: GethNode, others: Iterator[Wallet]) -> None:
    account = next(others)
    sender = Sender(account, [node.rpc_url], CHAIN_ID)
    assert not sender.in_flight(0)
    sender.send(sender.sign([_NOTHING, _NOTHING], 0, FEES))
    assert sender.in_flight(0)
    assert sender.in_flight(1)
    with HttpRpc(node.rpc_url) as rpc:
        wait_until(lambda: rpc.fetch(nonce_of(account.address)) == 2, "both to be mined")
    assert not sender.in_flight(2)
    sender.resend()
    sender.close()


def test_sending_again_pays_once_whether_it_waits_or_is_mined(
    node: GethNode, others: Iterator[Wallet]
) -> None:
    account, target = next(others), wallet("paid once")
    sender = Sender(account, [node.rpc_url], CHAIN_ID)
    signed = sender.sign([Call(target.address, b"", 5)], 0, FEES)
    for _ in range(3):
        sender.send(signed)
    with HttpRpc(node.rpc_url) as rpc:
        wait_until(lambda: rpc.fetch(nonce_of(account.address)) == 1, "it to be mined")
        sender.send(signed)
        sender.resend()
        assert rpc.fetch(balance_of(target.address)) == 5
    sender.close()


def test_a_dead_node_stops_nothing(node: GethNode, others: Iterator[Wallet]) -> None:
    sender = Sender(next(others), [nowhere(), node.rpc_url, nowhere()], CHAIN_ID)
    (signed,) = sender.sign([_NOTHING], 0, FEES)
    sender.send([signed])
    sender.close()
    assert has(node, signed)


def test_a_node_that_was_away_gets_it_when_it_is_sent_again(
    make_node: MakeNode, node: GethNode, others: Iterator[Wallet]
) -> None:
    away = make_node(0)
    away.stop()
    sender = Sender(next(others), [away.rpc_url, node.rpc_url], CHAIN_ID)
    (signed,) = sender.sign([_NOTHING], 0, FEES)
    sender.send([signed])
    away.start()
    assert not has(away, signed)
    sender.resend()
    sender.close()
    assert has(away, signed)
    away.stop()


def test_where_nobody_answers_the_sender_knows_and_keeps_it(others: Iterator[Wallet]) -> None:
    sender = Sender(next(others), [nowhere(), nowhere()], CHAIN_ID)
    with pytest.raises(RpcUnreachable):
        sender.send(sender.sign([_NOTHING], 0, FEES))
    assert sender.in_flight(0)
    sender.close()


def test_a_refusal_by_all_is_raised(node: GethNode, second: GethNode) -> None:
    poor = Sender(wallet("without ether"), [node.rpc_url, second.rpc_url], CHAIN_ID)
    with pytest.raises(RpcError, match="insufficient funds"):
        poor.send(poor.sign([_NOTHING], 0, FEES))
    poor.close()


def test_a_refusal_by_one_is_none(node: GethNode, others: Iterator[Wallet], liar: StartLiar) -> None:
    sender = Sender(next(others), [liar(refusing("txpool is full")).url, node.rpc_url], CHAIN_ID)
    (signed,) = sender.sign([_NOTHING], 0, FEES)
    sender.send([signed])
    sender.close()
    assert has(node, signed)


@pytest.mark.parametrize("message", ["already known", "nonce too low", "replacement transaction underpriced"])
def test_what_a_node_has_already_is_no_refusal(
    liar: StartLiar, others: Iterator[Wallet], message: str
) -> None:
    sender = Sender(RICH[3], [liar(refusing(message)).url], CHAIN_ID)
    sender.send(sender.sign([_NOTHING], 0, FEES))
    sender.close()
