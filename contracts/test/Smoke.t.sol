// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;
import {Market} from "./Market.sol";

contract Smoke is Market {
    function test_trades() public {
        startTrading();
        trade(prosumers[0], retailers[0], 1000);
        assertEq(etsc.user(retailers[0]).coins, 600);
        consume(prosumers[0], 1000);
    }
}
