// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract ConsumptionTest is Market {
    address private account;
    address private meter;

    function setUp() public override {
        super.setUp();
        account = retailers[0];
        meter = meterOf[account];
        generate(account, 1000);
    }

    function report(uint256 cumulative) private {
        vm.prank(meter);
        etsc.consumption(cumulative);
    }

    function testFuzz_takesFromThePowerAndRecordsWhatIsMissing(uint256 first, uint256 second) public {
        first = bound(first, 0, 3000);
        second = bound(second, first, first + 3000);
        uint256 missing = first > 1000 ? first - 1000 : 0;
        vm.expectEmit(address(etsc));
        emit IETSC.Consumed(0, account, first, missing);
        report(first);
        open(PRICE);
        mine(1);
        missing = second > 1000 ? second - 1000 : 0;
        vm.expectEmit(address(etsc));
        emit IETSC.Consumed(1, account, second, missing);
        report(second);

        IETSC.User memory record = etsc.user(account);
        assertEq(record.consumed, second);
        assertEq(record.power, second > 1000 ? 0 : 1000 - second);
        assertEq(record.deficit, missing);
        assertEq(record.generated, 1000);
        assertEq(record.power + record.consumed, record.generated + record.deficit);
    }

    /// It was not paid for: what comes in later is for sale, and the deficit stays on record.
    function test_aDeficitIsNotMadeUpForByLaterGeneration() public {
        report(1500);
        generate(account, 700);
        IETSC.User memory record = etsc.user(account);
        assertEq(record.deficit, 500);
        assertEq(record.power, 700);
    }

    function test_whatIsOnOfferMayBeConsumed() public {
        offer(account, 1000);
        report(400);
        IETSC.User memory record = etsc.user(account);
        assertEq(record.power, 600);
        assertEq(record.offered, 1000);
        assertEq(record.deficit, 0);
    }

    function testFuzz_aReadingNeverFalls(uint256 last, uint256 cumulative) public {
        last = bound(last, 1, METER_LIMIT);
        cumulative = bound(cumulative, 0, last - 1);
        report(last);
        mine(1);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingFell.selector, account, last, cumulative));
        report(cumulative);
    }

    function testFuzz_aReadingRisesByAtMostTheLimitForEachBlock(uint256 blocks, uint256 excess) public {
        blocks = bound(blocks, 0, 1_000_000);
        vm.roll(vm.getBlockNumber() - 2 + blocks); // bound two blocks ago
        uint256 allowance = blocks * METER_LIMIT;
        excess = bound(excess, 1, type(uint48).max - allowance);
        assertEq(etsc.meter(meter).consumptionAllowance, allowance);
        vm.expectRevert(
            abi.encodeWithSelector(IETSC.ReadingTooHigh.selector, account, allowance + excess, allowance)
        );
        report(allowance + excess);
        report(allowance);
        assertEq(etsc.user(account).consumed, allowance);
        assertEq(etsc.meter(meter).consumptionAllowance, 0);
    }

    function test_inOneBlockOneReadingRises() public {
        report(5);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingTooHigh.selector, account, 1, 0));
        report(6);
    }

    function testFuzz_aReadingFits48Bits(uint256 cumulative) public {
        cumulative = bound(cumulative, uint256(type(uint48).max) + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ValueTooLarge.selector, cumulative, type(uint48).max));
        report(cumulative);
    }
}
