// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Handler} from "./Handler.sol";
import {Refusing} from "./Refusing.sol";

/// @title Trades with oneself, overdrafts, and offers of what there is not
contract ForbiddenElectricity is Refusing {
    uint256 private constant WH_PER_KWH = 1000;

    constructor(Handler handler) Refusing(handler) {}

    function tradeWithOneself(uint256 callerSeed, uint256 quantity) external changesNothing {
        address caller = somebody(callerSeed);
        if (quantity == 0) quantity = 1;
        uint256 offered = etsc.user(caller).offered;
        if (offered > 0) _refusedTrade(caller, caller, 1 + quantity % offered, IETSC.SelfTrade.selector);
        _refusedTrade(caller, caller, quantity, IETSC.SelfTrade.selector);
    }

    function tradeWithoutMeans(uint256 buyerSeed, uint256 retailerSeed, uint256 seed)
        external
        changesNothing
    {
        address buyer = seed % 8 == 0 ? somebody(buyerSeed) : someUser(buyerSeed);
        address retailer = seed % 8 == 1 ? somebody(retailerSeed) : someUser(retailerSeed);
        IETSC.User memory seller = etsc.user(retailer);
        uint256 affordable = etsc.user(buyer).coins * WH_PER_KWH / cast.unitPowerPrice;
        uint256[6] memory quantities =
            [0, seed, seller.offered + 1, seller.power + 1, seller.offered, affordable + 1];
        for (uint256 i = 0; i < quantities.length; ++i) {
            bytes4 error = _whyNoTrade(buyer, retailer, quantities[i]);
            if (error != NO_REASON) _refusedTrade(buyer, retailer, quantities[i], error);
        }
    }

    function offerWithoutMeans(uint256 callerSeed, uint256 seed) external changesNothing {
        address caller = seed % 4 == 0 ? somebody(callerSeed) : someUser(callerSeed);
        IETSC.User memory user = etsc.user(caller);
        bytes4 error = IETSC.InsufficientPower.selector;
        if (!user.registered) error = IETSC.NotRegistered.selector;
        else if (!user.genRight) error = IETSC.NoGenRight.selector;
        uint256 free = user.power > user.offered ? user.power - user.offered : 0;
        refusedByMarket(caller, abi.encodeCall(IETSC.offer, (free + 1)), error);
        refusedByMarket(caller, abi.encodeCall(IETSC.offer, (type(uint256).max - seed % 2 ** 48)), error);
        if (user.registered && user.genRight) {
            refusedByMarket(caller, abi.encodeCall(IETSC.offer, (0)), IETSC.ZeroQuantity.selector);
        }
        if (user.offered > 0) return;
        bytes4 nothing = user.registered ? IETSC.ZeroQuantity.selector : IETSC.NotRegistered.selector;
        refusedByMarket(caller, abi.encodeCall(IETSC.retract, ()), nothing);
    }

    // ------------------------------------------------------------------------------------------ helpers

    /// The trade is refused, and whoever asks first is told the same.
    function _refusedTrade(address buyer, address retailer, uint256 quantity, bytes4 error) private {
        refusedByMarket(buyer, abi.encodeCall(IETSC.trade, (retailer, quantity)), error);
        bytes memory question = abi.encodeCall(IETSC.checkQualification, (buyer, retailer, quantity));
        refusedByMarket(retailer, question, error);
    }

    /// None if the trade would be legal.
    function _whyNoTrade(address buyer, address retailer, uint256 quantity) private view returns (bytes4) {
        IETSC.User memory taker = etsc.user(buyer);
        IETSC.User memory seller = etsc.user(retailer);
        if (quantity == 0) return IETSC.ZeroQuantity.selector;
        if (buyer == retailer) return IETSC.SelfTrade.selector;
        if (!taker.registered) return IETSC.NotRegistered.selector;
        if (!taker.transRight) return IETSC.NoTransRight.selector;
        if (!seller.registered) return IETSC.NotRegistered.selector;
        if (!seller.genRight) return IETSC.NoGenRight.selector;
        if (quantity > seller.offered) return IETSC.InsufficientOffer.selector;
        if (quantity > seller.power) return IETSC.InsufficientPower.selector;
        if (quantity * cast.unitPowerPrice > taker.coins * WH_PER_KWH) {
            return IETSC.InsufficientCoins.selector;
        }
        return NO_REASON;
    }
}
