// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Handler} from "./Handler.sol";
import {Refusing} from "./Refusing.sol";

/// @title Prices, slots, purchases and redemptions that are not allowed
contract ForbiddenElecoins is Refusing {
    constructor(Handler handler) Refusing(handler) {}

    function postPriceOutOfBounds(uint256 serverSeed, uint256 seed) external changesNothing {
        address server = someEdgeServer(serverSeed);
        uint256 next = slotNumber() + 1;
        uint256 lowest = cast.terms.minUnitPrice;
        uint256 highest = cast.terms.maxUnitPrice;
        bytes4 error = IETSC.PriceOutOfBounds.selector;
        uint256 price = seed % 2 == 0 ? seed % lowest : _above(highest, seed);
        refusedByMarket(server, abi.encodeCall(IETSC.openSlot, (next, price)), error);
        IETSC.OwnPrice[] memory own = new IETSC.OwnPrice[](2);
        own[0] = IETSC.OwnPrice(someUser(seed), lowest);
        own[1] = IETSC.OwnPrice(someUser(seed), highest);
        refusedByMarket(server, abi.encodeCall(IETSC.openDiscriminatedSlot, (next, price, own)), error);
        own[seed % 3 == 0 ? 0 : 1].price = price;
        refusedByMarket(server, abi.encodeCall(IETSC.openDiscriminatedSlot, (next, highest, own)), error);
        bytes memory buyBack = abi.encodeCall(IETSC.setBuyBackPrice, (_above(lowest, seed)));
        refusedByMarket(server, buyBack, error);
    }

    function openWrongSlot(uint256 serverSeed, uint256 number) external changesNothing {
        address server = someEdgeServer(serverSeed);
        uint256 current = slotNumber();
        if (number % 4 < 3) number = current + number % 4; // 0 behind, 1 the next, 2 beyond
        vm.assume(number != current + 1);
        bytes4 error = IETSC.SlotNotNext.selector;
        if (current > 0 && number == current) {
            vm.assume(etsc.edgeServer(server).pricedInSlot == current);
            error = IETSC.PriceAlreadyPosted.selector;
        }
        uint256 price = cast.terms.maxUnitPrice;
        refusedByMarket(server, abi.encodeCall(IETSC.openSlot, (number, price)), error);
        IETSC.OwnPrice[] memory none;
        bytes memory discriminated = abi.encodeCall(IETSC.openDiscriminatedSlot, (number, price, none));
        refusedByMarket(server, discriminated, error);
    }

    function actAsEdgeServer(uint256 callerSeed, uint256 number) external changesNothing {
        address caller = somebody(callerSeed);
        vm.assume(!isEdgeServer(caller));
        (uint256 current, uint256 openedAtBlock, address seller,) = etsc.slot();
        bytes4 error = IETSC.NotEdgeServer.selector;
        uint256 price = cast.terms.minUnitPrice;
        refused(caller, abi.encodeCall(IETSC.withdraw, ()), error);
        refusedByMarket(caller, abi.encodeCall(IETSC.setBuyBackPrice, (price)), error);
        IETSC.OwnPrice[] memory none;
        refusedByMarket(
            caller, abi.encodeCall(IETSC.openDiscriminatedSlot, (current + 1, price, none)), error
        );
        if (number != current + 1) {
            bytes memory wrong = abi.encodeCall(IETSC.openSlot, (number, price));
            refusedByMarket(caller, wrong, IETSC.SlotNotNext.selector);
        }
        bytes memory next = abi.encodeCall(IETSC.openSlot, (current + 1, price));
        if (block.number <= openedAtBlock + cast.terms.slotDeadlineBlocks) {
            refusedByMarket(caller, next, IETSC.SlotNotOverdue.selector);
        } else if (seller == address(0)) {
            refusedByMarket(caller, next, IETSC.NoSellerYet.selector);
        }
    }

    function withdrawNothing(uint256 serverSeed) external changesNothing {
        address server = someEdgeServer(serverSeed);
        vm.assume(etsc.edgeServer(server).credit == 0);
        refused(server, abi.encodeCall(IETSC.withdraw, ()), IETSC.NothingToWithdraw.selector);
    }

    function buyWrongly(uint256 callerSeed, uint256 serverSeed, uint256 seed) external changesNothing {
        address buyer = somebody(callerSeed);
        address server = somebody(serverSeed);
        uint256 price = etsc.priceFor(server, buyer);
        bytes4 error = _whyNoneMayBuy(buyer, server, price);
        uint256 amount = seed % 1000;
        if (error != NO_REASON) {
            _refusedPurchase(buyer, server, amount, type(uint256).max, amount * price, error);
            return;
        }
        uint256 stock = etsc.edgeServer(server).stock;
        _refusedPurchase(buyer, server, amount, price - 1, amount * price, IETSC.PriceTooHigh.selector);
        uint256 over = _above(stock, seed);
        bytes4 tooMuch = IETSC.InsufficientStock.selector;
        _refusedPurchase(buyer, server, stock + 1, price, (stock + 1) * price, tooMuch);
        _refusedPurchase(buyer, server, over, price, 0, tooMuch);
        if (amount > stock) amount = stock;
        bytes4 wrong = IETSC.WrongPayment.selector;
        _refusedPurchase(buyer, server, amount, price, amount * price + 1, wrong);
        if (amount == 0) return;
        _refusedPurchase(buyer, server, amount, price, amount * price - 1, wrong);
        _refusedPurchase(buyer, server, amount, price, 0, wrong);
    }

    function redeemWrongly(uint256 callerSeed, uint256 serverSeed, uint256 seed) external changesNothing {
        address caller = somebody(callerSeed);
        address server = somebody(serverSeed);
        bytes4 error = NO_REASON;
        uint256 price = etsc.edgeServer(server).buyBackPrice;
        if (!isRegistered(caller)) error = IETSC.NotRegistered.selector;
        else if (!isEdgeServer(server)) error = IETSC.NotEdgeServer.selector;
        else if (price == 0) error = IETSC.NotBuyingBack.selector;
        if (error != NO_REASON) {
            _refusedRedemption(caller, server, 1, 0, error);
            return;
        }
        uint256 coins = etsc.user(caller).coins;
        uint256 outstanding = etsc.edgeServer(server).reserve / cast.terms.minUnitPrice;
        _refusedRedemption(caller, server, 0, 0, IETSC.ZeroQuantity.selector);
        _refusedRedemption(caller, server, 1, _above(price, seed), IETSC.PriceTooLow.selector);
        _refusedRedemption(caller, server, coins + 1, 0, IETSC.InsufficientCoins.selector);
        _refusedRedemption(caller, server, _above(coins, seed), 0, IETSC.InsufficientCoins.selector);
        if (coins > outstanding) {
            _refusedRedemption(caller, server, outstanding + 1, 0, IETSC.InsufficientReserve.selector);
        } else if (coins > 0) {
            _redeemWithoutReceiving(caller, server, coins);
        }
    }

    /// Nothing but a purchase takes ether, and nothing takes calls that the interface does not name.
    function sendEther(uint256 callerSeed, uint256 seed, bytes4 unknown) external changesNothing {
        address caller = somebody(callerSeed);
        uint256 value = seed % 1 ether;
        refused(caller, value, "", NO_REASON);
        refused(caller, 0, "", NO_REASON);
        refused(caller, value, abi.encodePacked(unknown), NO_REASON);
        refused(caller, value + 1, abi.encodeCall(IETSC.withdraw, ()), NO_REASON);
        refused(caller, value + 1, abi.encodeCall(IETSC.trade, (someUser(seed), 1)), NO_REASON);
        refused(caller, value + 1, abi.encodeCall(IETSC.openSlot, (slotNumber() + 1, value)), NO_REASON);
        refused(caller, value + 1, abi.encodeCall(IETSC.redeem, (someEdgeServer(seed), 1, 0)), NO_REASON);
    }

    // ------------------------------------------------------------------------------------------ helpers

    function _whyNoneMayBuy(address buyer, address server, uint256 price) private view returns (bytes4) {
        if (!isRegistered(buyer)) return IETSC.NotRegistered.selector;
        if (!etsc.user(buyer).transRight) return IETSC.NoTransRight.selector;
        if (!isEdgeServer(server)) return IETSC.NotEdgeServer.selector;
        if (price == 0) return IETSC.NoPriceYet.selector;
        return NO_REASON;
    }

    function _refusedPurchase(
        address buyer,
        address server,
        uint256 amount,
        uint256 maxPrice,
        uint256 value,
        bytes4 error
    ) private {
        refusedByMarket(buyer, value, abi.encodeCall(IETSC.buyToken, (server, amount, maxPrice)), error);
    }

    function _refusedRedemption(
        address caller,
        address server,
        uint256 amount,
        uint256 minPrice,
        bytes4 error
    ) private {
        refusedByMarket(caller, abi.encodeCall(IETSC.redeem, (server, amount, minPrice)), error);
    }

    /// A wallet that takes no ether keeps its elecoins.
    function _redeemWithoutReceiving(address caller, address server, uint256 amount) private {
        bytes memory code = caller.code;
        vm.etch(caller, hex"fe");
        _refusedRedemption(caller, server, amount, 0, IETSC.PaymentFailed.selector);
        vm.etch(caller, code);
    }

    /// Any number above `limit`, the next and the greatest too.
    function _above(uint256 limit, uint256 seed) private pure returns (uint256) {
        if (seed % 5 == 0) return limit + 1;
        if (seed % 5 == 1) return type(uint256).max;
        return limit + 1 + seed % (type(uint256).max - limit);
    }
}
