// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// offer and retract
contract OfferTest is Market {
    address private retailer;

    function setUp() public override {
        super.setUp();
        retailer = retailers[0];
        generate(retailer, 10_000);
    }

    function retract() private {
        vm.prank(retailer);
        etsc.retract();
    }

    // -------------------------------------------------------------------------------------------- offer

    function testFuzz_putsPowerUpForSaleAndChangesNothingElse(uint256 first, uint256 second) public {
        first = bound(first, 1, 9999);
        second = bound(second, 1, 10_000 - first);
        IETSC.User memory expected = etsc.user(retailer);
        vm.expectEmit(address(etsc));
        emit IETSC.Offered(0, retailer, first);
        offer(retailer, first);
        open(PRICE);
        vm.expectEmit(address(etsc));
        emit IETSC.Offered(1, retailer, second); // so many more
        offer(retailer, second);
        expected.offered = first + second;
        assertEq(abi.encode(etsc.user(retailer)), abi.encode(expected));
    }

    function testFuzz_atMostWhatTheRetailerHas(uint256 first, uint256 second) public {
        first = bound(first, 1, 10_000);
        second = bound(second, 10_000 - first + 1, type(uint256).max);
        offer(retailer, first);
        vm.expectRevert(
            abi.encodeWithSelector(IETSC.InsufficientPower.selector, retailer, 10_000 - first, second)
        );
        offer(retailer, second);
        assertEq(etsc.user(retailer).offered, first);
    }

    function test_zeroIsRefused() public {
        vm.expectRevert(IETSC.ZeroQuantity.selector);
        offer(retailer, 0);
    }

    /// What was consumed since the offer cannot be offered again.
    function test_whatWasConsumedIsNotFree() public {
        offer(retailer, 8000);
        consume(retailer, 5000);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientPower.selector, retailer, 0, 1));
        offer(retailer, 1);
        generate(retailer, 3001);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientPower.selector, retailer, 1, 2));
        offer(retailer, 2);
        offer(retailer, 1);
        assertEq(etsc.user(retailer).offered, 8001);
    }

    function test_whatWasSoldIsNotOnOffer() public {
        offer(retailer, 10_000);
        open(PRICE);
        buy(prosumers[0], 10_000);
        trade(prosumers[0], retailer, 4000);
        assertEq(etsc.user(retailer).offered, 6000);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientPower.selector, retailer, 0, 1));
        offer(retailer, 1);
    }

    function test_whatWasBoughtMayBeOffered() public {
        offer(retailer, 1000);
        open(PRICE);
        buy(retailers[1], 600);
        trade(retailers[1], retailer, 1000);
        offer(retailers[1], 1000);
        assertEq(etsc.user(retailers[1]).offered, 1000);
    }

    // ------------------------------------------------------------------------------------------ retract

    function testFuzz_takesBackTheWholeOfferAndChangesNothingElse(uint256 quantity) public {
        IETSC.User memory expected = etsc.user(retailer);
        quantity = bound(quantity, 1, 10_000);
        offer(retailer, quantity);
        open(PRICE);
        vm.expectEmit(address(etsc));
        emit IETSC.Retracted(1, retailer, quantity);
        retract();
        assertEq(abi.encode(etsc.user(retailer)), abi.encode(expected));
    }

    function test_whatWasRetractedMayBeOfferedAgain() public {
        offer(retailer, 10_000);
        retract();
        offer(retailer, 10_000);
        assertEq(etsc.user(retailer).offered, 10_000);
    }

    function test_thereMustBeAnOffer() public {
        vm.expectRevert(IETSC.ZeroQuantity.selector);
        retract();
        offer(retailer, 1);
        retract();
        vm.expectRevert(IETSC.ZeroQuantity.selector);
        retract();
    }

    function test_onlyAUserRetracts() public {
        retailer = stranger;
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotRegistered.selector, stranger));
        retract();
    }

    function test_whatIsLeftAfterATradeIsRetracted() public {
        offer(retailer, 10_000);
        open(PRICE);
        buy(prosumers[0], 10_000);
        trade(prosumers[0], retailer, 4000);
        vm.expectEmit(address(etsc));
        emit IETSC.Retracted(1, retailer, 6000);
        retract();
        assertEq(etsc.user(retailer).power, 6000);
    }
}
