"""Clients of Etherscan find here what they find there, and what they are told is what the node says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from etherscan import Etherscan as OldClient
from etherscan.enums.fields_enum import FieldsEnum
from typed_etherscan import Etherscan

from chain.call import Call
from chain.rpc import HttpRpc
from contracts.artifact import ARTIFACT
from contracts.events import topic_of
from explorer.api import blocks
from tests.explorer.asking_etherscan import ask, post
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import FEES, RICH, SEALER, wait_until
from tests.explorer.running import Explorer
from tests.explorer.trading_town import EDGE_SERVER, Town

_SENDER, _FAR = RICH[21], to_checksum_address("0x" + "fe" * 20)
# Sends on to an address of 20 bytes whatever ether it is created with.
_FORWARDING = "60006000600060003473{}5af100"


class Client:
    """typed-etherscan, which checks each answer against its own types."""

    def __init__(self, explorer: Explorer) -> None:
        self._url = f"http://127.0.0.1:{explorer.config['port']}"

    def whole(self, question: Callable[[Etherscan], Awaitable[Any]]) -> Any:
        async def asking() -> Any:
            async with Etherscan.new(api_key="none is needed", base_url=self._url) as client:
                return await question(client)

        return asyncio.run(asking())

    def __call__(self, question: Callable[[Etherscan], Awaitable[Any]]) -> Any:
        """The result of an answer that is one."""
        answer = self.whole(question)
        assert answer["status"] == "1", answer
        return answer["result"]


@pytest.fixture
def client(explorer: Explorer) -> Client:
    return Client(explorer)


@pytest.fixture
def old_client(explorer: Explorer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """etherscan-python, which knows of no other address than Etherscan's own."""
    monkeypatch.setattr(FieldsEnum, "PREFIX", f"http://127.0.0.1:{explorer.config['port']}/api?")
    return OldClient("none is needed")


def transactions_on_chain(town: Town, account: str) -> list[tuple[dict[str, Any], dict[str, Any], int]]:
    """Of an account: each with its receipt and the gas of the block up to it, oldest first."""
    found = []
    for number in range(town.node.height() + 1):
        block = town.node.ask("eth_getBlockByNumber", hex(number), True)
        for tx in block["transactions"]:
            receipt = town.node.ask("eth_getTransactionReceipt", tx["hash"])
            parties = (tx["from"], tx["to"], receipt["contractAddress"])
            if account.lower() in parties:
                found.append((tx, receipt, int(block["timestamp"], 16)))
    return found


def test_balances_are_the_nodes(town: Town, client: Client) -> None:
    one, other = town.prosumers[0].address, EDGE_SERVER.address
    wei = [str(int(town.node.ask("eth_getBalance", each, "latest"), 16)) for each in (one, other)]
    assert client(lambda to: to.account.balance(address=one, tag="latest")) == wei[0]
    both = client(lambda to: to.account.balances(address=f"{one},{other}", tag="latest"))
    assert [(row["account"], str(row["balance"])) for row in both] == list(
        zip((one, other), wei, strict=True)
    )


def test_the_transactions_of_an_account_are_those_of_the_chain_field_by_field(
    town: Town, client: Client
) -> None:
    contract, head = town.etsc.address, town.node.height()
    listed = client(lambda to: to.account.transactions(address=contract, sort="asc"))
    on_chain = transactions_on_chain(town, contract)
    assert len(listed) == len(on_chain) > 20
    for row, (tx, receipt, timestamp) in zip(listed, on_chain, strict=True):
        assert row["hash"] == tx["hash"]
        assert row["blockHash"] == tx["blockHash"]
        assert row["blockNumber"] == int(tx["blockNumber"], 16)
        assert row["timeStamp"].timestamp() == timestamp
        assert row["nonce"] == int(tx["nonce"], 16)
        assert row["transactionIndex"] == int(tx["transactionIndex"], 16)
        assert (row["from"], row["to"]) == (tx["from"], tx["to"] or "")
        assert (row["value"], row["gas"]) == (int(tx["value"], 16), int(tx["gas"], 16))
        assert row["gasPrice"] == int(receipt["effectiveGasPrice"], 16)
        assert row["gasUsed"] == int(receipt["gasUsed"], 16)
        assert row["cumulativeGasUsed"] == int(receipt["cumulativeGasUsed"], 16)
        assert row["contractAddress"] == (receipt["contractAddress"] or "")
        assert row["txreceipt_status"] == str(int(receipt["status"], 16))
        assert row["isError"] == str(1 - int(receipt["status"], 16))
        assert row["input"] == tx["input"]
        assert row["methodId"] == tx["input"][:10]
        assert row["confirmations"] == head - row["blockNumber"] + 1
    names = {row["functionName"] for row in listed}
    assert "buyToken(address edgeServerAddr, uint256 amount, uint256 maxPrice)" in names
    assert listed[0]["functionName"] == ""  # the deployment


