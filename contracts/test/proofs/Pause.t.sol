// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {
    COINS,
    Device,
    GEN_RIGHT,
    OFFERED,
    PAUSED,
    PRICE as PRICE_AT,
    PRICED_IN_SLOT,
    REGISTERED,
    TRANS_RIGHT,
    UNIFIED,
    newDevice
} from "../../src/Records.sol";
import {digestOf} from "../invariants/SignedReading.sol";
import {OpenBooks} from "./OpenBooks.sol";
import {Test} from "forge-std/Test.sol";

/// @title Proof that a pause stops every call of the ledger, whatever its arguments
/// @dev All of them from one state in which each goes through as long as nothing is paused, which is proved
/// first: what is refused for another reason would prove nothing.
contract PauseProofs is Test {
    struct Arguments {
        uint256 slot;
        uint256 price;
        uint256 amount;
        uint256 limit;
        uint256 value;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    struct Try {
        address caller;
        uint256 value;
        bytes data;
    }

    uint256 private constant CALLS = 12;
    uint256 private constant MIN_PRICE = 10 * 10 ** 12;
    uint256 private constant PRICE = 27 * 10 ** 12;
    uint256 private constant KEY = 0x5EED;
    uint256 private constant HALF_CURVE_ORDER =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    address private constant SERVER = address(0xED6E);
    address private constant BUYER = address(0xB0B);
    address private constant RETAILER = address(0xCA11);

    OpenBooks private books;
    address private meter;

    function setUp() public {
        meter = vm.addr(KEY);
        address[] memory edgeServers = new address[](1);
        edgeServers[0] = SERVER;
        books = new OpenBooks(edgeServers, IETSC.Terms(4, MIN_PRICE, 45 * 10 ** 12, 1_000_000));
        vm.roll(100);
        books.setAccount(BUYER, REGISTERED | TRANS_RIGHT | (1000 << COINS));
        books.setAccount(RETAILER, REGISTERED | GEN_RIGHT | (100 << OFFERED) | 1000);
        books.setTill(SERVER, UNIFIED | (1 << PRICED_IN_SLOT) | (PRICE << PRICE_AT) | 1000);
        books.setDevice(meter, Device.unwrap(newDevice(RETAILER, 0)));
        books.setMarket(1);
        vm.prank(SERVER);
        books.setBuyBackPrice(MIN_PRICE);
        vm.deal(address(books), 1 ether);
        vm.deal(BUYER, 2 ** 128);
        vm.roll(101);
    }

    function check_eachGoesThroughWhileNothingIsPaused() public {
        Arguments memory given = Arguments(2, PRICE, 7, PRICE, 7 * PRICE, 0, 0, 0);
        bytes32 digest = digestOf(_reading(given.amount), RETAILER, address(books), block.chainid);
        (given.v, given.r, given.s) = vm.sign(KEY, digest);
        // All that the solver has to know of signatures.
        vm.assume(uint256(given.s) < HALF_CURVE_ORDER && meter != address(0));
        vm.assume(ecrecover(digest, given.v, given.r, given.s) == meter);
        Try[CALLS] memory tries = _tries(given);
        for (uint256 i = 0; i < CALLS; ++i) {
            if (i == CALLS - 1) vm.roll(102); // a reading more in the same block would be too high
            assert(_goesThrough(tries[i]));
        }
    }

    function check_noneGoesThroughWhilePaused(uint256 market, Arguments memory given) public {
        vm.assume(given.value <= 2 ** 128);
        books.setMarket(market | PAUSED);
        bytes32 before = _state();
        Try[CALLS] memory tries = _tries(given);
        for (uint256 i = 0; i < CALLS; ++i) {
            assert(!_goesThrough(tries[i]));
        }
        assert(_state() == before);
    }

    // ------------------------------------------------------------------------------------------ helpers

    /// In an order in which each leaves the next one possible.
    function _tries(Arguments memory given) private view returns (Try[CALLS] memory tries) {
        uint256 amount = given.amount;
        IETSC.OwnPrice[] memory own = new IETSC.OwnPrice[](1);
        own[0] = IETSC.OwnPrice(BUYER, given.price);
        uint256 following;
        unchecked {
            following = given.slot + 1;
        }
        bytes memory relayed =
            abi.encodeCall(IETSC.relayReading, (_reading(amount), given.v, given.r, given.s));
        tries[0] = Try(SERVER, 0, abi.encodeCall(IETSC.openSlot, (given.slot, given.price)));
        tries[1] = Try(SERVER, 0, abi.encodeCall(IETSC.openDiscriminatedSlot, (following, given.price, own)));
        tries[2] = Try(SERVER, 0, abi.encodeCall(IETSC.setBuyBackPrice, (amount)));
        tries[3] = Try(BUYER, given.value, abi.encodeCall(IETSC.buyToken, (SERVER, amount, given.limit)));
        tries[4] = Try(BUYER, 0, abi.encodeCall(IETSC.redeem, (SERVER, amount, amount)));
        tries[5] = Try(RETAILER, 0, abi.encodeCall(IETSC.offer, (amount)));
        tries[6] = Try(BUYER, 0, abi.encodeCall(IETSC.checkQualification, (BUYER, RETAILER, amount)));
        tries[7] = Try(BUYER, 0, abi.encodeCall(IETSC.trade, (RETAILER, amount)));
        tries[8] = Try(RETAILER, 0, abi.encodeCall(IETSC.retract, ()));
        tries[9] = Try(meter, 0, abi.encodeCall(IETSC.generation, (amount)));
        tries[10] = Try(meter, 0, abi.encodeCall(IETSC.consumption, (amount)));
        tries[11] = Try(BUYER, 0, relayed);
    }

    function _reading(uint256 amount) private view returns (IETSC.Reading memory) {
        unchecked {
            return IETSC.Reading(meter, amount + 1, amount + 1, type(uint256).max);
        }
    }

    function _goesThrough(Try memory attempt) private returns (bool done) {
        vm.prank(attempt.caller);
        (done,) = address(books).call{value: attempt.value}(attempt.data);
    }

    function _state() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                books.wordOf(BUYER),
                books.wordOf(RETAILER),
                books.tillOf(SERVER),
                books.buyBackPriceOf(SERVER),
                books.deviceOf(meter),
                books.marketWord(),
                address(books).balance
            )
        );
    }
}
