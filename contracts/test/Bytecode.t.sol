// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// What the bytes on the chain can and cannot do, whatever the source says.
contract BytecodeTest is Market {
    uint256 private constant PUSH1 = 0x60;
    uint256 private constant PUSH32 = 0x7f;

    /// Opcodes that hand control or the tracks away, and those that a London chain does not know.
    function test_noneOfTheForbiddenOpcodes() public view {
        bytes memory code = address(etsc).code;
        uint256 instructions;
        for (uint256 at = 0; at < code.length; at += size(code, at)) {
            uint256 opcode = uint8(code[at]);
            string memory place = string.concat("at byte ", vm.toString(at));
            assertNotEq(opcode, 0x32, string.concat("ORIGIN ", place));
            assertNotEq(opcode, 0x49, string.concat("BLOBHASH ", place));
            assertNotEq(opcode, 0x4a, string.concat("BLOBBASEFEE ", place));
            assertNotEq(opcode, 0x5c, string.concat("TLOAD ", place));
            assertNotEq(opcode, 0x5d, string.concat("TSTORE ", place));
            assertNotEq(opcode, 0x5e, string.concat("MCOPY ", place));
            assertNotEq(opcode, 0x5f, string.concat("PUSH0 ", place));
            assertNotEq(opcode, 0xf0, string.concat("CREATE ", place));
            assertNotEq(opcode, 0xf2, string.concat("CALLCODE ", place));
            assertNotEq(opcode, 0xf4, string.concat("DELEGATECALL ", place));
            assertNotEq(opcode, 0xf5, string.concat("CREATE2 ", place));
            assertNotEq(opcode, 0xff, string.concat("SELFDESTRUCT ", place));
            ++instructions;
        }
        assertGt(instructions, 1000, "that was not the contract");
    }

    /// There are two ways out for ether: withdraw and redeem. And one to ask: ecrecover.
    function test_callsOutInOnePlaceAndAsksInOne() public view {
        bytes memory code = address(etsc).code;
        uint256 calls;
        uint256 questions;
        for (uint256 at = 0; at < code.length; at += size(code, at)) {
            if (uint8(code[at]) == 0xf1) ++calls;
            if (uint8(code[at]) == 0xfa) ++questions;
        }
        // The compiler may put `_pay` into both of its callers.
        assertTrue(calls == 1 || calls == 2, "CALL");
        assertEq(questions, 1, "STATICCALL");
    }

    /// A function is found by a selector that the code pushes, so every constant of up to four bytes is tried.
    function test_noFunctionBesideTheInterfaces() public {
        bytes memory code = address(etsc).code;
        bytes4[] memory known = selectors();
        bool[] memory seen = new bool[](known.length);
        uint256 others;
        for (uint256 at = 0; at < code.length; at += size(code, at)) {
            uint256 length = size(code, at) - 1;
            if (length == 0 || length > 4) continue;
            bytes4 pushed = constantAt(code, at + 1, length);
            uint256 index = indexOf(known, pushed);
            if (index < known.length) {
                seen[index] = true;
                continue;
            }
            (bool done, bytes memory answer) = address(etsc).call(abi.encodePacked(pushed, new bytes(512)));
            assertFalse(
                done || answer.length > 0, string.concat("function ", vm.toString(abi.encode(pushed)))
            );
            ++others;
        }
        for (uint256 i = 0; i < known.length; ++i) {
            assertTrue(
                seen[i], string.concat("not found by its constant: ", vm.toString(abi.encode(known[i])))
            );
        }
        assertGt(others, 0);
    }

    function constantAt(bytes memory code, uint256 at, uint256 length) private pure returns (bytes4) {
        uint32 value;
        for (uint256 i = at; i < at + length && i < code.length; ++i) {
            value = (value << 8) | uint8(code[i]);
        }
        return bytes4(value);
    }

    /// The length of the list if it is not there.
    function indexOf(bytes4[] memory list, bytes4 selector) private pure returns (uint256 index) {
        while (index < list.length && list[index] != selector) ++index;
    }

    /// All of the interface, which its identifier confirms.
    function selectors() private pure returns (bytes4[] memory list) {
        list = new bytes4[](32);
        uint256 n;
        list[n++] = IETSC.offerAdministration.selector;
        list[n++] = IETSC.takeAdministration.selector;
        list[n++] = IETSC.pause.selector;
        list[n++] = IETSC.unpause.selector;
        list[n++] = IETSC.empower.selector;
        list[n++] = IETSC.setRights.selector;
        list[n++] = IETSC.bindMeter.selector;
        list[n++] = IETSC.rotateMeter.selector;
        list[n++] = IETSC.openSlot.selector;
        list[n++] = IETSC.openDiscriminatedSlot.selector;
        list[n++] = IETSC.setBuyBackPrice.selector;
        list[n++] = IETSC.buyToken.selector;
        list[n++] = IETSC.redeem.selector;
        list[n++] = IETSC.withdraw.selector;
        list[n++] = IETSC.offer.selector;
        list[n++] = IETSC.retract.selector;
        list[n++] = IETSC.checkQualification.selector;
        list[n++] = IETSC.trade.selector;
        list[n++] = IETSC.generation.selector;
        list[n++] = IETSC.consumption.selector;
        list[n++] = IETSC.relayReading.selector;
        list[n++] = IETSC.user.selector;
        list[n++] = IETSC.meter.selector;
        list[n++] = IETSC.edgeServer.selector;
        list[n++] = IETSC.priceFor.selector;
        list[n++] = IETSC.slot.selector;
        list[n++] = IETSC.paused.selector;
        list[n++] = IETSC.administrator.selector;
        list[n++] = IETSC.successor.selector;
        list[n++] = IETSC.totalElecoins.selector;
        list[n++] = IETSC.unitPowerPrice.selector;
        list[n++] = IETSC.terms.selector;
    }

    function test_theListOfFunctionsIsTheInterfaces() public pure {
        bytes4 all;
        bytes4[] memory known = selectors();
        for (uint256 i = 0; i < known.length; ++i) {
            all ^= known[i];
        }
        assertEq(all, type(IETSC).interfaceId);
    }

    /// An instruction with the data that it pushes.
    function size(bytes memory code, uint256 at) private pure returns (uint256) {
        uint256 opcode = uint8(code[at]);
        return opcode >= PUSH1 && opcode <= PUSH32 ? opcode - PUSH1 + 2 : 1;
    }
}
