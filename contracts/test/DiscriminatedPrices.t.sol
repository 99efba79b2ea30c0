// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract DiscriminatedPricesTest is Market {
    IETSC.OwnPrice[] private own;

    function post(address server, uint256 number, uint256 price) private {
        vm.prank(server);
        etsc.openDiscriminatedSlot(number, price, own);
    }

    function testFuzz_eachProsumerPaysItsOwnPriceAndEverybodyElseTheCommonOne(
        uint256 common,
        uint256 first,
        uint256 second,
        address other
    ) public {
        vm.assume(other != prosumers[0] && other != prosumers[1]);
        common = bound(common, MIN_PRICE, MAX_PRICE);
        own.push(IETSC.OwnPrice(prosumers[0], bound(first, MIN_PRICE, MAX_PRICE)));
        own.push(IETSC.OwnPrice(prosumers[1], bound(second, MIN_PRICE, MAX_PRICE)));
        post(edgeServers[0], 1, common);

        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), own[0].price);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[1]), own[1].price);
        assertEq(etsc.priceFor(edgeServers[0], other), common);
        IETSC.EdgeServer memory record = etsc.edgeServer(edgeServers[0]);
        assertTrue(record.discriminated);
        assertEq(record.price, common);
        assertEq(record.pricedInSlot, 1);
        (,,, uint256 price) = etsc.slot();
        assertEq(price, common);
    }

    function test_everyPriceIsAnnounced() public {
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 1));
        own.push(IETSC.OwnPrice(prosumers[1], PRICE + 2));
        vm.recordLogs();
        vm.expectEmit(address(etsc));
        emit IETSC.SlotOpened(1, edgeServers[0], PRICE);
        vm.expectEmit(address(etsc));
        emit IETSC.PricePosted(1, edgeServers[0], PRICE);
        vm.expectEmit(address(etsc));
        emit IETSC.ProsumerPricePosted(1, edgeServers[0], prosumers[0], PRICE + 1);
        vm.expectEmit(address(etsc));
        emit IETSC.ProsumerPricePosted(1, edgeServers[0], prosumers[1], PRICE + 2);
        post(edgeServers[0], 1, PRICE);
        assertEq(announced(), 4);
    }

    function test_itIsWhatTheProsumerPays() public {
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 1));
        post(edgeServers[0], 1, PRICE);
        vm.startPrank(prosumers[0]);
        vm.expectRevert(abi.encodeWithSelector(IETSC.WrongPayment.selector, 10 * PRICE, 10 * (PRICE + 1)));
        etsc.buyToken{value: 10 * PRICE}(edgeServers[0], 10, MAX_PRICE);
        vm.expectEmit(address(etsc));
        emit IETSC.Purchased(1, prosumers[0], edgeServers[0], 10, PRICE + 1);
        etsc.buyToken{value: 10 * (PRICE + 1)}(edgeServers[0], 10, PRICE + 1);
        vm.stopPrank();
        buy(prosumers[1], 10);
        assertEq(address(etsc).balance, 10 * (PRICE + 1) + 10 * PRICE);
    }

    function test_ownPricesAreVoidOnceTheServerPostsAUnifiedPrice() public {
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 1));
        post(edgeServers[0], 1, PRICE);
        open(PRICE);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE);
        assertFalse(etsc.edgeServer(edgeServers[0]).discriminated);
    }

    function test_ownPricesAreVoidOnceTheServerPostsOthers() public {
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 1));
        post(edgeServers[0], 1, PRICE);
        own[0].prosumer = prosumers[1];
        post(edgeServers[0], 2, PRICE - 1);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE - 1);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[1]), PRICE + 1);
    }

    /// Void means void: a later list does not wake an earlier one.
    function test_aVoidPriceStaysVoid() public {
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 1));
        post(edgeServers[0], 1, PRICE);
        open(PRICE);
        own[0].prosumer = prosumers[1];
        post(edgeServers[0], 3, PRICE);
        assertTrue(etsc.edgeServer(edgeServers[0]).discriminated);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE);
    }

    /// The events could not tell it from a unified price, so it must be one.
    function test_noOwnPriceAtAllIsUnifiedPricing() public {
        post(edgeServers[0], 1, PRICE);
        assertFalse(etsc.edgeServer(edgeServers[0]).discriminated);
    }

    function test_ownPricesOutliveASlotThatSomebodyElseOpens() public {
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 1));
        post(edgeServers[0], 1, PRICE);
        mine(DEADLINE_BLOCKS + 1);
        vm.prank(stranger);
        etsc.openSlot(2, 0);
        vm.prank(edgeServers[1]);
        etsc.openSlot(3, PRICE);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE + 1);
    }

    function test_anotherServersPricesAreItsOwn() public {
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 1));
        post(edgeServers[0], 1, PRICE);
        own[0].price = PRICE + 2;
        vm.expectEmit(address(etsc));
        emit IETSC.PricePosted(1, edgeServers[1], PRICE - 1);
        post(edgeServers[1], 1, PRICE - 1); // joins
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE + 1);
        assertEq(etsc.priceFor(edgeServers[1], prosumers[0]), PRICE + 2);
        assertEq(etsc.priceFor(edgeServers[1], prosumers[1]), PRICE - 1);
    }

    function test_theLastOfTwoPricesForOneProsumerCounts() public {
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 1));
        own.push(IETSC.OwnPrice(prosumers[0], PRICE + 2));
        post(edgeServers[0], 1, PRICE);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE + 2);
    }

    function testFuzz_anOwnPriceIsWithinTheTerms(uint256 price) public {
        vm.assume(price < MIN_PRICE || price > MAX_PRICE);
        own.push(IETSC.OwnPrice(prosumers[0], PRICE));
        own.push(IETSC.OwnPrice(prosumers[1], price));
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceOutOfBounds.selector, price, MIN_PRICE, MAX_PRICE));
        post(edgeServers[0], 1, PRICE);
        assertEq(currentSlot(), 0); // not a part of it
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), 0);
    }

    function testFuzz_theCommonPriceIsWithinTheTerms(uint256 price) public {
        vm.assume(price < MIN_PRICE || price > MAX_PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceOutOfBounds.selector, price, MIN_PRICE, MAX_PRICE));
        post(edgeServers[0], 1, price);
    }

    function test_aServerCommitsItselfOnceASlotWhateverThePricing() public {
        post(edgeServers[0], 1, PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceAlreadyPosted.selector, edgeServers[0], 1));
        post(edgeServers[0], 1, PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceAlreadyPosted.selector, edgeServers[0], 1));
        vm.prank(edgeServers[0]);
        etsc.openSlot(1, PRICE);
    }

    function testFuzz_onlyTheNextSlotIsOpened(uint256 number) public {
        vm.assume(number != 1);
        vm.expectRevert(abi.encodeWithSelector(IETSC.SlotNotNext.selector, number, 1));
        post(edgeServers[0], number, PRICE);
    }

    /// Unlike openSlot, which anybody may call then.
    function test_afterTheDeadlineItIsTheEdgeServersStill() public {
        open(PRICE);
        mine(DEADLINE_BLOCKS + 1);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotEdgeServer.selector, stranger));
        post(stranger, 2, PRICE);
    }
}
