// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract GenerationTest is Market {
    address private account;
    address private meter;

    function setUp() public override {
        super.setUp();
        account = retailers[0];
        meter = meterOf[account];
    }

    function report(uint256 cumulative) private {
        vm.prank(meter);
        etsc.generation(cumulative);
    }

    function testFuzz_addsWhatIsNewToThePower(uint256 first, uint256 second) public {
        first = bound(first, 0, METER_LIMIT);
        second = bound(second, first, first + METER_LIMIT);
        vm.expectEmit(address(etsc));
        emit IETSC.Generated(0, account, first);
        report(first);
        open(PRICE);
        mine(1);
        vm.expectEmit(address(etsc));
        emit IETSC.Generated(1, account, second);
        report(second);

        IETSC.User memory expected;
        expected.name = "retailer 1";
        expected.registered = expected.genRight = expected.transRight = true;
        expected.power = expected.generated = second;
        expected.meter = meter;
        assertEq(abi.encode(etsc.user(account)), abi.encode(expected));
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
        vm.roll(vm.getBlockNumber() - 1 + blocks); // bound one block ago
        uint256 allowance = blocks * METER_LIMIT;
        excess = bound(excess, 1, type(uint48).max - allowance);
        assertEq(etsc.meter(meter).generationAllowance, allowance);
        vm.expectRevert(
            abi.encodeWithSelector(IETSC.ReadingTooHigh.selector, account, allowance + excess, allowance)
        );
        report(allowance + excess);
        report(allowance);
        assertEq(etsc.user(account).power, allowance);
        assertEq(etsc.meter(meter).generationAllowance, 0);
    }

    function test_inOneBlockOneReadingRises() public {
        report(5);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ReadingTooHigh.selector, account, 1, 0));
        report(6);
        report(5); // says nothing new, and that is no lie
        assertEq(etsc.user(account).power, 5);
    }

    function test_eachKindHasItsOwnAllowance() public {
        report(5);
        assertEq(etsc.meter(meter).consumptionAllowance, METER_LIMIT);
        vm.prank(meter);
        etsc.consumption(5);
        assertEq(etsc.user(account).power, 0);
    }

    function testFuzz_aReadingFits48Bits(uint256 cumulative) public {
        cumulative = bound(cumulative, uint256(type(uint48).max) + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IETSC.ValueTooLarge.selector, cumulative, type(uint48).max));
        report(cumulative);
    }

    /// The right to sell is no condition: what a solar panel gives is a fact.
    function test_whoMayNotSellIsMeteredAllTheSame() public {
        generate(prosumers[0], 7);
        assertEq(etsc.user(prosumers[0]).power, 7);
    }
}
