// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Handler} from "./Handler.sol";
import {Refusing} from "./Refusing.sol";
import {SignedReading, digestOf} from "./SignedReading.sol";

/// @title Readings that are false, stolen, changed, late or repeated
contract ForbiddenReadings is Refusing {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    constructor(Handler handler) Refusing(handler) {}

    function readAsNoMeter(uint256 callerSeed, uint256 cumulative) external changesNothing {
        address caller = somebody(callerSeed);
        vm.assume(!isMeter(caller));
        bytes4 error = IETSC.NotMeter.selector;
        refusedByMarket(caller, abi.encodeCall(IETSC.generation, (cumulative)), error);
        refusedByMarket(caller, abi.encodeCall(IETSC.consumption, (cumulative)), error);
    }

    function readTooLittleOrTooMuch(uint256 meterSeed, uint256 seed) external changesNothing {
        address device = _boundMeter(meterSeed);
        IETSC.Meter memory record = etsc.meter(device);
        IETSC.User memory owner = etsc.user(record.user);
        uint256 most = owner.generated + record.generationAllowance;
        _refusedGeneration(device, most + 1 + seed % 1000, IETSC.ReadingTooHigh.selector);
        _refusedGeneration(device, 2 ** 48 + seed % 2 ** 200, IETSC.ValueTooLarge.selector);
        if (owner.generated > 0) {
            _refusedGeneration(device, seed % owner.generated, IETSC.ReadingFell.selector);
        }
        most = owner.consumed + record.consumptionAllowance;
        _refusedConsumption(device, most + 1 + seed % 1000, IETSC.ReadingTooHigh.selector);
        _refusedConsumption(device, 2 ** 48 + seed % 2 ** 200, IETSC.ValueTooLarge.selector);
        if (owner.consumed > 0) {
            _refusedConsumption(device, seed % owner.consumed, IETSC.ReadingFell.selector);
        }
    }

    /// By whatever has been relayed before, of meters that are bound still or no more.
    function relayAgain(uint256 relaySeed, uint256 seed) external changesNothing {
        vm.assume(handler.relayedCount() > 0);
        SignedReading memory signed = handler.relayed(mixed(seed, 1));
        IETSC.Reading memory reading = signed.reading;
        IETSC.User memory owner = etsc.user(etsc.meter(reading.meter).user);
        bytes4 error = IETSC.ReadingFell.selector;
        if (block.timestamp > reading.deadline) error = IETSC.ReadingExpired.selector;
        else if (!owner.registered) error = IETSC.NotMeter.selector;
        else if (!_isFor(signed, owner.meter)) error = IETSC.NotSignedByMeter.selector;
        else if (_same(reading, owner)) error = IETSC.ReadingNotNew.selector;
        _refusedRelay(somebody(relaySeed), signed, error);
    }

    function relayForged(uint256 relaySeed, uint256 meterSeed, uint256 seed) external changesNothing {
        address device = _boundMeter(meterSeed);
        IETSC.Meter memory record = etsc.meter(device);
        IETSC.User memory owner = etsc.user(record.user);
        // Were the signature good, this would be a reading like any other.
        IETSC.Reading memory reading = IETSC.Reading({
            meter: device,
            generated: owner.generated + record.generationAllowance,
            consumed: owner.consumed + record.consumptionAllowance,
            deadline: block.timestamp + seed % 100
        });
        address relay = somebody(relaySeed);
        bytes4 error = IETSC.NotSignedByMeter.selector;
        uint256 key = _keyOf(device);
        bytes32 digest = digestOf(reading, record.user, address(etsc), block.chainid);
        uint256 another = cast.keys[seed % cast.keys.length];
        if (another != key) _refusedRelay(relay, _sign(reading, another, digest), error);
        address stranger = cast.stranger;
        _refusedRelay(
            relay, _sign(reading, key, digestOf(reading, stranger, address(etsc), block.chainid)), error
        );
        _refusedRelay(
            relay,
            _sign(reading, key, digestOf(reading, record.user, address(etsc), block.chainid + 1)),
            error
        );
        _refusedRelay(
            relay, _sign(reading, key, digestOf(reading, record.user, stranger, block.chainid)), error
        );
        SignedReading memory signed = _sign(reading, key, digest);
        ++signed.reading.deadline;
        _refusedRelay(relay, signed, error);
        --signed.reading.deadline;
        _refusedMirrored(relay, signed);
    }

    function relayFalse(uint256 relaySeed, uint256 meterSeed, uint256 seed) external changesNothing {
        address device = _boundMeter(meterSeed);
        IETSC.Meter memory record = etsc.meter(device);
        IETSC.User memory owner = etsc.user(record.user);
        address relay = somebody(relaySeed);
        IETSC.Reading memory reading =
            IETSC.Reading(device, owner.generated, owner.consumed, block.timestamp + seed % 100);
        _refusedRelay(relay, _signedFor(reading, record.user), IETSC.ReadingNotNew.selector);
        reading.deadline = block.timestamp - 1;
        _refusedRelay(relay, _signedFor(reading, record.user), IETSC.ReadingExpired.selector);
        reading.deadline = type(uint256).max;
        reading.generated += record.generationAllowance + 1;
        _refusedRelay(relay, _signedFor(reading, record.user), IETSC.ReadingTooHigh.selector);
        reading.generated = owner.generated;
        reading.consumed += record.consumptionAllowance + 1;
        _refusedRelay(relay, _signedFor(reading, record.user), IETSC.ReadingTooHigh.selector);
    }

    // ------------------------------------------------------------------------------------------ helpers

    function _refusedGeneration(address device, uint256 cumulative, bytes4 error) private {
        refusedByMarket(device, abi.encodeCall(IETSC.generation, (cumulative)), error);
    }

    function _refusedConsumption(address device, uint256 cumulative, bytes4 error) private {
        refusedByMarket(device, abi.encodeCall(IETSC.consumption, (cumulative)), error);
    }

    function _refusedRelay(address relay, SignedReading memory signed, bytes4 error) private {
        bytes memory data = abi.encodeCall(IETSC.relayReading, (signed.reading, signed.v, signed.r, signed.s));
        refusedByMarket(relay, data, error);
    }

    /// The second signature that everybody can make of one.
    function _refusedMirrored(address relay, SignedReading memory signed) private {
        signed.v = signed.v == 27 ? 28 : 27;
        signed.s = bytes32(CURVE_ORDER - uint256(signed.s));
        bytes memory data = abi.encodeCall(IETSC.relayReading, (signed.reading, signed.v, signed.r, signed.s));
        refusedByMarket(relay, data, bytes4(keccak256("ECDSAInvalidSignatureS(bytes32)")));
    }

    function _boundMeter(uint256 seed) private view returns (address) {
        uint256 first = mixed(seed, 2) % cast.meters.length;
        for (uint256 i = 0; i < cast.meters.length; ++i) {
            address device = cast.meters[(first + i) % cast.meters.length];
            if (isMeter(device)) return device;
        }
        revert("some meter is always bound");
    }

    /// Whether it was signed when the meter was the same user's.
    function _isFor(SignedReading memory signed, address device) private view returns (bool) {
        address user = etsc.meter(device).user;
        bytes32 digest = digestOf(signed.reading, user, address(etsc), block.chainid);
        return ecrecover(digest, signed.v, signed.r, signed.s) == signed.reading.meter;
    }

    function _same(IETSC.Reading memory reading, IETSC.User memory owner) private pure returns (bool) {
        return reading.generated == owner.generated && reading.consumed == owner.consumed;
    }

    function _signedFor(IETSC.Reading memory reading, address user)
        private
        view
        returns (SignedReading memory)
    {
        return _sign(reading, _keyOf(reading.meter), digestOf(reading, user, address(etsc), block.chainid));
    }

    /// A copy, so that the caller may go on with its reading.
    function _sign(IETSC.Reading memory reading, uint256 key, bytes32 digest)
        private
        pure
        returns (SignedReading memory signed)
    {
        signed.reading = IETSC.Reading(reading.meter, reading.generated, reading.consumed, reading.deadline);
        (signed.v, signed.r, signed.s) = vm.sign(key, digest);
    }

    function _keyOf(address device) private view returns (uint256) {
        for (uint256 i = 0; i < cast.meters.length; ++i) {
            if (cast.meters[i] == device) return cast.keys[i];
        }
        revert("no key");
    }
}
