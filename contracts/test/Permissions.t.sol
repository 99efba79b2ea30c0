// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

/// Every function by every role, all accounts fuzzed: what is forbidden is refused with its cause and leaves
/// everything as it was, what is allowed goes through. The table is `refusal`.
/// forge-config: default.fuzz.runs = 32
contract PermissionsTest is Market {
    enum Role {
        Administrator,
        Successor,
        FormerAdministrator,
        EdgeServer,
        UserWithoutRights,
        Generator, // may sell only
        Consumer, // may buy only
        Prosumer, // both
        Meter,
        RotatedMeter,
        Stranger
    }

    enum Row {
        OfferAdministration,
        TakeAdministration,
        Pause,
        Unpause,
        Empower,
        SetRights,
        BindMeter,
        RotateMeter,
        OpenSlot,
        OpenOverdueSlot,
        OpenDiscriminatedSlot,
        SetBuyBackPrice,
        BuyToken,
        Redeem,
        Withdraw,
        Offer,
        Retract,
        Trade,
        Generation,
        Consumption,
        RelayReading, // a bound meter's, relayed by the caller
        RelayOwnReading // signed by the caller, and right but for that
    }

    uint256 private constant ROLES = uint256(type(Role).max) + 1;
    uint256 private constant ROWS = uint256(type(Row).max) + 1;

    mapping(Role => address) private who;
    mapping(Role => uint256) private keyFor;
    address private metered; // the user of Role.Meter
    address private rotatedUser; // the user that Role.RotatedMeter reported for
    address private meterless;
    address private newcomer;

    /// Built anew for each run, because the accounts are fuzzed.
    function setUp() public override {}

    // ---------------------------------------------------------------------------------------- the table

    /// Why the function is refused to that role; empty if it is not.
    function refusal(Row row, Role role, bool paused) private view returns (bytes memory) {
        address caller = who[role];
        if (isAdministrators(row)) {
            if (role != Role.Administrator) return cause(IETSC.NotAdministrator.selector, caller);
            if (row == Row.Pause && paused) return abi.encodeWithSelector(IETSC.MarketPaused.selector);
            if (row == Row.Unpause && !paused) return abi.encodeWithSelector(IETSC.MarketNotPaused.selector);
            return "";
        }
        if (row == Row.TakeAdministration) {
            return role == Role.Successor ? bytes("") : cause(IETSC.NotSuccessor.selector, caller);
        }
        if (row == Row.Withdraw) {
            return role == Role.EdgeServer ? bytes("") : cause(IETSC.NotEdgeServer.selector, caller);
        }
        // Everything else is of the ledger.
        if (paused) return abi.encodeWithSelector(IETSC.MarketPaused.selector);
        if (row == Row.OpenOverdueSlot || row == Row.RelayReading) return "";
        if (row == Row.OpenSlot) {
            (, uint256 openedAtBlock,,) = etsc.slot();
            return role == Role.EdgeServer
                ? bytes("")
                : abi.encodeWithSelector(
                    IETSC.SlotNotOverdue.selector, openedAtBlock + 1, openedAtBlock + DEADLINE_BLOCKS
                );
        }
        if (row == Row.OpenDiscriminatedSlot || row == Row.SetBuyBackPrice) {
            return role == Role.EdgeServer ? bytes("") : cause(IETSC.NotEdgeServer.selector, caller);
        }
        if (row == Row.Generation || row == Row.Consumption || row == Row.RelayOwnReading) {
            return role == Role.Meter ? bytes("") : cause(IETSC.NotMeter.selector, caller);
        }
        // and what is left, of users.
        if (role < Role.UserWithoutRights || role > Role.Prosumer) {
            return cause(IETSC.NotRegistered.selector, caller);
        }
        if (row == Row.Offer && role != Role.Generator && role != Role.Prosumer) {
            return cause(IETSC.NoGenRight.selector, caller);
        }
        if ((row == Row.BuyToken || row == Row.Trade) && role != Role.Consumer && role != Role.Prosumer) {
            return cause(IETSC.NoTransRight.selector, caller);
        }
        return ""; // redeem and retract too: every user may
    }

    function isAdministrators(Row row) private pure returns (bool) {
        return row <= Row.RotateMeter && row != Row.TakeAdministration;
    }

    function cause(bytes4 selector, address account) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, account);
    }

    // ---------------------------------------------------------------------------------------- the tests

    function testFuzz_eachFunctionByEachRole(uint256 seed) public {
        build(seed);
        checkTable(false);
    }

    function testFuzz_eachFunctionByEachRoleWhilePaused(uint256 seed) public {
        build(seed);
        vm.prank(who[Role.Administrator]);
        etsc.pause();
        checkTable(true);
    }

    function checkTable(bool paused) private {
        for (uint256 i = 0; i < ROWS; ++i) {
            Row row = Row(i);
            if (row == Row.OpenOverdueSlot) mine(DEADLINE_BLOCKS); // the last rows do not mind
            bytes32 before = ledger();
            uint256 allowed;
            for (uint256 j = 0; j < ROLES; ++j) {
                if (allows(row, Role(j), paused)) ++allowed;
            }
            assertEq(ledger(), before, string.concat("row ", vm.toString(i), ": a refused call left traces"));
            if (row == Row.OpenOverdueSlot) vm.roll(vm.getBlockNumber() - DEADLINE_BLOCKS);
            bool toNobody = paused ? row == Row.Pause || !goesOnWhilePaused(row) : row == Row.Unpause;
            assertEq(allowed == 0, toNobody, string.concat("row ", vm.toString(i), " is for nobody"));
        }
    }

    function goesOnWhilePaused(Row row) private pure returns (bool) {
        return row <= Row.RotateMeter || row == Row.Withdraw;
    }

    /// Calls, and holds the outcome to the table.
    function allows(Row row, Role role, bool paused) private returns (bool) {
        (bytes memory data, uint256 value) = callOf(row, role);
        bytes memory expected = refusal(row, role, paused);
        string memory label = string.concat("row ", vm.toString(uint256(row)), ", role ");
        label = string.concat(label, vm.toString(uint256(role)));
        vm.deal(who[role], 1 ether);
        if (expected.length > 0) {
            vm.prank(who[role]);
            (bool done, bytes memory answer) = address(etsc).call{value: value}(data);
            assertFalse(done, string.concat(label, " went through"));
            assertEq(answer, expected, string.concat(label, " was refused with another cause"));
            return false;
        }
        uint256 start = vm.snapshotState();
        bytes32 before = ledger();
        vm.prank(who[role]);
        (bool done_, bytes memory why) = address(etsc).call{value: value}(data);
        assertTrue(done_, string.concat(label, " was refused: ", vm.toString(why)));
        assertNotEq(ledger(), before, string.concat(label, " changed nothing"));
        vm.revertToStateAndDelete(start);
        return true;
    }

    /// A query is for everybody, and says the same to everybody, paused or not.
    function testFuzz_everybodyMayAsk(uint256 seed) public {
        build(seed);
        bytes[] memory asked = queries();
        for (uint256 i = 0; i < asked.length; ++i) {
            bytes memory first;
            for (uint256 j = 0; j < ROLES; ++j) {
                vm.prank(who[Role(j)]);
                (bool done, bytes memory answer) = address(etsc).staticcall(asked[i]);
                assertTrue(done);
                if (j == 0) first = answer;
                assertEq(answer, first);
            }
        }
    }

    /// Each call that goes through is refused with a wei, and without a word: nothing but a purchase is payable.
    function testFuzz_nothingButBuyTokenTakesEther(uint256 seed) public {
        build(seed);
        for (uint256 i = 0; i < ROWS; ++i) {
            Row row = Row(i);
            if (row == Row.BuyToken) continue;
            if (row == Row.OpenOverdueSlot) mine(DEADLINE_BLOCKS);
            bool paused = row == Row.Unpause;
            if (paused) {
                vm.prank(who[Role.Administrator]);
                etsc.pause();
            }
            Role role = Role.Administrator;
            while (refusal(row, role, paused).length > 0) {
                role = Role(uint256(role) + 1);
            }
            (bytes memory data,) = callOf(row, role);
            refusesEther(who[role], data, string.concat("row ", vm.toString(i)));
            assertTrue(allows(row, role, paused));
            if (row == Row.OpenOverdueSlot) vm.roll(vm.getBlockNumber() - DEADLINE_BLOCKS);
            if (paused) {
                vm.prank(who[Role.Administrator]);
                etsc.unpause();
            }
        }
        bytes[] memory asked = queries();
        for (uint256 i = 0; i < asked.length; ++i) {
            refusesEther(who[Role.Stranger], asked[i], string.concat("query ", vm.toString(i)));
        }
    }

    function refusesEther(address caller, bytes memory data, string memory label) private {
        vm.deal(caller, 1);
        uint256 held = address(etsc).balance;
        vm.prank(caller);
        (bool done, bytes memory answer) = address(etsc).call{value: 1}(data);
        assertFalse(done, string.concat(label, " took ether"));
        assertEq(answer.length, 0, string.concat(label, " was refused for another reason"));
        assertEq(address(etsc).balance, held);
    }

    /// The selectors of the table and of the queries, taken together, are the interface's: an identifier of
    /// an interface is the exclusive or of its functions'. Bytecode.t.sol sees to it that there is no other.
    function test_theTableCoversEveryFunction() public {
        build(0);
        bytes4 all;
        for (uint256 i = 0; i < ROWS; ++i) {
            if (Row(i) == Row.OpenOverdueSlot || Row(i) == Row.RelayOwnReading) continue; // the same again
            (bytes memory data,) = callOf(Row(i), Role.Meter);
            all ^= bytes4(data);
        }
        bytes[] memory asked = queries();
        for (uint256 i = 0; i < asked.length; ++i) {
            all ^= bytes4(asked[i]);
        }
        assertEq(all, type(IETSC).interfaceId);
    }

    // ---------------------------------------------------------------------------------------- the calls

    /// One that goes through if the role is right.
    function callOf(Row row, Role role) private view returns (bytes memory data, uint256 value) {
        address server = who[Role.EdgeServer];
        if (row == Row.OfferAdministration) {
            return (abi.encodeCall(IETSC.offerAdministration, (newcomer)), 0);
        }
        if (row == Row.TakeAdministration) return (abi.encodeCall(IETSC.takeAdministration, ()), 0);
        if (row == Row.Pause) return (abi.encodeCall(IETSC.pause, ()), 0);
        if (row == Row.Unpause) return (abi.encodeCall(IETSC.unpause, ()), 0);
        if (row == Row.Empower) return (abi.encodeCall(IETSC.empower, ("new", newcomer, true, true)), 0);
        if (row == Row.SetRights) return (abi.encodeCall(IETSC.setRights, (meterless, false, false)), 0);
        if (row == Row.BindMeter) return (abi.encodeCall(IETSC.bindMeter, (meterless, newcomer)), 0);
        if (row == Row.RotateMeter) return (abi.encodeCall(IETSC.rotateMeter, (metered, newcomer)), 0);
        if (row == Row.OpenSlot || row == Row.OpenOverdueSlot) {
            return (abi.encodeCall(IETSC.openSlot, (2, PRICE + 1)), 0);
        }
        if (row == Row.OpenDiscriminatedSlot) {
            return (abi.encodeCall(IETSC.openDiscriminatedSlot, (2, PRICE, new IETSC.OwnPrice[](0))), 0);
        }
        if (row == Row.SetBuyBackPrice) return (abi.encodeCall(IETSC.setBuyBackPrice, (1)), 0);
        if (row == Row.BuyToken) return (abi.encodeCall(IETSC.buyToken, (server, 10, PRICE)), 10 * PRICE);
        if (row == Row.Redeem) return (abi.encodeCall(IETSC.redeem, (server, 10, MIN_PRICE)), 0);
        if (row == Row.Withdraw) return (abi.encodeCall(IETSC.withdraw, ()), 0);
        if (row == Row.Offer) return (abi.encodeCall(IETSC.offer, (10)), 0);
        if (row == Row.Retract) return (abi.encodeCall(IETSC.retract, ()), 0);
        if (row == Row.Trade) return (abi.encodeCall(IETSC.trade, (metered, 10)), 0);
        if (row == Row.Generation) return (abi.encodeCall(IETSC.generation, (5000)), 0);
        if (row == Row.Consumption) return (abi.encodeCall(IETSC.consumption, (5000)), 0);
        return (relayedBy(row == Row.RelayReading ? Role.Meter : role), 0);
    }

    /// What that role signs, as if it were the meter of `metered`, or the one of its user that it was.
    function relayedBy(Role signer) private view returns (bytes memory) {
        address account = signer == Role.RotatedMeter ? rotatedUser : metered;
        IETSC.Reading memory reading = IETSC.Reading(who[signer], 5000, 5000, type(uint256).max);
        bytes32 digest = digestOf(reading, account, block.chainid, address(etsc));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyFor[signer], digest);
        return abi.encodeCall(IETSC.relayReading, (reading, v, r, s));
    }

    function queries() private view returns (bytes[] memory all) {
        address server = who[Role.EdgeServer];
        all = new bytes[](12);
        all[0] = abi.encodeCall(IETSC.user, (metered));
        all[1] = abi.encodeCall(IETSC.meter, (who[Role.Meter]));
        all[2] = abi.encodeCall(IETSC.edgeServer, (server));
        all[3] = abi.encodeCall(IETSC.priceFor, (server, who[Role.Consumer]));
        all[4] = abi.encodeCall(IETSC.slot, ());
        all[5] = abi.encodeCall(IETSC.paused, ());
        all[6] = abi.encodeCall(IETSC.administrator, ());
        all[7] = abi.encodeCall(IETSC.successor, ());
        all[8] = abi.encodeCall(IETSC.totalElecoins, ());
        all[9] = abi.encodeCall(IETSC.unitPowerPrice, ());
        all[10] = abi.encodeCall(IETSC.terms, ());
        all[11] = abi.encodeCall(IETSC.checkQualification, (who[Role.Consumer], metered, 10));
    }

    // ------------------------------------------------------------------------------------- the accounts

    /// A market in slot 1 with somebody new in each role, in which each call of the table can succeed.
    function build(uint256 seed) private {
        for (uint256 i = 0; i < ROLES; ++i) {
            (who[Role(i)], keyFor[Role(i)]) = somebody(seed, i);
        }
        (metered,) = somebody(seed, ROLES);
        (rotatedUser,) = somebody(seed, ROLES + 1);
        (meterless,) = somebody(seed, ROLES + 2);
        (newcomer,) = somebody(seed, ROLES + 3);
        administrator = who[Role.FormerAdministrator];
        edgeServers = [who[Role.EdgeServer]];
        etsc = deploy(administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms());
        vm.prank(administrator);
        etsc.offerAdministration(who[Role.Administrator]);
        administrator = who[Role.Administrator];
        vm.startPrank(administrator);
        etsc.takeAdministration();
        etsc.empower("meterless", meterless, true, true);
        etsc.empower("rotated", rotatedUser, true, true);
        etsc.bindMeter(rotatedUser, who[Role.RotatedMeter]);
        (address successor_,) = somebody(seed, ROLES + 4);
        etsc.rotateMeter(rotatedUser, successor_);
        vm.stopPrank();
        open(PRICE);
        vm.prank(edgeServers[0]);
        etsc.setBuyBackPrice(MIN_PRICE);

        for (uint256 i = uint256(Role.UserWithoutRights); i <= uint256(Role.Prosumer); ++i) {
            (address meter_,) = somebody(seed, ROLES + 5 + i);
            join(who[Role(i)], meter_);
        }
        join(metered, who[Role.Meter]);
        vm.startPrank(administrator);
        etsc.setRights(who[Role.UserWithoutRights], false, false);
        etsc.setRights(who[Role.Generator], true, false);
        etsc.setRights(who[Role.Consumer], false, true);
        etsc.offerAdministration(who[Role.Successor]);
        vm.stopPrank();
        vm.roll(openedAt() + 1);
    }

    function openedAt() private view returns (uint256 openedAtBlock) {
        (, openedAtBlock,,) = etsc.slot();
    }

    function somebody(uint256 seed, uint256 index) private pure returns (address account, uint256 key) {
        key = boundPrivateKey(uint256(keccak256(abi.encode(seed, index))));
        account = vm.addr(key);
    }

    /// A user with coins, and power of which a part is on offer.
    function join(address account, address meter_) private {
        vm.startPrank(administrator);
        etsc.empower("user", account, true, true);
        etsc.bindMeter(account, meter_);
        vm.stopPrank();
        meterOf[account] = meter_;
        generate(account, 1000);
        offer(account, 500);
        vm.deal(account, 1 ether);
        buy(account, 1000);
    }

    function everybody() internal view override returns (address[] memory accounts) {
        accounts = new address[](ROLES + 4);
        for (uint256 i = 0; i < ROLES; ++i) {
            accounts[i] = who[Role(i)];
        }
        (accounts[ROLES], accounts[ROLES + 1]) = (metered, rotatedUser);
        (accounts[ROLES + 2], accounts[ROLES + 3]) = (meterless, newcomer);
    }
}
