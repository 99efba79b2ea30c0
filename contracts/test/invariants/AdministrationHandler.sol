// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Acting} from "./Acting.sol";
import {Cast} from "./Cast.sol";
import {frozenDigest} from "./Digest.sol";

/// @title The administrator registers, changes rights and meters, pauses, and hands over
abstract contract AdministrationHandler is Acting {
    /// What was frozen when the market was last paused.
    bytes32 public digestAtPause;

    constructor() {
        // All but the saver are there from the start, all but the second with a meter.
        for (uint256 i = 0; i + 1 < cast.users.length; ++i) {
            _empower(cast.users[i], i > 0, true);
        }
        _bind(cast.users[0], cast.meters[0]);
        _bind(cast.users[2], cast.meters[1]);
    }

    function empower(uint256 seed) external {
        _empower(pick(cast.users, seed, _isNewcomer), seed % 2 == 0, true);
    }

    function setRights(uint256 userSeed, uint256 seed) external {
        address account = pick(cast.users, userSeed, _isUser);
        bool genRight = mixed(seed, "generate") % 4 != 0;
        bool transRight = mixed(seed, "transact") % 4 != 0;
        act(administrator, abi.encodeCall(IETSC.setRights, (account, genRight, transRight)));
        people[account].genRight = genRight;
        people[account].transRight = transRight;
    }

    function bindMeter(uint256 userSeed, uint256 meterSeed) external {
        _bind(pick(cast.users, userSeed, _isUnmetered), pick(cast.meters, meterSeed, _isFree));
    }

    function rotateMeter(uint256 userSeed, uint256 meterSeed) external {
        address account = pick(cast.users, userSeed, isMetered);
        address fresh = pick(cast.meters, meterSeed, _isFree);
        act(administrator, abi.encodeCall(IETSC.rotateMeter, (account, fresh)));
        bound(account, fresh, vm.getBlockNumber());
    }

    /// To nobody now and then.
    function offerAdministration(uint256 seed) external {
        address to = address(0);
        if (mixed(seed, "to nobody") % 4 != 0) to = pick(cast.administrators, seed, _mayBeOffered);
        act(administrator, abi.encodeCall(IETSC.offerAdministration, (to)));
        successor = to;
    }

    function takeAdministration() external {
        vm.assume(successor != address(0) && !takesPart(successor));
        act(successor, abi.encodeCall(IETSC.takeAdministration, ()));
        administrator = successor;
        successor = address(0);
    }

    /// Seldom, or there were little market to see.
    function pause(uint256 seed) external running {
        vm.assume(mixed(seed, "pause") % 4 == 0);
        act(administrator, abi.encodeCall(IETSC.pause, ()));
        paused = true;
        digestAtPause = frozenDigest(cast);
    }

    function unpause() external {
        vm.assume(paused);
        act(administrator, abi.encodeCall(IETSC.unpause, ()));
        paused = false;
    }

    // ------------------------------------------------------------------------------------------ helpers

    function _empower(address account, bool genRight, bool transRight) private {
        bytes32 name = bytes32(uint256(uint160(account)));
        act(administrator, abi.encodeCall(IETSC.empower, (name, account, genRight, transRight)));
        people[account].name = name;
        people[account].registered = true;
        people[account].genRight = genRight;
        people[account].transRight = transRight;
    }

    function _bind(address account, address meterAddr) private {
        act(administrator, abi.encodeCall(IETSC.bindMeter, (account, meterAddr)));
        bound(account, meterAddr, vm.getBlockNumber());
    }

    function isMetered(address account) internal view returns (bool) {
        return people[account].meter != address(0);
    }

    function _isUser(address account) private view returns (bool) {
        return people[account].registered;
    }

    function _isNewcomer(address account) private view returns (bool) {
        return !people[account].registered && account != administrator;
    }

    function _isUnmetered(address account) private view returns (bool) {
        return people[account].registered && !isMetered(account);
    }

    function _isFree(address account) private view returns (bool) {
        return devices[account].user == address(0);
    }

    function _mayBeOffered(address account) private view returns (bool) {
        return account != administrator && !takesPart(account);
    }
}
