// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {frozenDigest} from "./Digest.sol";
import {Stage} from "./Stage.sol";

/// @title Nobody gets what is not his, whatever is tried
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: long.invariant.fail-on-revert = true
contract ForbiddenInvariants is Stage {
    function invariant_rolesAreKeptApartAndAPauseFreezes() public view {
        for (uint256 i = 0; i < cast.users.length; ++i) {
            _userIsWhatTheAdministratorMadeIt(cast.users[i]);
        }
        for (uint256 i = 0; i < cast.meters.length; ++i) {
            address owner = etsc.meter(cast.meters[i]).user;
            if (owner != address(0)) assertEq(etsc.user(owner).meter, cast.meters[i], "the owner's meter");
            _isNoUser(cast.meters[i]);
        }
        for (uint256 i = 0; i < cast.edgeServers.length; ++i) {
            _isNoUser(cast.edgeServers[i]);
        }
        _isNoUser(etsc.administrator());
        _isNoUser(cast.stranger);
        assertEq(etsc.administrator(), handler.administrator(), "the administrator");
        assertEq(etsc.successor(), handler.successor(), "the successor");
        assertEq(etsc.paused(), handler.paused(), "paused");
        if (etsc.paused()) assertEq(frozenDigest(cast), handler.digestAtPause(), "paused means frozen");
    }

    function _userIsWhatTheAdministratorMadeIt(address account) private view {
        IETSC.User memory user = etsc.user(account);
        IETSC.User memory expected = handler.user(account);
        assertEq(user.registered, expected.registered, "registered");
        assertEq(user.name, expected.name, "the name");
        assertEq(user.genRight, expected.genRight, "the right to sell");
        assertEq(user.transRight, expected.transRight, "the right to buy");
        assertEq(user.meter, expected.meter, "the meter");
        if (user.meter != address(0)) assertEq(etsc.meter(user.meter).user, account, "the meter's user");
        if (!user.registered) _isNoUser(account);
    }

    function _isNoUser(address account) private view {
        IETSC.User memory nobody;
        assertEq(keccak256(abi.encode(etsc.user(account))), keccak256(abi.encode(nobody)), "all zero");
    }
}
