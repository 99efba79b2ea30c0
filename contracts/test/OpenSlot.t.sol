// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract OpenSlotTest is Market {
    function openAs(address caller, uint256 number, uint256 price) private {
        vm.prank(caller);
        etsc.openSlot(number, price);
    }

    function assertSlot(uint256 number, uint256 openedAtBlock, address seller, uint256 price) private view {
        (uint256 number_, uint256 openedAtBlock_, address seller_, uint256 price_) = etsc.slot();
        assertEq(number_, number, "number");
        assertEq(openedAtBlock_, openedAtBlock, "opened at block");
        assertEq(seller_, seller, "seller");
        assertEq(price_, price, "price");
    }

    // -------------------------------------------------------------------------------- by an edge server

    function testFuzz_anEdgeServerOpensTheNextSlotAsItsSeller(uint256 price, uint256 index, uint256 blocks)
        public
    {
        price = bound(price, MIN_PRICE, MAX_PRICE);
        address server = edgeServers[index % 3];
        mine(bound(blocks, 0, 1000));
        vm.expectEmit(address(etsc));
        emit IETSC.SlotOpened(1, server, price);
        vm.expectEmit(address(etsc));
        emit IETSC.PricePosted(1, server, price);
        openAs(server, 1, price);

        assertSlot(1, vm.getBlockNumber(), server, price);
        IETSC.EdgeServer memory record = etsc.edgeServer(server);
        assertEq(record.price, price);
        assertEq(record.pricedInSlot, 1);
        assertFalse(record.discriminated);
        assertEq(etsc.priceFor(server, prosumers[0]), price);
    }

    function test_anEdgeServerWaitsForNobody() public {
        for (uint256 number = 1; number <= 5; ++number) {
            openAs(edgeServers[number % 3], number, PRICE + number);
            assertSlot(number, vm.getBlockNumber(), edgeServers[number % 3], PRICE + number);
        }
    }

    function test_theSamePriceOpensASlotToo() public {
        open(PRICE);
        open(PRICE);
        assertEq(currentSlot(), 2);
        assertEq(etsc.edgeServer(edgeServers[0]).pricedInSlot, 2);
    }

    function test_postingLeavesStockCreditAndReserve() public {
        startTrading();
        IETSC.EdgeServer memory expected = etsc.edgeServer(edgeServers[0]);
        assertGt(expected.credit, 0);
        assertGt(expected.reserve, 0);
        open(MAX_PRICE);
        (expected.price, expected.pricedInSlot) = (MAX_PRICE, 2);
        assertEq(abi.encode(etsc.edgeServer(edgeServers[0])), abi.encode(expected));
    }

    function testFuzz_aPriceIsWithinTheTerms(uint256 price) public {
        vm.assume(price < MIN_PRICE || price > MAX_PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceOutOfBounds.selector, price, MIN_PRICE, MAX_PRICE));
        openAs(edgeServers[0], 1, price);
    }

    function test_theBoundsThemselvesAreAllowed() public {
        open(MIN_PRICE);
        open(MAX_PRICE);
        vm.expectRevert(
            abi.encodeWithSelector(IETSC.PriceOutOfBounds.selector, MIN_PRICE - 1, MIN_PRICE, MAX_PRICE)
        );
        openAs(edgeServers[0], 3, MIN_PRICE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IETSC.PriceOutOfBounds.selector, MAX_PRICE + 1, MIN_PRICE, MAX_PRICE)
        );
        openAs(edgeServers[0], 3, MAX_PRICE + 1);
    }

    function testFuzz_onlyTheNextSlotIsOpened(uint256 number) public {
        open(PRICE);
        open(PRICE);
        vm.assume(number != 2 && number != 3);
        vm.expectRevert(abi.encodeWithSelector(IETSC.SlotNotNext.selector, number, 3));
        openAs(edgeServers[0], number, PRICE);
    }

    /// Slot 0 is the current one at first, and nobody's to join.
    function test_slotZeroIsNobodysToJoin() public {
        vm.expectRevert(abi.encodeWithSelector(IETSC.SlotNotNext.selector, 0, 1));
        openAs(edgeServers[0], 0, PRICE);
    }

    // ------------------------------------------------------------------------------------------ joining

    function test_anotherEdgeServerJoinsTheSlotWithItsOwnPrice() public {
        open(PRICE);
        uint256 opened = vm.getBlockNumber();
        mine(2);
        vm.recordLogs();
        vm.expectEmit(address(etsc));
        emit IETSC.PricePosted(1, edgeServers[1], PRICE - 1);
        openAs(edgeServers[1], 1, PRICE - 1);
        assertEq(announced(), 1, "no slot was opened");

        assertSlot(1, opened, edgeServers[0], PRICE);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE);
        assertEq(etsc.priceFor(edgeServers[1], prosumers[0]), PRICE - 1);
        assertEq(etsc.edgeServer(edgeServers[1]).pricedInSlot, 1);
    }

    function testFuzz_anEdgeServerCommitsItselfOnceASlot(uint256 price, bool joins) public {
        if (joins) openAs(edgeServers[1], 1, PRICE);
        openAs(edgeServers[0], 1, PRICE);
        price = bound(price, MIN_PRICE, MAX_PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceAlreadyPosted.selector, edgeServers[0], 1));
        openAs(edgeServers[0], 1, price);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE);
    }

    function test_aSlotThatIsOverCannotBeJoined() public {
        open(PRICE);
        open(PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.SlotNotNext.selector, 1, 3));
        openAs(edgeServers[1], 1, PRICE);
    }

    // --------------------------------------------------------------------------------- by anybody else

    function test_nobodyElseOpensASlotUntilTheDeadlineHasPassed() public {
        open(PRICE);
        uint256 deadline = vm.getBlockNumber() + DEADLINE_BLOCKS;
        for (uint256 height = vm.getBlockNumber(); height <= deadline; ++height) {
            vm.roll(height);
            vm.expectRevert(abi.encodeWithSelector(IETSC.SlotNotOverdue.selector, height, deadline));
            openAs(stranger, 2, PRICE);
        }
        vm.roll(deadline + 1);
        openAs(stranger, 2, PRICE);
        assertSlot(2, deadline + 1, edgeServers[0], PRICE);
    }

    function testFuzz_afterTheDeadlineAnybodyOpensTheNextAtTheLastPrices(address caller, uint256 ignored)
        public
    {
        vm.assume(!etsc.edgeServer(caller).registered);
        openAs(edgeServers[0], 1, PRICE);
        openAs(edgeServers[1], 1, PRICE - 7);
        mine(DEADLINE_BLOCKS + 1);

        vm.recordLogs();
        vm.expectEmit(address(etsc));
        emit IETSC.SlotOpened(2, edgeServers[0], PRICE);
        openAs(caller, 2, ignored);
        assertEq(announced(), 1, "no price was posted");

        assertSlot(2, vm.getBlockNumber(), edgeServers[0], PRICE);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE);
        assertEq(etsc.priceFor(edgeServers[1], prosumers[0]), PRICE - 7);
        assertEq(etsc.edgeServer(edgeServers[0]).pricedInSlot, 1);
    }

    function test_theDeadlineCountsFromTheNewSlot() public {
        open(PRICE);
        mine(DEADLINE_BLOCKS + 1);
        openAs(stranger, 2, 0);
        uint256 deadline = vm.getBlockNumber() + DEADLINE_BLOCKS;
        vm.expectRevert(abi.encodeWithSelector(IETSC.SlotNotOverdue.selector, vm.getBlockNumber(), deadline));
        openAs(stranger, 3, 0);
    }

    function test_theSellerMayPostInASlotThatSomebodyElseOpened() public {
        open(PRICE);
        mine(DEADLINE_BLOCKS + 1);
        openAs(stranger, 2, 0);
        openAs(edgeServers[0], 2, PRICE + 5);
        assertSlot(2, vm.getBlockNumber(), edgeServers[0], PRICE + 5);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceAlreadyPosted.selector, edgeServers[0], 2));
        openAs(edgeServers[0], 2, PRICE);
    }

    function test_nobodyElseOpensTheFirstSlot() public {
        mine(DEADLINE_BLOCKS + 1);
        vm.expectRevert(IETSC.NoSellerYet.selector);
        openAs(stranger, 1, PRICE);
    }

    function testFuzz_anybodyElseOpensOnlyTheNext(uint256 number) public {
        vm.assume(number != 2);
        open(PRICE);
        mine(DEADLINE_BLOCKS + 1);
        vm.expectRevert(abi.encodeWithSelector(IETSC.SlotNotNext.selector, number, 2));
        openAs(stranger, number, PRICE);
    }

    // ------------------------------------------------------------------------------------- the last slot

    /// Four thousand million slots on: set by hand, as nobody can wait for it.
    function test_theSlotsNumberDoesNotOverflow() public {
        open(PRICE);
        bytes32 at = bytes32(uint256(2)); // after administrator and successor
        uint256 market = uint256(vm.load(address(etsc), at));
        assertEq(market & type(uint32).max, 1, "the market's record lies elsewhere");
        vm.store(address(etsc), at, bytes32(market | type(uint32).max));
        assertEq(currentSlot(), type(uint32).max);

        uint256 next = uint256(type(uint32).max) + 1;
        vm.expectRevert(abi.encodeWithSelector(IETSC.ValueTooLarge.selector, next, type(uint32).max));
        openAs(edgeServers[0], next, PRICE);
        assertSlot(type(uint32).max, vm.getBlockNumber(), edgeServers[0], PRICE);
    }
}
