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
    function testFuzz_aRightThatIsNeitherTrueNorFalseIsRefused(uint256 wrong, uint256 right, uint96 dirt)
        public
    {
        wrong = bound(wrong, 2, type(uint256).max);
        right = bound(right, 0, 1);
        uint256 dirtied = bound(dirt, 1, type(uint96).max) << 160;
        startTrading();
        bytes memory before = abi.encode(etsc.user(retailers[0]));
        _bothAnswer(false, 0, 2, right);
        _bothAnswer(false, 0, right, 2);
        _bothAnswer(false, 0, wrong, right);
        _bothAnswer(false, 0, right, wrong);
        _bothAnswer(false, dirtied, right, right);
        assertEq(abi.encode(etsc.user(retailers[0])), before);
        IETSC.User memory nobody;
        assertEq(abi.encode(etsc.user(address(0xbad))), abi.encode(nobody));
        _bothAnswer(true, 0, right, right); // so nothing else was wrong with the calls
    }

    function _bothAnswer(bool expected, uint256 dirt, uint256 gen, uint256 trans) private {
        uint256 account = uint256(uint160(retailers[0])) | dirt;
        _answers(expected, abi.encodeWithSelector(IETSC.setRights.selector, account, gen, trans));
        uint256 newcomer = 0xbad | dirt;
        _answers(expected, abi.encodeWithSelector(IETSC.empower.selector, bytes32("x"), newcomer, gen, trans));
    }

    function _answers(bool expected, bytes memory data) private {
        vm.prank(administrator);
        (bool done, bytes memory reason) = address(etsc).call(data);
        assertEq(done, expected);
        assertEq(reason.length, 0); // refused by the decoder, before any of the contract's own checks
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
