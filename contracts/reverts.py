"""Why ETSC refused: the data of a revert as an error with a name, a sentence and the offending values.

One class for each custom error, named as in Solidity, so that a caller can catch the one it can mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from eth_abi.exceptions import DecodingError

from chain.rpc import RpcError
from contracts.artifact import ARTIFACT, AbiEntry, decode_values
from errors import TestbedError


class EtscRevert(TestbedError):
    """ETSC refused a call. `values` are the offending values by the names that the ABI gives them."""

    name: ClassVar[str]
    sentence: ClassVar[str]
    """What is wrong; in braces stand the values."""
    fix: str | None = None

    def __init_subclass__(cls) -> None:
        cls.name = cls.__dict__.get("name", cls.__name__)

    def __init__(self, values: Mapping[str, Any]) -> None:
        shown = {
            key: "0x" + value.hex() if isinstance(value, bytes) else value for key, value in values.items()
        }
        super().__init__(self.sentence.format_map(shown), where="ETSC refused", fix=self.fix)
        self.values = dict(values)


# ----------------------------------------------------------------------------------------------- who may act


class NotAdministrator(EtscRevert):
    sentence = "{caller} is not the administrator"
    fix = "Send it from the administrator's account."


class NotSuccessor(EtscRevert):
    sentence = "the administration was not offered to {caller}"
    fix = "The administrator has to offer it first."


class NotEdgeServer(EtscRevert):
    sentence = "{account} is not an edge server"
    fix = "Edge servers are named when the contract is deployed."


class NotMeter(EtscRevert):
    sentence = "{caller} is not the meter of any user"
    fix = "The administrator has to bind it to a user; a meter that was rotated out is none any more."


class NotRegistered(EtscRevert):
    sentence = "{account} is not a registered user"
    fix = "The administrator has to empower it first."


class NoGenRight(EtscRevert):
    sentence = "{account} may not offer electricity"
    fix = "The administrator can give it the right to generate."


class NoTransRight(EtscRevert):
    sentence = "{account} may not buy elecoins or electricity"
    fix = "The administrator can give it the right to transact."


class RoleTaken(EtscRevert):
    sentence = "{account} is the administrator, an edge server, a user or a meter already"
    fix = "An account has one role at most: take a new one."


class MeterAlreadyBound(EtscRevert):
    sentence = "{account} has the meter {meter} already"
    fix = "Rotate the meter to replace it."


class NoMeterBound(EtscRevert):
    sentence = "{account} has no meter that could be replaced"
    fix = "Bind its first meter instead."


class MarketPaused(EtscRevert):
    sentence = "the market is paused"
    fix = "Only withdrawals and the administrator's own calls are taken until the administrator unpauses it."


class MarketNotPaused(EtscRevert):
    sentence = "the market is not paused"


# ------------------------------------------------------------------------------------- what makes no sense


class ZeroAddress(EtscRevert):
    sentence = "the zero address cannot have a role"


class NoEdgeServers(EtscRevert):
    sentence = "a market needs at least one edge server"


class ZeroUnitPowerPrice(EtscRevert):
    sentence = "the unit price of electricity is 0 mE per kWh and has to be more"


class ZeroMeterLimit(EtscRevert):
    sentence = "readings may rise by 0 Wh a block, so that no meter could ever report anything"


class ZeroQuantity(EtscRevert):
    sentence = "the quantity is 0 and has to be more"


class ValueTooLarge(EtscRevert):
    sentence = "{value} does not fit: the contract has room for {limit} at most"


# ------------------------------------------------------------------------------------------ slots and prices


class SlotNotNext(EtscRevert):
    sentence = "slot {slot} cannot be opened: the next one is {next}"
    fix = "Ask the contract for its current slot; somebody else may have opened one meanwhile."


class SlotNotOverdue(EtscRevert):
    sentence = "only an edge server may open a slot up to block {deadline}, and this is block {blockNumber}"


class NoSellerYet(EtscRevert):
    sentence = "no edge server has opened a slot yet, so there is no price to go on with"
    fix = "An edge server has to open slot 1."


class NoPriceYet(EtscRevert):
    sentence = "the edge server {edgeServer} has posted no price yet"
    fix = "Buy from another edge server, or wait for its first slot."


class PriceAlreadyPosted(EtscRevert):
    sentence = "the edge server {edgeServer} has posted its prices for slot {slot} already"
    fix = "It commits itself once a slot: open the next one."


class PriceOutOfBounds(EtscRevert):
    sentence = "a price of {price} wei per mE is not between {lowest} and {highest} wei per mE"
    fix = "The contract's terms set the bounds; a buy-back price is at most the lowest unit price."


# -------------------------------------------------------------------------------------------------- elecoins


class PriceTooHigh(EtscRevert):
    sentence = "the price is {price} wei per mE, and the buyer accepts {maxPrice} wei per mE at most"
    fix = "The price may have changed meanwhile: ask for it and decide again."


class PriceTooLow(EtscRevert):
    sentence = "the buy-back price is {price} wei per mE, and the seller wants {minPrice} wei per mE at least"
    fix = "The price may have changed meanwhile: ask for it and decide again."


class NotBuyingBack(EtscRevert):
    sentence = "the edge server {edgeServer} buys no elecoins back"
    fix = "It has to post a buy-back price first."


class WrongPayment(EtscRevert):
    sentence = "{sent} wei were sent where exactly {due} wei are due"
    fix = "Send the amount times the price that the edge server asks of this buyer."


class InsufficientStock(EtscRevert):
    sentence = "the edge server {edgeServer} has {stock} mE left and cannot sell {amount} mE"


class InsufficientReserve(EtscRevert):
    sentence = "the edge server {edgeServer} can buy back {outstanding} mE, and not {amount} mE"
    fix = "Elecoins of another edge server's are redeemed there."


class InsufficientCoins(EtscRevert):
    sentence = "{account} has {coins} mE and needs {needed} mE"
    fix = "Buy elecoins first, or ask for less."


class NothingToWithdraw(EtscRevert):
    sentence = "the edge server {edgeServer} has no credit"


class PaymentFailed(EtscRevert):
    sentence = "{account} refused to be paid {amount} wei"
    fix = "An account that is a contract has to accept ether."


# ------------------------------------------------------------------------------------- electricity and meters


class InsufficientPower(EtscRevert):
    sentence = "the retailer {retailer} has {power} Wh free and needs {quantity} Wh"


class InsufficientOffer(EtscRevert):
    sentence = "the retailer {retailer} offers {offered} Wh, not {quantity} Wh"
    fix = "Somebody may have bought meanwhile: buy less, or from another retailer."


class SelfTrade(EtscRevert):
    sentence = "{account} cannot trade with itself"


class ReadingFell(EtscRevert):
    sentence = "the reading for {account} fell from {last} Wh to {cumulative} Wh"
    fix = "Readings are cumulative: a meter goes on from the last one."


class ReadingTooHigh(EtscRevert):
    sentence = "the reading for {account} rose by {increase} Wh, and {allowance} Wh are allowed by now"
    fix = "The allowance grows with every block: report later, or smaller steps."


class ReadingNotNew(EtscRevert):
    sentence = "the meter {meter} has reported both figures before"


class ReadingExpired(EtscRevert):
    sentence = "the reading was good until {deadline}, and the block is of {timestamp} (seconds since 1970)"
    fix = "Let the meter sign again."


class NotSignedByMeter(EtscRevert):
    sentence = (
        "the reading of the meter {meter} is signed by {signer}, or for another contract, chain or user"
    )


# -------------------------------------------------------- OpenZeppelin's, for signatures that are none at all


class ECDSAInvalidSignature(EtscRevert):
    sentence = "the signature is none that any account can have made"


class ECDSAInvalidSignatureLength(EtscRevert):
    sentence = "the signature has {length} bytes and not 65"


class ECDSAInvalidSignatureS(EtscRevert):
    sentence = "the signature's s is {s}, which is above half of the curve's order"
    fix = "Sign with a library that gives canonical signatures, as all of Ethereum's do."


CUSTOM_ERRORS: dict[str, type[EtscRevert]] = {kind.name: kind for kind in EtscRevert.__subclasses__()}


# ------------------------------------------------------------------------------------- none of the contract's


class Error(EtscRevert):
    """Solidity's own refusal in words."""

    sentence = "{reason}"


