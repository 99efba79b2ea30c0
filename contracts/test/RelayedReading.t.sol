// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// Forged and replayed readings: MeterAttacks.t.sol.
contract RelayedReadingTest is Market {
    address private account;
    address private meter;
    address private gateway = makeAddr("gateway");

    function setUp() public override {
        super.setUp();
        account = retailers[0];
        meter = meterOf[account];
    }

    function reading(uint256 generated, uint256 consumed) private view returns (IETSC.Reading memory) {
        return IETSC.Reading(meter, generated, consumed, vm.getBlockTimestamp());
    }

    function testFuzz_anybodyRelaysBothFigures(address anybody, uint256 generated, uint256 consumed) public {
        generated = bound(generated, 1, METER_LIMIT);
        consumed = bound(consumed, 1, METER_LIMIT);
        uint256 missing = consumed > generated ? consumed - generated : 0;
        open(PRICE);
        vm.expectEmit(address(etsc));
        emit IETSC.Generated(1, account, generated);
        vm.expectEmit(address(etsc));
        emit IETSC.Consumed(1, account, consumed, missing);
        relay(anybody, reading(generated, consumed));

        IETSC.User memory record = etsc.user(account);
        assertEq(record.generated, generated);
        assertEq(record.consumed, consumed);
        assertEq(record.deficit, missing);
        assertEq(record.power, generated + missing - consumed);
        assertEq(etsc.meter(meter).generationAllowance, 0);
        assertEq(etsc.meter(meter).consumptionAllowance, 0);
    }

    /// One by one or both at once, what the ledger says is the same.
    function testFuzz_saysWhatTwoSingleReadingsSay(uint256 generated, uint256 consumed) public {
        (generated, consumed) = (bound(generated, 1, METER_LIMIT), bound(consumed, 1, METER_LIMIT));
        uint256 start = vm.snapshotState();
        relay(gateway, reading(generated, consumed));
        bytes32 relayed = ledger();
        vm.revertToState(start);
        vm.startPrank(meter);
        etsc.generation(generated);
        etsc.consumption(consumed);
        vm.stopPrank();
        assertEq(ledger(), relayed);
    }

    function test_aFigureThatDidNotRiseIsNotAnnouncedAndKeepsItsAllowance() public {
        generate(account, 10);
        consume(account, 4);
        mine(3);
        vm.recordLogs();
        vm.expectEmit(address(etsc));
        emit IETSC.Generated(0, account, 11);
        relay(gateway, reading(11, 4));
        assertEq(announced(), 1);
        assertEq(etsc.meter(meter).generationAllowance, 0);
        assertEq(etsc.meter(meter).consumptionAllowance, 3 * METER_LIMIT);

        vm.recordLogs();
        vm.expectEmit(address(etsc));
        emit IETSC.Consumed(0, account, 5, 0);
        relay(gateway, reading(11, 5));
        assertEq(announced(), 1);
        assertEq(etsc.meter(meter).consumptionAllowance, 0);
    }

    /// Neither may fall, not even where the other one rises.
    function test_aLowerFigureIsRefused() public {
        generate(account, 10);
        consume(account, 4);
        mine(1);
        IETSC.Reading memory lower = reading(9, 5);
        bytes32 digest = digestOf(lower);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[meter], digest);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingFell.selector, account, 10, 9));
        etsc.relayReading(lower, v, r, s);

        lower = reading(11, 3);
        digest = digestOf(lower);
        (v, r, s) = vm.sign(keyOf[meter], digest);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingFell.selector, account, 4, 3));
        etsc.relayReading(lower, v, r, s);
        assertEq(etsc.user(account).generated, 10); // not a half of it
    }

    function testFuzz_eachFigureIsHeldToItsAllowance(bool ofConsumption, uint256 excess) public {
        excess = bound(excess, 1, type(uint48).max - METER_LIMIT);
        IETSC.Reading memory high = reading(METER_LIMIT, METER_LIMIT);
        if (ofConsumption) high.consumed += excess;
        else high.generated += excess;
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[meter], digestOf(high));
        vm.expectRevert(
            abi.encodeWithSelector(IETSC.ReadingTooHigh.selector, account, METER_LIMIT + excess, METER_LIMIT)
        );
        etsc.relayReading(high, v, r, s);
        assertEq(etsc.user(account).generated, 0);
    }

    function testFuzz_isGoodUpToItsDeadline(uint256 deadline, uint256 late) public {
        IETSC.Reading memory dated = reading(1, 1);
        dated.deadline = bound(deadline, vm.getBlockTimestamp(), type(uint64).max);
        late = bound(late, dated.deadline + 1, type(uint256).max);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[meter], digestOf(dated));
        vm.warp(late);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingExpired.selector, dated.deadline, late));
        etsc.relayReading(dated, v, r, s);
        vm.warp(dated.deadline);
        etsc.relayReading(dated, v, r, s);
        assertEq(etsc.user(account).generated, 1);
    }

    function test_isRefusedWhilePaused() public {
        vm.prank(administrator);
        etsc.pause();
        IETSC.Reading memory signed = reading(1, 1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[meter], digestOf(signed));
        vm.expectRevert(IETSC.MarketPaused.selector);
        etsc.relayReading(signed, v, r, s);
    }

    /// The digest, from outside: what eth_account signs for this very reading, chain and address.
    function test_theDigestIsEip712s() public pure {
        IETSC.Reading memory known =
            IETSC.Reading(address(0x1111111111111111111111111111111111111111), 12_345, 678, 1_900_000_000);
        assertEq(
            digestOf(
                known,
                address(0x2222222222222222222222222222222222222222),
                1337,
                address(0x3333333333333333333333333333333333333333)
            ),
            0xd859f5b2b9bfec7bbece3ff27bd60d0b913ea321940426e6f7c96a1613113197
        );
    }
}
