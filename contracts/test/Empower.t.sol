// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract EmpowerTest is Market {
    function empower(bytes32 name, address account, bool genRight, bool transRight) private {
        vm.prank(administrator);
        etsc.empower(name, account, genRight, transRight);
    }

    function newcomer(address account) private view returns (address) {
        vm.assume(account != address(0) && account != administrator);
        vm.assume(!etsc.user(account).registered && !etsc.edgeServer(account).registered);
        vm.assume(etsc.meter(account).user == address(0));
        return account;
    }

    function testFuzz_registersAUserWithAllBalancesZero(
        bytes32 name,
        address account,
        bool genRight,
        bool transRight
    ) public {
        newcomer(account);
        vm.expectEmit(address(etsc));
        emit IETSC.Empowered(account, name, genRight, transRight);
        empower(name, account, genRight, transRight);

        IETSC.User memory expected;
        expected.name = name;
        expected.registered = true;
        expected.genRight = genRight;
        expected.transRight = transRight;
        assertEq(abi.encode(etsc.user(account)), abi.encode(expected));
    }

    /// A name is 32 bytes that the contract does not look into: none, not UTF-8, markup, line breaks.
    function testFuzz_aHostileNameIsStoredWordForWord(bytes32 fuzzed) public {
        bytes32[6] memory names = [
            fuzzed,
            bytes32(0),
            bytes32(hex"c080feff80"),
            bytes32("<script>alert(1)</script>"),
            bytes32(hex"0a0d00e280ae"),
            bytes32(type(uint256).max)
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            address account = address(uint160(0xbad000 + i));
            empower(names[i], account, false, false);
            assertEq(etsc.user(account).name, names[i]);
            assertTrue(etsc.user(account).registered);
        }
    }

    function testFuzz_aSecondEmpowerIsRefusedAndLeavesNameRightsMeterAndBalances(
        bytes32 name,
        bool genRight,
        bool transRight
    ) public {
        startTrading();
        bytes32 before = ledger();
        vm.expectRevert(abi.encodeWithSelector(IETSC.RoleTaken.selector, retailers[0]));
        empower(name, retailers[0], genRight, transRight);
        assertEq(ledger(), before);
        assertEq(etsc.user(retailers[0]).meter, meterOf[retailers[0]]);
    }

    function test_refusesTheZeroAddress() public {
        vm.expectRevert(IETSC.ZeroAddress.selector);
        empower("nobody", address(0), true, true);
    }

    function test_refusesWhoHasAnotherRole() public {
        address[3] memory accounts = [administrator, edgeServers[2], meterOf[prosumers[1]]];
        for (uint256 i = 0; i < accounts.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IETSC.RoleTaken.selector, accounts[i]));
            empower("two roles", accounts[i], true, true);
        }
    }

    /// It has no role any more, and its past gives it none.
    function test_aMeterThatWasExchangedMayBecomeAUser() public {
        address old = meterOf[prosumers[0]];
        vm.prank(administrator);
        etsc.rotateMeter(prosumers[0], makeAddr("new meter"));
        empower("second life", old, false, true);
        assertTrue(etsc.user(old).registered);
        assertEq(etsc.meter(old).user, address(0));
    }
}
