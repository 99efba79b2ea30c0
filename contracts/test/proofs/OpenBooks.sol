// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {ETSC} from "../../src/ETSC.sol";
import {Account as UserWord, Device, Market, Till} from "../../src/Records.sol";

/// @title The contract with its records laid open, so that a proof can begin in any state
contract OpenBooks is ETSC {
    constructor(address[] memory edgeServers_, Terms memory terms_)
        ETSC(address(0xA), 2 ** 48 - 1, 600, edgeServers_, terms_)
    {}

    function setAccount(address account, uint256 word) external {
        _accounts[account] = UserWord.wrap(word);
    }

    function setTill(address account, uint256 word) external {
        _tills[account] = Till.wrap(word);
    }

    function setDevice(address account, uint256 word) external {
        _devices[account] = Device.wrap(word);
    }

    function setMarket(uint256 word) external {
        _market = Market.wrap(word);
    }

    function wordOf(address account) external view returns (uint256) {
        return UserWord.unwrap(_accounts[account]);
    }

    function tillOf(address account) external view returns (uint256) {
        return Till.unwrap(_tills[account]);
    }

    function deviceOf(address account) external view returns (uint256) {
        return Device.unwrap(_devices[account]);
    }

    function marketWord() external view returns (uint256) {
        return Market.unwrap(_market);
    }

    function buyBackPriceOf(address account) external view returns (uint256) {
        return _buyBacks[account].price;
    }
}
