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
        shadow = Shadow(deployCode("Shadow.sol:Shadow", abi.encode(etsc)));
        shadow.replay(vm.getRecordedLogs(), block.number);
        return shadow;
    }

    function test_theDeploymentsEventsTellAllThatNeverChanges() public view {
        assertEq(shadow.totalElecoins(), etsc.totalElecoins());
        assertEq(shadow.unitPowerPrice(), etsc.unitPowerPrice());
        assertEq(abi.encode(shadow.terms()), abi.encode(etsc.terms()));
        assertAgrees(address(shadow));
    }

    function invariant_replayingTheEventsRebuildsTheStorage() public view {
        assertAgrees(address(shadow));
    }
}
