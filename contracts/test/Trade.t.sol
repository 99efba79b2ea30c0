// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// trade, and checkQualification, which must say the same
contract TradeTest is Market {
    address private buyer;
    address private retailer;

    function setUp() public override {
        super.setUp();
        startTrading(); // 10 kWh on offer, the buyer has 10,000 mE
        buyer = prosumers[0];
        retailer = retailers[0];
    }

    /// Both the query and the trade say so.
    function refuses(bytes memory cause, uint256 quantity) private {
        vm.expectRevert(cause);
        etsc.checkQualification(buyer, retailer, quantity);
        vm.expectRevert(cause);
        trade(buyer, retailer, quantity);
    }

    function setRights(address account, bool genRight, bool transRight) private {
        vm.prank(administrator);
        etsc.setRights(account, genRight, transRight);
    }

    function testFuzz_electricityForElecoins(uint256 quantity) public {
        quantity = bound(quantity, 1, 10_000);
        IETSC.User memory bought = etsc.user(buyer);
        IETSC.User memory sold = etsc.user(retailer);
        uint256 cost = etsc.checkQualification(buyer, retailer, quantity);
        assertEq(cost, (quantity * 600 + 999) / 1000);

        vm.expectEmit(address(etsc));
        emit IETSC.Traded(1, buyer, retailer, quantity, cost);
        trade(buyer, retailer, quantity);

        bought.coins -= cost;
        bought.power += quantity;
        sold.coins += cost;
        sold.power -= quantity;
        sold.offered -= quantity;
        assertEq(abi.encode(etsc.user(buyer)), abi.encode(bought));
        assertEq(abi.encode(etsc.user(retailer)), abi.encode(sold));
    }

    /// In mE, rounded up by less than one, whatever Q.
    function testFuzz_theCostIsRoundedUp(uint256 unitPowerPrice, uint256 quantity) public {
        quantity = bound(quantity, 1, 10_000);
        unitPowerPrice = bound(unitPowerPrice, 1, 100_000);
        uint256 stock = TOTAL_ELECOINS;
        etsc = deploy(administrator, stock, unitPowerPrice, edgeServers, terms());
        vm.startPrank(administrator);
        etsc.empower("buyer", buyer, false, true);
        etsc.empower("retailer", retailer, true, false);
        etsc.bindMeter(retailer, meterOf[retailer]);
        vm.stopPrank();
        startTrading();
        buy(buyer, 1_000_000);
        uint256 cost = etsc.checkQualification(buyer, retailer, quantity);
        assertGe(cost * 1000, quantity * unitPowerPrice);
        assertLt(cost * 1000, quantity * unitPowerPrice + 1000);
        trade(buyer, retailer, quantity);
        assertEq(etsc.user(retailer).coins, cost);
    }

    function test_zeroIsRefused() public {
        refuses(abi.encodeWithSelector(IETSC.ZeroQuantity.selector), 0);
    }

    function test_theBuyerMustBeAUser() public {
        buyer = stranger;
        refuses(abi.encodeWithSelector(IETSC.NotRegistered.selector, stranger), 1);
    }

    function test_theBuyerMustHaveTheRight() public {
        setRights(buyer, true, false);
        refuses(abi.encodeWithSelector(IETSC.NoTransRight.selector, buyer), 1);
    }

    function testFuzz_theRetailerMustBeAUser(address account) public {
        vm.assume(!etsc.user(account).registered && account != buyer);
        retailer = account;
        refuses(abi.encodeWithSelector(IETSC.NotRegistered.selector, account), 1);
    }

    function test_theRetailerMustHaveTheRight() public {
        setRights(retailer, false, true);
        refuses(abi.encodeWithSelector(IETSC.NoGenRight.selector, retailer), 1);
    }

    /// Nor does it matter that it may sell and buy, and has what it would buy.
    function testFuzz_nobodyTradesWithItself(uint256 quantity) public {
        buy(retailer, 10_000);
        buyer = retailer;
        quantity = bound(quantity, 1, type(uint256).max);
        refuses(abi.encodeWithSelector(IETSC.SelfTrade.selector, retailer), quantity);
    }

    function testFuzz_atMostWhatIsOnOffer(uint256 quantity) public {
        quantity = bound(quantity, 10_001, type(uint256).max);
        refuses(
            abi.encodeWithSelector(IETSC.InsufficientOffer.selector, retailer, 10_000, quantity), quantity
        );
    }

    function test_atMostWhatTheRetailerHasLeft() public {
        consume(retailer, 4000);
        refuses(abi.encodeWithSelector(IETSC.InsufficientPower.selector, retailer, 6000, 6001), 6001);
        trade(buyer, retailer, 6000);
        IETSC.User memory sold = etsc.user(retailer);
        assertEq(sold.power, 0);
        assertEq(sold.offered, 4000); // more than there is, until it is metered or retracted
        refuses(abi.encodeWithSelector(IETSC.InsufficientPower.selector, retailer, 0, 1), 1);
    }

    function testFuzz_atMostWhatTheBuyerCanPay(uint256 coins, uint256 quantity) public {
        coins = bound(coins, 0, 5999);
        buyer = prosumers[1];
        buy(buyer, coins);
        quantity = bound(quantity, coins * 10 / 6 + 1, 10_000);
        uint256 cost = (quantity * 6 + 9) / 10;
        assertGt(cost, coins);
        refuses(abi.encodeWithSelector(IETSC.InsufficientCoins.selector, buyer, coins, cost), quantity);
        // nor by a single mE
        quantity = coins * 10 / 6 + 1;
        refuses(abi.encodeWithSelector(IETSC.InsufficientCoins.selector, buyer, coins, coins + 1), quantity);
        // and the most that it can
        if (coins > 0) trade(buyer, retailer, coins * 10 / 6);
        assertLt(etsc.user(buyer).coins, 1);
    }

    function test_theQueryIsForAnybodyAndChangesNothing() public {
        bytes32 before = ledger();
        vm.prank(stranger);
        assertEq(etsc.checkQualification(buyer, retailer, 1), 1);
        assertEq(ledger(), before);
    }
}
