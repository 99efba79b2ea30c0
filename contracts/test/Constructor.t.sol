// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../src/IETSC.sol";
import {Market} from "./Market.sol";

contract ConstructorTest is Market {
    function deployWith(IETSC.Terms memory terms_) private returns (IETSC) {
        return deploy(administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms_);
    }

    function test_startsBeforeTheFirstSlot() public {
        etsc = deployWith(terms());
        (uint256 number, uint256 openedAtBlock, address seller, uint256 price) = etsc.slot();
        assertEq(number, 0);
        assertEq(openedAtBlock, vm.getBlockNumber());
        assertEq(seller, address(0));
        assertEq(price, 0);
        assertFalse(etsc.paused());
        assertEq(etsc.administrator(), administrator);
        assertEq(etsc.successor(), address(0));
    }

    function testFuzz_keepsItsParameters(
        uint256 total,
        uint256 unitPowerPrice,
        uint256 deadline,
        uint256 lowest,
        uint256 highest,
        uint256 limit
    ) public {
        total = bound(total, 0, type(uint48).max);
        unitPowerPrice = bound(unitPowerPrice, 1, type(uint48).max);
        lowest = bound(lowest, 1, type(uint80).max);
        IETSC.Terms memory given = IETSC.Terms({
            slotDeadlineBlocks: bound(deadline, 0, type(uint48).max),
            minUnitPrice: lowest,
            maxUnitPrice: bound(highest, lowest, type(uint80).max),
            meterLimit: bound(limit, 1, type(uint48).max)
        });
        etsc = deploy(administrator, total, unitPowerPrice, edgeServers, given);
        assertEq(etsc.totalElecoins(), total);
        assertEq(etsc.unitPowerPrice(), unitPowerPrice);
        assertEq(abi.encode(etsc.terms()), abi.encode(given));
    }

    function testFuzz_splitsTheStockAndTheFirstTakesTheRemainder(uint256 total, uint256 count) public {
        total = bound(total, 0, type(uint48).max);
        count = bound(count, 1, 12);
        address[] memory servers = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            servers[i] = address(uint160(0xed6e0000 + i));
        }
        etsc = deploy(administrator, total, UNIT_POWER_PRICE, servers, terms());
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) {
            IETSC.EdgeServer memory server = etsc.edgeServer(servers[i]);
            assertEq(server.stock, total / count + (i == 0 ? total % count : 0));
            assertTrue(server.registered); // with an empty stock too
            assertEq(server.price, 0);
            assertFalse(server.discriminated);
            assertEq(server.pricedInSlot, 0);
            assertEq(server.buyBackPrice, 0);
            assertEq(server.credit, 0);
            assertEq(server.reserve, 0);
            sum += server.stock;
        }
        assertEq(sum, total);
    }

    function test_announcesWhatNeverChangesTheAdministratorAndEachEdgeServer() public {
        uint256 share = TOTAL_ELECOINS / 3;
        vm.expectEmit();
        emit IETSC.Initialised(
            TOTAL_ELECOINS, UNIT_POWER_PRICE, DEADLINE_BLOCKS, MIN_PRICE, MAX_PRICE, METER_LIMIT
        );
        vm.expectEmit();
        emit IETSC.AdministrationTaken(administrator);
        vm.expectEmit();
        emit IETSC.EdgeServerAdded(edgeServers[0], TOTAL_ELECOINS - 2 * share);
        vm.expectEmit();
        emit IETSC.EdgeServerAdded(edgeServers[1], share);
        vm.expectEmit();
        emit IETSC.EdgeServerAdded(edgeServers[2], share);
        deployWith(terms());
    }

    // ----------------------------------------------------------------------------------------- refusals

    /// Not `deploy`, which looks up the compiled contract between the expectation and the creation.
    function refuses(
        bytes memory cause,
        address administrator_,
        uint256 total,
        uint256 unitPowerPrice,
        address[] memory servers,
        IETSC.Terms memory terms_
    ) private {
        bytes memory code = abi.encodePacked(
            vm.getCode("ETSC.sol:ETSC"), abi.encode(administrator_, total, unitPowerPrice, servers, terms_)
        );
        address made;
        vm.expectRevert(cause);
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        // Where the expectation fails, forge undoes the creation, which assembly would not notice.
        assertNotEq(made, address(0), "not refused, or for another reason");
    }

    function refusesTerms(bytes memory cause, IETSC.Terms memory terms_) private {
        refuses(cause, administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms_);
    }

    function test_needsAnAdministrator() public {
        bytes memory cause = abi.encodeWithSelector(IETSC.ZeroAddress.selector);
        refuses(cause, address(0), TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms());
    }

    function test_needsEdgeServers() public {
        bytes memory cause = abi.encodeWithSelector(IETSC.NoEdgeServers.selector);
        refuses(cause, administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, new address[](0), terms());
    }

    function test_refusesTheZeroAddressAsAnEdgeServer() public {
        edgeServers[2] = address(0);
        bytes memory cause = abi.encodeWithSelector(IETSC.ZeroAddress.selector);
        refuses(cause, administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms());
    }

    function test_refusesAnEdgeServerTwice() public {
        edgeServers[2] = edgeServers[0];
        bytes memory cause = abi.encodeWithSelector(IETSC.RoleTaken.selector, edgeServers[0]);
        refuses(cause, administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms());
    }

    function test_refusesTheAdministratorAsAnEdgeServer() public {
        bytes memory cause = abi.encodeWithSelector(IETSC.RoleTaken.selector, edgeServers[1]);
        refuses(cause, edgeServers[1], TOTAL_ELECOINS, UNIT_POWER_PRICE, edgeServers, terms());
    }

    function test_refusesAFreeUnitOfElectricity() public {
        bytes memory cause = abi.encodeWithSelector(IETSC.ZeroUnitPowerPrice.selector);
        refuses(cause, administrator, TOTAL_ELECOINS, 0, edgeServers, terms());
    }

    function test_refusesAMeterLimitOfZero() public {
        IETSC.Terms memory given = terms();
        given.meterLimit = 0;
        refusesTerms(abi.encodeWithSelector(IETSC.ZeroMeterLimit.selector), given);
    }

    function testFuzz_refusesALowestPriceOfZeroOrAboveTheHighest(uint256 lowest) public {
        IETSC.Terms memory given = terms();
        given.minUnitPrice = lowest % 2 == 0 ? 0 : bound(lowest, MAX_PRICE + 1, type(uint256).max);
        refusesTerms(
            abi.encodeWithSelector(IETSC.PriceOutOfBounds.selector, given.minUnitPrice, 1, MAX_PRICE), given
        );
    }

    function testFuzz_refusesMoreElecoinsThanFit(uint256 total) public {
        total = bound(total, uint256(type(uint48).max) + 1, type(uint256).max);
        refuses(tooLarge(total, type(uint48).max), administrator, total, 600, edgeServers, terms());
    }

    function testFuzz_refusesAUnitPowerPriceThatDoesNotFit(uint256 price) public {
        price = bound(price, uint256(type(uint48).max) + 1, type(uint256).max);
        refuses(tooLarge(price, type(uint48).max), administrator, 1, price, edgeServers, terms());
    }

    function testFuzz_refusesAMeterLimitThatDoesNotFit(uint256 limit) public {
        IETSC.Terms memory given = terms();
        given.meterLimit = bound(limit, uint256(type(uint48).max) + 1, type(uint256).max);
        refusesTerms(tooLarge(given.meterLimit, type(uint48).max), given);
    }

    function testFuzz_refusesADeadlineThatDoesNotFit(uint256 blocks) public {
        IETSC.Terms memory given = terms();
        given.slotDeadlineBlocks = bound(blocks, uint256(type(uint48).max) + 1, type(uint256).max);
        refusesTerms(tooLarge(given.slotDeadlineBlocks, type(uint48).max), given);
    }

    function testFuzz_refusesAHighestPriceThatDoesNotFit(uint256 price) public {
        IETSC.Terms memory given = terms();
        given.maxUnitPrice = bound(price, uint256(type(uint80).max) + 1, type(uint256).max);
        refusesTerms(tooLarge(given.maxUnitPrice, type(uint80).max), given);
    }

    function tooLarge(uint256 value, uint256 limit) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IETSC.ValueTooLarge.selector, value, limit);
    }
}
