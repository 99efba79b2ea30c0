// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {StdAssertions} from "forge-std/StdAssertions.sol";
import {Vm} from "forge-std/Vm.sol";

import {IETSC} from "../../src/IETSC.sol";

/// @title The contract's state, rebuilt from its events and the numbers of their blocks alone
/// @dev Of the deployment it knows the address and nothing else. The queries answer as the contract's should.
/// What an event says twice, or what the state says already, is compared with it.
contract Shadow is StdAssertions {
    struct Device {
        address user;
        uint256 generationReadAt;
        uint256 consumptionReadAt;
    }

    address private immutable _etsc;

    uint256 public totalElecoins;
    uint256 public unitPowerPrice;
    bool public paused;
    address public administrator;
    address public successor;

    IETSC.Terms private _terms;

    mapping(address account => IETSC.User) private _users;
    mapping(address account => Device) private _devices;
    mapping(address account => IETSC.EdgeServer) private _edgeServers;
    /// single prosumers', void as soon as the edge server's number of postings is another
    mapping(address edgeServer => mapping(uint256 posting => mapping(address prosumer => uint256))) private
        _ownPrices;
    mapping(address edgeServer => uint256) private _postings;
    uint256 private _slot;
    uint256 private _slotOpenedAtBlock;
    address private _seller;
    /// of the slot that is opened in this transaction
    uint256 private _sellersPrice;

    constructor(address etsc) {
        _etsc = etsc;
    }

    // ------------------------------------------------------------------------------------------ queries

    function user(address account) external view returns (IETSC.User memory) {
        return _users[account];
    }

    function meter(address account) external view returns (IETSC.Meter memory record) {
        Device storage device = _devices[account];
        if (device.user == address(0)) return record;
        record.user = device.user;
        record.generationAllowance = (block.number - device.generationReadAt) * _terms.meterLimit;
        record.consumptionAllowance = (block.number - device.consumptionReadAt) * _terms.meterLimit;
    }

    function edgeServer(address account) external view returns (IETSC.EdgeServer memory) {
        return _edgeServers[account];
    }

    function priceFor(address server, address prosumer) external view returns (uint256) {
        uint256 own = _ownPrices[server][_postings[server]][prosumer];
        return own == 0 ? _edgeServers[server].price : own;
    }

    function slot() external view returns (uint256, uint256, address, uint256) {
        return (_slot, _slotOpenedAtBlock, _seller, _edgeServers[_seller].price);
    }

    function terms() external view returns (IETSC.Terms memory) {
        return _terms;
    }

    // ----------------------------------------------------------------------------------------- replaying

    /// The logs of one transaction, from the deployment on.
    function replay(Vm.Log[] calldata logs, uint256 blockNumber) external {
        _sellersPrice = 0;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == _etsc) _apply(logs[i].topics, logs[i].data, blockNumber);
        }
        // Where the seller opened the slot, his PricePosted has come by now.
        if (_sellersPrice != 0) assertEq(_sellersPrice, _edgeServers[_seller].price, "the seller's price");
    }

    function _apply(bytes32[] calldata topics, bytes calldata data, uint256 blockNumber) private {
        if (unitPowerPrice == 0) {
            assertEq(topics[0], IETSC.Initialised.selector, "before all others");
            (totalElecoins, unitPowerPrice, _terms) = abi.decode(data, (uint256, uint256, IETSC.Terms));
            _slotOpenedAtBlock = blockNumber;
            return;
        }
        bool known = _ofAdministration(topics, data) || _ofMeters(topics, blockNumber)
            || _ofPrices(topics, data, blockNumber) || _ofElecoins(topics, data)
            || _ofElectricity(topics, data, blockNumber);
        assertTrue(known, "no event beyond the interface's, and none of the deployment's later");
    }

    function _ofAdministration(bytes32[] calldata topics, bytes calldata data) private returns (bool) {
        bytes32 kind = topics[0];
        if (kind == IETSC.AdministrationOffered.selector) {
            assertEq(_account(topics[1]), administrator, "offered by the administrator");
            successor = _account(topics[2]);
        } else if (kind == IETSC.AdministrationTaken.selector) {
            assertEq(
                _account(topics[1]), administrator == address(0) ? _account(topics[1]) : successor, "taken"
            );
            administrator = _account(topics[1]);
            successor = address(0);
        } else if (kind == IETSC.Paused.selector) {
            assertFalse(paused, "paused once");
            paused = true;
        } else if (kind == IETSC.Unpaused.selector) {
            assertTrue(paused, "unpaused once");
            paused = false;
        } else if (kind == IETSC.Empowered.selector) {
            IETSC.User storage record = _users[_account(topics[1])];
            record.registered = true;
            (record.name, record.genRight, record.transRight) = abi.decode(data, (bytes32, bool, bool));
        } else if (kind == IETSC.RightsChanged.selector) {
            IETSC.User storage record = _users[_account(topics[1])];
            (record.genRight, record.transRight) = abi.decode(data, (bool, bool));
        } else if (kind == IETSC.EdgeServerAdded.selector) {
            _edgeServers[_account(topics[1])].registered = true;
            _edgeServers[_account(topics[1])].stock = abi.decode(data, (uint256));
        } else {
            return false;
        }
        return true;
    }

    function _ofMeters(bytes32[] calldata topics, uint256 blockNumber) private returns (bool) {
        address account;
        address bound;
        if (topics[0] == IETSC.MeterBound.selector) {
            (account, bound) = (_account(topics[1]), _account(topics[2]));
        } else if (topics[0] == IETSC.MeterRotated.selector) {
            (account, bound) = (_account(topics[1]), _account(topics[3]));
            assertEq(_account(topics[2]), _users[account].meter, "the old meter");
            delete _devices[_account(topics[2])];
        } else {
            return false;
        }
        _users[account].meter = bound;
        _devices[bound] = Device(account, blockNumber, blockNumber);
        return true;
    }

    function _ofPrices(bytes32[] calldata topics, bytes calldata data, uint256 blockNumber)
        private
        returns (bool)
    {
        bytes32 kind = topics[0];
        if (kind == IETSC.SlotOpened.selector) {
            assertEq(uint256(topics[1]), _slot + 1, "the next slot");
            (_slot, _slotOpenedAtBlock, _seller) = (_slot + 1, blockNumber, _account(topics[2]));
            _sellersPrice = abi.decode(data, (uint256));
        } else if (kind == IETSC.PricePosted.selector) {
            _inSlot(topics[1]);
            address server = _account(topics[2]);
            IETSC.EdgeServer storage record = _edgeServers[server];
            record.price = abi.decode(data, (uint256));
            record.pricedInSlot = _slot;
            record.discriminated = false;
            ++_postings[server];
        } else if (kind == IETSC.ProsumerPricePosted.selector) {
            _inSlot(topics[1]);
            address server = _account(topics[2]);
            _edgeServers[server].discriminated = true;
            _ownPrices[server][_postings[server]][_account(topics[3])] = abi.decode(data, (uint256));
        } else if (kind == IETSC.BuyBackPricePosted.selector) {
            _edgeServers[_account(topics[1])].buyBackPrice = abi.decode(data, (uint256));
        } else {
            return false;
        }
        return true;
    }

    function _ofElecoins(bytes32[] calldata topics, bytes calldata data) private returns (bool) {
        bytes32 kind = topics[0];
        if (kind == IETSC.Purchased.selector) {
            _inSlot(topics[1]);
            (uint256 amount, uint256 price) = abi.decode(data, (uint256, uint256));
            IETSC.EdgeServer storage seller = _edgeServers[_account(topics[3])];
            _users[_account(topics[2])].coins += amount;
            seller.stock -= amount;
            seller.reserve += amount * _terms.minUnitPrice;
            seller.credit += amount * (price - _terms.minUnitPrice);
        } else if (kind == IETSC.Redeemed.selector) {
            _inSlot(topics[1]);
            (uint256 amount, uint256 price) = abi.decode(data, (uint256, uint256));
            IETSC.EdgeServer storage taker = _edgeServers[_account(topics[3])];
            _users[_account(topics[2])].coins -= amount;
            taker.stock += amount;
            taker.reserve -= amount * _terms.minUnitPrice;
            taker.credit += amount * (_terms.minUnitPrice - price);
        } else if (kind == IETSC.Withdrawn.selector) {
            _edgeServers[_account(topics[1])].credit -= abi.decode(data, (uint256));
        } else {
            return false;
        }
        return true;
    }

    function _ofElectricity(bytes32[] calldata topics, bytes calldata data, uint256 blockNumber)
        private
        returns (bool)
    {
        bytes32 kind = topics[0];
        if (kind == IETSC.Offered.selector) {
            _inSlot(topics[1]);
            _users[_account(topics[2])].offered += abi.decode(data, (uint256));
        } else if (kind == IETSC.Retracted.selector) {
            _inSlot(topics[1]);
            _users[_account(topics[2])].offered -= abi.decode(data, (uint256));
        } else if (kind == IETSC.Traded.selector) {
            _inSlot(topics[1]);
            (uint256 quantity, uint256 cost) = abi.decode(data, (uint256, uint256));
            IETSC.User storage buyer = _users[_account(topics[2])];
            IETSC.User storage retailer = _users[_account(topics[3])];
            buyer.power += quantity;
            buyer.coins -= cost;
            retailer.power -= quantity;
            retailer.offered -= quantity;
            retailer.coins += cost;
        } else if (kind == IETSC.Generated.selector) {
            _inSlot(topics[1]);
            IETSC.User storage record = _users[_account(topics[2])];
            uint256 cumulative = abi.decode(data, (uint256));
            record.power += cumulative - record.generated;
            record.generated = cumulative;
            _devices[record.meter].generationReadAt = blockNumber;
        } else if (kind == IETSC.Consumed.selector) {
            _inSlot(topics[1]);
            IETSC.User storage record = _users[_account(topics[2])];
            (uint256 cumulative, uint256 deficit) = abi.decode(data, (uint256, uint256));
            record.power = record.power + (deficit - record.deficit) - (cumulative - record.consumed);
            record.consumed = cumulative;
            record.deficit = deficit;
            _devices[record.meter].consumptionReadAt = blockNumber;
        } else {
            return false;
        }
        return true;
    }

    function _inSlot(bytes32 number) private view {
        assertEq(uint256(number), _slot, "the current slot");
    }

    function _account(bytes32 topic) private pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}
