// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// Forged and replayed readings, and what a stolen meter key is worth.
contract MeterAttacksTest is Market {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    address private account;
    address private meter;

    function setUp() public override {
        super.setUp();
        account = retailers[0];
        meter = meterOf[account];
    }

    function reading(uint256 generated, uint256 consumed) private view returns (IETSC.Reading memory) {
        return IETSC.Reading(meter, generated, consumed, type(uint64).max);
    }

    function sign(IETSC.Reading memory signed) private view returns (uint8 v, bytes32 r, bytes32 s) {
        return vm.sign(keyOf[meter], digestOf(signed));
    }

    /// Whoever relays it, it is refused as signed by somebody else, and nothing has changed.
    function refusesAsForged(IETSC.Reading memory claimed, bytes32 digest, uint256 key) private {
        bytes32 before = ledger();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        address signer = ecrecover(digestOf(claimed), v, r, s); // somebody, but not the meter
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotSignedByMeter.selector, claimed.meter, signer));
        etsc.relayReading(claimed, v, r, s);
        assertEq(ledger(), before);
    }

    // ------------------------------------------------------------------------------------------ forgery

    function testFuzz_anotherSignerIsRefused(uint256 key) public {
        key = boundPrivateKey(key);
        vm.assume(vm.addr(key) != meter);
        IETSC.Reading memory forged = reading(10, 5);
        refusesAsForged(forged, digestOf(forged), key);
    }

    function test_anotherMetersSignatureIsRefused() public {
        IETSC.Reading memory forged = reading(10, 5);
        refusesAsForged(forged, digestOf(forged), keyOf[meterOf[retailers[1]]]);
    }

    function testFuzz_changedFiguresAreRefused(uint256 generated, uint256 consumed, uint256 deadline) public {
        IETSC.Reading memory signed = reading(10, 5);
        IETSC.Reading memory forged = IETSC.Reading(
            meter,
            bound(generated, 0, METER_LIMIT),
            bound(consumed, 0, METER_LIMIT),
            bound(deadline, vm.getBlockTimestamp(), type(uint256).max)
        );
        vm.assume(keccak256(abi.encode(signed)) != keccak256(abi.encode(forged)));
        refusesAsForged(forged, digestOf(signed), keyOf[meter]);
    }

    function test_figuresThatChangedPlacesAreRefused() public {
        refusesAsForged(reading(5, 10), digestOf(reading(10, 5)), keyOf[meter]);
    }

    function testFuzz_aReadingForAnotherChainIsRefused(uint64 chain) public {
        chain = uint64(bound(chain, 1, type(uint64).max - 1));
        vm.assume(chain != block.chainid);
        IETSC.Reading memory signed = reading(10, 5);
        bytes32 digest = digestOf(signed, account, chain, address(etsc));
        refusesAsForged(signed, digest, keyOf[meter]);
    }

    /// A copy of the chain that goes on under another number: the contract must not remember the first.
    function testFuzz_aReadingFromBeforeAForkIsRefusedAfterIt(uint64 chain) public {
        chain = uint64(bound(chain, 1, type(uint64).max - 1));
        vm.assume(chain != 1337);
        vm.chainId(1337);
        IETSC.Reading memory signed = reading(10, 5);
        bytes32 digest = digestOf(signed, account, 1337, address(etsc));
        vm.chainId(chain);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[meter], digest);
        address signer = ecrecover(digestOf(signed, account, chain, address(etsc)), v, r, s);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotSignedByMeter.selector, meter, signer));
        etsc.relayReading(signed, v, r, s);
        (v, r, s) = vm.sign(keyOf[meter], digestOf(signed, account, chain, address(etsc)));
        etsc.relayReading(signed, v, r, s); // as it is signed there
        assertEq(etsc.user(account).generated, 10);
    }

    function testFuzz_aReadingForAnotherContractIsRefused(address other) public {
        vm.assume(other != address(etsc));
        IETSC.Reading memory signed = reading(10, 5);
        bytes32 digest = digestOf(signed, account, block.chainid, other);
        refusesAsForged(signed, digest, keyOf[meter]);
    }

    function testFuzz_aReadingForAnotherUserIsRefused(address other) public {
        vm.assume(other != account);
        IETSC.Reading memory signed = reading(10, 5);
        bytes32 digest = digestOf(signed, other, block.chainid, address(etsc));
        refusesAsForged(signed, digest, keyOf[meter]);
    }

    /// Each signature has a twin on the other half of the curve: it is not taken, so no reading has two.
    function testFuzz_theMalleableTwinIsRefused(uint256 generated) public {
        IETSC.Reading memory signed = reading(bound(generated, 1, METER_LIMIT), 5);
        (uint8 v, bytes32 r, bytes32 s) = sign(signed);
        bytes32 high = bytes32(CURVE_ORDER - uint256(s));
        uint8 flipped = v == 27 ? 28 : 27;
        assertEq(ecrecover(digestOf(signed), flipped, r, high), meter, "the twin is as good as the first");
        vm.expectRevert(abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, high));
        etsc.relayReading(signed, flipped, r, high);
        etsc.relayReading(signed, v, r, s);
    }

    function testFuzz_anInvalidRecoveryNumberIsRefused(uint8 v) public {
        vm.assume(v != 27 && v != 28);
        IETSC.Reading memory signed = reading(10, 5);
        (, bytes32 r, bytes32 s) = sign(signed);
        vm.expectRevert(ECDSA.ECDSAInvalidSignature.selector);
        etsc.relayReading(signed, v, r, s);
    }

    /// Nothing recovers to the zero address, which is nobody's meter besides.
    function testFuzz_theZeroSignatureIsRefused(uint8 v, bool ofNobody) public {
        IETSC.Reading memory signed = reading(10, 5);
        if (ofNobody) signed.meter = address(0);
        vm.expectRevert(
            ofNobody
                ? abi.encodeWithSelector(IETSC.NotMeter.selector, address(0))
                : abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector)
        );
        etsc.relayReading(signed, v, 0, 0);
    }

    // ------------------------------------------------------------------------------------------ replays

    function testFuzz_aReadingIsGoodOnce(uint256 generated, uint256 consumed, uint256 blocks) public {
        IETSC.Reading memory signed =
            reading(bound(generated, 0, METER_LIMIT), bound(consumed, 0, METER_LIMIT));
        vm.assume(signed.generated + signed.consumed > 0);
        (uint8 v, bytes32 r, bytes32 s) = sign(signed);
        etsc.relayReading(signed, v, r, s);
        mine(bound(blocks, 0, 1_000_000));
        bytes32 before = ledger();
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingNotNew.selector, meter));
        etsc.relayReading(signed, v, r, s);
        assertEq(ledger(), before);
    }

    function testFuzz_anOlderReadingIsRefusedAfterALaterOne(uint256 older, uint256 later) public {
        older = bound(older, 1, METER_LIMIT - 1);
        later = bound(later, older + 1, METER_LIMIT);
        IETSC.Reading memory signed = reading(older, 0);
        (uint8 v, bytes32 r, bytes32 s) = sign(signed);
        relay(stranger, reading(later, 0));
        mine(1);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingFell.selector, account, later, older));
        etsc.relayReading(signed, v, r, s);
    }

    /// Whoever holds an older reading that was never relayed relays it just before the newer one. The meter's
    /// clock begins anew and the newer one has to wait: it is late by as many blocks as the limit needs for
    /// what lies between the two, and nothing is lost.
    function testFuzz_anOlderReadingThatWasHeldBackDelaysTheNewerAndLosesNothing(
        uint256 older,
        uint256 newer,
        uint256 silence
    ) public {
        silence = bound(silence, 2, 100);
        mine(silence);
        uint256 allowance = etsc.meter(meter).generationAllowance;
        older = bound(older, 1, allowance - 1);
        newer = bound(newer, older + 1, allowance);
        IETSC.Reading memory late = reading(newer, 0);
        (uint8 v, bytes32 r, bytes32 s) = sign(late);
        uint256 start = vm.snapshotState();
        etsc.relayReading(late, v, r, s); // would do, if nobody came between
        vm.revertToStateAndDelete(start);

        relay(stranger, reading(older, 0));
        uint256 delay = (newer - older + METER_LIMIT - 1) / METER_LIMIT;
        assertLe(delay, silence + 1, "no longer than the meter was silent");
        for (uint256 waited = 0; waited < delay; ++waited) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IETSC.ReadingTooHigh.selector, account, newer - older, waited * METER_LIMIT
                )
            );
            etsc.relayReading(late, v, r, s);
            mine(1);
        }
        etsc.relayReading(late, v, r, s); // the same signature
        assertEq(etsc.user(account).generated, newer);
        assertEq(etsc.user(account).power, newer);
    }

    /// The meter said the same itself already: the relayed one adds nothing.
    function test_whatTheMeterHasReportedItselfIsNotNew() public {
        IETSC.Reading memory signed = reading(10, 0);
        (uint8 v, bytes32 r, bytes32 s) = sign(signed);
        generate(account, 10);
        mine(1);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingNotNew.selector, meter));
        etsc.relayReading(signed, v, r, s);
    }

    // ----------------------------------------------------------------------------------- stolen meters

    function test_aMeterThatWasExchangedIsWorthNothing() public {
        IETSC.Reading memory signed = reading(10, 5);
        (uint8 v, bytes32 r, bytes32 s) = sign(signed);
        vm.prank(administrator);
        etsc.rotateMeter(account, makeAddr("new meter"));
        mine(10);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotMeter.selector, meter));
        etsc.relayReading(signed, v, r, s);
        vm.startPrank(meter);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotMeter.selector, meter));
        etsc.generation(10);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotMeter.selector, meter));
        etsc.consumption(10);
    }

    /// A meter that goes to another household takes no reading of the first with it.
    function test_aReadingSignedForTheFirstUserIsNotTheSecondsAfterRebinding() public {
        IETSC.Reading memory signed = reading(10, 5);
        bytes32 digest = digestOf(signed);
        address second = makeAddr("second household");
        vm.startPrank(administrator);
        etsc.rotateMeter(account, makeAddr("new meter"));
        etsc.empower("second", second, true, true);
        etsc.bindMeter(second, meter);
        vm.stopPrank();
        mine(1);
        refusesAsForged(signed, digest, keyOf[meter]);
        assertEq(etsc.user(second).generated, 0);
        relay(stranger, signed); // signed anew, for the second
        assertEq(etsc.user(second).generated, 10);
        assertEq(etsc.user(account).generated, 0);
    }

    /// Whatever the thief reports, whenever, by whichever way: never more than the limit for each block.
    function testFuzz_aStolenKeyIsHeldToTheLimitForEachBlock(uint256 seed) public {
        uint256 start = vm.getBlockNumber() - 1; // when it was bound
        for (uint256 i = 0; i < 24; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            mine(draw % 4 == 0 ? 0 : (draw >> 8) % 50);
            IETSC.User memory record = etsc.user(account);
            // Around what is allowed, on both sides, with the very most among them.
            uint256 rise = (draw >> 16) % 3 == 0
                ? etsc.meter(meter).generationAllowance
                : (draw >> 24) % (60 * METER_LIMIT);
            attempt(record.generated + rise, record.consumed + (draw >> 64) % (60 * METER_LIMIT), draw >> 128);
            uint256 most = (vm.getBlockNumber() - start) * METER_LIMIT;
            record = etsc.user(account);
            assertLe(record.generated, most, "generated");
            assertLe(record.consumed, most, "consumed");
        }
        assertGt(etsc.user(account).generated, 0, "nothing was tried");
    }

    function attempt(uint256 generated, uint256 consumed, uint256 way) private {
        bytes memory data;
        if (way % 3 == 0) {
            data = abi.encodeCall(IETSC.generation, (generated));
        } else if (way % 3 == 1) {
            data = abi.encodeCall(IETSC.consumption, (consumed));
        } else {
            IETSC.Reading memory signed = reading(generated, consumed);
            (uint8 v, bytes32 r, bytes32 s) = sign(signed);
            data = abi.encodeCall(IETSC.relayReading, (signed, v, r, s));
        }
        vm.prank(meter);
        (bool done,) = address(etsc).call(data);
        done; // either way
    }

    /// An exchange does not hand the thief, nor anybody, the blocks since the last reading once more.
    function testFuzz_exchangingMetersGivesNoAllowance(uint256 before, uint256 since) public {
        mine(bound(before, 1, 1000));
        generate(account, 1);
        address fresh = makeAddr("new meter");
        vm.prank(administrator);
        etsc.rotateMeter(account, fresh);
        since = bound(since, 0, 1000);
        mine(since);
        uint256 allowance = since * METER_LIMIT;
        vm.expectRevert(
            abi.encodeWithSelector(IETSC.ReadingTooHigh.selector, account, allowance + 1, allowance)
        );
        vm.prank(fresh);
        etsc.generation(allowance + 2);
    }

    /// Blocks are counted in 24 bits: after years of silence the allowance starts over, and is never more
    /// than what the blocks would give.
    function testFuzz_theBlockCountWrapsDownwards(uint256 rounds, uint256 more) public {
        rounds = bound(rounds, 1, 1000);
        more = bound(more, 0, type(uint24).max);
        generate(account, 1);
        consume(account, 1);
        uint256 last = vm.getBlockNumber();
        vm.roll(last + rounds * 2 ** 24 + more);
        assertEq(etsc.meter(meter).consumptionAllowance, more * METER_LIMIT);
        assertEq(
            etsc.meter(meter).generationAllowance,
            more == type(uint24).max ? 0 : (more + 1) * METER_LIMIT // a block earlier
        );
        uint256 allowance = more * METER_LIMIT;
        vm.startPrank(meter);
        vm.expectRevert(
            abi.encodeWithSelector(IETSC.ReadingTooHigh.selector, account, allowance + 1, allowance)
        );
        etsc.consumption(1 + allowance + 1);
        etsc.consumption(1 + allowance);
        assertEq(etsc.user(account).consumed, 1 + allowance);
    }
}
