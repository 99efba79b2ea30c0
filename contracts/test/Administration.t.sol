// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract AdministrationTest is Market {
    address private heir = makeAddr("heir");

    function offerTo(address account) private {
        vm.prank(administrator);
        etsc.offerAdministration(account);
    }

    function test_offerNamesASuccessorAndChangesNothingElse() public {
        vm.expectEmit(address(etsc));
        emit IETSC.AdministrationOffered(administrator, heir);
        offerTo(heir);
        assertEq(etsc.successor(), heir);
        assertEq(etsc.administrator(), administrator);
    }

    function test_successorTakesOverAndTheOldAdministratorHasNoPowerLeft() public {
        offerTo(heir);
        vm.expectEmit(address(etsc));
        emit IETSC.AdministrationTaken(heir);
        vm.prank(heir);
        etsc.takeAdministration();
        assertEq(etsc.administrator(), heir);
        assertEq(etsc.successor(), address(0));

        vm.expectRevert(abi.encodeWithSelector(IETSC.NotAdministrator.selector, administrator));
        vm.prank(administrator);
        etsc.pause();
        vm.prank(heir);
        etsc.pause();
    }

    function test_anOfferIsGoodOnce() public {
        offerTo(heir);
        vm.startPrank(heir);
        etsc.takeAdministration();
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotSuccessor.selector, heir));
        etsc.takeAdministration();
    }

    function test_theZeroAddressTakesAnOfferBack() public {
        offerTo(heir);
        vm.expectEmit(address(etsc));
        emit IETSC.AdministrationOffered(administrator, address(0));
        offerTo(address(0));
        assertEq(etsc.successor(), address(0));
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotSuccessor.selector, heir));
        vm.prank(heir);
        etsc.takeAdministration();
    }

    function testFuzz_aNewOfferReplacesTheLast(address second) public {
        vm.assume(second != heir && second != address(0) && !takesPart(second));
        offerTo(heir);
        offerTo(second);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotSuccessor.selector, heir));
        vm.prank(heir);
        etsc.takeAdministration();
        vm.prank(second);
        etsc.takeAdministration();
        assertEq(etsc.administrator(), second);
    }

    function takesPart(address account) private view returns (bool) {
        return account == administrator || etsc.user(account).registered
            || etsc.edgeServer(account).registered || etsc.meter(account).user != address(0);
    }

    function test_whoHasARoleCannotBeOfferedTheAdministration() public {
        address[4] memory accounts = [administrator, edgeServers[1], prosumers[0], meterOf[prosumers[0]]];
        for (uint256 i = 0; i < accounts.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IETSC.RoleTaken.selector, accounts[i]));
            offerTo(accounts[i]);
        }
    }

    function test_whoWasGivenARoleSinceTheOfferCannotTakeOver() public {
        offerTo(heir);
        vm.prank(administrator);
        etsc.empower("heir", heir, true, true);
        vm.expectRevert(abi.encodeWithSelector(IETSC.RoleTaken.selector, heir));
        vm.prank(heir);
        etsc.takeAdministration();
        assertEq(etsc.administrator(), administrator);
    }

    function test_whoWasBoundAsAMeterSinceTheOfferCannotTakeOver() public {
        offerTo(heir);
        vm.prank(administrator);
        etsc.rotateMeter(prosumers[0], heir);
        vm.expectRevert(abi.encodeWithSelector(IETSC.RoleTaken.selector, heir));
        vm.prank(heir);
        etsc.takeAdministration();
    }

    function test_theOldAdministratorMayBecomeAUser() public {
        offerTo(heir);
        vm.startPrank(heir);
        etsc.takeAdministration();
        etsc.empower("retired", administrator, false, true);
        assertTrue(etsc.user(administrator).transRight);
    }

    function test_theAdministrationChangesHandsWhilePaused() public {
        vm.prank(administrator);
        etsc.pause();
        offerTo(heir);
        vm.startPrank(heir);
        etsc.takeAdministration();
        etsc.unpause();
        assertFalse(etsc.paused());
    }
}
