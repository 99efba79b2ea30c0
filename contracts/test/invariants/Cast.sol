// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";

/// @notice Who plays, in the invariant tests. Nobody else ever has a role.
struct Cast {
    IETSC etsc;
    /// the last of them may become the administrator instead, and never deals in electricity
    address[] users;
    address[] edgeServers;
    address[] meters;
    /// of the meters, in the same order
    uint256[] keys;
    /// who may be the administrator; the first is
    address[] administrators;
    address stranger;
    /// which are the deployment's
    uint256 totalElecoins;
    uint256 unitPowerPrice;
    IETSC.Terms terms;
}

using {saver, anybody} for Cast global;

/// The user who only buys and redeems.
function saver(Cast storage cast) view returns (address) {
    return cast.users[cast.users.length - 1];
}

function anybody(Cast storage cast, uint256 seed) view returns (address) {
    uint256 index = seed
        % (cast.users.length + cast.edgeServers.length + cast.meters.length + cast.administrators.length + 1);
    if (index < cast.users.length) return cast.users[index];
    index -= cast.users.length;
    if (index < cast.edgeServers.length) return cast.edgeServers[index];
    index -= cast.edgeServers.length;
    if (index < cast.meters.length) return cast.meters[index];
    index -= cast.meters.length;
    if (index < cast.administrators.length) return cast.administrators[index];
    return cast.stranger;
}
