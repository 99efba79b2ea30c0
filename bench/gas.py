"""`bench gas`: what the contract's calls cost on Geth, from receipts, beside floors and peers.

The floor of a call is worked out from what it did: 21,000, its calldata, one storage slot for each record
that it changes or reads, its logs. Peers are played on the same Geth in the same run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from bench.figures import Comparison, Limit, Rows, Side
from bench.room import Room
from chain.call import Call
from contracts.etsc import Etsc
from orchestrator.contract_check import gas_of
from orchestrator.contract_script import script
from orchestrator.foundry import project
from orchestrator.geth import GETH_VERSION, find_geth
from orchestrator.rehearsal import Attack, Step, address, development_geth, rehearse

_PEERS = Path(__file__).with_name("peers")
_RATIO = 1.08
# What the issue that ordered the contract allows.
_LIMITS = {
    "trade": 39_000,
    "buyToken": 39_000,
    "buyToken, discriminated": 41_000,
    "generation": 37_000,
    "consumption": 37_000,
    "empower": 76_000,
    "deploy": 2_500_000,
}
# A signature is hashed and checked in code, which no floor of storage and logs knows.
_NO_FLOOR = "relayReading"
_PRICE = 27 * 10**12


def measure(place: Room) -> Comparison:
    with project(place.report) as made:
        place.report("compiling the peers")
        for source in _PEERS.glob("*.sol"):
            (made.folder / "src" / source.name).write_text(source.read_text())
        peers = {name: bytes.fromhex(made.artifact(name)["bytecode"][2:]) for name in ("WordByWord", "Coin")}
    with development_geth(find_geth(place.report)) as rpc:
        place.report("playing the contract on Geth")
        ours = rehearse(rpc, script)
        place.report("playing the peers on Geth")
        plain = gas_of(rehearse(rpc, lambda etsc, _: list(_word_by_word(etsc, peers["WordByWord"]))))
        coin = gas_of(rehearse(rpc, lambda etsc, _: list(_coin(etsc, peers["Coin"]))))
    gas = gas_of(ours)
    floors = {played.name: played.floor_gas for played in ours.played if played.floor_gas is not None}
    ratios = {name: gas[name] / floor for name, floor in floors.items()}
    bound = {name: ratio for name, ratio in ratios.items() if not name.startswith(_NO_FLOOR)}
    worst = max(bound, key=lambda name: bound[name])
    limits = [Limit(f"worst call ({worst}) / its floor", bound[worst], _RATIO)]
    limits += [
        Limit(name, float(max(cost for call, cost in gas.items() if _is(call, name))), float(most))
        for name, most in _LIMITS.items()
    ]
    rows = [
        [name, f"{cost:,}", _number(floors.get(name)), _ratio(ratios.get(name)), _number(plain.get(name))]
        for name, cost in gas.items()
    ]
    rows += [[f"OpenZeppelin ERC-20 {name}", "", "", "", f"{cost:,}"] for name, cost in coin.items()]
    return Comparison(
        title=f"gas on Geth {GETH_VERSION}, from receipts, three edge servers",
        sides=[
            Side("floor of each call", "gas", [float(floors[name]) for name in bound], ["worked out"]),
            Side("ETSC", "gas", [float(gas[name]) for name in bound], ["geth --dev"]),
        ],
        ratio=bound[worst],
        limits=limits,
        figures={"gas": gas, "floors": floors, "word_by_word": plain, "erc20": coin},
        rows=Rows(["call", "ETSC", "floor", "ratio", "paper word by word"], rows),
    )


def _is(call: str, name: str) -> bool:
    """Whether a played call is one that the limit for `name` is about."""
    return call == name or (call.split(",")[0] == name and call not in _LIMITS)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _word_by_word(etsc: Etsc, bytecode: bytes) -> Iterator[Step | Attack]:
    """The calls that Algorithm 2 has, under the names that they have in ETSC's script."""
    server, retailer = address("edge server 1"), address("retailer-1")
    meters = {name: address(f"meter of {name}") for name in ("prosumer-1", "retailer-1")}
    arguments = encode(
        ["address", "uint256", "uint256", "address[]", "uint256"],
        [address("administrator"), 10**9, 600, [server, address("a"), address("b")], _PRICE],
    )
    yield Step("deploy", "administrator", Call(None, bytecode + arguments, gas=6_000_000))

    def step(name: str, sender: str, signature: str, *values: Any, wei: int = 0) -> Step:
        types = signature[signature.index("(") + 1 : -1].split(",")
        data = keccak(text=signature)[:4] + encode(types, values)
        return Step(name, sender, Call(etsc.address, data, wei, gas=300_000))

    for name, generates in (("prosumer-1", False), ("retailer-1", True)):
        signature = "empower(string,address,bool,bool)"
        yield step("empower", "administrator", signature, name, address(name), generates, True)
        yield step("bindMeter", "administrator", "bindMeter(address,address)", address(name), meters[name])
    for when in ("first", "later"):
        yield step(f"generation, {when}", "meter of retailer-1", "generation(uint256)", 10_000)
        cost = 5_000 * _PRICE
        yield step(f"buyToken, {when}", "prosumer-1", "buyToken(address,uint256)", server, 5_000, wei=cost)
        yield step(f"trade, {when}", "prosumer-1", "trade(address,uint256)", retailer, 2_000)
        yield step(f"consumption, {when}", "meter of prosumer-1", "consumption(uint256)", 1_000)


def _coin(etsc: Etsc, bytecode: bytes) -> Iterator[Step | Attack]:
    yield Step("deploy", "administrator", Call(None, bytecode + encode(["uint256"], [10**24]), gas=3_000_000))
    data = keccak(text="transfer(address,uint256)")[:4] + encode(
        ["address", "uint256"], [address("prosumer-1"), 1_000]
    )
    for when in ("first", "later"):
        yield Step(f"transfer, {when}", "administrator", Call(etsc.address, data, gas=200_000))
