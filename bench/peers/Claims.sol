// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {ERC6909} from "node_modules/@uniswap/v4-core/src/ERC6909.sol";

/// @title Uniswap v4's multi-token: what a transfer costs where many kinds of coins lie in one contract
contract Claims is ERC6909 {
    constructor(uint256 supply) {
        balanceOf[msg.sender][1] = supply;
    }
}
