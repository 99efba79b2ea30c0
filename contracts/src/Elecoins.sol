// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "./IETSC.sol";
import {
    Account,
    COINS,
    CREDIT,
    DISCRIMINATED,
    MASK_32,
    MASK_48,
    MASK_80,
    MASK_88,
    Market,
    OPENED_AT_BLOCK,
    SELLER,
    Till,
    UNIFIED
} from "./Records.sol";
import {Registry} from "./Registry.sol";

/// @title Slots, prices, and elecoins for ether
/// @dev For each mE that an edge server has sold and not bought back, the lowest unit price of the terms is
/// held back: that is its reserve, which therefore needs no figure of its own and is enough for any buy-back
/// price that may be posted.
abstract contract Elecoins is Registry {
    /// What only posting and redeeming read.
    struct BuyBack {
        uint128 price;
        uint128 allotment;
    }

    /// A prosumer's own price counts while `slot` is the one that the edge server last posted in.
    struct DatedPrice {
        uint128 price;
        uint128 slot;
    }

    uint256 internal immutable _slotDeadlineBlocks;
    uint256 internal immutable _minUnitPrice;
    uint256 internal immutable _maxUnitPrice;

    mapping(address account => BuyBack) internal _buyBacks;
    mapping(address account => mapping(address prosumer => DatedPrice)) private _ownPrices;

    constructor(uint256 slotDeadlineBlocks, uint256 minUnitPrice, uint256 maxUnitPrice) {
        _requireFits(slotDeadlineBlocks, MASK_48); // so that the sum with a block's number does too
        _requireFits(maxUnitPrice, MASK_80);
        _requireInBounds(minUnitPrice, 1, maxUnitPrice);
        _slotDeadlineBlocks = slotDeadlineBlocks;
        _minUnitPrice = minUnitPrice;
        _maxUnitPrice = maxUnitPrice;
    }

    // ------------------------------------------------------------------------------------------- prices

    /// @inheritdoc IETSC
    function openSlot(uint256 number, uint256 price) external {
        Market market = _running();
        Till till = _tills[msg.sender];
        if (till.isOpen()) {
            _post(market, till, number, price, UNIFIED);
            return;
        }
        _requireNext(market, number);
        uint256 deadline = market.openedAtBlock() + _slotDeadlineBlocks;
        if (block.number <= deadline) revert SlotNotOverdue(block.number, deadline);
        if (market.seller() == address(0)) revert NoSellerYet();
        _open(number, market.seller(), _tills[market.seller()].unifiedPrice());
    }

    /// @inheritdoc IETSC
    function openDiscriminatedSlot(uint256 number, uint256 price, OwnPrice[] calldata ownPrices) external {
        uint256 pricing = ownPrices.length == 0 ? UNIFIED : DISCRIMINATED;
        _post(_running(), _till(msg.sender), number, price, pricing);
        for (uint256 i = 0; i < ownPrices.length; ++i) {
            OwnPrice calldata own = ownPrices[i];
            _requireInBounds(own.price, _minUnitPrice, _maxUnitPrice);
            _ownPrices[msg.sender][own.prosumer] =
                DatedPrice({price: uint128(own.price), slot: uint128(number)});
            emit ProsumerPricePosted(number, msg.sender, own.prosumer, own.price);
        }
    }

    /// @inheritdoc IETSC
    function setBuyBackPrice(uint256 price) external {
        _running();
        _till(msg.sender);
        _requireInBounds(price, 0, _minUnitPrice);
        _buyBacks[msg.sender].price = uint128(price);
        emit BuyBackPricePosted(msg.sender, price);
    }

    // ----------------------------------------------------------------------------------------- elecoins

    /// @inheritdoc IETSC
    function buyToken(address edgeServerAddr, uint256 amount, uint256 maxPrice) external payable {
        Market market = _running();
        Account buyer = _buyer(msg.sender);
        Till till = _till(edgeServerAddr);
        uint256 price = _priceFor(till, edgeServerAddr, msg.sender);
        if (price == 0) revert NoPriceYet(edgeServerAddr);
        if (price > maxPrice) revert PriceTooHigh(price, maxPrice);
        if (amount > till.stock()) revert InsufficientStock(edgeServerAddr, till.stock(), amount);
        unchecked {
            // 48 bits by 80 bits
            if (msg.value != amount * price) revert WrongPayment(msg.value, amount * price);
            // no price is below the lowest, and all coins together fit 48 bits
            _tills[edgeServerAddr] = _credited(till, amount * (price - _minUnitPrice), 0 - amount);
            _accounts[msg.sender] = Account.wrap(Account.unwrap(buyer) + (amount << COINS));
        }
        emit Purchased(market.slotNumber(), msg.sender, edgeServerAddr, amount, price);
    }

    /// @inheritdoc IETSC
    function redeem(address edgeServerAddr, uint256 amount, uint256 minPrice) external {
        Market market = _running();
        Account account = _registered(msg.sender);
        Till till = _till(edgeServerAddr);
        BuyBack memory buyBack = _buyBacks[edgeServerAddr];
        if (amount == 0) revert ZeroQuantity();
        if (buyBack.price == 0) revert NotBuyingBack(edgeServerAddr);
        if (buyBack.price < minPrice) revert PriceTooLow(buyBack.price, minPrice);
        if (amount > account.coins()) revert InsufficientCoins(msg.sender, account.coins(), amount);
        unchecked {
            uint256 outstanding = buyBack.allotment - till.stock();
            if (amount > outstanding) revert InsufficientReserve(edgeServerAddr, outstanding, amount);
            // at most the account's coins; the stock stays within the allotment
            _accounts[msg.sender] = Account.wrap(Account.unwrap(account) - (amount << COINS));
            _tills[edgeServerAddr] = _credited(till, amount * (_minUnitPrice - buyBack.price), amount);
        }
        emit Redeemed(market.slotNumber(), msg.sender, edgeServerAddr, amount, buyBack.price);
        _pay(amount * buyBack.price);
    }

    /// @inheritdoc IETSC
    function withdraw() external {
        Till till = _till(msg.sender);
        uint256 amount = till.credit();
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        _tills[msg.sender] = Till.wrap(Till.unwrap(till) - (amount << CREDIT));
        emit Withdrawn(msg.sender, amount);
        _pay(amount);
    }

    // ------------------------------------------------------------------------------------------ queries

    /// @inheritdoc IETSC
    function priceFor(address edgeServerAddr, address prosumer) external view returns (uint256) {
        return _priceFor(_tills[edgeServerAddr], edgeServerAddr, prosumer);
    }

    // ------------------------------------------------------------------------------------------ helpers

    /// The prices of an edge server that opens the slot, or joins it.
    function _post(Market market, Till till, uint256 number, uint256 price, uint256 pricing) private {
        _requireInBounds(price, _minUnitPrice, _maxUnitPrice);
        if (number != 0 && number == market.slotNumber()) {
            if (till.pricedInSlot() == number) revert PriceAlreadyPosted(msg.sender, number);
        } else {
            _requireNext(market, number);
            _open(number, msg.sender, price);
        }
        _tills[msg.sender] = till.priced(price, number, pricing);
        emit PricePosted(number, msg.sender, price);
    }

    function _requireNext(Market market, uint256 number) private pure {
        uint256 next = market.slotNumber() + 1;
        if (number != next) revert SlotNotNext(number, next);
        _requireFits(number, MASK_32);
    }

    function _open(uint256 number, address seller, uint256 price) private {
        _market =
            Market.wrap(number | (block.number << OPENED_AT_BLOCK) | (uint256(uint160(seller)) << SELLER));
        emit SlotOpened(number, seller, price);
    }

    function _priceFor(Till till, address edgeServerAddr, address prosumer) private view returns (uint256) {
        if (till.isDiscriminated()) {
            DatedPrice memory own = _ownPrices[edgeServerAddr][prosumer];
            if (own.slot == till.pricedInSlot()) return own.price;
        }
        return till.unifiedPrice();
    }

    function _till(address account) private view returns (Till till) {
        till = _tills[account];
        if (!till.isOpen()) revert NotEdgeServer(account);
    }

    /// More credit, and `stocked` mE more in stock (modulo 2^256, so that it may be fewer).
    function _credited(Till till, uint256 earned, uint256 stocked) private pure returns (Till) {
        unchecked {
            // both fit 128 bits
            _requireFits(till.credit() + earned, MASK_88);
            return Till.wrap(Till.unwrap(till) + (earned << CREDIT) + stocked);
        }
    }

    function _requireInBounds(uint256 price, uint256 lowest, uint256 highest) private pure {
        if (price < lowest || price > highest) revert PriceOutOfBounds(price, lowest, highest);
    }

    /// The last thing that a call does, because whoever is paid may call again. It pays nobody but the caller,
    /// what was the caller's, with all the gas there is: a wallet may be a contract.
    function _pay(uint256 amount) private {
        // slither-disable-next-line arbitrary-send-eth,low-level-calls
        (bool paid,) = msg.sender.call{value: amount}("");
        if (!paid) revert PaymentFailed(msg.sender, amount);
    }
}
