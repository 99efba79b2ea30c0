// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract RightsTest is Market {
    function setRights(address account, bool genRight, bool transRight) private {
        vm.prank(administrator);
        etsc.setRights(account, genRight, transRight);
    }

    function testFuzz_changesTheRightsAndNothingElse(bool genBefore, bool transBefore, bool gen, bool trans)
        public
    {
        startTrading();
        trade(prosumers[0], retailers[0], 1000);
        address account = retailers[0]; // has power, coins, an offer and readings
        consume(account, 10);
        setRights(account, genBefore, transBefore);
        IETSC.User memory expected = etsc.user(account);
        (expected.genRight, expected.transRight) = (gen, trans);

        vm.expectEmit(address(etsc));
        emit IETSC.RightsChanged(account, gen, trans);
        setRights(account, gen, trans);
        assertEq(abi.encode(etsc.user(account)), abi.encode(expected));
    }

    /// The rights are bits of a word that holds balances: nothing but 0 and 1 may come near it.
    function testFuzz_aRightThatIsNeitherTrueNorFalseIsRefused(uint256 gen, uint256 trans, uint96 dirt)
        public
    {
        vm.assume(gen > 1 || trans > 1 || dirt != 0);
        startTrading();
        uint256 account = uint256(uint160(retailers[0])) | uint256(dirt) << 160;
        bytes memory before = abi.encode(etsc.user(retailers[0]));
        vm.startPrank(administrator);
        _refused(abi.encodeWithSelector(IETSC.setRights.selector, account, gen, trans));
        uint256 newcomer = 0xbad | uint256(dirt) << 160;
        _refused(abi.encodeWithSelector(IETSC.empower.selector, bytes32("x"), newcomer, gen, trans));
        vm.stopPrank();
        assertEq(abi.encode(etsc.user(retailers[0])), before);
        assertFalse(etsc.user(address(0xbad)).registered);
    }

    function _refused(bytes memory data) private {
        (bool done, bytes memory reason) = address(etsc).call(data);
        assertFalse(done);
        assertEq(reason.length, 0); // by the decoder, before any of the contract's own checks
    }

    function testFuzz_refusesWhoIsNoUser(address account, bool gen, bool trans) public {
        vm.assume(!etsc.user(account).registered);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotRegistered.selector, account));
        setRights(account, gen, trans);
        assertFalse(etsc.user(account).registered);
    }

    function test_withoutEitherRightAUserStillRedeemsRetractsAndIsMetered() public {
        startTrading();
        trade(prosumers[0], retailers[0], 1000);
        setRights(retailers[0], false, false);
        vm.prank(edgeServers[0]);
        etsc.setBuyBackPrice(MIN_PRICE);
        vm.startPrank(retailers[0]);
        etsc.redeem(edgeServers[0], 600, MIN_PRICE);
        etsc.retract();
        vm.stopPrank();
        generate(retailers[0], 5);
        consume(retailers[0], 5);
        IETSC.User memory record = etsc.user(retailers[0]);
        assertEq(record.coins, 0);
        assertEq(record.offered, 0);
        assertEq(record.generated, 10_005);
        assertEq(record.consumed, 5);
    }

    /// The offer with it: nobody asks the user again.
    function test_aRightThatIsGivenBackIsGoodAgain() public {
        startTrading();
        setRights(retailers[0], false, true);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NoGenRight.selector, retailers[0]));
        trade(prosumers[0], retailers[0], 1);
        setRights(retailers[0], true, true);
        trade(prosumers[0], retailers[0], 1); // what was offered before is on offer still
        assertEq(etsc.user(prosumers[0]).power, 1);
    }

    /// Who does not want that retracts, with the right or without.
    function testFuzz_whatIsRetractedIsNotOnOfferWhenTheRightIsGivenBack(bool whileRevoked) public {
        startTrading();
        if (whileRevoked) setRights(retailers[0], false, true);
        vm.prank(retailers[0]);
        etsc.retract();
        if (!whileRevoked) setRights(retailers[0], false, true);
        setRights(retailers[0], true, true);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientOffer.selector, retailers[0], 0, 1));
        trade(prosumers[0], retailers[0], 1);
    }
}
