// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

/// @title Electricity trading smart contract (ETSC), Algorithm 2 of the paper
/// @notice Prosumers buy elecoins from edge servers with ether and electricity from retailers with elecoins.
/// Electricity is in Wh, elecoins in thousandths (mE), elecoin prices in wei per mE, the unit price of
/// electricity Q in mE per kWh. Slots count the rounds of the market from 1; slot 0 is before the first.
/// An address has one role at most: administrator, edge server, user or meter.
interface IETSC {
    // ------------------------------------------------------------------------------------------ records

    /// @notice What cannot change once the contract stands, beside the paper's own parameters.
    struct Terms {
        /// blocks after which anybody may open the next slot
        uint256 slotDeadlineBlocks;
        /// p_min in wei per mE, at least 1; so much of each mE's price is kept to buy it back
        uint256 minUnitPrice;
        /// p_max in wei per mE
        uint256 maxUnitPrice;
        /// Wh that a reading may rise by for each block since the meter's last
        uint256 meterLimit;
    }

    /// @notice What is known of a user; all zero for an account that was never empowered.
    struct User {
        bytes32 name;
        bool registered;
        /// may offer electricity
        bool genRight;
        /// may buy elecoins and electricity
        bool transRight;
        /// Wh at the user's disposal
        uint256 power;
        /// mE
        uint256 coins;
        /// Wh, cumulative, as last metered
        uint256 generated;
        /// Wh, cumulative, as last metered
        uint256 consumed;
        /// Wh, cumulative: consumed beyond what was at the user's disposal
        uint256 deficit;
        /// Wh that others may buy from this user
        uint256 offered;
        address meter;
    }

    /// @notice A smart meter; all zero for an account that is none.
    struct Meter {
        /// for whom it reports
        address user;
        /// Wh that its next reading of generation may rise by in this block
        uint256 generationAllowance;
        /// Wh that its next reading of consumption may rise by in this block
        uint256 consumptionAllowance;
    }

    struct EdgeServer {
        bool registered;
        /// wei per mE, for everybody who has no price of his own; zero until its first slot
        uint256 price;
        /// whether it named prices for single prosumers when it last posted
        bool discriminated;
        /// the slot it last posted prices in
        uint256 pricedInSlot;
        /// wei per mE that it pays for elecoins; zero while it buys none
        uint256 buyBackPrice;
        /// mE left to sell
        uint256 stock;
        /// wei earned and not yet withdrawn
        uint256 credit;
        /// wei kept to buy back what it sold; not part of the credit
        uint256 reserve;
    }

    /// @notice What one prosumer pays where pricing is discriminated.
    struct OwnPrice {
        address prosumer;
        /// wei per mE
        uint256 price;
    }

    /// @notice What a meter signs (EIP-712) for a gateway to relay. The type that is signed has the user
    /// after the meter: Reading(address meter,address user,uint256 generated,uint256 consumed,uint256 deadline).
    struct Reading {
        address meter;
        /// Wh, cumulative
        uint256 generated;
        /// Wh, cumulative
        uint256 consumed;
        /// seconds since 1970: the last moment at which it may be relayed
        uint256 deadline;
    }

    // ------------------------------------------------------------------------------------------- events

    /// Before all others, once: what never changes. Slot 0 begins in its block.
    /// @param totalElecoins mE
    /// @param unitPowerPrice Q, mE per kWh
    /// @param slotDeadlineBlocks this and the following are the terms
    event Initialised(
        uint256 totalElecoins,
        uint256 unitPowerPrice,
        uint256 slotDeadlineBlocks,
        uint256 minUnitPrice,
        uint256 maxUnitPrice,
        uint256 meterLimit
    );
    event AdministrationOffered(address indexed administrator, address indexed successor);
    event AdministrationTaken(address indexed administrator);
    event Paused();
    event Unpaused();
    event EdgeServerAdded(address indexed edgeServer, uint256 stock);
    event Empowered(address indexed user, bytes32 name, bool genRight, bool transRight);
    event RightsChanged(address indexed user, bool genRight, bool transRight);
    event MeterBound(address indexed user, address indexed meter);
    event MeterRotated(address indexed user, address indexed oldMeter, address indexed newMeter);
    /// @param price the seller's for everybody who has none of his own
    event SlotOpened(uint256 indexed slot, address indexed seller, uint256 price);
    /// From here on the edge server's earlier prices, single prosumers' too, are void.
    event PricePosted(uint256 indexed slot, address indexed edgeServer, uint256 price);
    /// Follows the PricePosted of the same transaction.
    event ProsumerPricePosted(
        uint256 indexed slot, address indexed edgeServer, address indexed prosumer, uint256 price
    );
    event BuyBackPricePosted(address indexed edgeServer, uint256 price);
    event Purchased(
        uint256 indexed slot, address indexed buyer, address indexed edgeServer, uint256 amount, uint256 price
    );
    event Redeemed(
        uint256 indexed slot, address indexed user, address indexed edgeServer, uint256 amount, uint256 price
    );
    event Offered(uint256 indexed slot, address indexed retailer, uint256 quantity);
    event Retracted(uint256 indexed slot, address indexed retailer, uint256 quantity);
    event Traded(
        uint256 indexed slot, address indexed buyer, address indexed retailer, uint256 quantity, uint256 cost
    );
    event Generated(uint256 indexed slot, address indexed user, uint256 cumulative);
    /// @param deficit the user's total so far, this reading included
    event Consumed(uint256 indexed slot, address indexed user, uint256 cumulative, uint256 deficit);
    event Withdrawn(address indexed edgeServer, uint256 amount);

