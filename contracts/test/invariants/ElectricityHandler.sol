// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {AdministrationHandler} from "./AdministrationHandler.sol";
import {anybody} from "./Cast.sol";
import {ElecoinsHandler} from "./ElecoinsHandler.sol";
import {SignedReading, digestOf} from "./SignedReading.sol";

/// @title Electricity is metered, offered and traded
abstract contract ElectricityHandler is AdministrationHandler, ElecoinsHandler {
    uint256 private constant WH_PER_KWH = 1000;
    uint256 private constant LONGEST_WAIT = 6; // blocks
    uint256 private constant LONGEST_VALIDITY = 600; // seconds

    /// All that was ever relayed, to be tried again.
    SignedReading[] private _relayed;

    function relayed(uint256 seed) external view returns (SignedReading memory) {
        return _relayed[seed % _relayed.length];
    }

    function relayedCount() external view returns (uint256) {
        return _relayed.length;
    }

    // ------------------------------------------------------------------------------------------ trading

    function offer(uint256 userSeed, uint256 seed) external running {
        _offer(pick(cast.users, userSeed, _hasFree), seed);
    }

    function retract(uint256 userSeed) external running {
        address retailer = pick(cast.users, userSeed, _offers);
        act(retailer, abi.encodeCall(IETSC.retract, ()));
        people[retailer].offered = 0;
    }

    /// Who has nothing on offer offers first.
    function trade(uint256 buyerSeed, uint256 retailerSeed, uint256 seed) external running {
        address retailer = pick(cast.users, retailerSeed, _couldSell);
        if (forSale(retailer) == 0) _offer(retailer, seed);
        address buyer = pick(cast.users, buyerSeed, _buys);
        vm.assume(buyer != retailer);
        uint256 affordable = coinsOf(buyer) * WH_PER_KWH / cast.unitPowerPrice;
        uint256 most = forSale(retailer);
        uint256 quantity = amountUpTo(affordable < most ? affordable : most, seed);
        uint256 cost = _traded(buyer, retailer, quantity);
        people[buyer].bought += quantity;
        people[buyer].spent += cost;
        people[retailer].sold += quantity;
        people[retailer].offered -= quantity;
        people[retailer].earned += cost;
    }

    // ----------------------------------------------------------------------------------------- metering

    function generation(uint256 userSeed, uint256 seed) external running {
        address account = pick(cast.users, userSeed, isMetered);
        address device = people[account].meter;
        uint256 increase = _increase(devices[device].generationReadAt, seed);
        act(device, abi.encodeCall(IETSC.generation, (people[account].generated + increase)));
        generatedMore(account, increase, vm.getBlockNumber());
    }

    function consumption(uint256 userSeed, uint256 seed) external running {
        address account = pick(cast.users, userSeed, isMetered);
        address device = people[account].meter;
        uint256 increase = _increase(devices[device].consumptionReadAt, seed);
        act(device, abi.encodeCall(IETSC.consumption, (people[account].consumed + increase)));
        consumedMore(account, increase, vm.getBlockNumber());
    }

    /// One figure rises, or both.
    function relayReading(uint256 relaySeed, uint256 userSeed, uint256 generatedSeed, uint256 consumedSeed)
        external
        running
    {
        address account = pick(cast.users, userSeed, isMetered);
        address device = people[account].meter;
        uint256 which = mixed(relaySeed, "figures") % 3;
        uint256 generated = which == 0 ? 0 : _increase(devices[device].generationReadAt, generatedSeed);
        uint256 consumed = which == 1 ? 0 : _increase(devices[device].consumptionReadAt, consumedSeed);
        vm.assume(generated + consumed > 0);
        SignedReading memory signed = _signed(account, device, generated, consumed, relaySeed);
        act(
            anybody(cast, relaySeed),
            abi.encodeCall(IETSC.relayReading, (signed.reading, signed.v, signed.r, signed.s))
        );
        _relayed.push(signed);
        if (generated > 0) generatedMore(account, generated, vm.getBlockNumber());
        if (consumed > 0) consumedMore(account, consumed, vm.getBlockNumber());
    }

    function wait(uint256 seed) external {
        passBlocks(amountUpTo(LONGEST_WAIT, seed));
    }

    // ------------------------------------------------------------------------------------------ helpers

    function _offer(address retailer, uint256 seed) private {
        uint256 quantity = amountUpTo(freeOf(retailer), seed);
        act(retailer, abi.encodeCall(IETSC.offer, (quantity)));
        people[retailer].offered += quantity;
    }

    /// Has the trade made and says what it cost, by the accounts.
    function _traded(address buyer, address retailer, uint256 quantity) private returns (uint256 cost) {
        uint256 announced = cast.etsc.checkQualification(buyer, retailer, quantity);
        IETSC.User memory buyerBefore = cast.etsc.user(buyer);
        IETSC.User memory retailerBefore = cast.etsc.user(retailer);
        act(buyer, abi.encodeCall(IETSC.trade, (retailer, quantity)));
        IETSC.User memory buyerAfter = cast.etsc.user(buyer);
        IETSC.User memory retailerAfter = cast.etsc.user(retailer);
        cost = buyerBefore.coins - buyerAfter.coins;
        assertEq(cost, announced, "the cost is as announced");
        assertEq(
            buyerBefore.coins + retailerBefore.coins, buyerAfter.coins + retailerAfter.coins, "coins kept"
        );
        assertEq(
            buyerBefore.power + retailerBefore.power, buyerAfter.power + retailerAfter.power, "power kept"
        );
        assertGe(cost * WH_PER_KWH, quantity * cast.unitPowerPrice, "nothing for less than its price");
        assertLt(cost * WH_PER_KWH, quantity * cast.unitPowerPrice + WH_PER_KWH, "rounded by less than 1 mE");
    }

    /// As much as a meter last read at that block may report, or less; it waits for a block if it may nothing.
    function _increase(uint256 readAt, uint256 seed) private returns (uint256) {
        if (mixed(seed, "same reading") % 8 == 0) return 0;
        if (vm.getBlockNumber() == readAt) passBlocks(1);
        return amountUpTo((vm.getBlockNumber() - readAt) * cast.terms.meterLimit, seed);
    }

    function _signed(address account, address device, uint256 generated, uint256 consumed, uint256 seed)
        private
        view
        returns (SignedReading memory signed)
    {
        signed.reading = IETSC.Reading({
            meter: device,
            generated: people[account].generated + generated,
            consumed: people[account].consumed + consumed,
            deadline: vm.getBlockTimestamp() + mixed(seed, "validity") % LONGEST_VALIDITY
        });
        bytes32 digest = digestOf(signed.reading, account, address(cast.etsc), block.chainid);
        (signed.v, signed.r, signed.s) = vm.sign(_keyOf(device), digest);
    }

    function _keyOf(address device) private view returns (uint256) {
        for (uint256 i = 0; i < cast.meters.length; ++i) {
            if (cast.meters[i] == device) return cast.keys[i];
        }
        revert("no key");
    }

    function _hasFree(address account) private view returns (bool) {
        return people[account].genRight && freeOf(account) > 0 && _deals(account);
    }

    function _offers(address account) private view returns (bool) {
        return people[account].offered > 0;
    }

    function _couldSell(address account) private view returns (bool) {
        return (people[account].genRight && forSale(account) > 0) || _hasFree(account);
    }

    function _buys(address account) private view returns (bool) {
        return mayTransact(account) && hasCoins(account) && _deals(account);
    }

    function _deals(address account) private view returns (bool) {
        return account != cast.saver();
    }
}
