"""Who reaches the published RPC can move nobody's elecoins or ether, and steers no node."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from chain.rpc import HttpRpc, RpcError, balance_of
from chain.wallet import Wallet
from contracts.etsc import Etsc
from market.units import WEI_PER_ETHER
from tests.e2e.running import Market

_FORBIDDEN: tuple[tuple[str, list[Any]], ...] = (
    ("admin_nodeInfo", []),
    ("admin_addPeer", ["enode://00@127.0.0.1:1"]),
    ("admin_startHTTP", []),
    ("miner_stop", []),
    ("miner_setEtherbase", ["0x" + "11" * 20]),
    ("debug_setHead", ["0x0"]),
    ("debug_traceBlockByNumber", ["latest"]),
    ("personal_listAccounts", []),
    ("personal_unlockAccount", ["0x" + "11" * 20, "", 0]),
    ("personal_importRawKey", ["11" * 32, ""]),
    ("clique_propose", ["0x" + "11" * 20, True]),
    ("txpool_content", []),
)
_METHOD_NOT_FOUND = -32601


def _ask(url: str, method: str, params: list[Any]) -> dict[str, Any]:
    """One call over HTTP or WebSocket: the whole answer."""
    if url.startswith("http"):
        with HttpRpc(url) as rpc:
            (result,) = rpc.batch([(method, params)])
        if isinstance(result, RpcError):
            return {"error": {"code": result.code, "message": result.message}}
        return {"result": result}

    async def over_websocket() -> dict[str, Any]:
        async with connect(url, proxy=None) as socket:
            await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
            answer: dict[str, Any] = json.loads(await socket.recv())
            return answer

    return asyncio.run(over_websocket())


@pytest.fixture(params=["rpc_url", "ws_url"])
def urls(request: pytest.FixtureRequest, market: Market) -> list[str]:
    """Each node's published address: HTTP, then WebSocket."""
    return [node[request.param] for node in market.status()["nodes"]]


def test_what_steers_a_node_is_not_published(urls: list[str]) -> None:
    for url in urls:
        for method, params in _FORBIDDEN:
            answer = _ask(url, method, params)
            assert answer.get("error", {}).get("code") == _METHOD_NOT_FOUND, (url, method, answer)


def test_rpc_cannot_spend_what_a_participant_has(
    urls: list[str], market: Market, played: dict[str, Any]
) -> None:
    assert played["trades"] > 0  # prosumers hold electricity, retailers elecoins
    before = _holdings(market)
    thief = "0x" + "11" * 20
    testbed = market.opened()
    etsc = Etsc(testbed.registration.contract)
    victims = [*testbed.participants.market]
    calls: list[dict[str, Any]] = [
        {"to": thief, "value": hex(WEI_PER_ETHER)},
        {
            "to": etsc.address,
            "data": "0x" + etsc.trade(testbed.participants.retailers[0].address, 1).data.hex(),
        },
    ]
    for url in urls:
        for victim in victims:
            for call in calls:
                for method in ("eth_sendTransaction", "eth_signTransaction", "personal_sendTransaction"):
                    transaction = {"from": victim.address, "gas": "0x30000", "gasPrice": "0x77359400", **call}
                    answer = _ask(url, method, [transaction])
                    assert "error" in answer, (url, method, victim.name, answer)
            assert "error" in _ask(url, "eth_sign", [victim.address, "0x00"])
    assert _holdings(market) == before


def test_the_account_that_a_node_holds_owns_tips_and_has_no_role(
    urls: list[str], market: Market, played: dict[str, Any]
) -> None:
    assert played["conservation"]["ok"] is True
    testbed = market.opened()
    etsc = Etsc(testbed.registration.contract)
    for url, node in zip(urls, testbed.plan.nodes, strict=True):
        assert [each.lower() for each in _ask(url, "eth_accounts", [])["result"]] == [node.sealer.lower()]
        with HttpRpc(node.rpc_url) as rpc:
            assert not rpc.fetch(etsc.user(node.sealer)).registered
            assert rpc.fetch(balance_of(node.sealer), "0x0") == 0
            # A few transactions' tips: nothing next to what a participant has.
            assert rpc.fetch(balance_of(node.sealer)) < WEI_PER_ETHER