    // ------------------------------------------------------------------------------------------- errors

    error NotAdministrator(address caller);
    error NotSuccessor(address caller);
    error NotEdgeServer(address account);
    error NotMeter(address caller);
    error NotRegistered(address account);
    error NoGenRight(address account);
    error NoTransRight(address account);
    error ZeroAddress();
    error NoEdgeServers();
    error ZeroUnitPowerPrice();
    error ZeroMeterLimit();
    error ZeroQuantity();
    /// Nothing but a withdrawal and the administrator's own calls are taken.
    error MarketPaused();
    error MarketNotPaused();
    /// The account has a role already: administrator, edge server, user or meter.
    error RoleTaken(address account);
    error MeterAlreadyBound(address account, address meter);
    error NoMeterBound(address account);
    error SlotNotNext(uint256 slot, uint256 next);
    /// Only an edge server may open a slot until block `deadline` has passed.
    error SlotNotOverdue(uint256 blockNumber, uint256 deadline);
    error NoSellerYet();
    error NoPriceYet(address edgeServer);
    /// An edge server posts its prices once a slot.
    error PriceAlreadyPosted(address edgeServer, uint256 slot);
    error PriceOutOfBounds(uint256 price, uint256 lowest, uint256 highest);
    error PriceTooHigh(uint256 price, uint256 maxPrice);
    error PriceTooLow(uint256 price, uint256 minPrice);
    error NotBuyingBack(address edgeServer);
    error WrongPayment(uint256 sent, uint256 due);
    error InsufficientStock(address edgeServer, uint256 stock, uint256 amount);
    /// Elecoins of other edge servers' are redeemed there: this one has a reserve for `outstanding` mE.
    error InsufficientReserve(address edgeServer, uint256 outstanding, uint256 amount);
    error InsufficientCoins(address account, uint256 coins, uint256 needed);
    error InsufficientPower(address retailer, uint256 power, uint256 quantity);
    error InsufficientOffer(address retailer, uint256 offered, uint256 quantity);
    error SelfTrade(address account);
    error ReadingFell(address account, uint256 last, uint256 cumulative);
    error ReadingTooHigh(address account, uint256 increase, uint256 allowance);
    /// Neither figure of a relayed reading is above the last: a replay.
    error ReadingNotNew(address meter);
    error ReadingExpired(uint256 deadline, uint256 timestamp);
    error NotSignedByMeter(address meter, address signer);
    error NothingToWithdraw(address edgeServer);
    error PaymentFailed(address account, uint256 amount);
    error ValueTooLarge(uint256 value, uint256 limit);

    // ----------------------------------------------------------------------------------- administration

    /// @notice Names who may take over the administration; the zero address takes an offer back.
    /// Administrator only.
    function offerAdministration(address to) external;

    /// @notice Takes over the administration. Whom it was offered to only.
    function takeAdministration() external;

    /// @notice Freezes every balance, offer, price and slot. Withdrawals go on, and so do registration,
    /// rights and meters, so that what made the pause necessary can be mended. Administrator only.
    function pause() external;

    /// @notice Administrator only.
    function unpause() external;

    // ------------------------------------------------------------------------------------- registration

    /// @notice Registers a user with all balances zero. Administrator only, once per account.
    function empower(bytes32 userName, address userAddr, bool genRight, bool transRight) external;

    /// @notice Changes a user's rights; without either the user can only redeem, retract and be metered.
    /// An offer outlives the right to generate: nobody can buy from it meanwhile, but it is good again as soon
    /// as the right is, unless the user has retracted it. Administrator only.
    function setRights(address userAddr, bool genRight, bool transRight) external;

    /// @notice Binds the smart meter that reports for a user, one to one. Administrator only.
    function bindMeter(address userAddr, address meterAddr) external;

