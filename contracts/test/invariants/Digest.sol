// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Cast} from "./Cast.sol";

/// Of all that a pause freezes: balances, offers, readings, stocks, prices and the slot; not of names, rights,
/// meters and credits.
function frozenDigest(Cast storage cast) view returns (bytes32 digest) {
    IETSC etsc = cast.etsc;
    for (uint256 i = 0; i < cast.users.length; ++i) {
        IETSC.User memory user = etsc.user(cast.users[i]);
        digest = keccak256(
            abi.encode(
                digest, user.power, user.coins, user.generated, user.consumed, user.deficit, user.offered
            )
        );
    }
    for (uint256 i = 0; i < cast.edgeServers.length; ++i) {
        IETSC.EdgeServer memory server = etsc.edgeServer(cast.edgeServers[i]);
        server.credit = 0;
        digest = keccak256(abi.encode(digest, server));
    }
    return keccak256(abi.encode(digest, pricesDigest(cast)));
}

/// Of everything that can be asked of the contract.
function wholeDigest(Cast storage cast) view returns (bytes32 digest) {
    IETSC etsc = cast.etsc;
    for (uint256 i = 0; i < cast.users.length; ++i) {
        digest = keccak256(abi.encode(digest, etsc.user(cast.users[i])));
    }
    for (uint256 i = 0; i < cast.edgeServers.length; ++i) {
        digest = keccak256(abi.encode(digest, etsc.edgeServer(cast.edgeServers[i])));
    }
    for (uint256 i = 0; i < cast.meters.length; ++i) {
        digest = keccak256(abi.encode(digest, etsc.meter(cast.meters[i])));
    }
    digest = keccak256(
        abi.encode(digest, etsc.administrator(), etsc.successor(), etsc.paused(), address(etsc).balance)
    );
    return keccak256(abi.encode(digest, pricesDigest(cast)));
}

function pricesDigest(Cast storage cast) view returns (bytes32 digest) {
    (uint256 number, uint256 openedAtBlock, address seller, uint256 price) = cast.etsc.slot();
    digest = keccak256(abi.encode(number, openedAtBlock, seller, price));
    for (uint256 i = 0; i < cast.edgeServers.length; ++i) {
        for (uint256 j = 0; j < cast.users.length; ++j) {
            digest = keccak256(abi.encode(digest, cast.etsc.priceFor(cast.edgeServers[i], cast.users[j])));
        }
    }
}
