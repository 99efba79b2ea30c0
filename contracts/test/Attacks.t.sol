// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// Tries whatever a call tells it to, in its own name.
contract Puppet {
    function act(address target, bytes calldata data)
        external
        payable
        returns (bool done, bytes memory answer)
    {
        return target.call{value: msg.value}(data);
    }
}

/// What traders, retailers and outsiders must not get away with. Meters: MeterAttacks.t.sol; ether:
/// EtherAttacks.t.sol; the largest numbers: Extremes.t.sol.
contract AttacksTest is Market {
    address private buyer;
    address private retailer;

    function setUp() public override {
        super.setUp();
        startTrading(); // 10 kWh on offer, the buyer has 10,000 mE
        buyer = prosumers[0];
        retailer = retailers[0];
    }

    // ---------------------------------------------------------------------------------------- dust theft

    /// Rounded down, each of these would be free.
    function test_aThousandTradesOfOneWattHourAreNotFree() public {
        for (uint256 i = 0; i < 1000; ++i) {
            trade(buyer, retailer, 1);
        }
        assertEq(etsc.user(buyer).power, 1000);
        assertGe(etsc.user(retailer).coins, 600);
        assertEq(etsc.user(retailer).coins + etsc.user(buyer).coins, 10_000);
    }

    /// However a quantity is cut up, and whatever Q: never cheaper than in one piece.
    function testFuzz_cuttingATradeUpNeverSaves(uint256 unitPowerPrice, uint16[12] memory pieces) public {
        unitPowerPrice = bound(unitPowerPrice, 1, 5000);
        etsc = deploy(administrator, TOTAL_ELECOINS, unitPowerPrice, edgeServers, terms());
        vm.startPrank(administrator);
        etsc.empower("buyer", buyer, false, true);
        etsc.empower("retailer", retailer, true, false);
        etsc.bindMeter(retailer, meterOf[retailer]);
        vm.stopPrank();
        startTrading();
        buy(buyer, 1_000_000);
        uint256 total;
        for (uint256 i = 0; i < pieces.length; ++i) {
            uint256 quantity = bound(pieces[i], 1, 800);
            uint256 before = etsc.user(retailer).coins;
            trade(buyer, retailer, quantity);
            uint256 cost = etsc.user(retailer).coins - before;
            assertGe(cost, 1, "for nothing");
            assertGe(cost * 1000, quantity * unitPowerPrice, "below the price");
            total += quantity;
        }
        assertEq(etsc.user(buyer).power, total);
        assertGe(etsc.user(retailer).coins * 1000, total * unitPowerPrice);
    }

    // ---------------------------------------------------------------------------------- self-trade mint

    function testFuzz_tradingWithOneselfMakesNoCoins(uint256 quantity) public {
        buy(retailer, 10_000);
        bytes32 before = ledger();
        quantity = bound(quantity, 1, 10_000);
        vm.expectRevert(abi.encodeWithSelector(IETSC.SelfTrade.selector, retailer));
        trade(retailer, retailer, quantity);
        assertEq(ledger(), before);
    }

    // ------------------------------------------------------------------------------------- forced sales

    function test_whatWasNotOfferedIsNotSold() public {
        generate(retailers[1], 10_000);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientOffer.selector, retailers[1], 0, 1));
        trade(buyer, retailers[1], 1);
    }

    function test_whatWasRetractedIsNotSold() public {
        vm.prank(retailer);
        etsc.retract();
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientOffer.selector, retailer, 0, 1));
        trade(buyer, retailer, 1);
    }

    function testFuzz_whoseRightWasRevokedSellsNothing(bool transRight, uint256 quantity) public {
        vm.prank(administrator);
        etsc.setRights(retailer, false, transRight);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NoGenRight.selector, retailer));
        trade(buyer, retailer, bound(quantity, 1, 10_000));
    }

    /// Nor is a user who may not sell made to by having power.
    function test_aProsumersPowerIsNotForSale() public {
        generate(prosumers[1], 1000);
        vm.expectRevert(abi.encodeWithSelector(IETSC.NoGenRight.selector, prosumers[1]));
        trade(buyer, prosumers[1], 1);
    }

    // ------------------------------------------------------------------------------------- double sales

    function testFuzz_nothingIsSoldTwice(uint256 quantity) public {
        quantity = bound(quantity, 5001, 10_000);
        buy(prosumers[1], 10_000);
        trade(buyer, retailer, quantity);
        uint256 left = 10_000 - quantity;
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientOffer.selector, retailer, left, quantity));
        trade(prosumers[1], retailer, quantity);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientPower.selector, retailer, 0, quantity));
        offer(retailer, quantity); // once more from what is sold
        assertEq(etsc.user(buyer).power + etsc.user(retailer).power, 10_000);
    }

    /// The same watt hours on offer twice, the second time after a retraction.
    function test_retractingAndOfferingAgainDoublesNothing() public {
        trade(buyer, retailer, 4000);
        vm.prank(retailer);
        etsc.retract();
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientPower.selector, retailer, 6000, 6001));
        offer(retailer, 6001);
        offer(retailer, 6000);
        assertEq(etsc.user(retailer).offered, 6000);
    }

    function testFuzz_noCoinIsSpentTwice(uint256 first) public {
        first = bound(first, 1, 10_000);
        trade(buyer, retailer, first);
        uint256 left = etsc.user(buyer).coins;
        vm.prank(edgeServers[0]);
        etsc.setBuyBackPrice(MIN_PRICE);
        vm.prank(buyer);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientCoins.selector, buyer, left, left + 1));
        etsc.redeem(edgeServers[0], left + 1, 0);
    }

    // ----------------------------------------------------------------------- changes before the inclusion

    function testFuzz_aPriceRaisedBeforeInclusionIsNotPaid(uint256 agreed, uint256 raised, uint256 maxSent)
        public
    {
        agreed = bound(agreed, MIN_PRICE, MAX_PRICE - 1);
        raised = bound(raised, agreed + 1, MAX_PRICE);
        open(agreed);
        open(raised); // gets in first
        uint256 coins = etsc.user(buyer).coins;
        // Even where the buyer has sent what the higher price would cost.
        uint256 sent = maxSent % 2 == 0 ? 100 * agreed : 100 * raised;
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceTooHigh.selector, raised, agreed));
        vm.prank(buyer);
        etsc.buyToken{value: sent}(edgeServers[0], 100, agreed);
        assertEq(etsc.user(buyer).coins, coins);
    }

    function testFuzz_aPriceRaisedForOneBuyerBeforeInclusionIsNotPaid(uint256 raised) public {
        raised = bound(raised, PRICE + 1, MAX_PRICE);
        IETSC.OwnPrice[] memory own = new IETSC.OwnPrice[](1);
        own[0] = IETSC.OwnPrice(buyer, raised);
        vm.prank(edgeServers[0]);
        etsc.openDiscriminatedSlot(2, PRICE, own); // the common price stays where it was
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceTooHigh.selector, raised, PRICE));
        vm.prank(buyer);
        etsc.buyToken{value: 100 * raised}(edgeServers[0], 100, PRICE);
    }

    /// Slots may follow one another within a block, so a price that was posted binds nobody for longer. What a
    /// buyer accepts does: through all of them it pays that at most, or nothing.
    function testFuzz_slotsThatFollowInOneBlockRaiseNothingThatWasAgreed(uint256 seed) public {
        uint256 block_ = vm.getBlockNumber();
        uint256 coins = etsc.user(buyer).coins;
        for (uint256 i = 0; i < 8; ++i) {
            uint256 price = bound(uint256(keccak256(abi.encode(seed, i))), MIN_PRICE, MAX_PRICE);
            open(price);
            vm.prank(buyer);
            (bool bought,) = address(etsc).call{value: 100 * price}(
                abi.encodeCall(IETSC.buyToken, (edgeServers[0], 100, PRICE))
            );
            assertEq(bought, price <= PRICE, "what was agreed, or nothing");
            if (bought) coins += 100;
        }
        assertEq(currentSlot(), 9);
        assertEq(vm.getBlockNumber(), block_);
        assertEq(etsc.user(buyer).coins, coins);
    }

    /// A lower one is paid, and no more: the ether must fit it.
    function test_aPriceLoweredBeforeInclusionTakesNoMoreThanItIs() public {
        open(PRICE - 1);
        vm.expectRevert(abi.encodeWithSelector(IETSC.WrongPayment.selector, 100 * PRICE, 100 * (PRICE - 1)));
        vm.prank(buyer);
        etsc.buyToken{value: 100 * PRICE}(edgeServers[0], 100, PRICE);
    }

    function testFuzz_aBuyBackPriceLoweredBeforeInclusionIsNotTaken(uint256 lowered) public {
        lowered = bound(lowered, 1, MIN_PRICE - 1);
        vm.startPrank(edgeServers[0]);
        etsc.setBuyBackPrice(MIN_PRICE);
        etsc.setBuyBackPrice(lowered);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceTooLow.selector, lowered, MIN_PRICE));
        vm.prank(buyer);
        etsc.redeem(edgeServers[0], 100, MIN_PRICE);
    }

    /// All or nothing: a buyer gets what it asked for, at the price that never changes, or keeps its coins.
    function testFuzz_anOfferChangedBeforeInclusionSellsNoPart(uint256 left) public {
        left = bound(left, 1, 9999);
        vm.prank(retailer);
        etsc.retract();
        offer(retailer, left);
        bytes32 before = ledger();
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientOffer.selector, retailer, left, 10_000));
        trade(buyer, retailer, 10_000);
        assertEq(ledger(), before);
    }

    // ---------------------------------------------------------------------------------------- tx.origin

    /// A contract that the administrator is lured into calling.
    function test_whoIsCalledByTheAdministratorIsNotTheAdministrator() public {
        Puppet puppet = new Puppet();
        bytes[4] memory calls = [
            abi.encodeCall(IETSC.offerAdministration, (address(puppet))),
            abi.encodeCall(IETSC.pause, ()),
            abi.encodeCall(IETSC.empower, ("puppet", address(puppet), true, true)),
            abi.encodeCall(IETSC.setRights, (retailer, false, false))
        ];
        bytes32 before = ledger();
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(administrator, administrator);
            (bool done, bytes memory answer) = puppet.act(address(etsc), calls[i]);
            assertFalse(done);
            assertEq(answer, abi.encodeWithSelector(IETSC.NotAdministrator.selector, puppet));
        }
        assertEq(ledger(), before);
    }

    function test_whoIsCalledByAUserOrAMeterHasNoneOfTheirRights() public {
        Puppet puppet = new Puppet();
        vm.prank(retailer, retailer);
        (, bytes memory answer) = puppet.act(address(etsc), abi.encodeCall(IETSC.retract, ()));
        assertEq(answer, abi.encodeWithSelector(IETSC.NotRegistered.selector, puppet));
        vm.prank(meterOf[retailer], meterOf[retailer]);
        (, answer) = puppet.act(address(etsc), abi.encodeCall(IETSC.generation, (20_000)));
        assertEq(answer, abi.encodeWithSelector(IETSC.NotMeter.selector, puppet));
        vm.prank(edgeServers[0], edgeServers[0]);
        (, answer) = puppet.act(address(etsc), abi.encodeCall(IETSC.withdraw, ()));
        assertEq(answer, abi.encodeWithSelector(IETSC.NotEdgeServer.selector, puppet));
    }

    // ----------------------------------------------------------------------------- buying and redeeming

    /// From any server to any server, at any prices and any buy-back prices, slot after slot.
    function testFuzz_buyingAndRedeemingNeverPays(uint256 seed) public {
        address trader = prosumers[1];
        uint256 start = trader.balance;
        for (uint256 i = 0; i < 12; ++i) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i)));
            address server = edgeServers[draw % 3];
            vm.startPrank(server);
            etsc.openSlot(currentSlot() + 1, bound(draw >> 8, MIN_PRICE, MAX_PRICE));
            etsc.setBuyBackPrice(bound(draw >> 16, 1, MIN_PRICE));
            vm.stopPrank();
            uint256 price = etsc.priceFor(server, trader);
            uint256 amount = (draw >> 24) % 1000 + 1;
            vm.startPrank(trader);
            etsc.buyToken{value: amount * price}(server, amount, price);
            address other = edgeServers[(draw >> 40) % 3];
            IETSC.EdgeServer memory till = etsc.edgeServer(other);
            uint256 most = min(etsc.user(trader).coins, till.reserve / MIN_PRICE);
            if (till.buyBackPrice > 0 && most > 0) {
                etsc.redeem(other, bound(draw >> 48, 1, most), 0);
            }
            vm.stopPrank();
            assertLe(trader.balance, start, "a profit");
        }
    }

    function min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    /// At the lowest price and the highest buy-back price it costs nothing, and gains nothing.
    function test_atTheBestOfPricesItIsEven() public {
        open(MIN_PRICE);
        vm.prank(edgeServers[0]);
        etsc.setBuyBackPrice(MIN_PRICE);
        uint256 start = prosumers[1].balance;
        buy(prosumers[1], 1000);
        vm.prank(prosumers[1]);
        etsc.redeem(edgeServers[0], 1000, MIN_PRICE);
        assertEq(prosumers[1].balance, start);
    }
}
