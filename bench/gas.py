"""`bench gas`: what the contract's calls cost on Geth, from receipts, beside floors and peers.

The floor of a call is worked out from what it did: 21,000, its calldata, one storage slot for each record
that it changes or reads, its logs. Peers are played on the same Geth in the same run. The figures that the
contract was ordered with stand beside them: others' measurements, on Geth 1.11.6 too, of contracts that are
not here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from bench.figures import Comparison, Limit, Rows, Side
from bench.room import Room
from chain.call import Call
from chain.rpc import Rpc
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
_HEADINGS = ("beside the order, in k", "here", "word by word", "packed", "floor", "here / floor")


@dataclass(frozen=True)
class Ordered:
    """Gas in thousands, as the order gives it: Algorithm 2 word by word; packed, through the IR, without a
    pause and an interval cap; and the floor worked out by hand for that."""

    word_by_word: str
    packed: float | None = None
    floor: float | None = None


ORDERED = {
    "deploy": Ordered("1448", 942),
    "empower": Ordered("149 / 132", 71.7, 68.5),
    "generation, first": Ordered("72.5", 30.9, 29.7),
    "buyToken, first": Ordered("86.6", 35.5, 33.7),
    "trade, first": Ordered("87.0", 35.7, 34.1),
    "consumption, first": Ordered("53.3", 30.9, 29.7),
    "generation, later": Ordered("38.3", 30.9, 29.7),
    "buyToken, later": Ordered("52.4", 35.5, 33.7),
    "trade, later": Ordered("52.8", 35.7, 34.1),
    "consumption, later": Ordered("36.2", 30.9, 29.7),
    "relayReading, one figure": Ordered("", 41.0),
}
# Of others' contracts; what is not measured here stands with the order's figure alone.
ANCHORS = {
    "OpenZeppelin ERC-20 transfer, first": "51.6",
    "OpenZeppelin ERC-20 transfer, later": "34.5",
    "Uniswap v4 ERC-6909 transfer, first": "51.8",
    "Uniswap v4 ERC-6909 transfer, later": "",
    "HQ20 EnergyMarket addUser": "79–96",
    "HQ20 EnergyMarket produce": "48–83",
    "HQ20 EnergyMarket consume": "73",
}


def measure(place: Room) -> Comparison:
    with project(place.report) as made:
        place.report("compiling the peers")
        for source in _PEERS.glob("*.sol"):
            (made.folder / "src" / source.name).write_text(source.read_text())
        names = ("WordByWord", "Coin", "Claims")
        peers = {name: bytes.fromhex(made.artifact(name)["bytecode"][2:]) for name in names}
    with development_geth(find_geth(place.report)) as rpc:
        place.report("playing the contract on Geth")
        ours = rehearse(rpc, script)
        place.report("playing the peers on Geth")
        plain = gas_of(rehearse(rpc, lambda etsc, _: list(_word_by_word(etsc, peers["WordByWord"]))))
        tokens = {
            f"{token}, {when}": gas[f"transfer, {when}"]
            for token, gas in (
                ("OpenZeppelin ERC-20 transfer", _transfers(rpc, peers["Coin"], "address,uint256")),
                ("Uniswap v4 ERC-6909 transfer", _transfers(rpc, peers["Claims"], "address,uint256,uint256")),
            )
            for when in ("first", "later")
        }
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
    ordered = [[name, *_beside(gas[name], told)] for name, told in ORDERED.items()]
    ordered += [[name, _number(tokens.get(name)), told, "", "", ""] for name, told in ANCHORS.items()]
    return Comparison(
        title=f"gas on Geth {GETH_VERSION}, from receipts, three edge servers",
        sides=[
            Side("floor of each call", "gas", [float(floors[name]) for name in bound], ["worked out"]),
            Side("ETSC", "gas", [float(gas[name]) for name in bound], ["geth --dev"]),
        ],
        ratio=bound[worst],
        limits=limits,
        figures={
            "gas": gas,
            "floors": floors,
            "word_by_word": plain,
            "tokens": tokens,
            "ordered": {name: asdict(ordered) for name, ordered in ORDERED.items()},
        },
        rows=Rows(["call", "ETSC", "floor", "ratio", "paper word by word"], rows),
        more_rows=Rows(_HEADINGS, ordered),
    )


def _is(call: str, name: str) -> bool:
    """Whether a played call is one that the limit for `name` is about."""
    return call == name or (call.split(",")[0] == name and call not in _LIMITS)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _beside(cost: int, told: Ordered) -> list[str]:
    ratio = None if told.floor is None else cost / (1000 * told.floor)
    return [f"{cost:,}", told.word_by_word, _thousands(told.packed), _thousands(told.floor), _ratio(ratio)]


def _thousands(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


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


def _transfers(rpc: Rpc, bytecode: bytes, types: str) -> dict[str, int]:
    """Of a token whose creator has all there is: the first to somebody who has none, and one later."""

    def script(etsc: Etsc, _: int) -> list[Step | Attack]:
        creation = Call(None, bytecode + encode(["uint256"], [10**24]), gas=3_000_000)
        values = [address("prosumer-1"), *([1] if types.count(",") > 1 else []), 1_000]
        data = keccak(text=f"transfer({types})")[:4] + encode(types.split(","), values)
        transfer = Call(etsc.address, data, gas=200_000)
        return [
            Step("deploy", "administrator", creation),
            Step("transfer, first", "administrator", transfer),
            Step("transfer, later", "administrator", transfer),
        ]

    return gas_of(rehearse(rpc, script))
