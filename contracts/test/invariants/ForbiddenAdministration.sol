// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Handler} from "./Handler.sol";
import {Refusing} from "./Refusing.sol";

/// @title Administering without being the administrator, and what even the administrator may not
contract ForbiddenAdministration is Refusing {
    constructor(Handler handler) Refusing(handler) {}

    function administerAsAnother(uint256 callerSeed, uint256 seed) external changesNothing {
        address caller = somebody(callerSeed);
        vm.assume(caller != etsc.administrator());
        bytes4 error = IETSC.NotAdministrator.selector;
        address account = someUser(seed);
        address device = someMeter(seed);
        refused(caller, abi.encodeCall(IETSC.offerAdministration, (caller)), error);
        refused(caller, abi.encodeCall(IETSC.offerAdministration, (address(0))), error);
        refused(caller, abi.encodeCall(IETSC.pause, ()), error);
        refused(caller, abi.encodeCall(IETSC.unpause, ()), error);
        refused(caller, abi.encodeCall(IETSC.empower, ("mallory", account, true, true)), error);
        refused(caller, abi.encodeCall(IETSC.setRights, (account, seed % 2 == 0, seed % 3 == 0)), error);
        refused(caller, abi.encodeCall(IETSC.bindMeter, (account, device)), error);
        refused(caller, abi.encodeCall(IETSC.rotateMeter, (account, device)), error);
    }

    function takeAdministrationUnoffered(uint256 callerSeed) external changesNothing {
        address caller = somebody(callerSeed);
        bytes4 error = IETSC.NotSuccessor.selector;
        if (caller == etsc.successor()) {
            vm.assume(_hasRole(caller));
            error = IETSC.RoleTaken.selector;
        }
        refused(caller, abi.encodeCall(IETSC.takeAdministration, ()), error);
    }

    /// A user empowered again among them.
    function giveSecondRole(uint256 accountSeed, uint256 userSeed) external changesNothing {
        address account = somebody(accountSeed);
        vm.assume(_hasRole(account));
        _refusedRole(account, someUser(userSeed), IETSC.RoleTaken.selector);
    }

    function giveNobodyARole(uint256 userSeed) external changesNothing {
        _refusedRole(address(0), someUser(userSeed), IETSC.ZeroAddress.selector);
    }

    function bindTwiceOrRotateNothing(uint256 userSeed, uint256 meterSeed) external changesNothing {
        address account = someUser(userSeed);
        address device = someMeter(meterSeed);
        address admin = etsc.administrator();
        bytes memory binding = abi.encodeCall(IETSC.bindMeter, (account, device));
        bytes memory rotating = abi.encodeCall(IETSC.rotateMeter, (account, device));
        if (!isRegistered(account)) {
            refused(admin, binding, IETSC.NotRegistered.selector);
            refused(admin, rotating, IETSC.NotRegistered.selector);
            bytes memory rights = abi.encodeCall(IETSC.setRights, (account, true, true));
            refused(admin, rights, IETSC.NotRegistered.selector);
        } else if (etsc.user(account).meter != address(0)) {
            refused(admin, binding, IETSC.MeterAlreadyBound.selector);
        } else {
            refused(admin, rotating, IETSC.NoMeterBound.selector);
        }
    }

    function pauseOrUnpauseTwice() external changesNothing {
        address admin = etsc.administrator();
        if (etsc.paused()) {
            refused(admin, abi.encodeCall(IETSC.pause, ()), IETSC.MarketPaused.selector);
        } else {
            refused(admin, abi.encodeCall(IETSC.unpause, ()), IETSC.MarketNotPaused.selector);
        }
    }

    // ------------------------------------------------------------------------------------------ helpers

    /// As a user, as an administrator and as a user's meter.
    function _refusedRole(address account, address owner, bytes4 error) private {
        address admin = etsc.administrator();
        refused(admin, abi.encodeCall(IETSC.empower, ("again", account, true, true)), error);
        if (account != address(0)) {
            refused(admin, abi.encodeCall(IETSC.offerAdministration, (account)), error);
        }
        if (!isRegistered(owner)) return;
        bool metered = etsc.user(owner).meter != address(0);
        bytes memory data = metered
            ? abi.encodeCall(IETSC.rotateMeter, (owner, account))
            : abi.encodeCall(IETSC.bindMeter, (owner, account));
        refused(admin, data, error);
    }

    function _hasRole(address account) private view returns (bool) {
        return
            isRegistered(account) || isEdgeServer(account) || isMeter(account)
                || account == etsc.administrator();
    }
}
