// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {
    Account as UserWord,
    CREDIT,
    PRICE as PRICE_AT,
    PRICED_IN_SLOT,
    TRANS_RIGHT,
    Till,
    UNIFIED
} from "../../src/Records.sol";
import {OpenBooks} from "./OpenBooks.sol";
import {Test} from "forge-std/Test.sol";

/// @title Proofs of what moves what: from any balances of the accounts that take part
contract LedgerProofs is Test {
    uint256 private constant LIMIT_48 = 2 ** 48;
    uint256 private constant MIN_PRICE = 10 * 10 ** 12;
    uint256 private constant PRICE = 27 * 10 ** 12;
    address private constant SERVER = address(0xE);
    address private constant BUYER = address(0xB);
    address private constant RETAILER = address(0xC);

    OpenBooks private books;

    function setUp() public {
        address[] memory edgeServers = new address[](1);
        edgeServers[0] = SERVER;
        books = new OpenBooks(edgeServers, IETSC.Terms(4, MIN_PRICE, 45 * 10 ** 12, 1_000_000));
    }

    /// Division by Q's thousand is beyond the solver, so the quantity is one: 7 Wh cost 5 mE.
    function check_aTradeMovesAndMakesNothing(uint256 buyer, uint256 retailer) public {
        UserWord b = UserWord.wrap(buyer);
        UserWord r = UserWord.wrap(retailer);
        vm.assume(b.coins() + r.coins() < LIMIT_48); // all elecoins together fit
        books.setAccount(BUYER, buyer);
        books.setAccount(RETAILER, retailer);
        vm.prank(BUYER);
        (bool done,) = address(books).call(abi.encodeCall(IETSC.trade, (RETAILER, 7)));
        UserWord laterB = UserWord.wrap(books.wordOf(BUYER));
        UserWord laterR = UserWord.wrap(books.wordOf(RETAILER));
        if (done) {
            assert(laterB.power() == b.power() + 7 && laterR.power() == r.power() - 7);
            assert(laterB.coins() == b.coins() - 5 && laterR.coins() == r.coins() + 5);
            assert(laterR.offered() == r.offered() - 7 && laterB.offered() == b.offered());
            assert(UserWord.unwrap(laterB) >> 144 == buyer >> 144);
            assert(UserWord.unwrap(laterR) >> 144 == retailer >> 144);
        } else {
            assert(UserWord.unwrap(laterB) == buyer && UserWord.unwrap(laterR) == retailer);
        }
    }

    function check_nobodyTradesWithItself(uint256 word, uint256 quantity) public {
        books.setAccount(BUYER, word);
        vm.prank(BUYER);
        (bool done,) = address(books).call(abi.encodeCall(IETSC.trade, (BUYER, quantity)));
        assert(!done && books.wordOf(BUYER) == word);
    }

    /// Multiplication of two unknowns is beyond the solver as well, so the price is one.
    function check_aPurchaseMovesAndMakesNothing(
        uint256 buyer,
        uint48 stock,
        uint88 credit,
        uint48 amount,
        uint128 value
    ) public {
        UserWord b = UserWord.wrap(buyer);
        vm.assume(b.coins() + stock < LIMIT_48); // all elecoins together fit
        uint256 word = _till(stock, credit);
        books.setTill(SERVER, word);
        books.setAccount(BUYER, buyer);
        vm.deal(BUYER, value);
        vm.prank(BUYER);
        (bool done,) =
            address(books).call{value: value}(abi.encodeCall(IETSC.buyToken, (SERVER, amount, PRICE)));
        UserWord later = UserWord.wrap(books.wordOf(BUYER));
        Till till = Till.wrap(books.tillOf(SERVER));
        if (done) {
            assert(value == amount * PRICE && address(books).balance == value);
            assert(later.coins() == b.coins() + amount);
            assert(UserWord.unwrap(later) == buyer + (uint256(amount) << 48));
            assert(till.stock() == stock - amount);
            assert(till.credit() == credit + amount * (PRICE - MIN_PRICE));
            assert(till.unifiedPrice() == PRICE && till.pricedInSlot() == 1 && !till.isDiscriminated());
        } else {
            assert(UserWord.unwrap(later) == buyer && Till.unwrap(till) == word);
        }
    }

    /// So that the proof above is not one about refusals.
    function check_aPurchaseInOrderGoesThrough(uint256 buyer, uint48 stock, uint88 credit, uint48 amount)
        public
    {
        UserWord b = UserWord.wrap(buyer);
        vm.assume(b.has(TRANS_RIGHT) && amount <= stock);
        vm.assume(credit + amount * (PRICE - MIN_PRICE) < 2 ** 88); // what a till holds
        books.setTill(SERVER, _till(stock, credit));
        books.setAccount(BUYER, buyer);
        vm.deal(BUYER, amount * PRICE);
        bytes memory data = abi.encodeCall(IETSC.buyToken, (SERVER, amount, PRICE));
        vm.prank(BUYER);
        (bool done,) = address(books).call{value: amount * PRICE}(data);
        assert(done);
    }

    /// After a withdrawal the contract holds what it held less the credit: the reserve is as it was.
    function check_aWithdrawalTakesTheCreditAndNoMore(uint256 word, uint128 held) public {
        Till till = Till.wrap(word);
        vm.assume(till.isOpen() && held >= till.credit());
        books.setTill(SERVER, word);
        vm.deal(address(books), held);
        vm.prank(SERVER);
        (bool done,) = address(books).call(abi.encodeCall(IETSC.withdraw, ()));
        assert(done == (till.credit() != 0));
        assert(address(books).balance == held - till.credit());
        assert(books.tillOf(SERVER) == word - (till.credit() << CREDIT));
    }

    function check_onlyTheAdministratorChangesRights(
        address caller,
        address user,
        uint256 word,
        bool a,
        bool b
    ) public {
        vm.assume(caller != address(0xA));
        books.setAccount(user, word);
        vm.prank(caller);
        (bool done,) = address(books).call(abi.encodeCall(IETSC.setRights, (user, a, b)));
        assert(!done && books.wordOf(user) == word);
    }

    function _till(uint48 stock, uint88 credit) private pure returns (uint256) {
        return UNIFIED | (1 << PRICED_IN_SLOT) | (uint256(credit) << CREDIT) | (PRICE << PRICE_AT) | stock;
    }
}
