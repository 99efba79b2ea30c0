// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract BuyBackTest is Market {
    function post(uint256 price) private {
        vm.prank(edgeServers[0]);
        etsc.setBuyBackPrice(price);
    }

    function testFuzz_changesTheBuyBackPriceAndNothingElse(uint256 price) public {
        startTrading();
        price = bound(price, 0, MIN_PRICE);
        IETSC.EdgeServer memory expected = etsc.edgeServer(edgeServers[0]);
        expected.buyBackPrice = price;
        vm.expectEmit(address(etsc));
        emit IETSC.BuyBackPricePosted(edgeServers[0], price);
        post(price);
        assertEq(abi.encode(etsc.edgeServer(edgeServers[0])), abi.encode(expected));
        assertEq(etsc.edgeServer(edgeServers[1]).buyBackPrice, 0);
    }

    function testFuzz_neverAboveTheLowestUnitPrice(uint256 price) public {
        price = bound(price, MIN_PRICE + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceOutOfBounds.selector, price, 0, MIN_PRICE));
        post(price);
    }

    function test_mayBePostedBeforeTheFirstSlotAndAgainAtAnyTime() public {
        post(1);
        post(MIN_PRICE);
        open(PRICE);
        post(2);
        assertEq(etsc.edgeServer(edgeServers[0]).buyBackPrice, 2);
    }

    function test_zeroBuysNone() public {
        startTrading();
        post(MIN_PRICE);
        vm.prank(prosumers[0]);
        etsc.redeem(edgeServers[0], 1, 0);
        post(0);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotBuyingBack.selector, edgeServers[0]));
        vm.prank(prosumers[0]);
        etsc.redeem(edgeServers[0], 1, 0);
    }

    /// The reserve means that whatever is posted can be paid, and not that anything is: an edge server that
    /// posts next to nothing earns the rest, and the only defence is not to sell to it.
    function testFuzz_theReserveIsEnoughForAnyPriceAndPromisesNone(uint256 price, uint256 amount) public {
        startTrading();
        (address server, address holder) = (edgeServers[0], prosumers[0]);
        amount = bound(amount, 1, 10_000);
        uint256 credit = etsc.edgeServer(server).credit;
        uint256 reserve = etsc.edgeServer(server).reserve;
        assertEq(reserve, 10_000 * MIN_PRICE, "for the best price there can be");
        price = bound(price, 1, MIN_PRICE);
        post(price);
        uint256 before = holder.balance;
        vm.prank(holder);
        etsc.redeem(server, amount, 0);
        assertEq(holder.balance - before, amount * price);
        assertEq(etsc.edgeServer(server).credit, credit + amount * (MIN_PRICE - price), "the rest");
        assertEq(etsc.edgeServer(server).reserve, reserve - amount * MIN_PRICE);
    }
}
