// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

import {IETSC} from "../../src/IETSC.sol";
import {Cast} from "./Cast.sol";

/// @title What ought to be so, by plain bookkeeping of what was asked for
/// @dev Nothing is taken from the contract. What comes in and what goes out are summed apart, in plain
/// numbers, and balances are their differences; the queries answer as the contract's should.
abstract contract Ghost {
    struct Person {
        bytes32 name;
        bool registered;
        bool genRight;
        bool transRight;
        // Wh
        uint256 generated;
        uint256 consumed;
        uint256 deficit;
        uint256 bought;
        uint256 sold;
        uint256 offered;
        // mE
        uint256 purchased;
        uint256 redeemed;
        uint256 earned;
        uint256 spent;
        // wei
        uint256 paid;
        uint256 received;
        address meter;
        uint256 meteredSinceBlock;
    }

    struct Shop {
        // mE
        uint256 allotment;
        uint256 sold;
        uint256 boughtBack;
        // wei
        uint256 income;
        uint256 paidOut;
        uint256 withdrawn;
        // wei per mE
        uint256 price;
        uint256 buyBackPrice;
        bool discriminated;
        uint256 pricedInSlot;
    }

    struct Device {
        address user;
        uint256 generationReadAt;
        uint256 consumptionReadAt;
    }

    Cast internal cast;
    mapping(address account => Person) internal people;
    mapping(address account => Shop) internal shops;
    mapping(address account => Device) internal devices;
    mapping(address edgeServer => mapping(address prosumer => uint256)) internal ownPrices;
    uint256 internal slotNumber;
    uint256 internal slotOpenedAtBlock;
    address internal slotSeller;
    /// wei put into the contract by force
    uint256 public forcedEther;

    /// The same names and answers as the contract's, so that one question can be put to both.
    bool public paused;
    address public administrator;
    address public successor;

    constructor(Cast memory cast_, uint256 deployedAtBlock) {
        cast = cast_;
        administrator = cast_.administrators[0];
        slotOpenedAtBlock = deployedAtBlock;
        uint256 count = cast_.edgeServers.length;
        for (uint256 i = 0; i < count; ++i) {
            shops[cast_.edgeServers[i]].allotment = cast_.totalElecoins / count;
        }
        shops[cast_.edgeServers[0]].allotment += cast_.totalElecoins % count;
    }

    // ------------------------------------------------------------------------------------------ queries

    function players() external view returns (Cast memory) {
        return cast;
    }

    function user(address account) external view returns (IETSC.User memory) {
        Person storage person = people[account];
        return IETSC.User({
            name: person.name,
            registered: person.registered,
            genRight: person.genRight,
            transRight: person.transRight,
            power: powerOf(account),
            coins: coinsOf(account),
            generated: person.generated,
            consumed: person.consumed,
            deficit: person.deficit,
            offered: person.offered,
            meter: person.meter
        });
    }

    function meter(address account) external view returns (IETSC.Meter memory record) {
        Device storage device = devices[account];
        if (device.user == address(0)) return record;
        record.user = device.user;
        record.generationAllowance = (block.number - device.generationReadAt) * cast.terms.meterLimit;
        record.consumptionAllowance = (block.number - device.consumptionReadAt) * cast.terms.meterLimit;
    }

    function edgeServer(address account) external view returns (IETSC.EdgeServer memory record) {
        Shop storage shop = shops[account];
        if (shop.allotment == 0) return record;
        return IETSC.EdgeServer({
            registered: true,
            price: shop.price,
            discriminated: shop.discriminated,
            pricedInSlot: shop.pricedInSlot,
            buyBackPrice: shop.buyBackPrice,
            stock: stockOf(account),
            credit: creditOf(account),
            reserve: outstandingOf(account) * cast.terms.minUnitPrice
        });
    }

    function priceFor(address server, address prosumer) public view returns (uint256) {
        uint256 own = ownPrices[server][prosumer];
        return own == 0 ? shops[server].price : own;
    }

    function slot() external view returns (uint256, uint256, address, uint256) {
        return (slotNumber, slotOpenedAtBlock, slotSeller, shops[slotSeller].price);
    }

    /// Wei that the account paid for elecoins, and that it got for them.
    function etherOf(address account) external view returns (uint256 paid, uint256 received) {
        return (people[account].paid, people[account].received);
    }

    /// When the account's first meter was bound; zero if none was.
    function meteredSinceBlock(address account) external view returns (uint256) {
        return people[account].meteredSinceBlock;
    }

    // ----------------------------------------------------------------------------------------- balances

    function powerOf(address account) internal view returns (uint256) {
        Person storage person = people[account];
        return person.generated + person.bought + person.deficit - person.consumed - person.sold;
    }

    function coinsOf(address account) internal view returns (uint256) {
        Person storage person = people[account];
        return person.purchased + person.earned - person.redeemed - person.spent;
    }

    /// Wh that the account could put up for sale now.
    function freeOf(address account) internal view returns (uint256) {
        uint256 power = powerOf(account);
        uint256 offered = people[account].offered;
        return power > offered ? power - offered : 0;
    }

    /// Wh that others could buy from the account now.
    function forSale(address account) internal view returns (uint256) {
        uint256 power = powerOf(account);
        uint256 offered = people[account].offered;
        return power < offered ? power : offered;
    }

    function outstandingOf(address server) public view returns (uint256) {
        return shops[server].sold - shops[server].boughtBack;
    }

    function stockOf(address server) internal view returns (uint256) {
        return shops[server].allotment - outstandingOf(server);
    }

    /// All that came in and did not go out again, except what is kept to buy back.
    function creditOf(address server) internal view returns (uint256) {
        Shop storage shop = shops[server];
        return shop.income - shop.paidOut - shop.withdrawn - outstandingOf(server) * cast.terms.minUnitPrice;
    }

    function takesPart(address account) internal view returns (bool) {
        return
            people[account].registered || shops[account].allotment != 0 || devices[account].user != address(0);
    }

    // ------------------------------------------------------------------------------------------ entries

    function posted(address server, uint256 price, bool discriminated) internal {
        shops[server].price = price;
        shops[server].discriminated = discriminated;
        shops[server].pricedInSlot = slotNumber;
        for (uint256 i = 0; i < cast.users.length; ++i) {
            delete ownPrices[server][cast.users[i]];
        }
    }

    function slotOpened(address seller, uint256 atBlock) internal {
        ++slotNumber;
        slotOpenedAtBlock = atBlock;
        slotSeller = seller;
    }

    function bound(address account, address meterAddr, uint256 atBlock) internal {
        delete devices[people[account].meter];
        people[account].meter = meterAddr;
        devices[meterAddr] = Device(account, atBlock, atBlock);
        if (people[account].meteredSinceBlock == 0) people[account].meteredSinceBlock = atBlock;
    }

    function generatedMore(address account, uint256 increase, uint256 atBlock) internal {
        people[account].generated += increase;
        devices[people[account].meter].generationReadAt = atBlock;
    }

    function consumedMore(address account, uint256 increase, uint256 atBlock) internal {
        uint256 power = powerOf(account);
        if (increase > power) people[account].deficit += increase - power;
        people[account].consumed += increase;
        devices[people[account].meter].consumptionReadAt = atBlock;
    }
}
