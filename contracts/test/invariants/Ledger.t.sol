// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Stage} from "./Stage.sol";

/// @title Nothing appears, nothing vanishes
/// @dev All in one function, or the fuzzer would play the market once for each.
/// forge-config: default.invariant.fail-on-revert = true
/// forge-config: long.invariant.fail-on-revert = true
contract LedgerInvariants is Stage {
    struct Sums {
        uint256 power;
        uint256 coins;
        uint256 generated;
        uint256 consumed;
        uint256 deficit;
        uint256 stock;
        uint256 credit;
        uint256 reserve;
        uint256 sold;
    }

    function invariant_nothingAppearsOrVanishes() public view {
        // Each account by itself: power = generated - consumed + bought - sold + deficit, and the like.
        assertAgrees(address(handler));
        Sums memory sums = _sums();
        assertEq(sums.coins + sums.stock, TOTAL_ELECOINS, "all elecoins");
        assertEq(sums.power, sums.generated + sums.deficit - sums.consumed, "all power");
        assertEq(sums.sold, sums.coins, "what was sold and not bought back is held by users");
        uint256 ether_ = address(etsc).balance;
        assertEq(ether_, sums.credit + sums.reserve + handler.forcedEther(), "all ether");
        // No buy-back price is, or ever will be, above the lowest price.
        assertGe(ether_, sums.credit + sums.sold * MIN_PRICE, "every elecoin can be redeemed");
        _noProfitInSaving();
    }

    function _sums() private view returns (Sums memory sums) {
        for (uint256 i = 0; i < cast.users.length; ++i) {
            IETSC.User memory user = etsc.user(cast.users[i]);
            sums.power += user.power;
            sums.coins += user.coins;
            sums.generated += user.generated;
            sums.consumed += user.consumed;
            sums.deficit += user.deficit;
            _withinTheMetersLimit(cast.users[i], user);
        }
        for (uint256 i = 0; i < cast.edgeServers.length; ++i) {
            IETSC.EdgeServer memory server = etsc.edgeServer(cast.edgeServers[i]);
            sums.stock += server.stock;
            sums.credit += server.credit;
            sums.reserve += server.reserve;
            sums.sold += handler.outstandingOf(cast.edgeServers[i]);
            assertLe(server.buyBackPrice, MIN_PRICE, "bought back for no more than the lowest price");
            if (server.price != 0) _pricesInBounds(cast.edgeServers[i]);
        }
    }

    /// So none is below any buy-back price, or whoever buys and redeems would draw ether out.
    function _pricesInBounds(address edgeServer) private view {
        for (uint256 i = 0; i < cast.users.length; ++i) {
            uint256 price = etsc.priceFor(edgeServer, cast.users[i]);
            assertGe(price, MIN_PRICE, "no price below the lowest");
            assertLe(price, MAX_PRICE, "no price above the highest");
        }
    }

    function _withinTheMetersLimit(address account, IETSC.User memory user) private view {
        uint256 since = handler.meteredSinceBlock(account);
        uint256 most = since == 0 ? 0 : (block.number - since) * METER_LIMIT;
        assertLe(user.generated, most, "generated within the limit");
        assertLe(user.consumed, most, "consumed within the limit");
        assertLe(user.deficit, user.consumed, "the deficit was consumed");
    }

    /// Even if the saver redeemed all that is left, at the best price there can be.
    function _noProfitInSaving() private view {
        address saver = cast.saver();
        (uint256 paid, uint256 received) = handler.etherOf(saver);
        assertGe(paid, received + etsc.user(saver).coins * MIN_PRICE, "saving brings no ether");
    }
}
