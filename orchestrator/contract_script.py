"""What a rehearsal of ETSC plays: every call once or twice, then what must be refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from chain.call import Call
from chain.rpc import Rpc, balance_of
from contracts.etsc import Etsc, Terms, deployment
from contracts.readings import Reading, sign_reading
from orchestrator.rehearsal import Attack, Step, Touch, address, private_key

TOTAL_MILLI_ELECOINS = 1_000_000_001  # not divisible by three
TERMS = Terms(
    slot_deadline_blocks=100, min_unit_price=10 * 10**12, max_unit_price=45 * 10**12, meter_limit=1_000_000
)
_Q = 600
_PRICE, _OWN_PRICE = 27 * 10**12, 28 * 10**12
_EDGE_SERVERS = ("edge server 1", "edge server 2", "edge server 3")
_DEADLINE = 2**40  # seconds since 1970: far away
# Gas of what is not storage: ether paid to the caller (a call with value, its stipend unused), and
# recovering a signer.
_PAYMENT, _RECOVERY = 6_800, 3_000
_CLEARED = 4_800  # given back for a slot that becomes zero (EIP-3529)
# Each reads the market's slot, which holds the pause; a purchase at an own price reads that too.
_TWO = Touch(written=2, read=1)
_ONE = Touch(written=1, read=1)
# Against the administrator, and for each user against being an edge server or a meter already.
_EMPOWER = Touch(written=0, read=3, created=2)


def script(etsc: Etsc, chain_id: int) -> list[Step | Attack]:
    """The steps in their order for the contract that the first of them creates."""
    return [*_registration(etsc), *_slots(etsc, chain_id), *_attacks(etsc, chain_id), *_pause(etsc)]


def _registration(etsc: Etsc) -> Iterator[Step]:
    servers = [address(name) for name in _EDGE_SERVERS]
    create = deployment(address("administrator"), TOTAL_MILLI_ELECOINS, _Q, servers, TERMS)
    yield Step("deploy", "administrator", create)
    for name, generates in (("prosumer-1", False), ("prosumer-2", False), ("retailer-1", True)):
        call = etsc.empower(name, address(name), generates, True)
        yield Step("empower", "administrator", call, _EMPOWER)
        # The user and the administrator are read besides.
        touch = Touch(written=0, read=4, created=2)
        meter = address(f"meter of {name}")
        yield Step("bindMeter", "administrator", etsc.bind_meter(address(name), meter), touch)
    longest = etsc.empower("a household with a name so long.", address("household"), True, True)
    yield Step("empower, 32 bytes of name", "administrator", longest, _EMPOWER)
    yield Step("setRights", "administrator", etsc.set_rights(address("prosumer-2"), True, True), _ONE)
    yield Step("setRights", "administrator", etsc.set_rights(address("prosumer-2"), False, True), _ONE)


def _slots(etsc: Etsc, chain_id: int) -> Iterator[Step]:
    server, retailer = address("edge server 1"), address("retailer-1")
    meter = address("meter of retailer-1")
    for slot, when in ((1, "first"), (2, "later")):
        yield Step(f"generation, {when}", "meter of retailer-1", etsc.generation(10_000 * slot), _TWO)
        yield Step(f"offer, {when}", "retailer-1", etsc.offer(5_000), _ONE)
        yield Step(
            f"openSlot, {when}", "edge server 1", etsc.open_slot(slot, _PRICE), Touch(written=2, read=0)
        )
        yield Step(f"buyToken, {when}", "prosumer-1", etsc.buy_token(server, 5_000, _PRICE, _PRICE), _TWO)
        yield Step(f"trade, {when}", "prosumer-1", etsc.trade(retailer, 2_000), _TWO)
        yield Step(f"consumption, {when}", "meter of prosumer-1", etsc.consumption(1_000 * slot), _TWO)
    yield Step("consumption, with a deficit", "meter of prosumer-1", etsc.consumption(100_000), _TWO)
    yield Step("openSlot, joining", "edge server 2", etsc.open_slot(2, _PRICE), _ONE)
    own = {address("prosumer-1"): _OWN_PRICE}
    yield Step(
        "openDiscriminatedSlot, one own price",
        "edge server 1",
        etsc.open_discriminated_slot(3, _PRICE, own),
        Touch(written=2, read=0, created=1),
    )
    discriminated = etsc.buy_token(server, 5_000, _OWN_PRICE, _OWN_PRICE)
    yield Step("buyToken, discriminated", "prosumer-1", discriminated, Touch(written=2, read=2))
    yield Step(
        "setBuyBackPrice",
        "edge server 1",
        etsc.set_buy_back_price(TERMS.min_unit_price),
        Touch(written=1, read=2),
    )
    redeem = etsc.redeem(server, 1_000, TERMS.min_unit_price)
    yield Step("redeem", "retailer-1", redeem, Touch(written=2, read=2, other=_PAYMENT))
    yield Step("retract", "retailer-1", etsc.retract(), _ONE)
    relayed = Touch(written=2, read=1, other=_RECOVERY)
    for name, generated, consumed in (("one figure", 30_000, 0), ("both figures", 31_000, 500)):
        reading = Reading(meter, retailer, generated, consumed, _DEADLINE)
        signed = sign_reading(private_key("meter of retailer-1"), reading, etsc.address, chain_id)
        yield Step(f"relayReading, {name}", "stranger", etsc.relay_reading(signed), relayed)
    yield Step("withdraw", "edge server 1", etsc.withdraw(), Touch(written=1, read=0, other=_PAYMENT))
    yield Step(
        "rotateMeter",
        "administrator",
        etsc.rotate_meter(retailer, address("new meter")),
        Touch(written=2, read=4, created=1, other=-_CLEARED),
    )


def _attacks(etsc: Etsc, chain_id: int) -> Iterator[Attack]:
    server, prosumer, retailer = address("edge server 1"), address("prosumer-1"), address("retailer-1")
    yield from (
        Attack(
            "a stranger registers", "stranger", etsc.empower("x", prosumer, True, True), "NotAdministrator"
        ),
        Attack("a user pauses", "prosumer-1", etsc.pause(), "NotAdministrator"),
        Attack(
            "a user is registered twice",
            "administrator",
            etsc.empower("x", prosumer, True, True),
            "RoleTaken",
        ),
        Attack("a stranger takes over", "stranger", etsc.take_administration(), "NotSuccessor"),
        Attack("a user sets a price", "prosumer-1", etsc.open_slot(4, _PRICE), "SlotNotOverdue"),
        Attack(
            "an edge server sets two prices", "edge server 1", etsc.open_slot(3, _PRICE), "PriceAlreadyPosted"
        ),
        Attack("a price beyond the bounds", "edge server 1", etsc.open_slot(4, 10**15), "PriceOutOfBounds"),
        Attack(
            "a price raised before inclusion",
            "prosumer-1",
            etsc.buy_token(server, 1, _PRICE, _PRICE),
            "PriceTooHigh",
        ),
        Attack(
            "too little is paid", "prosumer-1", etsc.buy_token(server, 2, _OWN_PRICE, _PRICE), "WrongPayment"
        ),
        Attack(
            "a purchase at no edge server",
            "prosumer-1",
            etsc.buy_token(retailer, 1, _PRICE, _PRICE),
            "NotEdgeServer",
        ),
        Attack("a stranger buys", "stranger", etsc.buy_token(server, 1, _PRICE, _PRICE), "NotRegistered"),
        Attack("a sale that nobody offered", "prosumer-1", etsc.trade(retailer, 1), "InsufficientOffer"),
        Attack("a trade with oneself", "retailer-1", etsc.trade(retailer, 1), "SelfTrade"),
        Attack("an offer without the right", "prosumer-1", etsc.offer(1), "NoGenRight"),
        Attack(
            "more coins redeemed than there are",
            "retailer-1",
            etsc.redeem(server, 10**6, 0),
            "InsufficientCoins",
        ),
        Attack(
            "redeemed where nothing is bought back",
            "prosumer-1",
            etsc.redeem(address("edge server 2"), 1, 0),
            "NotBuyingBack",
        ),
        Attack(
            "a buy-back above the lowest price",
            "edge server 1",
            etsc.set_buy_back_price(TERMS.min_unit_price + 1),
            "PriceOutOfBounds",
        ),
        Attack("a withdrawal of nothing", "edge server 2", etsc.withdraw(), "NothingToWithdraw"),
        Attack("a stranger withdraws", "stranger", etsc.withdraw(), "NotEdgeServer"),
        Attack("a reading by a stranger", "stranger", etsc.generation(1), "NotMeter"),
        Attack("a reading by a rotated meter", "meter of retailer-1", etsc.generation(40_000), "NotMeter"),
        Attack("a reading beyond the cap", "meter of prosumer-1", etsc.generation(10**12), "ReadingTooHigh"),
        Attack("a reading that falls", "meter of prosumer-1", etsc.consumption(1), "ReadingFell"),
        Attack("plain ether", "stranger", Call(etsc.address, b"", value=1), ""),
    )
    meter, user = address("meter of prosumer-1"), prosumer
    for name, reading, signer, chain, error in (
        (
            "a reading signed by another",
            Reading(meter, user, 1, 100_000, _DEADLINE),
            "stranger",
            chain_id,
            "NotSignedByMeter",
        ),
        (
            "a reading for another chain",
            Reading(meter, user, 1, 100_000, _DEADLINE),
            "meter of prosumer-1",
            chain_id + 1,
            "NotSignedByMeter",
        ),
        (
            "a reading past its deadline",
            Reading(meter, user, 1, 100_000, 1),
            "meter of prosumer-1",
            chain_id,
            "ReadingExpired",
        ),
        (
            "a reading twice",
            Reading(meter, user, 0, 100_000, _DEADLINE),
            "meter of prosumer-1",
            chain_id,
            "ReadingNotNew",
        ),
    ):
        signed = sign_reading(private_key(signer), reading, etsc.address, chain)
        yield Attack(name, "stranger", etsc.relay_reading(signed), error)


def _pause(etsc: Etsc) -> Iterator[Step | Attack]:
    yield Step(
        "buyToken, discriminated", "prosumer-2", etsc.buy_token(address("edge server 1"), 100, _PRICE, _PRICE)
    )
    yield Step("pause", "administrator", etsc.pause(), _ONE)
    yield Attack("a reading while paused", "meter of prosumer-1", etsc.generation(1), "MarketPaused")
    yield Attack("a slot while paused", "edge server 1", etsc.open_slot(4, _PRICE), "MarketPaused")
    yield Step("withdraw, while paused", "edge server 1", etsc.withdraw())
    yield Step("unpause", "administrator", etsc.unpause(), _ONE)
    heir = address("stranger")
    yield Step(
        "offerAdministration", "administrator", etsc.offer_administration(heir), Touch(0, 4, created=1)
    )
    yield Step("takeAdministration", "stranger", etsc.take_administration(), Touch(2, 3, other=-_CLEARED))
    yield Attack("the former administrator acts", "administrator", etsc.pause(), "NotAdministrator")


def records(rpc: Rpc, etsc: Etsc) -> dict[str, Any]:
    """All that the contract holds of everybody in the script."""
    found: dict[str, Any] = {
        "slot": asdict(rpc.fetch(etsc.slot())),
        "paused": rpc.fetch(etsc.paused()),
        "administrator": rpc.fetch(etsc.administrator()),
        "wei": rpc.fetch(balance_of(etsc.address)),
    }
    for name in ("prosumer-1", "prosumer-2", "retailer-1", *_EDGE_SERVERS):
        found[f"{name}, user"] = asdict(rpc.fetch(etsc.user(address(name))))
        found[f"{name}, edge server"] = asdict(rpc.fetch(etsc.edge_server(address(name))))
    return found
