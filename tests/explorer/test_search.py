"""The search leads to the page of whatever a text names, or helps on."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from chain.call import Call
from chain.rpc import HttpRpc
from tests.explorer.conftest import ExplorerMaker
from tests.explorer.gethnode import CHAIN_ID, FEES, RICH, SEALER, wait_until
from tests.explorer.running import Explorer, Page
from tests.explorer.test_pages import words
from tests.explorer.trading_town import EDGE_SERVER, HOSTILE, Town


def look(explorer: Explorer, text: str) -> Page:
    return explorer.get("/search?q=" + quote(text))


def leads_to(explorer: Explorer, text: str) -> str:
    answer = look(explorer, text)
    assert answer.status == 303, words(answer.text)
    return answer.headers["location"]


def test_a_number_may_be_written_with_separators(explorer: Explorer) -> None:
    for text in ("1234567", "1,234,567", "1 234 567", "1_234_567", "1'234'567", " 1234567 "):
        assert leads_to(explorer, text) == "/block/1234567"


def test_hashes_lead_to_blocks_and_transactions(town: Town, explorer: Explorer) -> None:
    block = town.node.ask("eth_getBlockByNumber", "0x2", False)
    assert leads_to(explorer, block["hash"]) == "/block/" + block["hash"]
    assert leads_to(explorer, block["hash"][2:]) == "/block/" + block["hash"]  # as some programs print it
    transaction = block["transactions"][0]
    assert leads_to(explorer, transaction) == "/tx/" + transaction
    assert leads_to(explorer, "0x" + "ab" * 32) == "/tx/0x" + "ab" * 32


def test_addresses_in_any_writing_lead_to_the_checksummed_one(town: Town, explorer: Explorer) -> None:
    right = town.prosumers[0].address
    for written in (right, right.lower(), right[2:].lower(), "0x" + right[2:].upper()):
        assert leads_to(explorer, written) == "/address/" + right


def test_names_lead_to_who_bears_them(town: Town, explorer: Explorer) -> None:
    assert leads_to(explorer, "prosumer-2") == "/address/" + town.prosumers[1].address
    assert leads_to(explorer, "PROSUMER-2") == "/address/" + town.prosumers[1].address
    assert leads_to(explorer, "etsc") == "/address/" + town.etsc.address
    assert leads_to(explorer, "node-1") == "/address/" + SEALER.address
    # The name in ETSC counts too, beside the one in the configuration.
    assert leads_to(explorer, HOSTILE) == "/address/" + town.prosumers[0].address


def test_a_part_of_one_name_leads_there_and_of_several_to_a_list(town: Town, explorer: Explorer) -> None:
    assert leads_to(explorer, "ministrat") == leads_to(explorer, "administrator")
    assert leads_to(explorer, "edge-") == "/address/" + EDGE_SERVER.address
    answer = look(explorer, "Prosumer")
    assert answer.status == 200
    text = words(answer.text)
    assert "3 accounts may be meant by Prosumer" in text
    for prosumer in town.prosumers:
        assert prosumer.address in text
        assert f'href="/address/{prosumer.address}"' in answer.text


def test_two_of_one_name_are_both_shown(town: Town, make_explorer: ExplorerMaker) -> None:
    accounts = [{**account, "name": "twin"} for account in town.accounts()[:2]]
    explorer = make_explorer(town.node, accounts=accounts)
    explorer.wait_for(town.node)
    assert "2 accounts may be meant by twin" in words(look(explorer, "twin").text)


def test_every_transaction_is_found_by_its_sender_and_nonce(town: Town, explorer: Explorer) -> None:
    sent = explorer.rows(
        "SELECT t.hash, t.sender, t.nonce FROM transactions t JOIN blocks b ON b.id = t.id >> 20 "
        "WHERE b.canonical ORDER BY t.id"
    )
    assert len(sent) > 20
    for row in sent:
        assert leads_to(explorer, f"0x{row['sender'].hex()}:{row['nonce']}") == "/tx/0x" + row["hash"].hex()
    named = next(row for row in sent if row["sender"].hex() == town.prosumers[2].address[2:].lower())
    assert leads_to(explorer, f"prosumer-3:{named['nonce']}") == "/tx/0x" + named["hash"].hex()


def test_a_nonce_that_is_not_used_yet_says_which_are(town: Town, explorer: Explorer) -> None:
    last = int(town.node.ask("eth_getTransactionCount", town.prosumers[1].address, "latest"), 16) - 1
    answer = look(explorer, f"prosumer-2:{last + 1}")
    assert answer.status == 404
    assert f"has sent transactions with the nonces 0 to {last}." in words(answer.text)
    never = look(explorer, "0x" + "77" * 20 + ":0")
    assert "has sent nothing that is indexed" in words(never.text)
    assert look(explorer, "nobody at all:0").status == 404
    assert "3 accounts may be meant by prosumer" in words(look(explorer, "prosumer:0").text)
    assert look(explorer, "prosumer-2:" + "9" * 23).status == 404


def test_what_waits_in_the_pool_is_found_by_hash_and_by_nonce(town: Town, explorer: Explorer) -> None:
    town.node.ask("miner_stop")
    signer = RICH[9]
    nonce = int(town.node.ask("eth_getTransactionCount", signer.address, "latest"), 16)
    signed = signer.sign(Call(RICH[8].address, b"", 1), nonce, CHAIN_ID, FEES)
    try:
        with HttpRpc(town.node.rpc_url) as rpc:
            rpc.request("eth_sendRawTransaction", signed.raw)
        found = "/tx/" + signed.hash
        wait_until(lambda: look(explorer, f"{signer.address}:{nonce}").status == 303, "the pool to be seen")
        assert leads_to(explorer, f"{signer.address}:{nonce}") == found
        assert leads_to(explorer, signed.hash) == found
        wait_until(lambda: "Status pending" in words(explorer.get(found).text), "the page")
    finally:
        town.node.ask("miner_start")
    wait_until(lambda: town.node.ask("eth_getTransactionReceipt", signed.hash) is not None, "the block")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("vitalik.eth", "This chain has no name service (ENS)"),
        ("0x1234", "A hash has 64 hexadecimal digits after 0x and an address 40; here are 4."),
        ("nobody", "Search for the number or hash of a block"),
        ("", "Search for the number or hash of a block"),
        ("9" * 30, "Search for the number or hash of a block"),
    ],
)
def test_what_is_nothing_gives_a_page_that_helps_on(explorer: Explorer, text: str, hint: str) -> None:
    answer = look(explorer, text)
    assert answer.status == 404
    assert hint in words(answer.text)


@pytest.mark.parametrize(
    "text",
    [
        "\0",
        "\u202e\u200b",
        "%",
        "'; DROP TABLE blocks; --",
        ":",
        ":::1",
        "a:" + "1" * 500,
        "٣",
        "1e9",
        "-5",
        "x" * 5000,
    ],
)
def test_no_text_is_an_error_of_the_server(explorer: Explorer, text: str) -> None:
    assert look(explorer, text).status in (200, 303, 400, 404)
