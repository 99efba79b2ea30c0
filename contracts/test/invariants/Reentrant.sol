// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";

/// @title An account that, each time it is paid, asks to be paid once more
/// @dev Its code is put at the address of a user or an edge server. What it asks for is not its due any more,
/// so it gets nothing; if it did, the contract would differ from the ghost and the shadow from then on.
contract Reentrant {
    IETSC private immutable _etsc;
    address private immutable _edgeServer;

    constructor(IETSC etsc, address edgeServer) {
        _etsc = etsc;
        _edgeServer = edgeServer;
    }

    receive() external payable {
        try _etsc.withdraw() {} catch {}
        uint256 moreThanLeft = _etsc.user(address(this)).coins + 1;
        try _etsc.redeem(_edgeServer, moreThanLeft, 0) {} catch {}
    }
}
