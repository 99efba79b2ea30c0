// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// The largest numbers that the contract takes, where unchecked arithmetic would spill from one field of a
/// packed record into the next.
contract ExtremesTest is Market {
    uint256 private constant MOST = type(uint48).max;
    uint256 private constant DEAREST = type(uint80).max;

    address private buyer;
    address private retailer;
    address private server;

    /// One edge server with all elecoins there can be, at prices from 1 wei to the dearest.
    function setUp() public override {
        super.setUp();
        (buyer, retailer, server) = (prosumers[0], retailers[0], edgeServers[0]);
        rebuild(1, 1000);
    }

    function rebuild(uint256 lowest, uint256 unitPowerPrice) private {
        address[] memory servers = new address[](1);
        servers[0] = server;
        edgeServers = servers;
        etsc = deploy(
            administrator, MOST, unitPowerPrice, servers, IETSC.Terms(DEADLINE_BLOCKS, lowest, DEAREST, MOST)
        );
        vm.startPrank(administrator);
        for (uint256 i = 0; i < 2; ++i) {
            etsc.empower("prosumer", prosumers[i], false, true);
            etsc.bindMeter(prosumers[i], meterOf[prosumers[i]]);
            etsc.empower("retailer", retailers[i], true, true);
            etsc.bindMeter(retailers[i], meterOf[retailers[i]]);
        }
        vm.stopPrank();
        mine(1);
        vm.deal(buyer, type(uint128).max);
    }

    function tooLarge(uint256 value, uint256 limit) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IETSC.ValueTooLarge.selector, value, limit);
    }

    // ------------------------------------------------------------------------------------------- coins

    /// All the elecoins of the world go round, and the neighbouring fields stay as they were.
    function test_allElecoinsMayBeBoughtTradedAndRedeemed() public {
        open(1);
        generate(retailer, MOST);
        offer(retailer, MOST);
        buy(buyer, MOST);
        IETSC.User memory bought = etsc.user(buyer);
        assertEq(bought.coins, MOST);
        assertEq(bought.power, 0);
        assertEq(bought.offered, 0);
        assertEq(etsc.edgeServer(server).stock, 0);
        assertEq(etsc.edgeServer(server).price, 1);
        assertEq(etsc.edgeServer(server).reserve, MOST);

        assertEq(etsc.checkQualification(buyer, retailer, MOST), MOST); // at 1 mE per Wh
        trade(buyer, retailer, MOST);
        bought.coins = 0;
        bought.power = MOST;
        assertEq(abi.encode(etsc.user(buyer)), abi.encode(bought));
        IETSC.User memory sold = etsc.user(retailer);
        assertEq(sold.coins, MOST);
        assertEq(sold.power, 0);
        assertEq(sold.offered, 0);
        assertEq(sold.generated, MOST);

        vm.prank(server);
        etsc.setBuyBackPrice(1);
        vm.prank(retailer);
        etsc.redeem(server, MOST, 1);
        assertEq(etsc.edgeServer(server).stock, MOST);
        assertEq(etsc.edgeServer(server).reserve, 0);
        assertEq(address(etsc).balance, 0);
    }

    /// 48 bits of quantity by 48 bits of price: the cost is worked out in full before it is compared.
    function test_aCostBeyondAllElecoinsDoesNotWrapAround() public {
        rebuild(1, MOST);
        open(1);
        generate(retailer, MOST);
        offer(retailer, MOST);
        buy(buyer, MOST);
        uint256 cost = (MOST * MOST + 999) / 1000;
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientCoins.selector, buyer, MOST, cost));
        trade(buyer, retailer, MOST);
        trade(buyer, retailer, 1000); // costs all there is
        assertEq(etsc.user(retailer).coins, MOST);
    }

    // ------------------------------------------------------------------------------------------ credit

    /// 2^88 wei is more ether than exists; the sale that would go beyond it is refused as a whole.
    function test_aCreditBeyond88BitsIsRefusedAndNothingIsLost() public {
        open(DEAREST);
        uint256 each = DEAREST - 1; // of which a wei is kept
        uint256 fits = uint256(type(uint88).max) / each;
        buy(buyer, fits);
        IETSC.EdgeServer memory full = etsc.edgeServer(server);
        assertEq(full.credit, fits * each);
        assertEq(full.price, DEAREST);
        uint256 before = buyer.balance;

        vm.expectRevert(tooLarge((fits + 1) * each, type(uint88).max));
        vm.prank(buyer);
        etsc.buyToken{value: DEAREST}(server, 1, DEAREST);
        assertEq(abi.encode(etsc.edgeServer(server)), abi.encode(full));
        assertEq(buyer.balance, before);
        assertEq(etsc.user(buyer).coins, fits);

        vm.prank(server);
        etsc.withdraw(); // makes room
        assertEq(server.balance, fits * each);
        buy(buyer, 1);
        assertEq(etsc.edgeServer(server).credit, each);
    }

    function test_theCreditMayBeFilledToTheLastBit() public {
        uint256 amount = 3 * 5 * 23; // of the factors of 2^88 - 1, enough for a price that fits
        uint256 each = uint256(type(uint88).max) / amount;
        open(each + 1);
        buy(buyer, amount);
        IETSC.EdgeServer memory till = etsc.edgeServer(server);
        assertEq(till.credit, type(uint88).max);
        assertEq(till.pricedInSlot, 1, "the next field");
        assertEq(till.price, each + 1, "the field before");
        vm.prank(server);
        etsc.withdraw();
        assertEq(server.balance, type(uint88).max);
    }

    /// A redemption leaves the server what it did not pay out; that too has to fit.
    function test_aRedemptionThatWouldOverfillTheCreditIsRefusedAndNothingIsLost() public {
        uint256 lowest = DEAREST - 1;
        rebuild(lowest, 1000);
        open(lowest);
        buy(buyer, 300); // nothing but reserve
        vm.prank(server);
        etsc.setBuyBackPrice(1);
        uint256 due = 300 * (lowest - 1);
        assertGt(due, type(uint88).max);
        vm.expectRevert(tooLarge(due, type(uint88).max));
        vm.prank(buyer);
        etsc.redeem(server, 300, 0);
        assertEq(etsc.user(buyer).coins, 300);
        vm.prank(buyer);
        etsc.redeem(server, 200, 0);
        assertEq(etsc.edgeServer(server).credit, 200 * (lowest - 1));
    }

    /// Everybody's, single prosumers' and the one for buying back: none loses a bit where it is kept.
    function test_theDearestPricesAreKeptAndPaidInFull() public {
        rebuild(DEAREST - 2, 1000);
        IETSC.OwnPrice[] memory own = new IETSC.OwnPrice[](1);
        own[0] = IETSC.OwnPrice(buyer, DEAREST);
        vm.startPrank(server);
        etsc.openDiscriminatedSlot(1, DEAREST - 1, own);
        etsc.setBuyBackPrice(DEAREST - 2);
        vm.stopPrank();
        assertEq(etsc.priceFor(server, buyer), DEAREST);
        assertEq(etsc.priceFor(server, retailer), DEAREST - 1);
        assertEq(etsc.edgeServer(server).buyBackPrice, DEAREST - 2);
        buy(buyer, 3);
        assertEq(address(etsc).balance, 3 * DEAREST);
        assertEq(etsc.edgeServer(server).credit, 6);
        vm.prank(buyer);
        etsc.redeem(server, 3, DEAREST - 2);
        assertEq(address(etsc).balance, 6);
        assertEq(etsc.edgeServer(server).credit, 6);
    }

    /// What it would cost does not wrap around: all elecoins at the dearest price.
    function test_theDearestCostIsWorkedOutInFull() public {
        open(DEAREST);
        vm.expectRevert(abi.encodeWithSelector(IETSC.WrongPayment.selector, 0, MOST * DEAREST));
        vm.prank(buyer);
        etsc.buyToken(server, MOST, DEAREST);
    }

    // ------------------------------------------------------------------------------------------- power

    function test_aTradeThatWouldOverfillThePowerIsRefused() public {
        generate(buyer, MOST);
        generate(retailer, 1);
        offer(retailer, 1);
        open(1);
        buy(buyer, 10);
        bytes32 before = ledger();
        vm.expectRevert(tooLarge(MOST + 1, MOST));
        etsc.checkQualification(buyer, retailer, 1);
        vm.expectRevert(tooLarge(MOST + 1, MOST));
        trade(buyer, retailer, 1);
        assertEq(ledger(), before);
    }

    /// Electricity that was bought fills the account, and then a reading comes in.
    function test_aReadingThatWouldOverfillThePowerIsRefused() public {
        generate(retailer, MOST);
        offer(retailer, MOST);
        open(1);
        buy(buyer, MOST);
        trade(buyer, retailer, MOST);
        bytes32 before = ledger();
        vm.expectRevert(tooLarge(MOST + 1, MOST));
        vm.prank(meterOf[buyer]);
        etsc.generation(1);
        vm.expectRevert(tooLarge(MOST + MOST, MOST));
        vm.prank(meterOf[buyer]);
        etsc.generation(MOST);
        assertEq(ledger(), before);
    }

    /// Consumption and deficit at once at their most, and no neighbour is touched.
    function test_theLargestReadingsFit() public {
        open(1);
        buy(retailer, 5);
        consume(retailer, MOST); // all of it missing
        generate(retailer, MOST);
        offer(retailer, MOST);
        IETSC.User memory record = etsc.user(retailer);
        assertEq(record.power, MOST);
        assertEq(record.coins, 5);
        assertEq(record.offered, MOST);
        assertEq(record.generated, MOST);
        assertEq(record.consumed, MOST);
        assertEq(record.deficit, MOST);
        assertTrue(record.genRight && record.transRight);
        assertEq(etsc.meter(meterOf[retailer]).user, retailer);
        assertEq(etsc.meter(meterOf[retailer]).generationAllowance, 0);
        assertEq(etsc.meter(meterOf[retailer]).consumptionAllowance, MOST); // a block earlier
    }

    /// The most blocks by the highest limit is far below 256 bits.
    function test_theLargestAllowanceDoesNotWrapAround() public {
        vm.roll(vm.getBlockNumber() - 1 + type(uint24).max);
        assertEq(etsc.meter(meterOf[retailer]).generationAllowance, MOST * type(uint24).max);
    }
}
