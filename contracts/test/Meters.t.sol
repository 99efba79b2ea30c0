// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract MetersTest is Market {
    address private fresh = makeAddr("fresh meter");
    address private meterless;

    function setUp() public override {
        super.setUp();
        meterless = makeAddr("meterless");
        vm.prank(administrator);
        etsc.empower("meterless", meterless, true, true);
    }

    function bind(address account, address meter) private {
        vm.prank(administrator);
        etsc.bindMeter(account, meter);
    }

    function rotate(address account, address meter) private {
        vm.prank(administrator);
        etsc.rotateMeter(account, meter);
    }

    // --------------------------------------------------------------------------------------------- bind

    function test_bindsOneMeterToOneUser() public {
        vm.expectEmit(address(etsc));
        emit IETSC.MeterBound(meterless, fresh);
        bind(meterless, fresh);
        assertEq(etsc.user(meterless).meter, fresh);
        assertEq(etsc.meter(fresh).user, meterless);
    }

    function testFuzz_bindingCountsAsAReadingOfBothKinds(uint256 blocks) public {
        blocks = bound(blocks, 0, type(uint24).max);
        bind(meterless, fresh);
        mine(blocks);
        assertEq(etsc.meter(fresh).generationAllowance, blocks * METER_LIMIT);
        assertEq(etsc.meter(fresh).consumptionAllowance, blocks * METER_LIMIT);
    }

    function test_aSecondMeterIsRefused() public {
        address bound = meterOf[prosumers[0]];
        vm.expectRevert(abi.encodeWithSelector(IETSC.MeterAlreadyBound.selector, prosumers[0], bound));
        bind(prosumers[0], fresh);
        assertEq(etsc.user(prosumers[0]).meter, bound);
        assertEq(etsc.meter(fresh).user, address(0));
    }

    function testFuzz_onlyAUserHasAMeter(address account) public {
        vm.assume(!etsc.user(account).registered);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotRegistered.selector, account));
        bind(account, fresh);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotRegistered.selector, account));
        rotate(account, fresh);
    }

    function whoHaveARole() private view returns (address[5] memory) {
        return [administrator, edgeServers[0], meterless, prosumers[1], meterOf[prosumers[1]]];
    }

    function test_whoHasARoleCannotBeBound() public {
        address[5] memory accounts = whoHaveARole();
        for (uint256 i = 0; i < accounts.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IETSC.RoleTaken.selector, accounts[i]));
            bind(meterless, accounts[i]);
        }
    }

    function test_theZeroAddressCannotBeBound() public {
        vm.expectRevert(IETSC.ZeroAddress.selector);
        bind(meterless, address(0));
        vm.expectRevert(IETSC.ZeroAddress.selector);
        rotate(prosumers[0], address(0));
    }

    // ------------------------------------------------------------------------------------------- rotate

    function test_rotationKeepsWhatWasMeteredAndTheDeficit() public {
        address account = retailers[0];
        generate(account, 500);
        consume(account, 800); // 300 more than there were
        IETSC.User memory expected = etsc.user(account);
        assertEq(expected.deficit, 300);
        expected.meter = fresh;

        address old = meterOf[account];
        vm.expectEmit(address(etsc));
        emit IETSC.MeterRotated(account, old, fresh);
        rotate(account, fresh);
        assertEq(abi.encode(etsc.user(account)), abi.encode(expected));
        assertEq(etsc.meter(fresh).user, account);

        meterOf[account] = fresh;
        consume(account, 7); // goes on from there
        assertEq(etsc.user(account).consumed, 807);
        assertEq(etsc.user(account).deficit, 307);
    }

    function testFuzz_rotationCountsAsAReadingOfBothKinds(uint256 before, uint256 since) public {
        mine(bound(before, 0, type(uint24).max));
        rotate(prosumers[0], fresh);
        since = bound(since, 0, type(uint24).max);
        mine(since);
        assertEq(etsc.meter(fresh).generationAllowance, since * METER_LIMIT);
        assertEq(etsc.meter(fresh).consumptionAllowance, since * METER_LIMIT);
    }

    function test_nothingIsKnownOfAMeterThatWasExchanged() public {
        address old = meterOf[retailers[0]];
        generate(retailers[0], 500);
        consume(retailers[0], 800);
        rotate(retailers[0], fresh);
        IETSC.Meter memory none;
        assertEq(abi.encode(etsc.meter(old)), abi.encode(none));
    }

    function test_refusesToRotateWhereNoneIsBound() public {
        vm.expectRevert(abi.encodeWithSelector(IETSC.NoMeterBound.selector, meterless));
        rotate(meterless, fresh);
    }

    function test_whoHasARoleCannotTakeAMetersPlace() public {
        address[5] memory accounts = whoHaveARole();
        for (uint256 i = 0; i < accounts.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IETSC.RoleTaken.selector, accounts[i]));
            rotate(prosumers[0], accounts[i]);
        }
    }

    function test_aMeterCannotTakeItsOwnPlace() public {
        address bound = meterOf[prosumers[0]];
        vm.expectRevert(abi.encodeWithSelector(IETSC.RoleTaken.selector, bound));
        rotate(prosumers[0], bound);
        assertEq(etsc.user(prosumers[0]).meter, bound);
    }

    /// Its new user's readings are the new user's: what it reported for the old one goes nowhere.
    function test_aMeterThatWasExchangedMayServeAnotherUser() public {
        address account = retailers[0];
        address old = meterOf[account];
        consume(account, 800);
        rotate(account, fresh);
        bind(meterless, old);
        assertEq(etsc.user(meterless).deficit, 0);
        mine(1);
        vm.prank(old);
        etsc.generation(5);
        assertEq(etsc.user(meterless).generated, 5);
        assertEq(etsc.user(account).generated, 0);
        assertEq(etsc.user(account).deficit, 800);
    }
}
