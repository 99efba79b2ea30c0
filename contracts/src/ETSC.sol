// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {Elecoins} from "./Elecoins.sol";
import {Electricity} from "./Electricity.sol";
import {IETSC} from "./IETSC.sol";
import {
    Account,
    CONSUMPTION_BLOCK,
    Device,
    GENERATION_BLOCK,
    GEN_RIGHT,
    MASK_48,
    Market,
    OPENED_AT_BLOCK,
    TRANS_RIGHT,
    Till,
    UNIFIED
} from "./Records.sol";

/// @title Electricity trading smart contract
/// @dev There is no loop over users, no delegated call, no fallback and no receive function; ether that is
/// forced upon the contract counts for nothing.
contract ETSC is Elecoins, Electricity {
    /// @inheritdoc IETSC
    uint256 public immutable totalElecoins;

    /// @notice System initialisation: splits the stock of elecoins equally among the edge servers; the first
    /// takes the remainder.
    /// @param administrator_ registers users and meters, and pauses
    /// @param totalElecoins_ mE that will ever exist
    /// @param unitPowerPrice_ Q in mE per kWh
    /// @param edgeServersAccounts who sells elecoins
    constructor(
        address administrator_,
        uint256 totalElecoins_,
        uint256 unitPowerPrice_,
        address[] memory edgeServersAccounts,
        Terms memory terms_
    )
        Elecoins(terms_.slotDeadlineBlocks, terms_.minUnitPrice, terms_.maxUnitPrice)
        Electricity(unitPowerPrice_, terms_.meterLimit)
    {
        if (administrator_ == address(0)) revert ZeroAddress();
        uint256 count = edgeServersAccounts.length;
        if (count == 0) revert NoEdgeServers();

        _requireFits(totalElecoins_, MASK_48);
        totalElecoins = totalElecoins_;
        emit Initialised(
            totalElecoins_,
            unitPowerPrice_,
            terms_.slotDeadlineBlocks,
            terms_.minUnitPrice,
            terms_.maxUnitPrice,
            terms_.meterLimit
        );
        administrator = administrator_;
        emit AdministrationTaken(administrator_);
        _market = Market.wrap(block.number << OPENED_AT_BLOCK);

        uint256 share = totalElecoins_ / count;
        uint256 allotment = share + totalElecoins_ % count;
        for (uint256 i = 0; i < count; ++i) {
            address account = edgeServersAccounts[i];
            if (account == address(0)) revert ZeroAddress();
            if (account == administrator_ || _tills[account].isOpen()) revert RoleTaken(account);
            _tills[account] = Till.wrap(UNIFIED | allotment); // at most the total
            _buyBacks[account].allotment = uint128(allotment);
            emit EdgeServerAdded(account, allotment);
            allotment = share;
        }
    }

    // ------------------------------------------------------------------------------------------ queries

    /// @inheritdoc IETSC
    function user(address account) external view returns (User memory) {
        Account record = _accounts[account];
        address bound = _profiles[account].meter;
        return User({
            name: _profiles[account].name,
            registered: record.exists(),
            genRight: record.has(GEN_RIGHT),
            transRight: record.has(TRANS_RIGHT),
            power: record.power(),
            coins: record.coins(),
            generated: record.generated(),
            consumed: record.consumed(),
            deficit: _devices[bound].deficit(),
            offered: record.offered(),
            meter: bound
        });
    }

    /// @inheritdoc IETSC
    function meter(address account) external view returns (Meter memory record) {
        Device device = _devices[account];
        record.user = device.reportsFor();
        if (record.user != address(0)) {
            record.generationAllowance = _allowance(device, GENERATION_BLOCK);
            record.consumptionAllowance = _allowance(device, CONSUMPTION_BLOCK);
        }
    }

    /// @inheritdoc IETSC
    function edgeServer(address account) external view returns (EdgeServer memory) {
        Till till = _tills[account];
        BuyBack memory buyBack = _buyBacks[account];
        return EdgeServer({
            registered: till.isOpen(),
            price: till.unifiedPrice(),
            discriminated: till.isDiscriminated(),
            pricedInSlot: till.pricedInSlot(),
            buyBackPrice: buyBack.price,
            stock: till.stock(),
            credit: till.credit(),
            reserve: (buyBack.allotment - till.stock()) * _minUnitPrice
        });
    }

    /// @inheritdoc IETSC
    function slot()
        external
        view
        returns (uint256 number, uint256 openedAtBlock, address seller, uint256 price)
    {
        Market market = _market;
        seller = market.seller();
        return (market.slotNumber(), market.openedAtBlock(), seller, _tills[seller].unifiedPrice());
    }

    /// @inheritdoc IETSC
    function paused() external view returns (bool) {
        return _market.isPaused();
    }

    /// @inheritdoc IETSC
    function terms() external view returns (Terms memory) {
        return Terms({
            slotDeadlineBlocks: _slotDeadlineBlocks,
            minUnitPrice: _minUnitPrice,
            maxUnitPrice: _maxUnitPrice,
            meterLimit: _meterLimit
        });
    }
}
