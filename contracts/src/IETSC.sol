// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

/// @title Electricity trading smart contract (ETSC), Algorithm 2 of the paper
/// @notice Prosumers buy elecoins from edge servers with ether and electricity from retailers with elecoins.
/// Electricity is in Wh, elecoins in thousandths (mE), elecoin prices in wei per mE, the unit price of
/// electricity Q in mE per kWh. Slots count the rounds of the market from 1; slot 0 is before the first.
interface IETSC {
    // ------------------------------------------------------------------------------------------ records

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

    struct EdgeServer {
        bool registered;
        /// wei per mE; zero until its first slot
        uint256 price;
        /// mE left to sell
        uint256 stock;
        /// wei earned and not yet withdrawn
        uint256 credit;
    }

    // ------------------------------------------------------------------------------------------- events

    event EdgeServerAdded(address indexed edgeServer, uint256 stock);
    event Empowered(address indexed user, bytes32 name, bool genRight, bool transRight);
    event MeterBound(address indexed user, address indexed meter);
    event SlotOpened(uint256 indexed slot, address indexed seller, uint256 price);
    event Purchased(
        uint256 indexed slot, address indexed buyer, address indexed edgeServer, uint256 amount, uint256 price
    );
    event Offered(uint256 indexed slot, address indexed retailer, uint256 quantity);
    event Traded(
        uint256 indexed slot, address indexed buyer, address indexed retailer, uint256 quantity, uint256 cost
    );
    event Generated(uint256 indexed slot, address indexed user, uint256 cumulative);
    /// @param deficit the user's total so far, this reading included
    event Consumed(uint256 indexed slot, address indexed user, uint256 cumulative, uint256 deficit);
    event Withdrawn(address indexed edgeServer, uint256 amount);

    // ------------------------------------------------------------------------------------------- errors

    error NotAdministrator(address caller);
    error NotEdgeServer(address account);
    error NotMeter(address caller);
    error NotRegistered(address account);
    error NoGenRight(address account);
    error NoTransRight(address account);
    error ZeroAddress();
    error NoEdgeServers();
    error ZeroUnitPowerPrice();
    error ZeroPrice();
    error ZeroQuantity();
    /// The account has a role already: administrator, edge server, user or meter.
    error RoleTaken(address account);
    error MeterAlreadyBound(address account, address meter);
    error SlotNotNext(uint256 slot, uint256 next);
    /// Only an edge server may open a slot until block `deadline` has passed.
    error SlotNotOverdue(uint256 blockNumber, uint256 deadline);
    error NoSellerYet();
    error NoPriceYet(address edgeServer);
    error PriceTooHigh(uint256 price, uint256 maxPrice);
    error WrongPayment(uint256 sent, uint256 due);
    error InsufficientStock(address edgeServer, uint256 stock, uint256 amount);
    error InsufficientCoins(address prosumer, uint256 coins, uint256 cost);
    error InsufficientPower(address retailer, uint256 power, uint256 quantity);
    error InsufficientOffer(address retailer, uint256 offered, uint256 quantity);
    error SelfTrade(address account);
    error ReadingFell(address account, uint256 last, uint256 cumulative);
    error NothingToWithdraw(address edgeServer);
    error WithdrawalFailed(address edgeServer, uint256 amount);
    error ValueTooLarge(uint256 value, uint256 limit);

    // ------------------------------------------------------------------------------------- registration

    /// @notice Registers a user with all balances zero. Administrator only, once per account.
    function empower(bytes32 userName, address userAddr, bool genRight, bool transRight) external;

    /// @notice Binds the smart meter that reports for a user, one to one. Administrator only.
    function bindMeter(address userAddr, address meter) external;

    // ------------------------------------------------------------------------------------------ trading

    /// @notice Opens the next slot. An edge server opens it at any time, at `price` and as its seller.
    /// Anybody else may once the deadline has passed; then the last seller and its price stay and
    /// `price` is ignored, so that a silent edge server delays the market but cannot stop it.
    function openSlot(uint256 slotNumber, uint256 price) external;

    /// @notice Buys `amount` mE at the edge server's price, unless that exceeds `maxPrice`.
    /// The ether sent must be exactly the cost. An amount of zero is a decision too and is recorded.
    function buyToken(address seller, uint256 amount, uint256 maxPrice) external payable;

    /// @notice Puts `quantity` Wh more up for sale, at most what the caller has.
    function offer(uint256 quantity) external;

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

    // ------------------------------------------------------------------------------------------ payment

    /// @notice Pays the calling edge server what it has earned.
    function withdraw() external;

    // ------------------------------------------------------------------------------------------ queries

    function user(address account) external view returns (User memory);

    function edgeServer(address account) external view returns (EdgeServer memory);

    /// @return number the current slot
    /// @return openedAtBlock the block it was opened in
    /// @return seller the edge server that set the price; zero in slot 0
    /// @return price the seller's, in wei per mE
    function slot() external view returns (uint256 number, uint256 openedAtBlock, address seller, uint256 price);

    /// @notice The user that `meter` reports for; zero if it is not bound.
    function userOf(address meter) external view returns (address);

    function administrator() external view returns (address);

    /// @notice mE in all accounts and stocks together, for ever.
    function totalElecoins() external view returns (uint256);

    /// @notice Q, mE per kWh.
    function unitPowerPrice() external view returns (uint256);

    function slotDeadlineBlocks() external view returns (uint256);
}
