"""The contract's page: where its code comes from, what it answers, and what it is asked wrongly."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from eth_utils.crypto import keccak

import contracts
from chain.rpc import HttpRpc, balance_of, code_at
from contracts.artifact import ARTIFACT
from contracts.etsc import deployment
from explorer.etsc import decode_result
from explorer.source_code import SourceFile, compare
from tests.contracts.compiler import checked_in
from tests.explorer.conftest import ExplorerMaker, NodeMaker
from tests.explorer.gethnode import RICH, wait_until
from tests.explorer.running import Explorer, configuration
from tests.explorer.test_pages import words
from tests.explorer.trading_town import EDGE_SERVER, HOSTILE, Q_MILLI, TERMS, Town

SOURCES = Path(contracts.__file__).parent / "src"


@pytest.fixture(scope="module")
def explorer(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explorer]:
    """One for all tests here, at the town's head."""
    directory = tmp_path_factory.mktemp("etsc")
    settings = configuration(directory, town.node, contract=town.etsc.address, accounts=town.accounts())
    explorer = Explorer(directory, settings)
    try:
        explorer.start()
        explorer.wait_for(town.node)
        yield explorer
    finally:
        explorer.kill()


def asked(explorer: Explorer, function: str, **typed: str) -> str:
    """The part of the page that belongs to a function, as HTML."""
    page = explorer.get("/etsc?" + urlencode({"function": function, **typed}))
    assert page.status == 200
    return re.split(rf'id="read-{function}"', page.text)[1].split("</article>")[0]


def test_it_says_who_made_the_contract_what_it_holds_and_what_was_agreed(
    town: Town, explorer: Explorer
) -> None:
    explorer.wait_for(town.node)
    text = words(explorer.get("/etsc").text)
    assert town.etsc.address in text
    created = explorer.rows("SELECT hash, number FROM transactions WHERE created IS NOT NULL ORDER BY id")[0]
    assert f"0x{created['hash'].hex()}"[:10] in text
    assert f"in block {created['number']} by administrator" in text
    with HttpRpc(town.node.rpc_url) as rpc:
        held = rpc.fetch(balance_of(town.etsc.address))
    whole, rest = divmod(held, 10**18)
    assert f"Ether held {whole:,}.{f'{rest:018d}'.rstrip('0')} ether" in text
    assert "Administrator administrator" in text
    assert "Paused no" in text
    assert "unit prices from 10 ether/elecoin to 45 ether/elecoin; a reading may rise by 1,000 kWh" in text
    assert "anybody may open the next slot after 20 blocks" in text


def test_the_code_on_the_chain_is_shown_to_be_made_of_the_sources(town: Town, explorer: Explorer) -> None:
    page = explorer.get("/etsc").text
    with HttpRpc(town.node.rpc_url) as rpc:
        code = rpc.fetch(code_at(town.etsc.address))
    compiled = ARTIFACT.deployed_bytecode
    assert code != compiled  # its immutables are filled in
    for shown in (code, compiled):
        assert f"0x{keccak(shown).hex()}" in page
    assert "match The code on the chain is, byte for byte" in words(page)
    assert ARTIFACT.compiler["version"] in page
    noted = re.findall(r'<td class="mono" title="(0x\w{64})">\w+…\w+</td><td>(?:<[^>]*>)?([\w ]+)', page)
    ours = {path.name: f"0x{keccak(path.read_bytes()).hex()}" for path in SOURCES.glob("*.sol")}
    assert {digest for digest, verdict in noted if verdict == "same"} == set(ours.values())
    assert len(ours) >= 6


def test_every_line_of_every_source_is_shown_with_its_number(explorer: Explorer) -> None:
    page = explorer.get("/etsc/source").text
    assert len(page.encode()) < 256 * 1024
    for path in SOURCES.glob("*.sol"):
        part = page.split(f'aria-label="Lines of src/{path.name}" tabindex="0">')[1].split("</pre>")[0]
        lines = re.findall(r'<span class="ln" id="([\w.]+)-L(\d+)">(\d+)</span> (.*)\n', part)
        assert [html.unescape(text) for *_, text in lines] == path.read_text().splitlines()
        assert [int(number) for _, number, _, _ in lines] == list(range(1, len(lines) + 1))
        assert all(name == path.name and at == shown for name, at, shown, _ in lines)


