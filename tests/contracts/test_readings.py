"""Readings that a meter signs and anybody relays: good once, here, in time, and for nothing else."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from contracts import reverts
from contracts.events import Consumed, Generated
from contracts.readings import Reading, SignedReading, sign_reading
from contracts.reverts import EtscRevert
from tests.contracts.chain import CHAIN_ID, Receipt
from tests.contracts.market import FAR_FUTURE, METER_LIMIT, NOBODY, Market

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def relay(market: Market, signed: SignedReading) -> Receipt:
    """By a stranger, who has no role in the market."""
    return market.chain.do(market.stranger, market.etsc.relay_reading(signed))[0]


def refusal(market: Market, signed: SignedReading) -> EtscRevert:
    return market.chain.refusal(market.stranger, market.etsc.relay_reading(signed))


def test_a_stranger_relays_both_figures(market: Market) -> None:
    receipt = relay(market, market.signed_reading(market.retailer, 10_000, 4_000))
    user = market.user(market.retailer)
    assert (user.generated, user.consumed, user.power) == (10_000, 4_000, 6_000)
    generated, consumed = market.events_in(receipt)
    assert isinstance(generated, Generated)
    assert (generated.user, generated.cumulative) == (market.retailer.address, 10_000)
    assert isinstance(consumed, Consumed)
    assert (consumed.user, consumed.cumulative, consumed.deficit) == (market.retailer.address, 4_000, 0)


def test_only_the_figure_that_rose_is_reported(market: Market) -> None:
    market.generate(market.retailer, 10_000)
    for generated, consumed, kinds in (
        (10_000, 3_000, ["Consumed"]),
        (11_000, 3_000, ["Generated"]),
        (11_500, 15_000, ["Generated", "Consumed"]),
    ):
        receipt = relay(market, market.signed_reading(market.retailer, generated, consumed))
        assert [event.name for event in market.events_in(receipt)] == kinds
    user = market.user(market.retailer)
    assert (user.generated, user.consumed, user.power, user.deficit) == (11_500, 15_000, 0, 3_500)


def test_a_signature_is_good_once_and_never_after_a_later_one(market: Market) -> None:
    first = market.signed_reading(market.retailer, 1_000, 0)
    later = market.signed_reading(market.retailer, 2_000, 0)
    relay(market, first)
    replayed = refusal(market, first)
    assert isinstance(replayed, reverts.ReadingNotNew)
    assert replayed.values == {"meter": market.meter_of(market.retailer).address}
    relay(market, later)
    assert isinstance(refusal(market, first), reverts.ReadingFell)
    assert not market.chain.send(market.stranger, market.etsc.relay_reading(first))[0].ok
    assert market.user(market.retailer).generated == 2_000


def test_a_reading_may_not_fall_in_one_figure_while_the_other_rises(market: Market) -> None:
    relay(market, market.signed_reading(market.retailer, 1_000, 500))
    market.chain.grow()
    for generated, consumed in ((999, 600), (1_100, 499)):
        signed = market.signed_reading(market.retailer, generated, consumed)
        assert isinstance(refusal(market, signed), reverts.ReadingFell)


def test_a_reading_is_good_until_its_deadline(market: Market) -> None:
    now = market.chain.now()
    expired = refusal(market, market.signed_reading(market.retailer, 1_000, 0, deadline=now - 1))
    assert isinstance(expired, reverts.ReadingExpired)
    assert expired.values == {"deadline": now - 1, "timestamp": now}
    # A call runs at the latest block's time: the deadline itself is still good.
    in_time = market.etsc.relay_reading(market.signed_reading(market.retailer, 1_000, 0, deadline=now))
    answer = market.chain.rpc.request(
        "eth_call", {"to": in_time.to, "data": "0x" + in_time.data.hex()}, "latest"
    )
    assert answer == "0x"


def test_a_reading_for_another_chain_or_contract_is_refused(market: Market) -> None:
    meter = market.meter_of(market.retailer).address
    for signed in (
        market.signed_reading(market.retailer, 1_000, 0, chain_id=CHAIN_ID + 1),
        market.signed_reading(market.retailer, 1_000, 0, etsc=market.stranger.address),
    ):
        cause = refusal(market, signed)
        assert isinstance(cause, reverts.NotSignedByMeter)
        assert cause.values["meter"] == meter
        assert cause.values["signer"] not in {meter, NOBODY}


def test_a_reading_that_somebody_else_signed_or_that_was_changed_is_refused(market: Market) -> None:
    meter = market.meter_of(market.retailer).address
    forged = refusal(market, market.signed_reading(market.retailer, 1_000, 0, signer=market.stranger))
    assert isinstance(forged, reverts.NotSignedByMeter)
    assert forged.values == {"meter": meter, "signer": market.stranger.address}
    signed = market.signed_reading(market.retailer, 1_000, 10)
    for generated, consumed, deadline in (
        (1_001, 10, FAR_FUTURE),
        (1_000, 9, FAR_FUTURE),
        (1_000, 10, FAR_FUTURE + 1),
    ):
        changed = Reading(meter, market.retailer.address, generated, consumed, deadline)
        cause = refusal(market, SignedReading(changed, signed.v, signed.r, signed.s))
        assert isinstance(cause, reverts.NotSignedByMeter)


def test_a_reading_for_the_meters_former_user_is_refused(market: Market) -> None:
    """The meter of a user moves to another one: what it signed for the first counts for nobody."""
    meter = market.meter_of(market.retailer)
    old = market.signed_reading(market.retailer, 1_000, 0)
    newcomer = market.chain.wallet()
    market.chain.do(
        market.administrator,
        market.etsc.rotate_meter(market.retailer.address, market.chain.wallet().address),
        market.etsc.empower("newcomer", newcomer.address, True, True),
        market.etsc.bind_meter(newcomer.address, meter.address),
    )
    market.chain.grow()
    assert isinstance(refusal(market, old), reverts.NotSignedByMeter)
    reading = Reading(meter.address, newcomer.address, 1_000, 0, FAR_FUTURE)
    relay(market, sign_reading(meter.private_key, reading, market.etsc.address, CHAIN_ID))
    assert market.user(newcomer).generated == 1_000


def test_a_meter_that_was_rotated_out_signs_for_nobody(market: Market) -> None:
    signed = market.signed_reading(market.retailer, 1_000, 0)
    rotate = market.etsc.rotate_meter(market.retailer.address, market.chain.wallet().address)
    market.chain.do(market.administrator, rotate)
    cause = refusal(market, signed)
    assert isinstance(cause, reverts.NotMeter)
    assert cause.values == {"caller": market.meter_of(market.retailer).address}


def test_a_relayed_reading_rises_no_more_than_one_that_the_meter_sends(market: Market) -> None:
    market.generate(market.retailer, 1_000)
    # A call runs in the latest block, which has a reading of generation already.
    assert isinstance(
        refusal(market, market.signed_reading(market.retailer, 1_001, 0)), reverts.ReadingTooHigh
    )
    too_high = market.signed_reading(market.retailer, 1_001 + METER_LIMIT, 0)
    assert not market.chain.send(market.stranger, market.etsc.relay_reading(too_high))[0].ok
    relay(market, market.signed_reading(market.retailer, 1_000 + METER_LIMIT, 0))


def test_a_signature_has_one_form_only(market: Market) -> None:
    """The other s that fits the same content would be a second signature of one reading."""
    signed = market.signed_reading(market.retailer, 1_000, 0)
    other_s = (CURVE_ORDER - int.from_bytes(signed.s, "big")).to_bytes(32, "big")
    twin = SignedReading(signed.reading, 55 - signed.v, signed.r, other_s)
    assert isinstance(refusal(market, twin), reverts.ECDSAInvalidSignatureS)
    for v, r in ((0, signed.r), (signed.v, bytes(32))):
        nonsense = SignedReading(signed.reading, v, r, signed.s)
        assert isinstance(refusal(market, nonsense), reverts.ECDSAInvalidSignature)


@pytest.mark.parametrize("chain_id", [1, CHAIN_ID])
def test_what_is_signed_is_typed_data_that_any_wallet_shows(market: Market, chain_id: int) -> None:
    """The same as a wallet makes of the JSON of eth_signTypedData_v4."""
    signed = market.signed_reading(market.retailer, 1_000, 500, chain_id=chain_id)
    reading = signed.reading
    message = encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                "Reading": [
                    {"name": "meter", "type": "address"},
                    {"name": "user", "type": "address"},
                    *({"name": name, "type": "uint256"} for name in ("generated", "consumed", "deadline")),
                ],
            },
            "primaryType": "Reading",
            "domain": {
                "name": "ETSC",
                "version": "1",
                "chainId": chain_id,
                "verifyingContract": market.etsc.address,
            },
            "message": {
                "meter": reading.meter,
                "user": market.retailer.address,
                "generated": 1_000,
                "consumed": 500,
                "deadline": FAR_FUTURE,
            },
        }
    )
    assert Account.recover_message(message, vrs=(signed.v, signed.r, signed.s)) == reading.meter
