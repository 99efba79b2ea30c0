// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {CommonBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";

import {Cast} from "./Cast.sol";
import {Ghost} from "./Ghost.sol";
import {Shadow} from "./Shadow.sol";

/// @title How the handlers act
/// @dev What a handler does is legal, so each call must succeed: a revert is a failure (fail_on_revert). What
/// nobody could do now is not tried (`vm.assume`), and the fuzzer draws again.
abstract contract Acting is Ghost, CommonBase, StdAssertions {
    uint256 private constant SECONDS_PER_BLOCK = 12;

    /// Is told of each call's logs; none if the suite has no use for it.
    Shadow private immutable _shadow;

    constructor(Shadow shadow) {
        _shadow = shadow;
        if (address(shadow) != address(0)) vm.recordLogs();
    }

    modifier running() {
        vm.assume(!paused);
        _;
    }

    // ---------------------------------------------------------------------------------------------- acts

    function act(address caller, bytes memory data) internal {
        act(caller, 0, data);
    }

    function act(address caller, uint256 value, bytes memory data) internal {
        vm.prank(caller);
        (bool done, bytes memory result) = address(cast.etsc).call{value: value}(data);
        if (!done) {
            assembly {
                revert(add(result, 32), mload(result))
            }
        }
        if (address(_shadow) != address(0)) _shadow.replay(vm.getRecordedLogs(), vm.getBlockNumber());
    }

    function passBlocks(uint256 count) internal {
        vm.roll(vm.getBlockNumber() + count);
        vm.warp(vm.getBlockTimestamp() + count * SECONDS_PER_BLOCK);
    }

    // ------------------------------------------------------------------------------------------- choices

    /// The first account from a random one on that is fit for something.
    function pick(
        address[] storage accounts,
        uint256 seed,
        function(address) internal view returns (bool) isFit
    ) internal view returns (address account) {
        uint256 first =
            mixed(seed, "pick") % accounts.length;
        for (uint256 i = 0; i < accounts.length; ++i) {
            account = accounts[(first + i) % accounts.length];
            if (isFit(account)) return account;
        }
        vm.assume(false);
    }

    /// From 1 to `highest`, of any magnitude, and both ends often.
    function amountUpTo(uint256 highest, uint256 seed) internal pure returns (uint256) {
        seed = mixed(seed, "amount");
        if (seed % 8 == 0) return highest;
        uint256 magnitude = highest >> ((seed >> 8) % 48);
        return magnitude == 0 ? 1 : 1 + (seed >> 16) % magnitude;
    }

    /// A price within the terms, and both ends often.
    function somePrice(uint256 seed) internal view returns (uint256) {
        return
            cast.terms.minUnitPrice + amountUpTo(cast.terms.maxUnitPrice - cast.terms.minUnitPrice + 1, seed)
                - 1;
    }

    /// The fuzzer's numbers crowd at the ends; these do not.
    function mixed(uint256 seed, string memory purpose) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, purpose)));
    }

    function anyAccount(address) internal pure returns (bool) {
        return true;
    }
}