@pytest.mark.parametrize("mutant", ["SelfTradeMint", "SilentTrade"])
def test_a_contract_with_other_code_is_said_to_differ(
    town: Town, make_explorer: ExplorerMaker, mutant: str
) -> None:
    deployer = RICH[22]
    made = deployment(
        deployer.address, 10**6, Q_MILLI, [RICH[21].address], TERMS, artifact=checked_in(mutant)
    )
    (tx_hash,) = town.node.send(deployer, made)
    other = town.node.ask("eth_getTransactionReceipt", tx_hash)["contractAddress"]
    explorer = make_explorer(town.node, contract=other)
    explorer.wait_for(town.node)
    text = words(explorer.get("/etsc").text)
    assert "other code The code on the chain is not that of ETSC: it differs from byte" in text
    assert "match The code" not in text
    assert "total elecoins 1,000 elecoins" in text  # what it answers is shown all the same


def test_a_source_that_is_not_what_the_compiler_read_is_not_the_same() -> None:
    text = (SOURCES / "ETSC.sol").read_text()
    recorded = bytes(keccak(text.encode()))
    assert SourceFile("src/ETSC.sol", text, recorded).same
    assert not SourceFile("src/ETSC.sol", text + " ", recorded).same
    assert not SourceFile("src/ETSC.sol", None, recorded).same


def test_the_first_byte_that_differs_is_found_wherever_it_is() -> None:
    compiled = ARTIFACT.deployed_bytecode
    start, _ = ARTIFACT.immutable_references[0]
    filled = bytearray(compiled)
    filled[start] = 7
    assert compare(bytes(filled)).same  # an immutable is the constructor's
    assert compare(compiled[:-1]).first_difference == len(compiled) - 1
    assert compare(compiled + b"\0").first_difference == len(compiled)
    assert compare(bytes([compiled[0] ^ 1]) + compiled[1:]).first_difference == 0
    assert compare(b"").first_difference == 0


def test_every_view_function_of_the_interface_can_be_asked(explorer: Explorer) -> None:
    page = explorer.get("/etsc").text
    for name, entry in ARTIFACT.functions.items():
        if entry["stateMutability"] != "view":
            assert f"{name}(" not in words(page)
            continue
        assert f"{name}({','.join(one['type'] for one in entry['inputs'])})" in words(page)
        if entry["inputs"]:
            form = page.split(f'id="read-{name}"')[1].split("</form>")[0]
            named = re.findall(r'<input id="[\w-]+" name="(\w+)"', form)
            assert named == [one["name"] for one in entry["inputs"]]


def test_answers_are_the_contracts_own_in_human_units(town: Town, explorer: Explorer) -> None:
    prosumer = town.prosumers[0].address
    with HttpRpc(town.node.rpc_url) as rpc:
        user, server = rpc.fetch_all([town.etsc.user(prosumer), town.etsc.edge_server(EDGE_SERVER.address)])
    for typed in (prosumer, prosumer.lower(), "prosumer-1", " Prosumer-1 "):
        text = words(asked(explorer, "user", account=typed))
        assert f"power {user.power / 1000:g} kWh coins {user.coins / 1000:g} elecoins" in text
        assert "registered yes gen right yes trans right yes" in text
        assert html.unescape(text).count(HOSTILE) == 1
        assert "meter nobody" in text
    text = words(asked(explorer, "edgeServer", account="edge-server-1"))
    assert f"stock {server.stock / 1000:,.3f}".rstrip("0") in text
    assert "price 27.184920999999999 ether/elecoin discriminated no priced in slot" in text
    priced = asked(explorer, "priceFor", edgeServerAddr="edge-server-1", prosumer="prosumer-2")
    assert "price for 27.184920999999999 ether/elecoin" in words(priced)


def test_whatever_the_contract_answers_is_read_or_said_to_be_something_else() -> None:
    cost = decode_result("checkQualification", (1_234).to_bytes(32, "big"))
    assert cost is not None
    assert (cost.fields[0].name, cost.fields[0].kind, cost["cost"]) == ("cost", "elecoins", 1_234)
    assert decode_result("checkQualification", b"\1") is None
    assert decode_result("user", b"\0" * 32) is None
    nobody = decode_result("user", bytes(32 * 11))
    assert nobody is not None
    assert (nobody["name"], nobody["registered"], nobody["meter"]) == ("", False, "nobody")