class Panic(EtscRevert):
    """A failed check of the language; 0x11 (17) is an arithmetic overflow."""

    sentence = "a check of the Solidity language failed with code {code}"


class NoReason(EtscRevert):
    """A revert without data: no such function, or ether sent where none is taken."""

    name = ""
    sentence = "there is no such function, the call carries ether that it must not, or it ran out of gas"


class Unknown(EtscRevert):
    """Data that is none of ETSC's errors."""

    sentence = "the reason is none that ETSC knows: {data}"


_BUILT_IN: dict[bytes, tuple[type[EtscRevert], list[AbiEntry]]] = {
    bytes.fromhex("08c379a0"): (Error, [{"name": "reason", "type": "string"}]),
    bytes.fromhex("4e487b71"): (Panic, [{"name": "code", "type": "uint256"}]),
}


def decode_revert(data: bytes | str | None) -> EtscRevert:
    """The cause that revert data tells, whether as bytes or as 0x text.

    Its name is "" for a revert without data and "Unknown" for data that is none of ETSC's errors.
    """
    raw = bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else bytes(data or b"")
    if not raw:
        return NoReason({})
    selector, content = raw[:4], raw[4:]
    if (entry := ARTIFACT.errors.get(selector)) is not None:
        kind, parameters = CUSTOM_ERRORS[entry["name"]], entry["inputs"]
    elif selector in _BUILT_IN:
        kind, parameters = _BUILT_IN[selector]
    else:
        return Unknown({"data": "0x" + raw.hex()})
    try:
        values = decode_values(parameters, content)
    except (DecodingError, UnicodeDecodeError):  # the selector of one of ours before something else
        return Unknown({"data": "0x" + raw.hex()})
    return kind(dict(zip((parameter["name"] for parameter in parameters), values, strict=True)))


def revert_of(error: RpcError) -> EtscRevert | None:
    """The cause when a node says that a call reverted; None when it refused for a reason of its own."""
    reverted = error.code == 3 or "execution reverted" in error.message
    return decode_revert(error.data if isinstance(error.data, str) else None) if reverted else None


def cause_of(error: RpcError) -> EtscRevert | RpcError:
    """What to raise where a node refused to answer for ETSC: its revert, or the node's own reason."""
    return revert_of(error) or error
