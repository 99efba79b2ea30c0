// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {Acting} from "./Acting.sol";
import {Cast} from "./Cast.sol";
import {ElectricityHandler} from "./ElectricityHandler.sol";
import {Ghost} from "./Ghost.sol";
import {Shadow} from "./Shadow.sol";

/// @title All that can be done legally
contract Handler is ElectricityHandler {
    constructor(Cast memory cast_, uint256 deployedAtBlock, Shadow shadow)
        Ghost(cast_, deployedAtBlock)
        Acting(shadow)
    {}
}