    /// @notice Puts a new meter in the place of a user's, whose key is worth nothing from then on. The
    /// user's readings stay, so the new meter goes on from them. Administrator only.
    function rotateMeter(address userAddr, address meterAddr) external;

    // ------------------------------------------------------------------------------------------- prices

    /// @notice An edge server opens slot `slotNumber`, at any time, as its seller and with one price for
    /// all; or, where another one opened that slot, posts its own price in it, once.
    /// Anybody else may open the next slot once the deadline has passed; then the last seller and all
    /// prices stay and `price` is ignored, so that a silent edge server delays the market but cannot stop it.
    /// A price stands no longer than its slot, and the next may be opened in the same block: what protects a
    /// buyer is the `maxPrice` of its own purchase.
    function openSlot(uint256 slotNumber, uint256 price) external;

    /// @notice The same with discriminated pricing: `ownPrices` are single prosumers', `price` is for
    /// everybody else. Edge servers only.
    function openDiscriminatedSlot(uint256 slotNumber, uint256 price, OwnPrice[] calldata ownPrices) external;

    /// @notice Says what the calling edge server pays for elecoins, at most the lowest unit price that the
    /// terms allow, so never more than any price in force; zero to buy none. The reserve sees to it that
    /// whatever price is posted can be paid for every elecoin, and not that any is posted: what an edge server
    /// does not pay of it when it buys back becomes its credit.
    function setBuyBackPrice(uint256 price) external;

    // ----------------------------------------------------------------------------------------- elecoins

    /// @notice Buys `amount` mE at the edge server's price for the caller, unless that exceeds `maxPrice`.
    /// The ether sent must be exactly the cost. An amount of zero is a decision too and is recorded.
    function buyToken(address edgeServerAddr, uint256 amount, uint256 maxPrice) external payable;

    /// @notice Sells `amount` mE to an edge server at its buy-back price, unless that is below `minPrice`,
    /// and pays the caller. Any user, with rights or without.
    function redeem(address edgeServerAddr, uint256 amount, uint256 minPrice) external;

    /// @notice Pays the calling edge server its credit. Never paused.
    function withdraw() external;

    // -------------------------------------------------------------------------------------- electricity

    /// @notice Puts `quantity` Wh more up for sale, at most what the caller has.
    function offer(uint256 quantity) external;

    /// @notice Takes back all that the caller has up for sale.
    function retract() external;

    /// @notice Whether the trade would go through now; reverts with the cause if not.
    /// @return cost in mE, rounded up, so that no quantity is so small that it is free
    function checkQualification(address prosumer, address retailer, uint256 quantity)
        external
        view
        returns (uint256 cost);

    /// @notice Buys `quantity` Wh that `retailer` offers, at the unit price of electricity.
    function trade(address retailer, uint256 quantity) external;

    // ----------------------------------------------------------------------------------------- metering

    /// @notice The caller's user has generated `cumulative` Wh so far. A bound meter only.
    function generation(uint256 cumulative) external;

    /// @notice The caller's user has consumed `cumulative` Wh so far. A bound meter only.
    /// What goes beyond the user's power has been consumed all the same and is recorded as a deficit.
    function consumption(uint256 cumulative) external;

    /// @notice Both readings of a meter in one call that anybody may relay. Readings are cumulative and
    /// never fall, so they are their own sequence: each signature is good once, and never after a later one.
    /// Before a later one it is good until its deadline. Whoever holds it can relay it just then, and the later
    /// one has to wait until the meter's allowance has grown again: that delays a reading and loses nothing.
    function relayReading(Reading calldata reading, uint8 v, bytes32 r, bytes32 s) external;

    // ------------------------------------------------------------------------------------------ queries

    function user(address account) external view returns (User memory);

    function meter(address account) external view returns (Meter memory);

    function edgeServer(address account) external view returns (EdgeServer memory);

    /// @notice What `prosumer` pays at an edge server now, in wei per mE; zero while it has no price.
    function priceFor(address edgeServerAddr, address prosumer) external view returns (uint256);

    /// @return number the current slot
    /// @return openedAtBlock the block it was opened in
    /// @return seller the edge server that opened it; zero in slot 0
    /// @return price the seller's, in wei per mE
    function slot()
        external
        view
        returns (uint256 number, uint256 openedAtBlock, address seller, uint256 price);

    function paused() external view returns (bool);

    function administrator() external view returns (address);

    /// @notice Who may take over the administration; zero if nobody.
    function successor() external view returns (address);

    /// @notice mE in all accounts and stocks together, for ever.
    function totalElecoins() external view returns (uint256);

    /// @notice Q, mE per kWh.
    function unitPowerPrice() external view returns (uint256);

    function terms() external view returns (Terms memory);
}
