// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Market} from "../Market.sol";
import {Cast} from "./Cast.sol";
import {ForbiddenAdministration} from "./ForbiddenAdministration.sol";
import {ForbiddenElecoins} from "./ForbiddenElecoins.sol";
import {ForbiddenElectricity} from "./ForbiddenElectricity.sol";
import {ForbiddenReadings} from "./ForbiddenReadings.sol";
import {Handler} from "./Handler.sol";
import {Reentrant} from "./Reentrant.sol";
import {Shadow} from "./Shadow.sol";

/// @title The market that the handlers play on: four users, three edge servers, more meters than users
/// @dev The last user and the last edge server are contracts that re-enter when they are paid.
abstract contract Stage is Market {
    uint256 private constant METERS = 6;
    uint256 private constant WEIGHT = 3;
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
        _targetHandler();
        // What is forbidden is tried in every suite: it must upset no invariant. Forge calls only what it has
        // compiled, of a selection of the tests what they import: hence the types.
        bytes memory told = abi.encode(handler);
        targetContract(address(ForbiddenAdministration(deployCode("ForbiddenAdministration.sol", told))));
        targetContract(address(ForbiddenElecoins(deployCode("ForbiddenElecoins.sol", told))));
        targetContract(address(ForbiddenElectricity(deployCode("ForbiddenElectricity.sol", told))));
        targetContract(address(ForbiddenReadings(deployCode("ForbiddenReadings.sol", told))));
    }

    /// What is forbidden seldom finds nothing to try: drawn as often as that, what is legal would come to half of
    /// all calls, and to a quarter of the trades. Forge draws a selector as often as it is named.
    function _targetHandler() private {
        bytes4[25] memory acts = [
            handler.bindMeter.selector,
            handler.buyToken.selector,
            handler.consumption.selector,
            handler.empower.selector,
            handler.forceEther.selector,
            handler.generation.selector,
            handler.joinDiscriminatedSlot.selector,
            handler.joinSlot.selector,
            handler.offer.selector,
            handler.offerAdministration.selector,
            handler.openDiscriminatedSlot.selector,
            handler.openSlot.selector,
            handler.pause.selector,
            handler.redeem.selector,
            handler.relayReading.selector,
            handler.retract.selector,
            handler.rotateMeter.selector,
            handler.setBuyBackPrice.selector,
            handler.setRights.selector,
            handler.takeAdministration.selector,
            handler.takeSlotOver.selector,
            handler.trade.selector,
            handler.unpause.selector,
            handler.wait.selector,
            handler.withdraw.selector
        ];
        bytes4[] memory drawn = new bytes4[](WEIGHT * acts.length);
        for (uint256 i = 0; i < drawn.length; ++i) {
            drawn[i] = acts[i % acts.length];
        }
        targetContract(address(handler));
        targetSelector(FuzzSelector(address(handler), drawn));
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
