// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract WithdrawTest is Market {
    function withdrawAs(address server) private {
        vm.prank(server);
        etsc.withdraw();
    }

    function testFuzz_paysTheWholeCreditAndLeavesTheRest(uint256 amount, uint256 price) public {
        amount = bound(amount, 1, TOTAL_ELECOINS / 3);
        price = bound(price, MIN_PRICE + 1, MAX_PRICE);
        open(price);
        buy(prosumers[0], amount);
        IETSC.EdgeServer memory expected = etsc.edgeServer(edgeServers[0]);
        uint256 credit = amount * (price - MIN_PRICE);

        vm.expectEmit(address(etsc));
        emit IETSC.Withdrawn(edgeServers[0], credit);
        withdrawAs(edgeServers[0]);

        expected.credit = 0;
        assertEq(abi.encode(etsc.edgeServer(edgeServers[0])), abi.encode(expected));
        assertEq(edgeServers[0].balance, credit);
        assertEq(address(etsc).balance, expected.reserve);
    }

    function test_eachServerHasItsOwnCredit() public {
        open(PRICE);
        buy(prosumers[0], 100);
        vm.startPrank(edgeServers[1]);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NothingToWithdraw.selector, edgeServers[1]));
        etsc.withdraw();
        etsc.openSlot(1, MAX_PRICE);
        vm.stopPrank();
        vm.prank(prosumers[1]);
        etsc.buyToken{value: 10 * MAX_PRICE}(edgeServers[1], 10, MAX_PRICE);
        withdrawAs(edgeServers[1]);
        assertEq(edgeServers[1].balance, 10 * (MAX_PRICE - MIN_PRICE));
        assertEq(etsc.edgeServer(edgeServers[0]).credit, 100 * (PRICE - MIN_PRICE));
    }

    function test_onlyOnce() public {
        open(PRICE);
        buy(prosumers[0], 100);
        withdrawAs(edgeServers[0]);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NothingToWithdraw.selector, edgeServers[0]));
        withdrawAs(edgeServers[0]);
    }

    /// All of the price is kept then.
    function test_aSaleAtTheLowestPriceEarnsNothingYet() public {
        open(MIN_PRICE);
        buy(prosumers[0], 100);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NothingToWithdraw.selector, edgeServers[0]));
        withdrawAs(edgeServers[0]);
        assertEq(etsc.edgeServer(edgeServers[0]).reserve, 100 * MIN_PRICE);
    }
}
