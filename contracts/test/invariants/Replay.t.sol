// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {Shadow} from "./Shadow.sol";
import {Stage} from "./Stage.sol";

/// @title Whoever reads the events knows the state
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: long.invariant.fail-on-revert = true
contract ReplayInvariants is Stage {
    Shadow private shadow;

    function newShadow() internal override returns (Shadow) {
        bytes memory deployment = abi.encode(etsc, block.number, cast.terms);
        shadow = Shadow(deployCode("Shadow.sol:Shadow", deployment));
        shadow.replay(vm.getRecordedLogs(), block.number);
        return shadow;
    }

    function invariant_replayingTheEventsRebuildsTheStorage() public view {
        assertAgrees(address(shadow));
    }
}
