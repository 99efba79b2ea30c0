// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

/// @title A small market for tests: three edge servers, two prosumers, two retailers, a meter each
/// @dev Tests know the interface only and deploy what the compiler left in out/, so that a change of the
/// contract (a mutant, say) does not compile them again. Slot 0, nothing bought, nothing generated, every
/// meter bound one block ago. `vm.getBlockNumber()` in place of `block.number`, which the compiler takes for
/// the same throughout a call, so that a second roll in one test would go nowhere.
abstract contract Market is Test {
    uint256 internal constant TOTAL_ELECOINS = 1_000_000_001; // not divisible by three
    uint256 internal constant UNIT_POWER_PRICE = 600; // Q = 0.6
    uint256 internal constant DEADLINE_BLOCKS = 4;
    uint256 internal constant MIN_PRICE = 10 * 10 ** 12;
    uint256 internal constant MAX_PRICE = 45 * 10 ** 12;
    uint256 internal constant PRICE = 27 * 10 ** 12;
    uint256 internal constant METER_LIMIT = 1_000_000;

    IETSC internal etsc;
    address internal administrator = makeAddr("administrator");
    address internal stranger = makeAddr("stranger");
    address[] internal edgeServers;
    address[] internal prosumers;
    address[] internal retailers;
    mapping(address user => address) internal meterOf;
    mapping(address meter => uint256) internal keyOf;

    function setUp() public virtual {
        for (uint256 i = 1; i <= 3; ++i) {
            edgeServers.push(makeAddr(string.concat("edge server ", vm.toString(i))));
        }
        etsc = deploy(administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms());
        for (uint256 i = 1; i <= 2; ++i) {
            prosumers.push(registered(string.concat("prosumer ", vm.toString(i)), false, true));
            retailers.push(registered(string.concat("retailer ", vm.toString(i)), true, true));
        }
        mine(1);
    }

    function deploy(
        address administrator_,
        uint256 totalElecoins,
        uint256 unitPowerPrice,
        address[] memory edgeServers_,
        IETSC.Terms memory terms_
    ) internal returns (IETSC) {
        return IETSC(
            deployCode(
                "ETSC.sol:ETSC",
                abi.encode(administrator_, totalElecoins, unitPowerPrice, edgeServers_, terms_)
            )
        );
    }

    function terms() internal pure returns (IETSC.Terms memory) {
        return IETSC.Terms({
            slotDeadlineBlocks: DEADLINE_BLOCKS,
            minUnitPrice: MIN_PRICE,
            maxUnitPrice: MAX_PRICE,
            meterLimit: METER_LIMIT
        });
    }

    /// A new user with ether and a meter.
    function registered(string memory name, bool genRight, bool transRight) internal returns (address user) {
        user = makeAddr(name);
        (address meter, uint256 key) = makeAddrAndKey(string.concat("meter of ", name));
        vm.deal(user, 1_000_000 ether);
        vm.startPrank(administrator);
        etsc.empower(bytes32(bytes(name)), user, genRight, transRight);
        etsc.bindMeter(user, meter);
        vm.stopPrank();
        meterOf[user] = meter;
        keyOf[meter] = key;
    }

    function mine(uint256 blocks) internal {
        vm.roll(vm.getBlockNumber() + blocks);
    }

    // The happy path, step by step.

    function currentSlot() internal view returns (uint256 number) {
        (number,,,) = etsc.slot();
    }

    /// The first edge server opens the next slot.
    function open(uint256 price) internal {
        uint256 next = currentSlot() + 1;
        vm.prank(edgeServers[0]);
        etsc.openSlot(next, price);
    }

    /// At the first edge server, whatever it asks of the buyer.
    function buy(address buyer, uint256 amount) internal {
        uint256 price = etsc.priceFor(edgeServers[0], buyer);
        vm.prank(buyer);
        etsc.buyToken{value: amount * price}(edgeServers[0], amount, price);
    }

    /// More by `increase`, a block later.
    function generate(address user, uint256 increase) internal {
        mine(1);
        uint256 cumulative = etsc.user(user).generated + increase;
        vm.prank(meterOf[user]);
        etsc.generation(cumulative);
    }

    /// More by `increase`, a block later.
    function consume(address user, uint256 increase) internal {
        mine(1);
        uint256 cumulative = etsc.user(user).consumed + increase;
        vm.prank(meterOf[user]);
        etsc.consumption(cumulative);
    }

    function offer(address retailer, uint256 quantity) internal {
        vm.prank(retailer);
        etsc.offer(quantity);
    }

    function trade(address buyer, address retailer, uint256 quantity) internal {
        vm.prank(buyer);
        etsc.trade(retailer, quantity);
    }

    /// Slot 1: the first retailer offers 10 kWh, the first prosumer has 10 elecoins.
    function startTrading() internal {
        generate(retailers[0], 10_000);
        offer(retailers[0], 10_000);
        open(PRICE);
        buy(prosumers[0], 10_000);
    }

    // Signed readings, written down from EIP-712 and not from the contract.

    /// What the meter signs on this chain, for this contract.
    function digestOf(IETSC.Reading memory reading) internal view returns (bytes32) {
        return digestOf(reading, etsc.meter(reading.meter).user, block.chainid, address(etsc));
    }

    function digestOf(IETSC.Reading memory reading, address userAddr, uint256 chainId, address target)
        internal
        pure
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("ETSC"),
                keccak256("1"),
                chainId,
                target
            )
        );
        bytes32 content = keccak256(
            abi.encode(
                keccak256(
                    "Reading(address meter,address user,uint256 generated,uint256 consumed,uint256 deadline)"
                ),
                reading.meter,
                userAddr,
                reading.generated,
                reading.consumed,
                reading.deadline
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }

    /// Signs with the meter's key and hands it in, as `gateway`.
    function relay(address gateway, IETSC.Reading memory reading) internal {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[reading.meter], digestOf(reading));
        vm.prank(gateway);
        etsc.relayReading(reading, v, r, s);
    }

    // What is known of everybody, to be compared before and after.

    /// Whoever has a role in this market, and a stranger.
    function everybody() internal view virtual returns (address[] memory accounts) {
        uint256 users = prosumers.length + retailers.length;
        accounts = new address[](2 + edgeServers.length + 2 * users);
        (accounts[0], accounts[1]) = (administrator, stranger);
        uint256 next = 2;
        for (uint256 i = 0; i < edgeServers.length; ++i) {
            accounts[next++] = edgeServers[i];
        }
        for (uint256 i = 0; i < users; ++i) {
            address account = i < prosumers.length ? prosumers[i] : retailers[i - prosumers.length];
            accounts[next++] = account;
            accounts[next++] = meterOf[account];
        }
    }

    /// A fingerprint of all that the queries tell in this block.
    function ledger() internal view returns (bytes32 print) {
        address[] memory accounts = everybody();
        for (uint256 i = 0; i < accounts.length; ++i) {
            address account = accounts[i];
            print = keccak256(
                abi.encode(print, etsc.user(account), etsc.meter(account), etsc.edgeServer(account))
            );
            for (uint256 j = 0; j < edgeServers.length; ++j) {
                print = keccak256(abi.encode(print, etsc.priceFor(edgeServers[j], account)));
            }
        }
        (uint256 number, uint256 openedAtBlock, address seller, uint256 price) = etsc.slot();
        print = keccak256(abi.encode(print, number, openedAtBlock, seller, price, address(etsc).balance));
        print = keccak256(abi.encode(print, etsc.paused(), etsc.administrator(), etsc.successor()));
    }

    /// How many events the contract has emitted since `vm.recordLogs()`, which records a test's own too.
    function announced() internal returns (uint256 count) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter == address(etsc)) ++count;
        }
    }
}
