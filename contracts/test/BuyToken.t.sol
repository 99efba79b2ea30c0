// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract BuyTokenTest is Market {
    address private buyer;
    address private seller;

    function setUp() public override {
        super.setUp();
        buyer = prosumers[0];
        seller = edgeServers[0];
    }

    function pay(uint256 value, uint256 amount, uint256 maxPrice) private {
        vm.prank(buyer);
        etsc.buyToken{value: value}(seller, amount, maxPrice);
    }

    function testFuzz_elecoinsForEther(uint256 amount, uint256 price, uint256 maxPrice) public {
        amount = bound(amount, 0, TOTAL_ELECOINS / 3);
        price = bound(price, MIN_PRICE, MAX_PRICE);
        maxPrice = bound(maxPrice, price, type(uint256).max);
        open(price);
        IETSC.EdgeServer memory server = etsc.edgeServer(seller);
        IETSC.User memory account = etsc.user(buyer);
        uint256 ether_ = buyer.balance;

        vm.expectEmit(address(etsc));
        emit IETSC.Purchased(1, buyer, seller, amount, price);
        pay(amount * price, amount, maxPrice);

        account.coins += amount;
        server.stock -= amount;
        server.credit += amount * (price - MIN_PRICE);
        server.reserve += amount * MIN_PRICE;
        assertEq(abi.encode(etsc.user(buyer)), abi.encode(account));
        assertEq(abi.encode(etsc.edgeServer(seller)), abi.encode(server));
        assertEq(buyer.balance, ether_ - amount * price);
        assertEq(address(etsc).balance, amount * price);
        assertEq(server.credit + server.reserve, amount * price); // nothing lost, nothing made
    }

    function testFuzz_aPurchaseAddsToWhatIsThere(uint256 first, uint256 second) public {
        startTrading();
        trade(buyer, retailers[0], 5000);
        (first, second) = (bound(first, 0, 1_000_000), bound(second, 0, 1_000_000));
        IETSC.User memory expected = etsc.user(buyer);
        buy(buyer, first);
        open(MAX_PRICE);
        buy(buyer, second);
        expected.coins += first + second;
        assertEq(abi.encode(etsc.user(buyer)), abi.encode(expected));
    }

    /// To buy nothing is a decision too.
    function test_aPurchaseOfNothingIsRecorded() public {
        open(PRICE);
        bytes32 before = ledger();
        vm.expectEmit(address(etsc));
        emit IETSC.Purchased(1, buyer, seller, 0, PRICE);
        pay(0, 0, PRICE);
        assertEq(ledger(), before);
    }

    function testFuzz_theEtherSentIsExactlyTheCost(uint256 amount, uint256 sent) public {
        amount = bound(amount, 0, 1_000_000);
        sent = bound(sent, 0, 1000 ether);
        vm.assume(sent != amount * PRICE);
        open(PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.WrongPayment.selector, sent, amount * PRICE));
        pay(sent, amount, PRICE);
    }

    function test_oneWeiMoreOrLessIsRefused() public {
        open(PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.WrongPayment.selector, 7 * PRICE + 1, 7 * PRICE));
        pay(7 * PRICE + 1, 7, PRICE);
        vm.expectRevert(abi.encodeWithSelector(IETSC.WrongPayment.selector, 7 * PRICE - 1, 7 * PRICE));
        pay(7 * PRICE - 1, 7, PRICE);
    }

    function testFuzz_aBuyerPaysAtMostWhatItAccepts(uint256 price, uint256 maxPrice) public {
        price = bound(price, MIN_PRICE, MAX_PRICE);
        maxPrice = bound(maxPrice, 0, price - 1);
        open(price);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceTooHigh.selector, price, maxPrice));
        pay(price, 1, maxPrice);
    }

    function test_theWholeStockAndNotOneMore() public {
        open(PRICE);
        uint256 stock = etsc.edgeServer(seller).stock;
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientStock.selector, seller, stock, stock + 1));
        pay((stock + 1) * PRICE, stock + 1, PRICE);
        pay(stock * PRICE, stock, PRICE);
        assertEq(etsc.edgeServer(seller).stock, 0);
        assertEq(etsc.user(buyer).coins, stock);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientStock.selector, seller, 0, 1));
        pay(PRICE, 1, PRICE);
    }

    /// An amount whose cost would wrap around 256 bits to something payable.
    function testFuzz_anAmountBeyondTheStockIsRefusedHoweverLarge(uint256 amount) public {
        open(PRICE);
        uint256 stock = etsc.edgeServer(seller).stock;
        amount = bound(amount, stock + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientStock.selector, seller, stock, amount));
        pay(0, amount, PRICE);
    }

    function test_nothingIsSoldBeforeTheServersFirstPrice() public {
        vm.expectRevert(abi.encodeWithSelector(IETSC.NoPriceYet.selector, seller));
        pay(0, 0, MAX_PRICE);
        vm.prank(edgeServers[1]);
        etsc.openSlot(1, PRICE); // another one's price is not this one's
        vm.expectRevert(abi.encodeWithSelector(IETSC.NoPriceYet.selector, seller));
        pay(PRICE, 1, MAX_PRICE);
    }

    function testFuzz_onlyAnEdgeServerSells(address account) public {
        vm.assume(!etsc.edgeServer(account).registered);
        open(PRICE);
        seller = account;
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotEdgeServer.selector, account));
        pay(PRICE, 1, PRICE);
    }

    function test_aServerSellsAtItsLastPriceInLaterSlots() public {
        open(PRICE);
        vm.prank(edgeServers[1]);
        etsc.openSlot(2, MAX_PRICE);
        vm.expectEmit(address(etsc));
        emit IETSC.Purchased(2, buyer, seller, 3, PRICE);
        pay(3 * PRICE, 3, PRICE);
    }
}
