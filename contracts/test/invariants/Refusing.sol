// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {CommonBase} from "forge-std/Base.sol";
import {StdAssertions} from "forge-std/StdAssertions.sol";

import {IETSC} from "../../src/IETSC.sol";
import {Cast} from "./Cast.sol";
import {wholeDigest} from "./Digest.sol";
import {Handler} from "./Handler.sol";

/// @title How what is forbidden is tried
/// @dev Each try has to be refused for the reason that is its own and to change nothing that can be asked for.
abstract contract Refusing is CommonBase, StdAssertions {
    bytes4 internal constant NO_REASON = 0;

    Cast internal cast;
    IETSC internal immutable etsc;
    Handler internal immutable handler;

    constructor(Handler handler_) {
        handler = handler_;
        cast = handler_.players();
        etsc = cast.etsc;
    }

    modifier changesNothing() {
        bytes32 before = wholeDigest(cast);
        _;
        assertEq(wholeDigest(cast), before, "what is refused changes nothing");
    }

    /// Paused or not.
    function refused(address caller, bytes memory data, bytes4 error) internal {
        refused(caller, 0, data, error);
    }

    function refused(address caller, uint256 value, bytes memory data, bytes4 error) internal {
        if (caller.balance < value) vm.deal(caller, value);
        vm.prank(caller);
        (bool done, bytes memory reason) = address(etsc).call{value: value}(data);
        // Forge records what was logged before the revert; on a chain it never was.
        vm.getRecordedLogs();
        if (done || bytes4(reason) != error) {
            string memory attempt = string.concat(vm.toString(caller), " called ", vm.toString(data));
            assertFalse(done, attempt);
            assertEq(bytes32(bytes4(reason)), bytes32(error), attempt);
        }
    }

    /// While the market is paused the pause is the reason.
    function refusedByMarket(address caller, bytes memory data, bytes4 error) internal {
        refusedByMarket(caller, 0, data, error);
    }

    function refusedByMarket(address caller, uint256 value, bytes memory data, bytes4 error) internal {
        refused(caller, value, data, etsc.paused() ? IETSC.MarketPaused.selector : error);
    }

    // ------------------------------------------------------------------------------------------- choices

    function someUser(uint256 seed) internal view returns (address) {
        return _some(cast.users, seed);
    }

    function someEdgeServer(uint256 seed) internal view returns (address) {
        return _some(cast.edgeServers, seed);
    }

    function someMeter(uint256 seed) internal view returns (address) {
        return _some(cast.meters, seed);
    }

    /// With a role or without.
    function somebody(uint256 seed) internal view returns (address) {
        return cast.anybody(mixed(seed, 0));
    }

    function isRegistered(address account) internal view returns (bool) {
        return etsc.user(account).registered;
    }

    function isEdgeServer(address account) internal view returns (bool) {
        return etsc.edgeServer(account).registered;
    }

    function isMeter(address account) internal view returns (bool) {
        return etsc.meter(account).user != address(0);
    }

    function slotNumber() internal view returns (uint256 number) {
        (number,,,) = etsc.slot();
    }

    function mixed(uint256 seed, uint256 index) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, index)));
    }

    function _some(address[] storage accounts, uint256 seed) private view returns (address) {
        return accounts[mixed(seed, 0) % accounts.length];
    }
}
