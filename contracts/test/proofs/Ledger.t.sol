// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {ETSC} from "../../src/ETSC.sol";
import {IETSC} from "../../src/IETSC.sol";
import {Account as UserWord, CREDIT, Market, Till} from "../../src/Records.sol";
import {Test} from "forge-std/Test.sol";

/// The contract with its records laid open, so that a proof can begin in any state.
contract OpenBooks is ETSC {
    constructor(address[] memory edgeServers_, Terms memory terms_)
        ETSC(address(0xA), 2 ** 48 - 1, 600, edgeServers_, terms_)
    {}

    function setAccount(address account, uint256 word) external {
        _accounts[account] = UserWord.wrap(word);
    }

    function setTill(address account, uint256 word) external {
        _tills[account] = Till.wrap(word);
    }

    function setMarket(uint256 word) external {
        _market = Market.wrap(word);
    }

    function wordOf(address account) external view returns (uint256) {
        return UserWord.unwrap(_accounts[account]);
    }

    function tillOf(address account) external view returns (uint256) {
        return Till.unwrap(_tills[account]);
    }
}

/// @title Proofs, from any state of the accounts that take part
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
        vm.prank(SERVER);
        books.openSlot(1, PRICE);
        vm.deal(BUYER, 2 ** 100);
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

    function check_aPurchaseMovesAndMakesNothing(uint256 buyer, uint48 amount, uint128 value) public {
        UserWord b = UserWord.wrap(buyer);
        Till before = Till.wrap(books.tillOf(SERVER));
        vm.assume(b.coins() + before.stock() < LIMIT_48);
        books.setAccount(BUYER, buyer);
        vm.deal(BUYER, value);
        vm.prank(BUYER);
        (bool done,) =
            address(books).call{value: value}(abi.encodeCall(IETSC.buyToken, (SERVER, amount, PRICE)));
        UserWord later = UserWord.wrap(books.wordOf(BUYER));
        Till till = Till.wrap(books.tillOf(SERVER));
        if (done) {
            assert(value == amount * PRICE);
            assert(later.coins() + till.stock() == b.coins() + before.stock());
            assert(later.coins() == b.coins() + amount);
            assert(till.credit() == before.credit() + amount * (PRICE - MIN_PRICE));
            assert(till.unifiedPrice() == PRICE && till.pricedInSlot() == 1);
        } else {
            assert(UserWord.unwrap(later) == buyer && Till.unwrap(till) == Till.unwrap(before));
        }
    }

    /// After a withdrawal the contract holds what it held less the credit: the reserve is as it was.
    function check_aWithdrawalTakesTheCreditAndNoMore(uint88 credit, uint128 held) public {
        vm.assume(held >= credit);
        uint256 word = books.tillOf(SERVER) + (uint256(credit) << CREDIT);
        books.setTill(SERVER, word);
        vm.deal(address(books), held);
        vm.prank(SERVER);
        (bool done,) = address(books).call(abi.encodeCall(IETSC.withdraw, ()));
        assert(done == (credit != 0));
        assert(address(books).balance == held - credit);
        assert(books.tillOf(SERVER) == word - (uint256(credit) << CREDIT));
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

    function check_nothingIsBoughtOrTradedWhilePaused(uint256 market, uint256 word, uint256 x, uint256 y)
        public
    {
        books.setMarket(market | (1 << 240));
        books.setAccount(BUYER, word);
        vm.startPrank(BUYER);
        (bool bought,) = address(books).call(abi.encodeCall(IETSC.buyToken, (SERVER, x, y)));
        (bool traded,) = address(books).call(abi.encodeCall(IETSC.trade, (RETAILER, x)));
        (bool redeemed,) = address(books).call(abi.encodeCall(IETSC.redeem, (SERVER, x, y)));
        (bool offered,) = address(books).call(abi.encodeCall(IETSC.offer, (x)));
        assert(!bought && !traded && !redeemed && !offered);
        assert(books.wordOf(BUYER) == word);
    }
}
