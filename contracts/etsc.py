"""Typed binding of ETSC: what to send (`chain.wallet.Call`) and what to ask (`chain.rpc.Read`).

Units as on the chain: Wh, mE (thousandths of an elecoin), wei per mE, mE per kWh. Addresses come back in
EIP-55. Where ETSC refuses, whoever asks is told the cause: an EtscRevert of `contracts.reverts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import rlp
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from chain.call import Call
from chain.rpc import BlockTag, Read, quantity
from contracts.artifact import ARTIFACT, Artifact, address_or_none
from contracts.events import Event, decode_log, name_text, topic_of
from contracts.reverts import cause_of
from errors import TestbedError

if TYPE_CHECKING:
    from contracts.readings import SignedReading  # loads what signs; the explorer signs nothing

T = TypeVar("T")

# Gas limits: about twice what a call has been measured to use, so that none ever runs out.
_DEPLOY_GAS = 4_600_000
_DEPLOY_GAS_PER_EDGE_SERVER = 100_000
_GAS = {
    "empower": 160_000,
    "bindMeter": 160_000,
    "rotateMeter": 130_000,
    "offerAdministration": 110_000,
    "redeem": 100_000,
    "withdraw": 100_000,
    "relayReading": 100_000,
}
_DEFAULT_GAS = 90_000
_OWN_PRICE_GAS = 60_000


@dataclass(frozen=True)
class Terms:
    """What is agreed for good when the contract is deployed.

    Blocks after which anybody may open the next slot; the bounds of unit prices in wei per mE; and the Wh
    that a reading may rise by for each block since the meter's last.
    """

    slot_deadline_blocks: int
    min_unit_price: int
    max_unit_price: int
    meter_limit: int


@dataclass(frozen=True)
class User:
    """power, generated, consumed, deficit, offered in Wh; coins in mE; meter is None until one is bound."""

    name: str
    registered: bool
    gen_right: bool
    trans_right: bool
    power: int
    coins: int
    generated: int
    consumed: int
    deficit: int
    offered: int
    meter: str | None


@dataclass(frozen=True)
class Meter:
    """For whom a meter reports, and the Wh that each of its readings may rise by now."""

    user: str
    generation_allowance: int
    consumption_allowance: int


@dataclass(frozen=True)
class EdgeServer:
    """Prices in wei per mE, stock in mE; credit, which it may withdraw, and reserve in wei.

    price is for whoever has none of his own, 0 until its first slot; discriminated says whether it named
    such own prices when it last posted, in slot priced_in_slot. buy_back_price is 0 while it buys none.
    """

    registered: bool
    price: int
    discriminated: bool
    priced_in_slot: int
    buy_back_price: int
    stock: int
    credit: int
    reserve: int


@dataclass(frozen=True)
class Slot:
    """The current slot; seller is None in slot 0, where no price is set yet."""

    number: int
    opened_at_block: int
    seller: str | None
    price: int


def deployment(
    administrator: str,
    total_elecoins: int,
    unit_power_price: int,
    edge_servers: Sequence[str],
    terms: Terms,
    *,
    artifact: Artifact = ARTIFACT,
) -> Call:
    """The creating call: total in mE, Q in mE per kWh; its address follows from `contract_address`."""
    data = artifact.encode_deployment(
        administrator, total_elecoins, unit_power_price, list(edge_servers), astuple(terms)
    )
    return Call(None, data, gas=_DEPLOY_GAS + _DEPLOY_GAS_PER_EDGE_SERVER * len(edge_servers))


def contract_address(deployer: str, nonce: int) -> str:
    """Where the contract created by that transaction of `deployer` stands (yellow paper, eq. 85)."""
    return to_checksum_address(keccak(rlp.encode([to_canonical_address(deployer), nonce]))[12:])


def is_deployed_code(code: bytes) -> bool:
    """Whether the code at an address is this ETSC, whatever it was constructed with."""
    return ARTIFACT.is_deployed_code(code)


class Etsc:
    """One deployed ETSC. Nothing is sent or asked here: the caller's wallet and node do that."""

    def __init__(self, address: str) -> None:
        self.address = to_checksum_address(address)

    # What to send: administration.

    def offer_administration(self, to: str) -> Call:
        """The zero address takes an offer back."""
        return self._call("offerAdministration", to)

    def take_administration(self) -> Call:
        return self._call("takeAdministration")

    def pause(self) -> Call:
        return self._call("pause")

    def unpause(self) -> Call:
        return self._call("unpause")

    def empower(self, name: str, user: str, gen_right: bool, trans_right: bool) -> Call:
        """Raises TestbedError where the name is longer than 32 bytes."""
        encoded = name.encode()
        if len(encoded) > 32:
            raise TestbedError(f"the name {name!r} has {len(encoded)} bytes; a name on chain has at most 32")
        return self._call("empower", encoded, user, gen_right, trans_right)

    def set_rights(self, user: str, gen_right: bool, trans_right: bool) -> Call:
        return self._call("setRights", user, gen_right, trans_right)

    def bind_meter(self, user: str, meter: str) -> Call:
        return self._call("bindMeter", user, meter)

    def rotate_meter(self, user: str, meter: str) -> Call:
        return self._call("rotateMeter", user, meter)

    # What to send: prices and elecoins.

    def open_slot(self, slot: int, price: int) -> Call:
        """Opens the next slot or, as an edge server, joins the current one, with one price for all.

        The price counts only from an edge server; anybody else's is ignored.
        """
        return self._call("openSlot", slot, price)

    def open_discriminated_slot(self, slot: int, price: int, own_prices: Mapping[str, int]) -> Call:
        """The same with single prosumers' own prices, by address; `price` is for everybody else."""
        own = list(own_prices.items())
        return self._call("openDiscriminatedSlot", slot, price, own, more_gas=_OWN_PRICE_GAS * len(own))

    def set_buy_back_price(self, price: int) -> Call:
        """At most the lowest unit price of the terms; 0 to buy none."""
        return self._call("setBuyBackPrice", price)

    def buy_token(self, edge_server: str, amount: int, max_price: int, price: int) -> Call:
        """`price` is what the edge server asks of the buyer now: amount·price wei are sent with the call."""
        return self._call("buyToken", edge_server, amount, max_price, value=amount * price)

    def redeem(self, edge_server: str, amount: int, min_price: int) -> Call:
        return self._call("redeem", edge_server, amount, min_price)

    def withdraw(self) -> Call:
        return self._call("withdraw")

    # What to send: electricity and readings.

    def offer(self, quantity_wh: int) -> Call:
        return self._call("offer", quantity_wh)

    def retract(self) -> Call:
        return self._call("retract")

    def trade(self, retailer: str, quantity_wh: int) -> Call:
        return self._call("trade", retailer, quantity_wh)

    def generation(self, cumulative_wh: int) -> Call:
        return self._call("generation", cumulative_wh)

    def consumption(self, cumulative_wh: int) -> Call:
        return self._call("consumption", cumulative_wh)

    def relay_reading(self, signed: SignedReading) -> Call:
        """Anybody may send it; the contract knows the meter's user itself."""
        reading = signed.reading
        content = (reading.meter, reading.generated, reading.consumed, reading.deadline)
        return self._call("relayReading", content, signed.v, signed.r, signed.s)

    def _call(self, function: str, *arguments: Any, value: int = 0, more_gas: int = 0) -> Call:
        data = ARTIFACT.encode_call(function, *arguments)
        return Call(self.address, data, value, _GAS.get(function, _DEFAULT_GAS) + more_gas)

    # What to ask.

    def user(self, account: str) -> Read[User]:
        def read(values: tuple[Any, ...]) -> User:
            (record,) = values
            name, registered, gen_right, trans_right, *wh_and_coins, meter = record
            power, coins, generated, consumed, deficit, offered = wh_and_coins
            return User(
                name_text(name),
                registered,
                gen_right,
                trans_right,
                power,
                coins,
                generated,
                consumed,
                deficit,
                offered,
                address_or_none(meter),
            )

        return self._read("user", read, account)

    def meter(self, account: str) -> Read[Meter | None]:
        """None where the account is no meter."""

        def read(values: tuple[Any, ...]) -> Meter | None:
            user, generation_allowance, consumption_allowance = values[0]
            bound = address_or_none(user)
            return Meter(bound, generation_allowance, consumption_allowance) if bound else None

        return self._read("meter", read, account)

    def edge_server(self, account: str) -> Read[EdgeServer]:
        return self._read("edgeServer", lambda values: EdgeServer(*values[0]), account)

    def price_for(self, edge_server: str, prosumer: str) -> Read[int]:
        """What the prosumer pays there now, in wei per mE; 0 while the edge server has no price."""
        return self._read("priceFor", _only_int, edge_server, prosumer)

    def slot(self) -> Read[Slot]:
        def read(values: tuple[Any, ...]) -> Slot:
            number, opened_at_block, seller, price = values
            return Slot(number, opened_at_block, address_or_none(seller), price)

        return self._read("slot", read)

    def paused(self) -> Read[bool]:
        return self._read("paused", lambda values: bool(values[0]))

    def administrator(self) -> Read[str]:
        return self._read("administrator", lambda values: str(values[0]))

    def successor(self) -> Read[str | None]:
        """Who may take over the administration."""
        return self._read("successor", lambda values: address_or_none(values[0]))

    def total_elecoins(self) -> Read[int]:
        """mE."""
        return self._read("totalElecoins", _only_int)

    def unit_power_price(self) -> Read[int]:
        """Q in mE per kWh."""
        return self._read("unitPowerPrice", _only_int)

    def terms(self) -> Read[Terms]:
        return self._read("terms", lambda values: Terms(*values[0]))

    def check_qualification(self, prosumer: str, retailer: str, quantity_wh: int) -> Read[int]:
        """The cost in mE; where the trade would fail, its cause is raised (`contracts.reverts`)."""
        return self._read("checkQualification", _only_int, prosumer, retailer, quantity_wh)

    def _read(self, function: str, decode: Callable[[tuple[Any, ...]], T], *arguments: Any) -> Read[T]:
        data = "0x" + ARTIFACT.encode_call(function, *arguments).hex()

        def read(result: str) -> T:
            if result == "0x":
                raise TestbedError(
                    "no ETSC answers at this address",
                    where=self.address,
                    fix="Look whether the node is synchronised and the address is the deployed one.",
                )
            return decode(ARTIFACT.decode_result(function, bytes.fromhex(result[2:])))

        request = {"to": self.address, "data": data}
        return Read("eth_call", (request,), read, at_block=True, refused=cause_of)

    def attempt(self, sender: str, call: Call) -> Read[None]:
        """Whether a call would go through if it were sent now; where not, its cause is raised."""
        request = {
            "from": sender,
            "to": call.to,
            "data": "0x" + call.data.hex(),
            "value": quantity(call.value),
            "gas": quantity(call.gas),
        }
        return Read("eth_call", (request,), lambda _: None, at_block=True, refused=cause_of)

    def events(self, from_block: int, to_block: BlockTag, *names: str) -> Read[list[Event]]:
        """The contract's events in their order, of the named kinds or of all. Raises KeyError for no kind."""
        wanted: dict[str, Any] = {
            "address": self.address,
            "fromBlock": quantity(from_block),
            "toBlock": quantity(to_block) if isinstance(to_block, int) else to_block,
        }
        if names:
            wanted["topics"] = [[topic_of(name) for name in names]]

        def read(logs: list[dict[str, Any]]) -> list[Event]:
            return [event for event in map(decode_log, logs) if event is not None]

        return Read("eth_getLogs", (wanted,), read)


def _only_int(values: tuple[Any, ...]) -> int:
    return int(values[0])
