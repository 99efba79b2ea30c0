// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Acting} from "./Acting.sol";
import {anybody} from "./Cast.sol";

/// @title Slots are opened, prices posted, elecoins bought and redeemed
abstract contract ElecoinsHandler is Acting {
    uint256 private constant MOST_OWN_PRICES = 3;

    // ------------------------------------------------------------------------------------------- prices

    function openSlot(uint256 serverSeed, uint256 priceSeed) external running {
        address server = pick(cast.edgeServers, serverSeed, anyAccount);
        uint256 price = somePrice(priceSeed);
        act(server, abi.encodeCall(IETSC.openSlot, (slotNumber + 1, price)));
        slotOpened(server, vm.getBlockNumber());
        posted(server, price, false);
    }

    function joinSlot(uint256 serverSeed, uint256 priceSeed) external running {
        address server = pick(cast.edgeServers, serverSeed, _mayJoin);
        uint256 price = somePrice(priceSeed);
        act(server, abi.encodeCall(IETSC.openSlot, (slotNumber, price)));
        posted(server, price, false);
    }

    function openDiscriminatedSlot(uint256 serverSeed, uint256 priceSeed, uint256 ownSeed) external running {
        address server = pick(cast.edgeServers, serverSeed, anyAccount);
        (uint256 price, IETSC.OwnPrice[] memory own) = _discriminated(priceSeed, ownSeed);
        act(server, abi.encodeCall(IETSC.openDiscriminatedSlot, (slotNumber + 1, price, own)));
        slotOpened(server, vm.getBlockNumber());
        _posted(server, price, own);
    }

    function joinDiscriminatedSlot(uint256 serverSeed, uint256 priceSeed, uint256 ownSeed) external running {
        address server = pick(cast.edgeServers, serverSeed, _mayJoin);
        (uint256 price, IETSC.OwnPrice[] memory own) = _discriminated(priceSeed, ownSeed);
        act(server, abi.encodeCall(IETSC.openDiscriminatedSlot, (slotNumber, price, own)));
        _posted(server, price, own);
    }

    /// By anybody but an edge server, in the first block that allows it or later.
    function takeSlotOver(uint256 callerSeed, uint256 ignoredPrice) external running {
        address caller = anybody(cast, callerSeed);
        vm.assume(slotSeller != address(0) && shops[caller].allotment == 0);
        uint256 overdue = slotOpenedAtBlock + cast.terms.slotDeadlineBlocks + 1;
        uint256 current = vm.getBlockNumber();
        if (current < overdue) passBlocks(overdue - current);
        act(caller, abi.encodeCall(IETSC.openSlot, (slotNumber + 1, ignoredPrice)));
        slotOpened(slotSeller, vm.getBlockNumber());
    }

    function setBuyBackPrice(uint256 serverSeed, uint256 seed) external running {
        address server = pick(cast.edgeServers, serverSeed, anyAccount);
        uint256 price = amountUpTo(cast.terms.minUnitPrice + 1, seed) - 1;
        act(server, abi.encodeCall(IETSC.setBuyBackPrice, (price)));
        shops[server].buyBackPrice = price;
    }

    // ----------------------------------------------------------------------------------------- elecoins

    /// Of nothing, too.
    function buyToken(uint256 userSeed, uint256 serverSeed, uint256 seed) external running {
        address buyer = pick(cast.users, userSeed, mayTransact);
        address server = pick(cast.edgeServers, serverSeed, _hasPrice);
        uint256 amount = amountUpTo(stockOf(server) + 1, seed) - 1;
        uint256 price = priceFor(server, buyer);
        uint256 maxPrice = price + (seed % 2) * (type(uint256).max - price);
        uint256 before = buyer.balance;
        act(buyer, amount * price, abi.encodeCall(IETSC.buyToken, (server, amount, maxPrice)));
        people[buyer].purchased += amount;
        people[buyer].paid += before - buyer.balance;
        shops[server].sold += amount;
        shops[server].income += before - buyer.balance;
    }

    function redeem(uint256 userSeed, uint256 serverSeed, uint256 seed) external running {
        address account = pick(cast.users, userSeed, hasCoins);
        address server = pick(cast.edgeServers, serverSeed, _buysBack);
        uint256 coins = coinsOf(account);
        uint256 outstanding = outstandingOf(server);
        uint256 amount = amountUpTo(coins < outstanding ? coins : outstanding, seed);
        uint256 before = account.balance;
        act(account, abi.encodeCall(IETSC.redeem, (server, amount, (seed % 2) * shops[server].buyBackPrice)));
        uint256 received = account.balance - before;
        assertEq(received, amount * shops[server].buyBackPrice, "paid at the buy-back price");
        people[account].redeemed += amount;
        people[account].received += received;
        shops[server].boughtBack += amount;
        shops[server].paidOut += received;
    }

    function withdraw(uint256 serverSeed) external {
        address server = pick(cast.edgeServers, serverSeed, _hasCredit);
        uint256 before = server.balance;
        act(server, abi.encodeCall(IETSC.withdraw, ()));
        shops[server].withdrawn += server.balance - before;
    }

    /// Ether that comes without a call, as a block's reward or this: init code that destroys itself.
    function forceEther(uint96 amount) external {
        bytes memory code = abi.encodePacked(hex"73", address(cast.etsc), hex"ff"); // PUSH20, SELFDESTRUCT
        vm.deal(address(this), amount);
        assembly {
            pop(create(amount, add(code, 32), mload(code)))
        }
        forcedEther += amount;
    }

    // ------------------------------------------------------------------------------------------ helpers

    function mayTransact(address account) internal view returns (bool) {
        return people[account].transRight;
    }

    function hasCoins(address account) internal view returns (bool) {
        return coinsOf(account) > 0;
    }

    function _mayJoin(address server) private view returns (bool) {
        return slotNumber > 0 && shops[server].pricedInSlot != slotNumber;
    }

    function _hasPrice(address server) private view returns (bool) {
        return shops[server].price > 0;
    }

    function _buysBack(address server) private view returns (bool) {
        return shops[server].buyBackPrice > 0 && outstandingOf(server) > 0;
    }

    function _hasCredit(address server) private view returns (bool) {
        return creditOf(server) > 0;
    }

    /// Prices for some, perhaps for nobody, perhaps twice for somebody.
    function _discriminated(uint256 priceSeed, uint256 ownSeed)
        private
        view
        returns (uint256 price, IETSC.OwnPrice[] memory own)
    {
        price = somePrice(priceSeed);
        own = new IETSC.OwnPrice[](mixed(ownSeed, "count") % (MOST_OWN_PRICES + 1));
        for (uint256 i = 0; i < own.length; ++i) {
            uint256 seed = mixed(ownSeed ^ i, "own");
            own[i] = IETSC.OwnPrice(cast.users[seed % cast.users.length], somePrice(seed));
        }
    }

    function _posted(address server, uint256 price, IETSC.OwnPrice[] memory own) private {
        posted(server, price, own.length > 0);
        for (uint256 i = 0; i < own.length; ++i) {
            ownPrices[server][own[i].prosumer] = own[i].price;
        }
    }
}
