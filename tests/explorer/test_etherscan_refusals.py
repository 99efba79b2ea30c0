"""What the Etherscan-compatible API refuses, and in which envelope."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from eth_utils.address import to_checksum_address
from starlette.responses import Response

from explorer.api import asked, etherscan
from explorer.api.asked import Asked
from explorer.config import Settings
from explorer.index.readers import Readers
from explorer.site import Site
from explorer.state import Bell, State
from tests.explorer.asking_etherscan import ask, post
from tests.explorer.running import Explorer
from tests.explorer.trading_town import Town

_FAR = to_checksum_address("0x" + "fe" * 20)


def test_a_form_asks_as_a_query_does(town: Town, explorer: Explorer) -> None:
    parameters = {"module": "account", "action": "balance", "address": town.etsc.address}
    assert post(explorer, urlencode(parameters)) == ask(explorer, **parameters)
    assert post(explorer, "{}", "application/json")["result"].startswith("Error! A POST carries")
    assert post(explorer, "a=" + "x" * 600_000)["result"] == "Error! A request has 524288 bytes at most"
    assert post(explorer, "&".join(f"p{at}=1" for at in range(200)))["status"] == "0"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "Error! Missing Or invalid Module name"),
        ({"module": "accounts", "action": "balance"}, "Error! Missing Or invalid Module name"),
        ({"module": "account"}, "Error! Missing Or invalid Action name"),
        ({"module": "proxy", "action": "eth_accounts"}, "Error! Missing Or invalid Action name"),
        ({"module": "proxy", "action": "debug_setHead"}, "Error! Missing Or invalid Action name"),
        ({"module": "account", "action": "balance"}, "Error! Missing address"),
        ({"module": "account", "action": "balance", "address": "0x12"}, "Error! Invalid address format"),
        (
            {"module": "account", "action": "balancemulti", "address": ",".join([_FAR] * 21)},
            "Error! Maximum of 20 addresses only",
        ),
        (
            {"module": "account", "action": "balance", "address": _FAR, "tag": "0x1"},
            "Error! Invalid tag",
        ),
        (
            {"module": "account", "action": "txlist", "address": _FAR, "sort": "up"},
            "Error! Invalid sort",
        ),
        ({"module": "account", "action": "txlist", "address": _FAR, "page": "-1"}, "invalid page"),
        ({"module": "account", "action": "txlistinternal", "address": _FAR}, "name its txhash"),
        ({"module": "account", "action": "txlist", "address": _FAR, "startblock": "1.5"}, "startblock"),
        (
            {"module": "account", "action": "txlistinternal", "txhash": "0x12"},
            "Error! Missing or invalid tx",
        ),
        ({"module": "block", "action": "getblockreward"}, "Error! Missing or invalid blockno"),
        ({"module": "block", "action": "getblockreward", "blockno": "9" * 70}, "Error! No such block"),
        ({"module": "block", "action": "getblockreward", "blockno": "9" * 5000}, "invalid blockno"),
        ({"module": "block", "action": "getblockreward", "blockno": "４"}, "invalid blockno"),
        ({"module": "logs", "action": "getLogs"}, "Error! Missing address or topic parameters"),
        ({"module": "logs", "action": "getLogs", "topic0": "0x00"}, "Error! Missing or invalid topic0"),
        (
            {"module": "logs", "action": "getLogs", "address": _FAR, "topic0_1_opr": "xor"},
            "Error! Invalid topic0_1_opr",
        ),
        ({"module": "stats", "action": "chainsize", "chainid": "1"}, "Error! Unsupported chainid"),
    ],
)
def test_what_is_asked_wrongly_is_refused_in_etherscans_envelope(
    explorer: Explorer, parameters: dict[str, str], said: str
) -> None:
    answer = ask(explorer, **parameters)
    assert answer.keys() == {"status", "message", "result"}
    assert (answer["status"], answer["message"]) == ("0", "NOTOK")
    assert said in answer["result"]


def test_a_window_beyond_ten_thousand_is_refused(explorer: Explorer) -> None:
    wanted = {"module": "account", "action": "txlist", "address": _FAR}
    for page, offset in (("2", "10000"), ("101", "100"), ("9" * 60, "1"), ("2", "9" * 60), ("2", "")):
        answer = ask(explorer, **wanted, page=page, offset=offset)
        assert answer["message"].startswith("Result window is too large"), (page, offset)
        assert answer["result"] is None
    assert ask(explorer, **wanted, page="100", offset="100")["message"] == "No transactions found"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"action": "eth_getCode"}, "missing value for required argument address"),
        ({"action": "eth_getCode", "address": "0x12"}, "invalid argument address: it must be 0x and 40"),
        ({"action": "eth_getBlockByNumber", "tag": "7"}, "invalid argument tag: it must be a block number"),
        ({"action": "eth_getBlockByNumber", "tag": "0x" + "f" * 17}, "invalid argument tag"),
        ({"action": "eth_getBlockByNumber", "tag": "latest", "boolean": "1"}, "must be true or false"),
        ({"action": "eth_call", "to": _FAR, "data": "0x123"}, "an even number of hexadecimal digits"),
        ({"action": "eth_sendRawTransaction"}, "missing value for required argument hex"),
        ({"action": "eth_getStorageAt", "address": _FAR, "position": "http://localhost"}, "position"),
    ],
)
def test_the_proxy_refuses_in_the_envelope_of_json_rpc_before_any_node_is_asked(
    explorer: Explorer, parameters: dict[str, str], said: str
) -> None:
    answer = ask(explorer, module="proxy", **parameters)
    assert answer.keys() == {"jsonrpc", "id", "error"}
    assert answer["error"]["code"] == -32602
    assert said in answer["error"]["message"]


def test_the_chain_may_be_named_and_the_second_version_stands_at_its_path(explorer: Explorer) -> None:
    wanted = {"module": "proxy", "action": "eth_blockNumber", "chainid": "40506", "apikey": "x"}
    paths = [f"{path}?{urlencode(wanted)}" for path in ("/api", "/v2/api")]
    assert [json.loads(explorer.get(path).text)["jsonrpc"] for path in paths] == ["2.0", "2.0"]


@pytest.fixture
def alone(explorer: Explorer, tmp_path: Path) -> Iterator[Site]:
    """The parts of an explorer over the index of the town, that follows no node."""
    path = tmp_path / "explorer.json"
    path.write_text(json.dumps({**explorer.config, "nodes": []}))
    readers = Readers()
    readers.point_at(explorer.index)
    yield Site(Settings(path), readers, Bell(), State())
    readers.close()


def told(answer: Response) -> Any:
    return json.loads(bytes(answer.body))


def test_without_a_node_the_index_still_answers_and_the_rest_says_why(alone: Site, town: Town) -> None:
    address = town.etsc.address
    listed = Asked(alone, {"module": "account", "action": "txlist", "address": address, "offset": "1"})
    assert told(etherscan.answer(listed))["message"] == "OK"
    balance = etherscan.answer(Asked(alone, {"module": "account", "action": "balance", "address": address}))
    assert told(balance)["result"] == "Error! no node answers at the moment"
    assert balance.headers["vary"] == "*"  # a node may answer at any moment
    proxied = etherscan.answer(Asked(alone, {"module": "proxy", "action": "eth_gasPrice"}))
    assert told(proxied)["error"] == {"code": -32000, "message": "no node answers at the moment"}


def test_a_question_that_takes_too_long_or_an_answer_that_is_too_long_is_refused(
    alone: Site, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"module": "account", "action": "txlist", "address": town.etsc.address}
    monkeypatch.setattr(etherscan, "_LARGEST_ANSWER", 3000)
    assert "more than 3000 bytes" in told(etherscan.answer(Asked(alone, wanted)))["result"]
    monkeypatch.setattr(asked, "_READ_SECONDS", -1.0)
    monkeypatch.setattr(asked, "_STEPS_BETWEEN_LOOKS", 1)
    refused = told(etherscan.answer(Asked(alone, wanted)))
    assert refused["result"] == "Query Timeout occured. Please select a smaller result dataset"
    with alone.readers.reading() as index:  # the limit goes with the question
        assert index.execute("SELECT count(*) FROM transactions").fetchone()[0] > 20
