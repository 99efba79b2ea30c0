// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract RedeemTest is Market {
    address private holder;
    address private server;
    uint256 private constant COINS = 10_000;

    function setUp() public override {
        super.setUp();
        startTrading(); // the first prosumer has 10,000 mE of the first server's
        holder = prosumers[0];
        server = edgeServers[0];
        buyBack(server, MIN_PRICE);
    }

    function buyBack(address server_, uint256 price) private {
        vm.prank(server_);
        etsc.setBuyBackPrice(price);
    }

    function redeem(uint256 amount, uint256 minPrice) private {
        vm.prank(holder);
        etsc.redeem(server, amount, minPrice);
    }

    function testFuzz_etherForElecoins(uint256 amount, uint256 price, uint256 minPrice) public {
        amount = bound(amount, 1, COINS);
        price = bound(price, 1, MIN_PRICE);
        minPrice = bound(minPrice, 0, price);
        buyBack(server, price);
        IETSC.EdgeServer memory expected = etsc.edgeServer(server);
        IETSC.User memory account = etsc.user(holder);
        (uint256 before, uint256 held) = (holder.balance, address(etsc).balance);

        vm.expectEmit(address(etsc));
        emit IETSC.Redeemed(1, holder, server, amount, price);
        redeem(amount, minPrice);

        account.coins -= amount;
        expected.stock += amount;
        expected.reserve -= amount * MIN_PRICE;
        expected.credit += amount * (MIN_PRICE - price); // what was kept for it and not needed
        assertEq(abi.encode(etsc.user(holder)), abi.encode(account));
        assertEq(abi.encode(etsc.edgeServer(server)), abi.encode(expected));
        assertEq(holder.balance, before + amount * price);
        assertEq(address(etsc).balance, held - amount * price);
    }

    function test_zeroIsRefused() public {
        vm.expectRevert(IETSC.ZeroQuantity.selector);
        redeem(0, 0);
    }

    function test_aServerThatBuysNoneIsRefused() public {
        server = edgeServers[1];
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotBuyingBack.selector, server));
        redeem(1, 0);
    }

    function testFuzz_onlyAnEdgeServerBuysBack(address account) public {
        vm.assume(!etsc.edgeServer(account).registered);
        server = account;
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotEdgeServer.selector, account));
        redeem(1, 0);
    }

    function testFuzz_aUserIsPaidAtLeastWhatItAccepts(uint256 price, uint256 minPrice) public {
        price = bound(price, 1, MIN_PRICE);
        minPrice = bound(minPrice, price + 1, type(uint256).max);
        buyBack(server, price);
        vm.expectRevert(abi.encodeWithSelector(IETSC.PriceTooLow.selector, price, minPrice));
        redeem(1, minPrice);
    }

    function testFuzz_notMoreThanTheUserHas(uint256 amount) public {
        buy(prosumers[1], COINS); // so that there is more outstanding
        amount = bound(amount, COINS + 1, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientCoins.selector, holder, COINS, amount));
        redeem(amount, 0);
    }

    function testFuzz_notMoreThanTheServerHasOutstanding(uint256 sold, uint256 amount) public {
        server = edgeServers[1];
        sold = bound(sold, 0, COINS);
        vm.prank(server);
        etsc.openSlot(1, PRICE);
        vm.prank(prosumers[1]);
        etsc.buyToken{value: sold * PRICE}(server, sold, PRICE);
        buyBack(server, MIN_PRICE);
        if (sold < COINS) {
            amount = bound(amount, sold + 1, COINS);
            vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientReserve.selector, server, sold, amount));
            redeem(amount, 0);
        }
        // Coins have no maker's mark: as many as it sold come back to it, whoever's they were.
        if (sold > 0) redeem(sold, 0);
        assertEq(etsc.edgeServer(server).reserve, 0);
        assertEq(etsc.edgeServer(server).stock, TOTAL_ELECOINS / 3);
    }

    function test_onlyAUserRedeems() public {
        holder = stranger;
        vm.expectRevert(abi.encodeWithSelector(IETSC.NotRegistered.selector, stranger));
        redeem(1, 0);
    }

    function test_aRetailerRedeemsWhatItEarned() public {
        trade(holder, retailers[0], 10_000);
        holder = retailers[0];
        uint256 before = holder.balance;
        redeem(6000, MIN_PRICE);
        assertEq(holder.balance, before + 6000 * MIN_PRICE);
        assertEq(etsc.user(holder).coins, 0);
    }

    function test_whatWasRedeemedIsSoldAgain() public {
        uint256 stock = etsc.edgeServer(server).stock;
        redeem(COINS, 0);
        assertEq(etsc.edgeServer(server).stock, stock + COINS);
        buy(prosumers[1], stock + COINS);
        assertEq(etsc.edgeServer(server).stock, 0);
    }
}
