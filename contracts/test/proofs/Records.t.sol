// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {
    Account as UserWord,
    CONSUMPTION_BLOCK,
    Device,
    GENERATION_BLOCK,
    Till,
    UNIFIED,
    newDevice
} from "../../src/Records.sol";
import {Test} from "forge-std/Test.sol";

/// @title Proofs, for all values: a field of a word changes alone
/// @dev Run by halmos, which looks for `check_`; forge passes these functions over.
contract RecordsProofs is Test {
    uint256 private constant LIMIT_48 = 2 ** 48;

    /// What a trade does to its buyer's word.
    function check_addingPowerAndTakingCoinsLeavesTheRest(uint256 word, uint256 quantity, uint256 cost)
        public
        pure
    {
        UserWord before = UserWord.wrap(word);
        vm.assume(quantity < LIMIT_48 && before.power() + quantity < LIMIT_48 && cost <= before.coins());
        UserWord later;
        unchecked {
            later = UserWord.wrap(word + quantity - (cost << 48));
        }
        assert(later.power() == before.power() + quantity);
        assert(later.coins() == before.coins() - cost);
        assert(UserWord.unwrap(later) >> 96 == word >> 96);
    }

    /// What a trade does to its retailer's word.
    function check_takingPowerAndOfferAndAddingCoinsLeavesTheRest(
        uint256 word,
        uint256 quantity,
        uint256 cost
    ) public pure {
        UserWord before = UserWord.wrap(word);
        vm.assume(quantity <= before.power() && quantity <= before.offered());
        vm.assume(cost < LIMIT_48 && before.coins() + cost < LIMIT_48);
        UserWord later;
        unchecked {
            later = UserWord.wrap(word - quantity - (quantity << 96) + (cost << 48));
        }
        assert(later.power() == before.power() - quantity);
        assert(later.coins() == before.coins() + cost);
        assert(later.offered() == before.offered() - quantity);
        assert(UserWord.unwrap(later) >> 144 == word >> 144);
    }

    /// What a reading of consumption does to its user's word.
    function check_consumingLeavesTheRest(uint256 word, uint256 increase, uint256 missing) public pure {
        UserWord before = UserWord.wrap(word);
        vm.assume(increase < LIMIT_48 && before.consumed() + increase < LIMIT_48);
        vm.assume(missing <= increase && increase - missing <= before.power());
        UserWord later;
        unchecked {
            later = UserWord.wrap(word + (increase << 192) - (increase - missing));
        }
        assert(later.power() == before.power() - (increase - missing));
        assert(later.consumed() == before.consumed() + increase);
        assert((UserWord.unwrap(later) << 64) >> 112 == (word << 64) >> 112);
        assert(UserWord.unwrap(later) >> 240 == word >> 240);
    }

    function check_aMetersClockChangesAlone(uint256 word, uint64 number, bool generation) public {
        vm.roll(number);
        Device before = Device.wrap(word);
        (uint256 own, uint256 other) =
            generation ? (GENERATION_BLOCK, CONSUMPTION_BLOCK) : (CONSUMPTION_BLOCK, GENERATION_BLOCK);
        Device later = before.at(own);
        assert(later.reportsFor() == before.reportsFor());
        assert(later.deficit() == before.deficit());
        assert(later.blocksSince(own) == 0);
        assert(later.blocksSince(other) == before.blocksSince(other));
    }

    function check_blocksAreNeverOverstated(address user, uint64 bound, uint64 passed) public {
        vm.assume(uint256(bound) + passed < 2 ** 64);
        vm.roll(bound);
        Device device = newDevice(user, 0);
        vm.roll(uint256(bound) + passed);
        assert(device.blocksSince(GENERATION_BLOCK) <= passed);
        assert(device.blocksSince(CONSUMPTION_BLOCK) <= passed);
        assert(passed >= 2 ** 24 || device.blocksSince(GENERATION_BLOCK) == passed);
    }

    function check_aNewMeterIsWhatItIsMadeOf(address user, uint48 deficit) public view {
        Device device = newDevice(user, deficit);
        assert(device.reportsFor() == user);
        assert(device.deficit() == deficit);
    }

    function check_newPricesLeaveStockAndCredit(uint256 word, uint80 price, uint32 slot) public pure {
        Till before = Till.wrap(word);
        Till later = before.priced(price, slot, UNIFIED);
        assert(later.stock() == before.stock());
        assert(later.credit() == before.credit());
        assert(later.unifiedPrice() == price);
        assert(later.pricedInSlot() == slot);
        assert(later.isOpen() && !later.isDiscriminated());
    }
}