def test_pages_of_a_list_have_each_transaction_once_in_either_order(town: Town, client: Client) -> None:
    hashes = [tx["hash"] for tx, _, _ in transactions_on_chain(town, town.etsc.address)]

    def paged(sort: Any) -> list[str]:
        wanted = {"address": town.etsc.address, "offset": 7, "sort": sort}
        return [row["hash"] for row in client.whole(lambda to: to.account.transactions_paged(**wanted))]

    assert paged("asc") == hashes
    assert paged("desc") == hashes[::-1]


def test_a_range_of_blocks_limits_the_transactions(town: Town, explorer: Explorer) -> None:
    within = [
        tx["hash"]
        for tx, _, _ in transactions_on_chain(town, town.etsc.address)
        if 3 <= int(tx["blockNumber"], 16) <= 6
    ]
    for last in ("6", "06"):
        listed = ask(
            explorer,
            module="account",
            action="txlist",
            address=town.etsc.address,
            startblock="3",
            endblock=last,
        )
        assert [row["hash"] for row in listed["result"]] == within


def test_internal_transactions_are_read_from_a_trace(town: Town, explorer: Explorer) -> None:
    wei = 12_345
    created = bytes.fromhex(_FORWARDING.format(_FAR[2:]))
    tx_hash = town.node.send(_SENDER, Call(None, created, wei, 200_000))[0]
    explorer.wait_for(town.node)
    row = ask(explorer, module="account", action="txlistinternal", txhash=tx_hash)["result"][0]
    contract = town.node.ask("eth_getTransactionReceipt", tx_hash)["contractAddress"]
    assert (row["from"], row["to"], row["value"], row["type"]) == (contract, _FAR.lower(), str(wei), "call")
    assert (row["isError"], row["contractAddress"]) == ("0", "")
    plain = town.node.send(_SENDER, Call(RICH[-1].address, b"", 1))[0]
    explorer.wait_for(town.node)
    nothing = {"status": "0", "message": "No transactions found", "result": []}
    assert ask(explorer, module="account", action="txlistinternal", txhash=plain) == nothing


def test_there_are_no_tokens_and_the_lists_of_them_are_empty(explorer: Explorer, town: Town) -> None:
    for action in ("tokentx", "tokennfttx", "token1155tx"):
        answer = ask(explorer, module="account", action=action, address=town.etsc.address)
        assert answer == {"status": "0", "message": "No transactions found", "result": []}


def test_the_reward_of_a_block_is_what_its_sealer_gained_in_it(town: Town, client: Client) -> None:
    def reward_of(number: int) -> Any:
        return client(lambda to: to.blocks.reward(blockno=number))

    for number in (1, town.node.height()):
        reward = reward_of(number)
        gained = [
            int(town.node.ask("eth_getBalance", SEALER.address, hex(at)), 16) for at in (number - 1, number)
        ]
        assert reward["blockReward"] == gained[1] - gained[0]
        assert reward["blockMiner"] == SEALER.address.lower()
        assert (reward["uncles"], reward["uncleInclusionReward"]) == ([], 0)
    mined = client(lambda to: to.account.mined_blocks(address=SEALER.address))
    assert [row["blockNumber"] for row in mined] == list(range(town.node.height(), 0, -1))
    assert mined[0]["blockReward"] == reward["blockReward"]


def test_with_proof_of_work_two_ether_are_made_and_uncles_paid_less_the_later_they_come(
    town: Town, make_explorer: ExplorerMaker
) -> None:
    explorer = make_explorer(town.node, consensus="pow")
    explorer.wait_for(town.node)
    paid = ask(explorer, module="block", action="getblockreward", blockno=1)["result"]
    tips = [int(town.node.ask("eth_getBalance", SEALER.address, hex(at)), 16) for at in (0, 1)]
    assert int(paid["blockReward"]) == 2 * 10**18 + tips[1] - tips[0]
    none = ask(explorer, module="block", action="getblockreward", blockno=0)["result"]
    assert (none["blockReward"], none["blockMiner"]) == ("0", "0x" + "00" * 20)
    assert [blocks.uncle_reward(10 - late, 10) for late in (1, 2, 6)] == [
        175 * 10**16,
        15 * 10**17,
        5 * 10**17,
    ]


