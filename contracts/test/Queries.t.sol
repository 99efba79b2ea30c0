// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract QueriesTest is Market {
    function testFuzz_nothingIsKnownOfWhoHasNoRole(address account) public {
        startTrading();
        address[] memory accounts = everybody();
        for (uint256 i = 2; i < accounts.length; ++i) {
            vm.assume(account != accounts[i]);
        }
        IETSC.User memory noUser;
        IETSC.Meter memory noMeter;
        IETSC.EdgeServer memory noServer;
        assertEq(abi.encode(etsc.user(account)), abi.encode(noUser));
        assertEq(abi.encode(etsc.meter(account)), abi.encode(noMeter));
        assertEq(abi.encode(etsc.edgeServer(account)), abi.encode(noServer));
        assertEq(etsc.priceFor(account, prosumers[0]), 0);
        assertEq(etsc.priceFor(edgeServers[0], account), PRICE); // what it would pay as a user
    }

    /// Of those who have a role, each query knows only its own kind.
    function test_eachAccountIsOfOneKind() public view {
        address[] memory accounts = everybody();
        uint256[3] memory counts;
        for (uint256 i = 0; i < accounts.length; ++i) {
            uint256 kinds;
            if (etsc.user(accounts[i]).registered) (++kinds, ++counts[0]);
            if (etsc.meter(accounts[i]).user != address(0)) (++kinds, ++counts[1]);
            if (etsc.edgeServer(accounts[i]).registered) (++kinds, ++counts[2]);
            assertLe(kinds, 1);
        }
        assertEq(abi.encode(counts), abi.encode([uint256(4), 4, 3]));
    }

    function test_noPriceBeforeTheFirst() public {
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), 0);
        open(PRICE);
        assertEq(etsc.priceFor(edgeServers[0], prosumers[0]), PRICE);
        assertEq(etsc.priceFor(edgeServers[1], prosumers[0]), 0);
    }

    function test_theSlotsPriceIsItsSellersAndNotTheCheapest() public {
        vm.prank(edgeServers[2]);
        etsc.openSlot(1, MAX_PRICE);
        vm.prank(edgeServers[1]);
        etsc.openSlot(1, MIN_PRICE);
        (,, address seller, uint256 price) = etsc.slot();
        assertEq(seller, edgeServers[2]);
        assertEq(price, MAX_PRICE);
    }

    function testFuzz_theReserveIsTheLowestPriceForEachOutstandingCoin(uint256 sold, uint256 back) public {
        sold = bound(sold, 1, 1_000_000);
        back = bound(back, 1, sold);
        open(PRICE);
        buy(prosumers[0], sold);
        assertEq(etsc.edgeServer(edgeServers[0]).reserve, sold * MIN_PRICE);
        vm.prank(edgeServers[0]);
        etsc.setBuyBackPrice(1);
        vm.prank(prosumers[0]);
        etsc.redeem(edgeServers[0], back, 0);
        assertEq(etsc.edgeServer(edgeServers[0]).reserve, (sold - back) * MIN_PRICE);
    }

    function test_theConstantsStayTheSame() public {
        startTrading();
        trade(prosumers[0], retailers[0], 1000);
        assertEq(etsc.totalElecoins(), TOTAL_ELECOINS);
        assertEq(etsc.unitPowerPrice(), UNIT_POWER_PRICE);
        assertEq(abi.encode(etsc.terms()), abi.encode(terms()));
    }
}
