// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// What each function does while the market is paused, whoever calls it: Permissions.t.sol.
contract PauseTest is Market {
    function setUp() public override {
        super.setUp();
        startTrading();
    }

    function pause() private {
        vm.prank(administrator);
        etsc.pause();
    }

    function unpause() private {
        vm.prank(administrator);
        etsc.unpause();
    }

    function test_pauseIsAnnounced() public {
        vm.expectEmit(address(etsc));
        emit IETSC.Paused();
        pause();
        assertTrue(etsc.paused());
    }

    function test_unpauseIsAnnounced() public {
        pause();
        vm.expectEmit(address(etsc));
        emit IETSC.Unpaused();
        unpause();
        assertFalse(etsc.paused());
    }

    function test_pausesOnce() public {
        pause();
        vm.expectRevert(IETSC.MarketPaused.selector);
        pause();
    }

    function test_unpausesOnlyWhatIsPaused() public {
        vm.expectRevert(IETSC.MarketNotPaused.selector);
        unpause();
    }

    function test_nothingIsLostOverAPause() public {
        bytes32 before = ledger();
        pause();
        assertNotEq(ledger(), before, "the fingerprint misses the pause");
        unpause();
        assertEq(ledger(), before);
        trade(prosumers[0], retailers[0], 1000);
        assertEq(etsc.user(prosumers[0]).power, 1000);
    }

    function test_noTradeQualifiesWhilePaused() public {
        assertEq(etsc.checkQualification(prosumers[0], retailers[0], 1000), 600);
        pause();
        vm.expectRevert(IETSC.MarketPaused.selector);
        etsc.checkQualification(prosumers[0], retailers[0], 1000);
    }

    function test_aWithdrawalGoesOn() public {
        pause();
        uint256 credit = etsc.edgeServer(edgeServers[0]).credit;
        assertEq(credit, 10_000 * (PRICE - MIN_PRICE));
        vm.prank(edgeServers[0]);
        etsc.withdraw();
        assertEq(edgeServers[0].balance, credit);
    }

    /// Or a stolen meter could not be exchanged without letting it report once more.
    function test_aMeterIsExchangedBeforeTheMarketGoesOn() public {
        address stolen = meterOf[retailers[0]];
        pause();
        vm.prank(administrator);
        etsc.rotateMeter(retailers[0], makeAddr("new meter"));
        unpause();
        mine(1);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotMeter.selector, stolen));
        vm.prank(stolen);
        etsc.generation(20_000);
    }

    /// The blocks of a pause count: whoever is not bound to wait need not wait again.
    function test_theDeadlineRunsOnWhilePaused() public {
        pause();
        mine(DEADLINE_BLOCKS + 1);
        vm.expectRevert(IETSC.MarketPaused.selector);
        vm.prank(stranger);
        etsc.openSlot(2, 0);
        unpause();
        vm.prank(stranger);
        etsc.openSlot(2, 0);
        assertEq(currentSlot(), 2);
    }
}