def test_a_refusal_is_told_by_the_name_and_the_values_of_the_contracts_error(explorer: Explorer) -> None:
    typed = {"prosumer": "prosumer-1", "retailer": "retailer-1", "quantity": "1,000,000,000,000"}
    text = words(asked(explorer, "checkQualification", **typed))
    assert "ETSC refuses: Insufficient" in text
    assert "needs" in text or "not 1000000000000 Wh" in text
    unknown = {**typed, "prosumer": "0x" + "12" * 20}
    text = words(asked(explorer, "checkQualification", **unknown))
    assert "ETSC refuses: NotRegistered" in text
    assert "is not a registered user" in text
    assert "The administrator has to empower it first." in text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "An address is 0x and 40 hexadecimal digits"),
        ({"prosumer": "0x12"}, "An address is 0x and 40 hexadecimal digits"),
        ({"prosumer": "nobody at all"}, "the name of an account does as well"),
        ({"prosumer": "\0<script>"}, "An address is 0x and 40 hexadecimal digits"),
        ({"quantity": "-1"}, "A number is decimal digits"),
        ({"quantity": "1e9"}, "A number is decimal digits"),
        ({"quantity": "٣"}, "A number is decimal digits"),
        ({"quantity": "9" * 5000}, "A number is decimal digits"),
        ({"quantity": str(2**256)}, "A number is less than 2^256"),
        ({"quantity": "0x" + "f" * 65}, "A number is decimal digits"),
    ],
)
def test_what_cannot_be_asked_is_explained_beside_its_field(
    explorer: Explorer, typed: dict[str, str], said: str
) -> None:
    right = {"prosumer": "prosumer-1", "retailer": "retailer-1", "quantity": "1"} if typed else {}
    part = asked(explorer, "checkQualification", **{**right, **typed})
    assert said in words(part)
    wrong = re.findall(r'name="(\w+)"[^>]*aria-invalid="true" aria-describedby="([\w-]+)"', part)
    assert [name for name, _ in wrong] == (list(typed) or ["prosumer", "retailer", "quantity"])
    assert all(f'id="{described_by}"' in part for _, described_by in wrong)
    assert "ETSC refuses" not in part
    assert "<script>" not in part


@pytest.mark.parametrize(
    "query", ["function=nothing", "function=user&account=%ff%00", "before=9.9.9", "event=&before=x", "a=b"]
)
def test_nonsense_in_the_query_is_no_error_of_the_server(explorer: Explorer, query: str) -> None:
    assert explorer.get("/etsc?" + query).status == 200


def test_the_events_of_one_kind_and_of_all_are_paged_without_a_gap(town: Town, explorer: Explorer) -> None:
    explorer.wait_for(town.node)
    with HttpRpc(town.node.rpc_url) as rpc:
        everything = rpc.fetch(town.etsc.events(0, "latest"))
    for kind in ("", "Traded", "Withdrawn"):
        expected = [event.name for event in everything if kind in ("", event.name)]
        path: str | None = f"/etsc?event={kind}"
        seen: list[str] = []
        while path is not None:
            page = explorer.get(path).text.partition('id="events-title"')[2]
            seen += re.findall(r'<td><span class="call">(\w+)</span>', page)
            older = re.search(r'href="(\?[^"#]*before=[^"#]*)#events-title" rel="next"', page)
            path = None if older is None else "/etsc" + html.unescape(older[1])
        assert seen == expected[::-1]
    assert len(everything) > 25
    assert explorer.get("/etsc?event=Nothing").status == 404


def test_without_a_contract_without_code_and_without_a_node_the_page_says_so(
    make_node: NodeMaker, make_explorer: ExplorerMaker
) -> None:
    node = make_node()
    node.grow(1, RICH[0])
    explorer = make_explorer(node)
    explorer.wait_for(node)
    assert explorer.get("/etsc").status == 404
    explorer.write_config(contract="0x" + "11" * 20)
    wait_until(lambda: explorer.health()["contract"] is not None, "the contract to be known")
    text = words(explorer.get("/etsc?function=user&account=0x" + "22" * 20).text)
    assert "no code In the state of block 1 there is no code at this address." in text
    assert "there is no code at this address in the state of that block" in text
    assert "Created by no transaction that is indexed" in text
    node.stop()
    wait_until(lambda: explorer.health()["problem"] is not None, "the loss to be noticed")
    page = explorer.get("/etsc?function=user&account=0x" + "22" * 20)
    assert page.status == 200
    assert "State not known: no" in words(page.text)
    assert 'value="0x2222' in page.text  # what was typed is not lost