def test_blocks_are_found_by_time_and_counted_down_to(town: Town, client: Client, explorer: Explorer) -> None:
    times = [
        int(town.node.ask("eth_getBlockByNumber", hex(number), False)["timestamp"], 16)
        for number in range(town.node.height() + 1)
    ]

    def found(timestamp: int, closest: str) -> str:
        return str(
            ask(explorer, module="block", action="getblocknobytime", timestamp=timestamp, closest=closest)[
                "result"
            ]
        )

    for time in {times[0], times[len(times) // 2], times[-1], times[0] + 1}:
        before = max((at for at, each in enumerate(times) if each <= time), default=None)
        after = min((at for at, each in enumerate(times) if each >= time), default=None)
        assert found(time, "before") == str(before)
        assert found(time, "after") == ("Error! No closest block found" if after is None else str(after))
    assert found(times[0] - 1, "before") == "Error! No closest block found"
    assert found(times[-1] + 1, "after") == "Error! No closest block found"
    countdown = client(lambda to: to.blocks.countdown(blockno=len(times) + 9))
    assert (countdown["CurrentBlock"], countdown["RemainingBlock"]) == (len(times) - 1, 10)
    passed = ask(explorer, module="block", action="getblockcountdown", blockno=1)
    assert passed["result"] == "Error! Block number already pass"


def test_the_contract_is_given_with_abi_sources_and_who_created_it(town: Town, client: Client) -> None:
    address = town.etsc.address
    assert json.loads(client(lambda to: to.contracts.abi(address=address))) == ARTIFACT.abi
    (source,) = client(lambda to: to.contracts.source_code(address=address))
    assert (source["ContractName"], source["CompilerVersion"]) == ("ETSC", "v0.8.26+commit.8a97fa7a")
    assert (source["OptimizationUsed"], source["Runs"], source["EVMVersion"]) == ("1", "200", "london")
    document = json.loads(source["SourceCode"][1:-1])
    hashes = {path: keccak(text=file["content"]) for path, file in document["sources"].items()}
    assert hashes == {path: digest for path, digest in ARTIFACT.source_hashes.items() if "src/" in path[:4]}
    (creation,) = client(lambda to: to.contracts.creation(contractaddresses=address))
    deployment = town.node.ask("eth_getTransactionByHash", creation["txHash"])
    assert creation["contractCreator"] == deployment["from"]
    assert creation["creationBytecode"] == deployment["input"]
    carried = ARTIFACT.bytecode.hex() + source["ConstructorArguments"]
    assert carried == deployment["input"][2:]


def test_no_other_contract_is_called_verified(explorer: Explorer, town: Town) -> None:
    tx_hash = town.node.send(_SENDER, Call(None, bytes.fromhex("00"), 0, 100_000))[0]
    other = town.node.ask("eth_getTransactionReceipt", tx_hash)["contractAddress"]
    explorer.wait_for(town.node)
    for address in (other, _SENDER.address):
        abi = ask(explorer, module="contract", action="getabi", address=address)
        unverified = "Contract source code not verified"
        assert abi == {"status": "0", "message": "NOTOK", "result": unverified}
        (source,) = ask(explorer, module="contract", action="getsourcecode", address=address)["result"]
        assert (source["SourceCode"], source["ABI"]) == ("", unverified)
    created = ask(explorer, module="contract", action="getcontractcreation", contractaddresses=other)
    assert created["result"][0]["txHash"] == tx_hash
    none = ask(explorer, module="contract", action="getcontractcreation", contractaddresses=_SENDER.address)
    assert none == {"status": "0", "message": "No data found", "result": []}


def test_a_failed_transaction_is_told_with_the_reason_of_its_trace(
    town: Town, client: Client, explorer: Explorer
) -> None:
    failed = town.fail()
    explorer.wait_for(town.node)
    status = client(lambda to: to.transactions.execution_status(txhash=failed))
    assert status["isError"] == "1"
    assert status["errDescription"].startswith("InsufficientOffer: the retailer 0x")
    assert client(lambda to: to.transactions.receipt_status(txhash=failed)) == {"status": "0"}
    unknown = "0x" + "ab" * 32
    assert client(lambda to: to.transactions.receipt_status(txhash=unknown)) == {"status": ""}
    assert client(lambda to: to.transactions.execution_status(txhash=unknown))["isError"] == "0"


def test_logs_are_those_the_node_finds(town: Town, client: Client, explorer: Explorer) -> None:
    address = town.etsc.address

    def on_chain(*topics: Any, first: int = 0) -> list[dict[str, Any]]:
        wanted = {"fromBlock": hex(first), "toBlock": "latest", "address": address, "topics": topics}
        found: list[dict[str, Any]] = town.node.ask("eth_getLogs", wanted)
        return found

    assert len(client(lambda to: to.logs.by_address(address=address, from_block=2))) == len(on_chain(first=2))
    listed = ask(explorer, module="logs", action="getLogs", address=address, fromBlock=2)["result"]
    for row, log in zip(listed, on_chain(first=2), strict=True):
        block = town.node.ask("eth_getBlockByNumber", log["blockNumber"], False)
        receipt = town.node.ask("eth_getTransactionReceipt", log["transactionHash"])
        same = ("address", "topics", "data", "blockNumber", "blockHash", "logIndex", "transactionHash")
        assert {key: row[key] for key in same} == {key: log[key] for key in same}
        assert row["timeStamp"] == block["timestamp"]
        assert row["gasPrice"] == receipt["effectiveGasPrice"]
        assert row["gasUsed"] == receipt["gasUsed"]
        assert row["transactionIndex"] == log["transactionIndex"]
    bought, slot = topic_of("Purchased"), "0x" + (2).to_bytes(32, "big").hex()
    buyer = "0x" + town.prosumers[0].address[2:].lower().rjust(64, "0")
    by_both = client(lambda to: to.logs.by_address_and_topics(address=address, topic0=bought, topic1=slot))
    assert [row["data"] for row in by_both] == [log["data"] for log in on_chain(bought, slot)] != []
    wanted: dict[str, Any] = {"topic0": bought, "topic1": slot, "topic2": buyer}
    wanted |= {"topic0_1_opr": "and", "topic1_2_opr": "or"}
    either = client(lambda to: to.logs.by_topics(**wanted))
    hashes = {log["transactionHash"] for log in on_chain(bought, slot) + on_chain(bought, None, buyer)}
    assert {row["transactionHash"] for row in either} == hashes
    assert len(either) == len(hashes) > len(by_both)
    none = ask(explorer, module="logs", action="getLogs", address=_FAR)
    assert none == {"status": "0", "message": "No records found", "result": []}


def test_pages_of_logs_have_each_once(town: Town, client: Client) -> None:
    listed = client.whole(lambda to: to.logs.by_address_paged(address=town.etsc.address, offset=5))
    places = [(row["blockNumber"], row["data"]) for row in listed]
    on_chain = town.node.ask("eth_getLogs", {"fromBlock": "0x0", "address": town.etsc.address})
    assert places == [(log["blockNumber"], log["data"]) for log in on_chain]


def test_what_is_not_known_of_the_whole_chain_is_refused_with_the_reason(
    town: Town, client: Client, explorer: Explorer
) -> None:
    size = client(lambda to: to.stats.chain_size())[0]
    on_chain = [
        int(town.node.ask("eth_getBlockByNumber", hex(at), False)["size"], 16)
        for at in range(town.node.height() + 1)
    ]
    assert (size["blockNumber"], size["chainSize"]) == (len(on_chain) - 1, sum(on_chain))
    assert client(lambda to: to.stats.node_count())["TotalNodeCount"] == 1
    for action, why in (("ethsupply", "genesis block"), ("ethprice", "no price"), ("tokensupply", "ETSC")):
        answer = ask(explorer, module="stats", action=action)
        assert (answer["status"], answer["message"]) == ("0", "NOTOK")
        assert why in answer["result"]


def test_the_proxy_gives_the_nodes_own_answers(town: Town, explorer: Explorer) -> None:
    account, contract = town.prosumers[1].address, town.etsc.address
    tx_hash = town.node.ask("eth_getBlockByNumber", "0x1", False)["transactions"][0]
    read = {"to": contract, "data": "0x" + ARTIFACT.encode_call("totalElecoins").hex()}
    payment = {"from": account, "to": _FAR, "value": "0x1"}
    for method, parameters, params in (
        ("eth_blockNumber", {}, []),
        ("eth_gasPrice", {}, []),
        ("eth_getBlockByNumber", {"tag": "0x1", "boolean": "true"}, ["0x1", True]),
        ("eth_getBlockTransactionCountByNumber", {"tag": "0x01"}, ["0x1"]),
        ("eth_getUncleByBlockNumberAndIndex", {"tag": "0x1", "index": "0x0"}, ["0x1", "0x0"]),
        ("eth_getTransactionByHash", {"txhash": tx_hash}, [tx_hash]),
        ("eth_getTransactionByBlockNumberAndIndex", {"tag": "0x1", "index": "0x0"}, ["0x1", "0x0"]),
        ("eth_getTransactionReceipt", {"txhash": tx_hash}, [tx_hash]),
        ("eth_getTransactionCount", {"address": account, "tag": "latest"}, [account, "latest"]),
        ("eth_getCode", {"address": contract, "tag": "latest"}, [contract, "latest"]),
        ("eth_getStorageAt", {"address": contract, "position": "0x0"}, [contract, "0x0", "latest"]),
        ("eth_call", {**read, "tag": "latest"}, [read, "latest"]),
        ("eth_estimateGas", payment, [payment]),
    ):
        answer = ask(explorer, module="proxy", action=method, **parameters)
        assert answer == {"jsonrpc": "2.0", "id": 1, "result": town.node.ask(method, *params)}, method


def test_both_clients_read_the_proxy(town: Town, client: Client, old_client: Any) -> None:
    on_chain = town.node.ask("eth_getBlockByNumber", "0x1", True)
    block = client.whole(lambda to: to.proxy.eth_get_block_by_number(tag="0x1", boolean="true"))
    assert block["result"]["hash"] == on_chain["hash"]
    assert old_client.get_proxy_block_by_number("0x1") == on_chain
    assert int(old_client.get_proxy_block_number(), 16) == town.node.height()
    code = town.node.ask("eth_getCode", town.etsc.address, "latest")
    assert old_client.get_proxy_code_at(town.etsc.address) == code


def test_the_older_client_reads_accounts_blocks_and_contracts(town: Town, old_client: Any) -> None:
    contract = town.etsc.address
    wei = str(int(town.node.ask("eth_getBalance", contract, "latest"), 16))
    assert old_client.get_eth_balance(contract) == wei
    assert old_client.get_eth_balance_multiple([contract, _FAR])[0]["balance"] == wei
    hashes = [tx["hash"] for tx, _, _ in transactions_on_chain(town, contract)]
    listed = old_client.get_normal_txs_by_address_paginated(contract, 2, 5, 0, 99999999, "asc")
    assert [row["hash"] for row in listed] == hashes[5:10]
    listed = old_client.get_normal_txs_by_address(contract, 0, 99999999, "desc")
    assert [row["hash"] for row in listed] == hashes[::-1]
    assert old_client.get_mined_blocks_by_address(SEALER.address)[-1]["blockNumber"] == "1"
    assert old_client.get_block_reward_by_block_number("1")["blockNumber"] == "1"
    assert json.loads(old_client.get_contract_abi(contract)) == ARTIFACT.abi
    assert old_client.get_contract_source_code(contract)[0]["ContractName"] == "ETSC"
    assert old_client.get_tx_receipt_status(hashes[0]) == {"status": "1"}
    assert old_client.get_contract_execution_status(hashes[0])["isError"] == "0"
    with pytest.raises(AssertionError, match="Invalid address format"):  # which is how it tells an error
        old_client.get_eth_balance("0x12")


def test_a_signed_transaction_is_sent_by_a_form_and_never_from_a_kept_answer(
    town: Town, explorer: Explorer
) -> None:
    with HttpRpc(town.node.rpc_url) as rpc:
        chain_id = int(rpc.request("eth_chainId"), 16)
        nonce = int(rpc.request("eth_getTransactionCount", _SENDER.address, "pending"), 16)
    signed = _SENDER.sign(Call(_FAR, b"", 7), nonce, chain_id, FEES)
    form = {"module": "proxy", "action": "eth_sendRawTransaction", "hex": signed.raw}
    assert post(explorer, urlencode(form))["result"] == signed.hash
    for _ in range(2):
        again = ask(explorer, **form)["error"]["message"]
        assert "already known" in again or "nonce too low" in again
    wait_until(lambda: town.node.ask("eth_getTransactionReceipt", signed.hash) is not None, "it to be mined")
    page = explorer.get("/api?" + urlencode({"module": "proxy", "action": "eth_blockNumber"}))
    assert page.headers["vary"].startswith("*")