def test_the_account_that_a_node_holds_can_do_nothing_in_the_market(
    urls: list[str], market: Market, played: dict[str, Any]
) -> None:
    assert played["slots"] == 4
    before = _holdings(market)
    testbed = market.opened()
    etsc, people = Etsc(testbed.registration.contract), testbed.participants
    slot_price = 10**15
    calls = [
        etsc.open_slot(1000, slot_price),
        etsc.buy_token(people.seller.address, 1, slot_price, slot_price),
        etsc.trade(people.retailers[0].address, 1),
        etsc.empower("thief", testbed.plan.nodes[0].sealer, True, True),
        etsc.bind_meter(people.retailers[0].address, testbed.plan.nodes[0].sealer),
    ]
    for url, node in zip(urls, testbed.plan.nodes, strict=True):
        for call in calls:
            transaction = {
                **{"from": node.sealer, "to": call.to, "value": hex(call.value)},
                "data": "0x" + call.data.hex(),
            }
            answer = _ask(url, "eth_sendTransaction", [transaction])
            assert "error" in answer, (url, call, answer)
    assert _holdings(market) == before


def _holdings(market: Market) -> dict[str, tuple[Any, ...]]:
    """Of all participants; sealers earn tips."""
    listing = market.home.ok("accounts", "--name", market.name, "--json").json["accounts"]
    return {
        account["name"]: (account["ether"], account["elecoins"], account["power_kWh"])
        for account in listing
        if account["role"] != "sealer"
    }


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_and_state_are_for_their_owner_alone(market: Market, played: dict[str, Any]) -> None:
    secrets = [
        market.directory / "state.json",
        *market.directory.rglob("keystore.json"),
        *market.directory.rglob("password"),
        *market.directory.rglob("bot.json"),
    ]
    bots = len(market.opened().participants.bots)
    assert len(secrets) == 1 + 2 * (bots + 3) + bots
    assert {path: oct(_mode(path)) for path in secrets if _mode(path) != 0o600} == {}
    mnemonic = market.opened().state.mnemonic
    holders = [path for path in market.directory.rglob("*") if path.is_file() and _holds(path, mnemonic)]
    assert holders == [market.directory / "state.json"]
    assert played["id"]


def _holds(path: Path, text: str) -> bool:
    return text.encode() in path.read_bytes()


def test_a_bot_holds_its_own_key_and_parameters_and_no_others(market: Market, played: dict[str, Any]) -> None:
    game, people = market.opened().game, market.opened().participants
    w_of = {prosumer.name: w for prosumer, w in zip(people.prosumers, game.w, strict=True)}
    assert len(set(w_of.values())) == len(w_of)
    assert played["report"]["parameters"]["w"] == list(game.w)
    for bot in people.bots:
        folder = market.directory / "bots" / bot.name
        assert {path.name for path in folder.iterdir()} == {
            "bot.json",
            "journal.jsonl",
            "keystore.json",
            "password",
        }
        wallet = Wallet.from_keystore(folder / "keystore.json", folder / "password")
        assert wallet.address == bot.address
        everything = "".join(path.read_text() for path in folder.iterdir())
        for prosumer, w in w_of.items():
            assert (repr(w) in everything) is (prosumer == bot.name), (bot.name, prosumer)


def test_a_node_holds_no_key_but_its_sealers(market: Market) -> None:
    for node in market.opened().plan.nodes:
        keystores = [
            json.loads(path.read_text())["address"]
            for path in node.directory.rglob("*")
            if path.is_file() and "keystore" in str(path.relative_to(node.directory)).lower()
        ]
        assert [address.lower().removeprefix("0x") for address in keystores] == [node.sealer[2:].lower()]
