// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {IETSC} from "./IETSC.sol";
import {
    Account,
    COINS,
    CONSUMED,
    CONSUMPTION_BLOCK,
    DEFICIT,
    Device,
    GENERATED,
    GENERATION_BLOCK,
    MASK_48,
    Market,
    OFFERED
} from "./Records.sol";
import {Registry} from "./Registry.sol";

/// @title Electricity for elecoins, and what the meters say
abstract contract Electricity is Registry {
    uint256 private constant WH_PER_KWH = 1000;
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256("ETSC");
    bytes32 private constant VERSION_HASH = keccak256("1");
    bytes32 private constant READING_TYPEHASH =
        keccak256("Reading(address meter,address user,uint256 generated,uint256 consumed,uint256 deadline)");

    /// @inheritdoc IETSC
    uint256 public immutable unitPowerPrice;
    uint256 internal immutable _meterLimit;

    constructor(uint256 unitPowerPrice_, uint256 meterLimit) {
        if (unitPowerPrice_ == 0) revert ZeroUnitPowerPrice();
        if (meterLimit == 0) revert ZeroMeterLimit();
        _requireFits(unitPowerPrice_, MASK_48);
        _requireFits(meterLimit, MASK_48);
        unitPowerPrice = unitPowerPrice_;
        _meterLimit = meterLimit;
    }

    // ------------------------------------------------------------------------------------------ trading

    /// @inheritdoc IETSC
    function offer(uint256 quantity) external {
        Market market = _running();
        Account retailer = _retailer(msg.sender);
        if (quantity == 0) revert ZeroQuantity();
        unchecked {
            // Consumption may have left less power than is on offer already.
            uint256 free = retailer.power() > retailer.offered() ? retailer.power() - retailer.offered() : 0;
            if (quantity > free) revert InsufficientPower(msg.sender, free, quantity);
            // together at most the power
            _accounts[msg.sender] = Account.wrap(Account.unwrap(retailer) + (quantity << OFFERED));
        }
        emit Offered(market.slotNumber(), msg.sender, quantity);
    }

    /// @inheritdoc IETSC
    function retract() external {
        Market market = _running();
        Account retailer = _registered(msg.sender);
        uint256 quantity = retailer.offered();
        if (quantity == 0) revert ZeroQuantity();
        _accounts[msg.sender] = Account.wrap(Account.unwrap(retailer) - (quantity << OFFERED));
        emit Retracted(market.slotNumber(), msg.sender, quantity);
    }

    /// @inheritdoc IETSC
    function checkQualification(address prosumer, address retailer, uint256 quantity)
        external
        view
        returns (uint256 cost)
    {
        _running();
        (,, cost) = _qualify(prosumer, retailer, quantity);
    }

    /// @inheritdoc IETSC
    function trade(address retailer, uint256 quantity) external {
        Market market = _running();
        (Account buyer, Account seller, uint256 cost) = _qualify(msg.sender, retailer, quantity);
        unchecked {
            // What is taken is at most what is there, all coins together fit 48 bits, and `_qualify` has
            // seen to the buyer's power. The words are of two accounts, or coins would appear.
            _accounts[msg.sender] = Account.wrap(Account.unwrap(buyer) + quantity - (cost << COINS));
            _accounts[retailer] =
                Account.wrap(Account.unwrap(seller) - quantity - (quantity << OFFERED) + (cost << COINS));
        }
        emit Traded(market.slotNumber(), msg.sender, retailer, quantity, cost);
    }

    // ----------------------------------------------------------------------------------------- metering

    /// @inheritdoc IETSC
    function generation(uint256 cumulative) external {
        Market market = _running();
        Device device = _device(msg.sender);
        address userAddr = device.reportsFor();
        _accounts[userAddr] = _generate(market, device, _accounts[userAddr], cumulative);
        _devices[msg.sender] = device.at(GENERATION_BLOCK);
    }

    /// @inheritdoc IETSC
    function consumption(uint256 cumulative) external {
        Market market = _running();
        Device device = _device(msg.sender);
        address userAddr = device.reportsFor();
        (_devices[msg.sender], _accounts[userAddr]) =
            _consume(market, device, _accounts[userAddr], cumulative);
    }

    /// @inheritdoc IETSC
    function relayReading(Reading calldata reading, uint8 v, bytes32 r, bytes32 s) external {
        Market market = _running();
        // A sealer can set its clock a few seconds wrong; a deadline is minutes away.
        // slither-disable-next-line timestamp
        if (block.timestamp > reading.deadline) revert ReadingExpired(reading.deadline, block.timestamp);
        Device device = _device(reading.meter);
        address userAddr = device.reportsFor();
        _requireSigned(reading, userAddr, v, r, s);
        Account account = _accounts[userAddr];
        bool generated = reading.generated != account.generated();
        bool consumed = reading.consumed != account.consumed();
        if (!generated && !consumed) revert ReadingNotNew(reading.meter);
        if (generated) {
            account = _generate(market, device, account, reading.generated);
            device = device.at(GENERATION_BLOCK);
        }
        if (consumed) (device, account) = _consume(market, device, account, reading.consumed);
        _devices[reading.meter] = device;
        _accounts[userAddr] = account;
    }

    // ------------------------------------------------------------------------------------------ helpers

    /// Both accounts, and the cost in mE.
    function _qualify(address prosumer, address retailer, uint256 quantity)
        private
        view
        returns (Account buyer, Account seller, uint256 cost)
    {
        if (quantity == 0) revert ZeroQuantity();
        if (retailer == prosumer) revert SelfTrade(prosumer);
        buyer = _buyer(prosumer);
        seller = _retailer(retailer);
        if (quantity > seller.offered()) revert InsufficientOffer(retailer, seller.offered(), quantity);
        // What was offered may have been consumed since.
        if (quantity > seller.power()) revert InsufficientPower(retailer, seller.power(), quantity);
        unchecked {
            // 48 bits by 48 bits
            cost = (quantity * unitPowerPrice + WH_PER_KWH - 1) / WH_PER_KWH;
            _requireFits(buyer.power() + quantity, MASK_48);
        }
        if (cost > buyer.coins()) revert InsufficientCoins(prosumer, buyer.coins(), cost);
    }

    function _device(address meterAddr) private view returns (Device device) {
        device = _devices[meterAddr];
        if (device.reportsFor() == address(0)) revert NotMeter(meterAddr);
    }

    function _generate(Market market, Device device, Account account, uint256 cumulative)
        private
        returns (Account)
    {
        uint256 increase = _increase(device, GENERATION_BLOCK, account.generated(), cumulative);
        emit Generated(market.slotNumber(), device.reportsFor(), cumulative);
        unchecked {
            // two sums of 48 bits each
            _requireFits(account.power() + increase, MASK_48);
            return Account.wrap(Account.unwrap(account) + (increase << GENERATED) + increase);
        }
    }

    function _consume(Market market, Device device, Account account, uint256 cumulative)
        private
        returns (Device, Account)
    {
        uint256 increase = _increase(device, CONSUMPTION_BLOCK, account.consumed(), cumulative);
        uint256 missing = increase > account.power() ? increase - account.power() : 0;
        unchecked {
            // The deficit is at most the consumption, which fits; the power falls to zero at most.
            device = Device.wrap(Device.unwrap(device) + (missing << DEFICIT)).at(CONSUMPTION_BLOCK);
            account = Account.wrap(Account.unwrap(account) + (increase << CONSUMED) - (increase - missing));
        }
        emit Consumed(market.slotNumber(), device.reportsFor(), cumulative, device.deficit());
        return (device, account);
    }

    /// What a reading adds, in Wh.
    function _increase(Device device, uint256 register, uint256 last, uint256 cumulative)
        private
        view
        returns (uint256 increase)
    {
        if (cumulative < last) revert ReadingFell(device.reportsFor(), last, cumulative);
        _requireFits(cumulative, MASK_48);
        uint256 allowance = _allowance(device, register);
        unchecked {
            increase = cumulative - last;
        }
        if (increase > allowance) revert ReadingTooHigh(device.reportsFor(), increase, allowance);
    }

    /// Wh that a reading may rise by now.
    function _allowance(Device device, uint256 register) internal view returns (uint256) {
        unchecked {
            // 24 bits by 48 bits
            return device.blocksSince(register) * _meterLimit;
        }
    }

    function _requireSigned(Reading calldata reading, address userAddr, uint8 v, bytes32 r, bytes32 s)
        private
        view
    {
        // Worked out anew each time: a copy of the chain may go on under another number.
        bytes32 domain =
            keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
        bytes32 content = keccak256(
            abi.encode(
                READING_TYPEHASH,
                reading.meter,
                userAddr,
                reading.generated,
                reading.consumed,
                reading.deadline
            )
        );
        address signer = ECDSA.recover(MessageHashUtils.toTypedDataHash(domain, content), v, r, s);
        if (signer != reading.meter) revert NotSignedByMeter(reading.meter, signer);
    }
}
