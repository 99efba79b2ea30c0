// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";

/// @notice A reading as it is relayed.
struct SignedReading {
    IETSC.Reading reading;
    uint8 v;
    bytes32 r;
    bytes32 s;
}

/// What a meter signs (EIP-712), from the words of the interface.
function digestOf(IETSC.Reading memory reading, address user, address etsc, uint256 chainId)
    pure
    returns (bytes32)
{
    bytes32 domain = keccak256(
        abi.encode(
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("ETSC"),
            keccak256("1"),
            chainId,
            etsc
        )
    );
    bytes32 content = keccak256(
        abi.encode(
            keccak256(
                "Reading(address meter,address user,uint256 generated,uint256 consumed,uint256 deadline)"
            ),
            reading.meter,
            user,
            reading.generated,
            reading.consumed,
            reading.deadline
        )
    );
    return keccak256(abi.encodePacked(hex"1901", domain, content));
}
