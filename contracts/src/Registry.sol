// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "./IETSC.sol";
import {
    Account,
    Device,
    GEN_RIGHT,
    Market,
    PAUSED,
    REGISTERED,
    RIGHTS,
    TRANS_RIGHT,
    Till,
    newDevice
} from "./Records.sol";

/// @title The records of ETSC and who may act: administration, pause, registration
/// @dev Every change of a balance reads `_market` for the slot's number, so the pause costs no read of its own.
abstract contract Registry is IETSC {
    struct Profile {
        bytes32 name;
        address meter;
    }

    /// @inheritdoc IETSC
    address public administrator;
    /// @inheritdoc IETSC
    address public successor;

    Market internal _market;
    mapping(address account => Account) internal _accounts;
    mapping(address account => Profile) internal _profiles;
    mapping(address account => Device) internal _devices;
    mapping(address account => Till) internal _tills;

    modifier onlyAdministrator() {
        _requireAdministrator();
        _;
    }

    // ----------------------------------------------------------------------------------- administration

    /// @inheritdoc IETSC
    function offerAdministration(address to) external onlyAdministrator {
        if (to != address(0)) _requireNoRole(to);
        successor = to;
        emit AdministrationOffered(msg.sender, to);
    }

    /// @inheritdoc IETSC
    function takeAdministration() external {
        if (msg.sender != successor) revert NotSuccessor(msg.sender);
        if (_takesPart(msg.sender)) revert RoleTaken(msg.sender); // since the offer
        administrator = msg.sender;
        successor = address(0);
        emit AdministrationTaken(msg.sender);
    }

    /// @inheritdoc IETSC
    function pause() external onlyAdministrator {
        _market = Market.wrap(Market.unwrap(_running()) | PAUSED);
        emit Paused();
    }

    /// @inheritdoc IETSC
    function unpause() external onlyAdministrator {
        if (!_market.isPaused()) revert MarketNotPaused();
        _market = Market.wrap(Market.unwrap(_market) & ~PAUSED);
        emit Unpaused();
    }

    // ------------------------------------------------------------------------------------- registration

    /// @inheritdoc IETSC
    function empower(bytes32 userName, address userAddr, bool genRight, bool transRight)
        external
        onlyAdministrator
    {
        _requireNoRole(userAddr);
        _accounts[userAddr] = Account.wrap(_rights(genRight, transRight));
        _profiles[userAddr].name = userName;
        emit Empowered(userAddr, userName, genRight, transRight);
    }

    /// @inheritdoc IETSC
    function setRights(address userAddr, bool genRight, bool transRight) external onlyAdministrator {
        uint256 balances = Account.unwrap(_registered(userAddr)) & ((1 << RIGHTS) - 1);
        _accounts[userAddr] = Account.wrap(balances | _rights(genRight, transRight));
        emit RightsChanged(userAddr, genRight, transRight);
    }

    /// @inheritdoc IETSC
    function bindMeter(address userAddr, address meterAddr) external onlyAdministrator {
        _registered(userAddr);
        address bound = _profiles[userAddr].meter;
        if (bound != address(0)) revert MeterAlreadyBound(userAddr, bound);
        _bind(userAddr, meterAddr, 0);
        emit MeterBound(userAddr, meterAddr);
    }

    /// @inheritdoc IETSC
    function rotateMeter(address userAddr, address meterAddr) external onlyAdministrator {
        _registered(userAddr);
        address bound = _profiles[userAddr].meter;
        if (bound == address(0)) revert NoMeterBound(userAddr);
        _bind(userAddr, meterAddr, _devices[bound].deficit());
        _devices[bound] = Device.wrap(0);
        emit MeterRotated(userAddr, bound, meterAddr);
    }

    // ------------------------------------------------------------------------------------------ helpers

    /// Refuses while the market is paused.
    function _running() internal view returns (Market market) {
        market = _market;
        if (market.isPaused()) revert MarketPaused();
    }

    function _registered(address account) internal view returns (Account record) {
        record = _accounts[account];
        if (!record.exists()) revert NotRegistered(account);
    }

    /// A user's record; refuses who lacks the right to buy.
    function _buyer(address account) internal view returns (Account record) {
        record = _registered(account);
        if (!record.has(TRANS_RIGHT)) revert NoTransRight(account);
    }

    /// A user's record; refuses who lacks the right to sell.
    function _retailer(address account) internal view returns (Account record) {
        record = _registered(account);
        if (!record.has(GEN_RIGHT)) revert NoGenRight(account);
    }

    /// Not in the modifier itself, which is copied into each function that has it.
    function _requireAdministrator() private view {
        if (msg.sender != administrator) revert NotAdministrator(msg.sender);
    }

    /// Only the administrator gives roles, so the administrator is the caller. (Two conditions in one would
    /// cost each registration 37 gas more.)
    function _requireNoRole(address account) private view {
        if (account == address(0)) revert ZeroAddress();
        if (account == msg.sender) revert RoleTaken(account);
        if (_takesPart(account)) revert RoleTaken(account);
    }

    /// Whether the account is a user, an edge server or a meter. Whoever is none has no bit in any record.
    function _takesPart(address account) private view returns (bool) {
        uint256 records = Account.unwrap(_accounts[account]) | Till.unwrap(_tills[account])
            | Device.unwrap(_devices[account]);
        return records != 0;
    }

    function _bind(address userAddr, address meterAddr, uint256 deficit) private {
        _requireNoRole(meterAddr);
        _profiles[userAddr].meter = meterAddr;
        _devices[meterAddr] = newDevice(userAddr, deficit);
    }

    function _rights(bool genRight, bool transRight) private pure returns (uint256) {
        return REGISTERED | (genRight ? GEN_RIGHT : 0) | (transRight ? TRANS_RIGHT : 0);
    }

    function _requireFits(uint256 value, uint256 limit) internal pure {
        if (value > limit) revert ValueTooLarge(value, limit);
    }
}
