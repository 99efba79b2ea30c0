// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Market} from "../Market.sol";
import {Cast} from "./Cast.sol";
import {Handler} from "./Handler.sol";
import {Reentrant} from "./Reentrant.sol";
import {Shadow} from "./Shadow.sol";

/// @title The market that the handlers play on: four users, three edge servers, more meters than users
/// @dev The last user and the last edge server are contracts that re-enter when they are paid.
abstract contract Stage is Market {
    uint256 private constant METERS = 6;
    uint256 private constant PURSE = 10 ** 12 * 1 ether; // never empty

    Handler internal handler;
    Cast internal cast;

    function setUp() public virtual override {
        vm.recordLogs();
        for (uint256 i = 1; i <= 3; ++i) {
            cast.edgeServers.push(makeAddr(string.concat("edge server ", vm.toString(i))));
        }
        for (uint256 i = 1; i <= METERS; ++i) {
            (address device, uint256 key) = makeAddrAndKey(string.concat("meter ", vm.toString(i)));
            cast.meters.push(device);
            cast.keys.push(key);
        }
        _addUser("prosumer");
        _addUser("retailer");
        _addUser("household");
        _addUser("saver");
        cast.administrators = [administrator, makeAddr("deputy"), cast.users[3]];
        cast.stranger = stranger;
        cast.totalElecoins = TOTAL_ELECOINS;
        cast.unitPowerPrice = UNIT_POWER_PRICE;
        cast.terms = terms();
        etsc = deploy(administrator, TOTAL_ELECOINS, UNIT_POWER_PRICE, cast.edgeServers, cast.terms);
        cast.etsc = etsc;
        address reentrant = address(new Reentrant(etsc, cast.edgeServers[0]));
        vm.etch(cast.edgeServers[2], reentrant.code);
        vm.etch(cast.users[3], reentrant.code);
        handler = Handler(deployCode("Handler.sol:Handler", abi.encode(cast, block.number, newShadow())));
        // What is forbidden is tried in every suite: it must upset no invariant.
        targetContract(address(handler));
        targetContract(deployCode("ForbiddenAdministration.sol:ForbiddenAdministration", abi.encode(handler)));
        targetContract(deployCode("ForbiddenElecoins.sol:ForbiddenElecoins", abi.encode(handler)));
        targetContract(deployCode("ForbiddenElectricity.sol:ForbiddenElectricity", abi.encode(handler)));
        targetContract(deployCode("ForbiddenReadings.sol:ForbiddenReadings", abi.encode(handler)));
    }

    /// For suites that replay the events; called when the contract stands and before anything else happens.
    function newShadow() internal virtual returns (Shadow) {
        return Shadow(address(0));
    }

    /// Whether the contract answers all questions as `model` does.
    function assertAgrees(address model) internal view {
        for (uint256 i = 0; i < cast.users.length; ++i) {
            _assertSame(model, abi.encodeCall(IETSC.user, (cast.users[i])));
        }
        for (uint256 i = 0; i < cast.meters.length; ++i) {
            _assertSame(model, abi.encodeCall(IETSC.meter, (cast.meters[i])));
        }
        for (uint256 i = 0; i < cast.edgeServers.length; ++i) {
            _assertSame(model, abi.encodeCall(IETSC.edgeServer, (cast.edgeServers[i])));
            for (uint256 j = 0; j < cast.users.length; ++j) {
                _assertSame(model, abi.encodeCall(IETSC.priceFor, (cast.edgeServers[i], cast.users[j])));
            }
        }
        _assertSame(model, abi.encodeCall(IETSC.slot, ()));
        _assertSame(model, abi.encodeCall(IETSC.paused, ()));
        _assertSame(model, abi.encodeCall(IETSC.administrator, ()));
        _assertSame(model, abi.encodeCall(IETSC.successor, ()));
    }

    function _assertSame(address model, bytes memory question) private view {
        (, bytes memory answer) = address(etsc).staticcall(question);
        (, bytes memory expected) = model.staticcall(question);
        if (keccak256(answer) == keccak256(expected)) return;
        assertEq(answer, expected, string.concat("the answer to ", vm.toString(question)));
    }

    function _addUser(string memory name) private {
        address user = makeAddr(name);
        vm.deal(user, PURSE);
        cast.users.push(user);
    }
}
