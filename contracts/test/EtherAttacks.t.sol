// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// An account that calls back as soon as it is paid, or refuses to be paid.
contract Greedy {
    address private immutable target;
    bytes private again;
    bool private refuses;
    uint256 public tries;
    bool public succeeded;
    bytes public answer;

    constructor(address target_) {
        target = target_;
    }

    function act(bytes calldata data) external payable {
        (bool done, bytes memory why) = target.call{value: msg.value}(data);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(why, 32), mload(why))
            }
        }
    }

    function onPayment(bytes calldata data) external {
        again = data;
    }

    function refuse(bool refuses_) external {
        refuses = refuses_;
    }

    receive() external payable {
        require(!refuses, "no thanks");
        if (again.length == 0 || ++tries > 1) return;
        (succeeded, answer) = target.call(again);
    }
}

/// Reentrancy, refused payments, ether that nobody asked for, and the reserve.
contract EtherAttacksTest is Market {
    Greedy private thief;

    /// The first edge server is a contract, and so is a user with 10,000 mE.
    Greedy private greedyUser;

    function setUp() public override {
        super.setUp();
        // The market once more, with the thief among the edge servers, where its address is known before.
        address expected = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        edgeServers[0] = address(new Greedy(expected));
        thief = Greedy(payable(edgeServers[0]));
        etsc = deploy(administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms());
        assertEq(address(etsc), expected);
        greedyUser = new Greedy(expected);
        vm.startPrank(administrator);
        etsc.empower("greedy", address(greedyUser), true, true);
        etsc.empower("honest", prosumers[0], false, true);
        vm.stopPrank();
        open(PRICE);
        vm.prank(edgeServers[1]);
        etsc.openSlot(1, PRICE);
        vm.prank(edgeServers[0]);
        etsc.setBuyBackPrice(MIN_PRICE);
        buyFrom(edgeServers[0], prosumers[0], 50_000);
        buyFrom(edgeServers[1], prosumers[0], 50_000); // what could be stolen
        buyFrom(edgeServers[0], address(greedyUser), 10_000);
    }

    function buyFrom(address server, address buyer, uint256 amount) private {
        vm.deal(buyer, amount * PRICE);
        vm.prank(buyer);
        etsc.buyToken{value: amount * PRICE}(server, amount, PRICE);
    }

    /// What the contract owes: all credits and reserves.
    function owed() private view returns (uint256 sum) {
        for (uint256 i = 0; i < edgeServers.length; ++i) {
            IETSC.EdgeServer memory server = etsc.edgeServer(edgeServers[i]);
            sum += server.credit + server.reserve;
        }
    }

    function redeemCall(uint256 amount) private view returns (bytes memory) {
        return abi.encodeCall(IETSC.redeem, (edgeServers[0], amount, 0));
    }

    // --------------------------------------------------------------------------------------- reentrancy

    function test_withdrawingFromWithinAWithdrawalPaysOnce() public {
        uint256 credit = etsc.edgeServer(address(thief)).credit;
        assertEq(credit, 60_000 * (PRICE - MIN_PRICE));
        thief.onPayment(abi.encodeCall(IETSC.withdraw, ()));
        thief.act(abi.encodeCall(IETSC.withdraw, ()));
        assertEq(thief.tries(), 1);
        assertFalse(thief.succeeded());
        assertEq(thief.answer(), abi.encodeWithSelector(IETSC.NothingToWithdraw.selector, thief));
        assertEq(address(thief).balance, credit);
        assertEq(address(etsc).balance, owed());
    }

    function test_redeemingFromWithinARedemptionPaysEachCoinOnce() public {
        greedyUser.onPayment(redeemCall(10_000));
        greedyUser.act(redeemCall(10_000));
        assertEq(greedyUser.tries(), 1);
        assertFalse(greedyUser.succeeded());
        assertEq(
            greedyUser.answer(),
            abi.encodeWithSelector(IETSC.InsufficientCoins.selector, greedyUser, 0, 10_000)
        );
        assertEq(address(greedyUser).balance, 10_000 * MIN_PRICE);
        assertEq(address(etsc).balance, owed());
    }

    /// What is left may be redeemed from within: as if it were a call of its own.
    function testFuzz_callsFromWithinAreWorthAsMuchAsOneAfterTheOther(uint256 first) public {
        first = bound(first, 1, 9999);
        greedyUser.onPayment(redeemCall(10_000 - first));
        greedyUser.act(redeemCall(first));
        assertTrue(greedyUser.succeeded());
        assertEq(address(greedyUser).balance, 10_000 * MIN_PRICE);
        assertEq(etsc.user(address(greedyUser)).coins, 0);
        assertEq(etsc.edgeServer(address(thief)).reserve, 50_000 * MIN_PRICE);
        assertEq(address(etsc).balance, owed());
    }

    /// Two colluding contracts: the server withdraws while the user is being paid.
    function test_anotherFunctionFromWithinFindsTheBooksInOrder() public {
        vm.prank(address(thief));
        etsc.setBuyBackPrice(MIN_PRICE / 2); // so that a redemption leaves the server something
        greedyUser.onPayment(abi.encodeCall(IETSC.offer, (1)));
        greedyUser.act(redeemCall(10_000));
        assertEq(
            greedyUser.answer(), abi.encodeWithSelector(IETSC.InsufficientPower.selector, greedyUser, 0, 1)
        );
        uint256 credit = etsc.edgeServer(address(thief)).credit;
        assertEq(credit, 60_000 * (PRICE - MIN_PRICE) + 10_000 * (MIN_PRICE - MIN_PRICE / 2));
        thief.onPayment(abi.encodeCall(IETSC.setBuyBackPrice, (MIN_PRICE)));
        thief.act(abi.encodeCall(IETSC.withdraw, ()));
        assertTrue(thief.succeeded());
        assertEq(address(thief).balance, credit);
        assertEq(address(etsc).balance, owed());
    }

    // ---------------------------------------------------------------------------------- refused payment

    function test_anEdgeServerThatRefusesItsEtherLosesNothing() public {
        thief.refuse(true);
        IETSC.EdgeServer memory before = etsc.edgeServer(address(thief));
        vm.expectRevert(abi.encodeWithSelector(IETSC.PaymentFailed.selector, thief, before.credit));
        thief.act(abi.encodeCall(IETSC.withdraw, ()));
        assertEq(abi.encode(etsc.edgeServer(address(thief))), abi.encode(before));
        thief.refuse(false);
        thief.act(abi.encodeCall(IETSC.withdraw, ()));
        assertEq(address(thief).balance, before.credit);
    }

    function test_aUserThatRefusesItsEtherLosesNothing() public {
        greedyUser.refuse(true);
        IETSC.EdgeServer memory before = etsc.edgeServer(address(thief));
        vm.expectRevert(abi.encodeWithSelector(IETSC.PaymentFailed.selector, greedyUser, 10_000 * MIN_PRICE));
        greedyUser.act(redeemCall(10_000));
        assertEq(etsc.user(address(greedyUser)).coins, 10_000);
        assertEq(abi.encode(etsc.edgeServer(address(thief))), abi.encode(before));
    }

    /// Nobody waits for one that refuses: payments are fetched, each by its own.
    function test_oneThatRefusesHoldsUpNobody() public {
        thief.refuse(true);
        greedyUser.refuse(true);
        uint256 credit = etsc.edgeServer(edgeServers[1]).credit;
        vm.prank(edgeServers[1]);
        etsc.withdraw();
        assertEq(edgeServers[1].balance, credit);
        vm.prank(prosumers[0]);
        etsc.redeem(address(thief), 50_000, MIN_PRICE);
        assertEq(prosumers[0].balance, 50_000 * MIN_PRICE);
        vm.prank(address(thief));
        etsc.openSlot(2, PRICE);
    }

    // -------------------------------------------------------------------------------- ether unasked for

    function testFuzz_plainEtherIsNotTaken(uint256 value, bytes calldata data) public {
        value = bound(value, 1, 100 ether);
        vm.deal(stranger, 100 ether);
        uint256 held = address(etsc).balance;
        vm.prank(stranger);
        (bool done,) = address(etsc).call{value: value}("");
        assertFalse(done, "with no data");
        // Nor with any, but for the one function that is paid for and is none of a stranger's.
        vm.prank(stranger);
        (done,) = address(etsc).call{value: value}(data);
        assertFalse(done, "with some data");
        assertEq(address(etsc).balance, held);
        assertEq(stranger.balance, 100 ether);
    }

    function test_unknownCallsAreRefused() public {
        (bool done,) = address(etsc).call("");
        assertFalse(done, "no data");
        (done,) = address(etsc).call(hex"deadbeef");
        assertFalse(done, "no such function");
        (done,) = address(etsc).call(hex"3c");
        assertFalse(done, "a part of a selector");
    }

    function testFuzz_forcedEtherIsNobodys(uint96 amount, bool dealt) public {
        bytes32 before = books();
        uint256 owing = owed();
        if (dealt) {
            vm.deal(address(etsc), address(etsc).balance + amount);
        } else {
            vm.deal(address(this), amount);
            // A contract that dies as it is made: PUSH20 heir, SELFDESTRUCT.
            bytes memory code = abi.encodePacked(hex"73", etsc, hex"ff");
            assembly ("memory-safe") {
                pop(create(amount, add(code, 32), mload(code)))
            }
        }
        assertEq(address(etsc).balance, owing + amount);
        assertEq(books(), before);
        // And whoever takes all that is his leaves it behind.
        thief.act(abi.encodeCall(IETSC.withdraw, ()));
        vm.prank(edgeServers[1]);
        etsc.withdraw();
        assertEq(address(etsc).balance, owed() + amount);
    }

    function books() private view returns (bytes32 print) {
        for (uint256 i = 0; i < edgeServers.length; ++i) {
            print = keccak256(abi.encode(print, etsc.edgeServer(edgeServers[i])));
        }
        print = keccak256(
            abi.encode(print, etsc.user(prosumers[0]), etsc.user(address(greedyUser)), etsc.totalElecoins())
        );
    }

    // --------------------------------------------------------------------------------------- the reserve

    /// Servers take all they can, and still each coin that is out can be redeemed, at any price they post.
    function testFuzz_afterAllWithdrawalsEachCoinIsStillRedeemable(
        uint256 price,
        uint256 first,
        uint256 buyBack
    ) public {
        open(bound(price, MIN_PRICE, MAX_PRICE));
        first = bound(first, 1, 49_999);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(edgeServers[i]);
            etsc.withdraw();
            vm.prank(edgeServers[i]);
            etsc.setBuyBackPrice(bound(uint256(keccak256(abi.encode(buyBack, i))), 1, MIN_PRICE));
        }
        assertEq(address(etsc).balance, 110_000 * MIN_PRICE);
        uint256 due = 50_000 * etsc.edgeServer(edgeServers[1]).buyBackPrice + first
            * etsc.edgeServer(edgeServers[0]).buyBackPrice;
        vm.startPrank(prosumers[0]);
        etsc.redeem(edgeServers[1], 50_000, 0);
        etsc.redeem(edgeServers[0], first, 0);
        vm.stopPrank();
        vm.prank(edgeServers[0]);
        etsc.setBuyBackPrice(MIN_PRICE); // raised to the most, after a part was bought back for less
        vm.prank(prosumers[0]);
        etsc.redeem(edgeServers[0], 50_000 - first, MIN_PRICE);
        greedyUser.act(redeemCall(10_000));
        assertEq(prosumers[0].balance, due + (50_000 - first) * MIN_PRICE);
        assertEq(address(greedyUser).balance, 10_000 * MIN_PRICE);
        assertEq(etsc.edgeServer(edgeServers[0]).reserve + etsc.edgeServer(edgeServers[1]).reserve, 0);
        assertEq(address(etsc).balance, owed());
    }

    /// Another server's reserve is not drawn upon, though the ether lies in one heap.
    function test_oneServersReserveDoesNotPayForAnothers() public {
        vm.prank(edgeServers[2]);
        etsc.setBuyBackPrice(MIN_PRICE); // has sold none
        vm.expectRevert(abi.encodeWithSelector(IETSC.InsufficientReserve.selector, edgeServers[2], 0, 1));
        vm.prank(prosumers[0]);
        etsc.redeem(edgeServers[2], 1, 0);
    }
}
