// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

/// @notice An edge server that calls back into whoever pays it, or refuses to be paid.
contract ReentrantEdgeServer {
    uint256 public attempts;
    bool private _refusing;
    bytes private _last;

    function refuseEther() external {
        _refusing = true;
    }

    /// @notice Passes a call on, and its refusal back.
    function run(address target, bytes calldata data) external {
        _last = data;
        (bool done, bytes memory answer) = target.call(data);
        if (!done) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    receive() external payable {
        require(!_refusing);
        (bool stolen,) = msg.sender.call(_last);
        if (!stolen) ++attempts;
    }
}
