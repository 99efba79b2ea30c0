// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

/// @notice An edge server or a user that calls back into whoever pays it, or refuses to be paid.
contract ReentrantAccount {
    uint256 public attempts;
    bool private _refusing;
    bytes private _last;

    function refuseEther() external {
        _refusing = true;
    }

    /// @notice Passes a call on with the ether sent along, and its refusal back.
    function run(address target, bytes calldata data) external payable {
        _last = data;
        (bool done, bytes memory answer) = target.call{value: msg.value}(data);
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
