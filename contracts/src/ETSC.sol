// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "./IETSC.sol";

/// @title Electricity trading smart contract
/// @dev Every balance of a user fits one storage slot, and every figure of an edge server another: a trade or
/// a purchase writes two slots. There is no loop over users, no fallback and no receive function.
contract ETSC is IETSC {
    uint256 private constant WH_PER_KWH = 1000;

    uint8 private constant REGISTERED = 1;
    uint8 private constant GEN_RIGHT = 2;
    uint8 private constant TRANS_RIGHT = 4;

    struct Account {
        uint48 power;
        uint48 coins;
        uint48 generated;
        uint48 consumed;
        uint48 offered;
        uint8 rights;
    }

    struct Profile {
        bytes32 name;
        address meter;
    }

    /// The deficit lives here because each reading loads this slot anyway, and the user's is full.
    struct Meter {
        address user;
        uint48 deficit;
    }

    struct Stock {
        uint96 credit;
        uint96 price;
        uint48 stock;
        bool registered;
    }

    struct OpenSlot {
        uint48 number;
        uint48 openedAtBlock;
        address seller;
    }

    /// @inheritdoc IETSC
    address public immutable administrator;
    /// @inheritdoc IETSC
    uint256 public immutable totalElecoins;
    /// @inheritdoc IETSC
    uint256 public immutable unitPowerPrice;
    /// @inheritdoc IETSC
    uint256 public immutable slotDeadlineBlocks;

    mapping(address account => Account) private _accounts;
    mapping(address account => Profile) private _profiles;
    mapping(address account => Meter) private _meters;
    mapping(address account => Stock) private _stocks;
    OpenSlot private _slot;

    /// @notice System initialisation: splits the stock of elecoins equally among the edge servers; the first
    /// takes the remainder.
    /// @param administrator_ registers users and meters
    /// @param totalElecoins_ mE that will ever exist
    /// @param unitPowerPrice_ Q in mE per kWh
    /// @param slotDeadlineBlocks_ blocks after which anybody may open the next slot
    /// @param edgeServersAccounts who sells elecoins
    constructor(
        address administrator_,
        uint256 totalElecoins_,
        uint256 unitPowerPrice_,
        uint256 slotDeadlineBlocks_,
        address[] memory edgeServersAccounts
    ) {
        if (administrator_ == address(0)) revert ZeroAddress();
        if (unitPowerPrice_ == 0) revert ZeroUnitPowerPrice();
        uint256 count = edgeServersAccounts.length;
        if (count == 0) revert NoEdgeServers();

        administrator = administrator_;
        // The bounds keep quantity * Q and block + deadline far from overflow.
        totalElecoins = _toUint48(totalElecoins_);
        unitPowerPrice = _toUint48(unitPowerPrice_);
        slotDeadlineBlocks = _toUint48(slotDeadlineBlocks_);
        _slot.openedAtBlock = _toUint48(block.number);

        uint256 share = totalElecoins_ / count;
        uint256 stock = totalElecoins_ - share * (count - 1);
        for (uint256 i = 0; i < count; ++i) {
            address account = edgeServersAccounts[i];
            if (account == address(0)) revert ZeroAddress();
            if (account == administrator_ || _stocks[account].registered) revert RoleTaken(account);
            _stocks[account] = Stock({credit: 0, price: 0, stock: _toUint48(stock), registered: true});
            emit EdgeServerAdded(account, stock);
            stock = share;
        }
    }

    modifier onlyAdministrator() {
        if (msg.sender != administrator) revert NotAdministrator(msg.sender);
        _;
    }

    // ------------------------------------------------------------------------------------- registration

    /// @inheritdoc IETSC
    function empower(bytes32 userName, address userAddr, bool genRight, bool transRight)
        external
        onlyAdministrator
    {
        _requireNoRole(userAddr);
        _accounts[userAddr].rights =
            REGISTERED | (genRight ? GEN_RIGHT : 0) | (transRight ? TRANS_RIGHT : 0);
        _profiles[userAddr].name = userName;
        emit Empowered(userAddr, userName, genRight, transRight);
    }

    /// @inheritdoc IETSC
    function bindMeter(address userAddr, address meter) external onlyAdministrator {
        if (_accounts[userAddr].rights == 0) revert NotRegistered(userAddr);
        address bound = _profiles[userAddr].meter;
        if (bound != address(0)) revert MeterAlreadyBound(userAddr, bound);
        _requireNoRole(meter);
        _profiles[userAddr].meter = meter;
        _meters[meter].user = userAddr;
        emit MeterBound(userAddr, meter);
    }

    // ------------------------------------------------------------------------------------------ trading

    /// @inheritdoc IETSC
    function openSlot(uint256 slotNumber, uint256 price) external {
        OpenSlot memory current = _slot;
        uint256 next = uint256(current.number) + 1;
        if (slotNumber != next) revert SlotNotNext(slotNumber, next);

        if (_stocks[msg.sender].registered) {
            if (price == 0) revert ZeroPrice();
            _stocks[msg.sender].price = _toUint96(price);
            current.seller = msg.sender;
        } else {
            uint256 deadline = current.openedAtBlock + slotDeadlineBlocks;
            if (block.number <= deadline) revert SlotNotOverdue(block.number, deadline);
            if (current.seller == address(0)) revert NoSellerYet();
            price = _stocks[current.seller].price;
        }
        current.number = _toUint48(next);
        current.openedAtBlock = _toUint48(block.number);
        _slot = current;
        emit SlotOpened(next, current.seller, price);
    }

    /// @inheritdoc IETSC
    function buyToken(address seller, uint256 amount, uint256 maxPrice) external payable {
        Account storage buyer = _accounts[msg.sender];
        _requireTransRight(msg.sender, buyer);
        Stock storage source = _stocks[seller];
        if (!source.registered) revert NotEdgeServer(seller);
        if (source.price == 0) revert NoPriceYet(seller);
        if (source.price > maxPrice) revert PriceTooHigh(source.price, maxPrice);
        if (amount > source.stock) revert InsufficientStock(seller, source.stock, amount);
        uint256 cost = amount * source.price;
        if (msg.value != cost) revert WrongPayment(msg.value, cost);

        uint48 coins = uint48(amount); // at most the stock
        source.stock -= coins;
        source.credit += _toUint96(cost);
        buyer.coins += coins;
        emit Purchased(_slot.number, msg.sender, seller, amount, source.price);
    }

    /// @inheritdoc IETSC
    function offer(uint256 quantity) external {
        Account storage retailer = _accounts[msg.sender];
        _requireGenRight(msg.sender, retailer);
        if (quantity == 0) revert ZeroQuantity();
        // Consumption may have left less power than is on offer already.
        uint256 free = retailer.power > retailer.offered ? retailer.power - retailer.offered : 0;
        if (quantity > free) revert InsufficientPower(msg.sender, free, quantity);
        retailer.offered += uint48(quantity); // at most the power
        emit Offered(_slot.number, msg.sender, quantity);
    }

    /// @inheritdoc IETSC
    function checkQualification(address prosumer, address retailer, uint256 quantity)
        external
        view
        returns (uint256 cost)
    {
        (,, cost) = _qualify(prosumer, retailer, quantity);
    }

    /// @inheritdoc IETSC
    function trade(address retailer, uint256 quantity) external {
        (Account storage buyer, Account storage seller, uint256 cost) =
            _qualify(msg.sender, retailer, quantity);
        uint48 energy = uint48(quantity); // at most what is offered
        uint48 coins = uint48(cost); // at most the buyer's
        buyer.power += energy;
        buyer.coins -= coins;
        seller.power -= energy;
        seller.offered -= energy;
        seller.coins += coins;
        emit Traded(_slot.number, msg.sender, retailer, quantity, cost);
    }

    // ----------------------------------------------------------------------------------------- metering

    /// @inheritdoc IETSC
    function generation(uint256 cumulative) external {
        address userAddr = _meters[msg.sender].user;
        if (userAddr == address(0)) revert NotMeter(msg.sender);
        Account storage account = _accounts[userAddr];
        uint48 reading = _toUint48(cumulative);
        if (reading < account.generated) revert ReadingFell(userAddr, account.generated, cumulative);
        account.power += reading - account.generated;
        account.generated = reading;
        emit Generated(_slot.number, userAddr, cumulative);
    }

    /// @inheritdoc IETSC
    function consumption(uint256 cumulative) external {
        Meter memory meter = _meters[msg.sender];
        if (meter.user == address(0)) revert NotMeter(msg.sender);
        Account storage account = _accounts[meter.user];
        uint48 reading = _toUint48(cumulative);
        if (reading < account.consumed) revert ReadingFell(meter.user, account.consumed, cumulative);
        uint48 used = reading - account.consumed;
        if (used > account.power) {
            meter.deficit += used - account.power;
            _meters[msg.sender].deficit = meter.deficit;
            account.power = 0;
        } else {
            account.power -= used;
        }
        account.consumed = reading;
        emit Consumed(_slot.number, meter.user, cumulative, meter.deficit);
    }

    // ------------------------------------------------------------------------------------------ payment

    /// @inheritdoc IETSC
    function withdraw() external {
        Stock storage source = _stocks[msg.sender];
        if (!source.registered) revert NotEdgeServer(msg.sender);
        uint256 amount = source.credit;
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        source.credit = 0; // before the call: whoever is paid may call again
        emit Withdrawn(msg.sender, amount);
        (bool paid,) = msg.sender.call{value: amount}("");
        if (!paid) revert WithdrawalFailed(msg.sender, amount);
    }

    // ------------------------------------------------------------------------------------------ queries

    /// @inheritdoc IETSC
    function user(address account) external view returns (User memory) {
        Account memory balances = _accounts[account];
        Profile memory profile = _profiles[account];
        return User({
            name: profile.name,
            registered: balances.rights != 0,
            genRight: balances.rights & GEN_RIGHT != 0,
            transRight: balances.rights & TRANS_RIGHT != 0,
            power: balances.power,
            coins: balances.coins,
            generated: balances.generated,
            consumed: balances.consumed,
            deficit: _meters[profile.meter].deficit,
            offered: balances.offered,
            meter: profile.meter
        });
    }

    /// @inheritdoc IETSC
    function edgeServer(address account) external view returns (EdgeServer memory) {
        Stock memory source = _stocks[account];
        return EdgeServer({
            registered: source.registered,
            price: source.price,
            stock: source.stock,
            credit: source.credit
        });
    }

    /// @inheritdoc IETSC
    function slot()
        external
        view
        returns (uint256 number, uint256 openedAtBlock, address seller, uint256 price)
    {
        OpenSlot memory current = _slot;
        return (current.number, current.openedAtBlock, current.seller, _stocks[current.seller].price);
    }

    /// @inheritdoc IETSC
    function userOf(address meter) external view returns (address) {
        return _meters[meter].user;
    }

    // ------------------------------------------------------------------------------------------ helpers

    /// Both accounts, and the cost in mE.
    function _qualify(address prosumer, address retailer, uint256 quantity)
        private
        view
        returns (Account storage buyer, Account storage seller, uint256 cost)
    {
        if (quantity == 0) revert ZeroQuantity();
        if (retailer == prosumer) revert SelfTrade(prosumer);
        buyer = _accounts[prosumer];
        _requireTransRight(prosumer, buyer);
        seller = _accounts[retailer];
        _requireGenRight(retailer, seller);
        if (quantity > seller.offered) revert InsufficientOffer(retailer, seller.offered, quantity);
        // What was offered may have been consumed since.
        if (quantity > seller.power) revert InsufficientPower(retailer, seller.power, quantity);
        cost = (quantity * unitPowerPrice + WH_PER_KWH - 1) / WH_PER_KWH;
        if (cost > buyer.coins) revert InsufficientCoins(prosumer, buyer.coins, cost);
    }

    function _requireTransRight(address account, Account storage record) private view {
        if (record.rights == 0) revert NotRegistered(account);
        if (record.rights & TRANS_RIGHT == 0) revert NoTransRight(account);
    }

    function _requireGenRight(address account, Account storage record) private view {
        if (record.rights == 0) revert NotRegistered(account);
        if (record.rights & GEN_RIGHT == 0) revert NoGenRight(account);
    }

    function _requireNoRole(address account) private view {
        if (account == address(0)) revert ZeroAddress();
        if (
            account == administrator || _stocks[account].registered || _accounts[account].rights != 0
                || _meters[account].user != address(0)
        ) revert RoleTaken(account);
    }

    function _toUint48(uint256 value) private pure returns (uint48) {
        if (value > type(uint48).max) revert ValueTooLarge(value, type(uint48).max);
        return uint48(value);
    }

    function _toUint96(uint256 value) private pure returns (uint96) {
        if (value > type(uint96).max) revert ValueTooLarge(value, type(uint96).max);
        return uint96(value);
    }
}
