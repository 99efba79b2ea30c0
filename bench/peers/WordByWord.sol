// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

/// @title Algorithm 2 of the paper as it stands there: a field for each of its names, and no more checks
/// than it has. A peer for `python -m bench gas`, not a contract to use.
contract WordByWord {
    struct Account {
        string userName;
        bool registered;
        bool genRight;
        bool transRight;
        uint256 availPower;
        uint256 avaElecoins;
        uint256 totalGenPower;
        uint256 totalUsePower;
    }

    address public administrator;
    uint256 public totalElecoins;
    uint256 public unitPowerPrice;
    mapping(address edgeServer => uint256) public stock;
    mapping(address edgeServer => uint256) public price;
    mapping(address user => Account) public accounts;
    mapping(address meter => address) public userOf;

    event Empowered(address indexed user, string userName);
    event Purchased(address indexed buyer, address indexed edgeServer, uint256 amount);
    event Traded(address indexed buyer, address indexed retailer, uint256 quantity, uint256 cost);
    event Generated(address indexed user, uint256 quantity);
    event Consumed(address indexed user, uint256 quantity);

    constructor(
        address administrator_,
        uint256 totalElecoins_,
        uint256 unitPowerPrice_,
        address[] memory edgeServersAccounts,
        uint256 price_
    ) {
        administrator = administrator_;
        totalElecoins = totalElecoins_;
        unitPowerPrice = unitPowerPrice_;
        for (uint256 i = 0; i < edgeServersAccounts.length; ++i) {
            stock[edgeServersAccounts[i]] = totalElecoins_ / edgeServersAccounts.length;
            price[edgeServersAccounts[i]] = price_;
        }
    }

    function empower(string calldata userName, address userAddr, bool genRight, bool transRight) external {
        require(msg.sender == administrator, "not the administrator");
        require(!accounts[userAddr].registered, "registered already");
        Account storage account = accounts[userAddr];
        account.userName = userName;
        account.registered = true;
        account.genRight = genRight;
        account.transRight = transRight;
        emit Empowered(userAddr, userName);
    }

    function bindMeter(address userAddr, address meter) external {
        require(msg.sender == administrator, "not the administrator");
        userOf[meter] = userAddr;
    }

    function buyToken(address edgeServer, uint256 amount) external payable {
        require(accounts[msg.sender].transRight, "no right to trade");
        require(msg.value == amount * price[edgeServer], "wrong payment");
        stock[edgeServer] -= amount;
        accounts[msg.sender].avaElecoins += amount;
        emit Purchased(msg.sender, edgeServer, amount);
    }

    function trade(address retailer, uint256 quantity) external {
        require(accounts[msg.sender].transRight, "no right to trade");
        require(accounts[retailer].genRight, "no right to sell");
        uint256 cost = quantity * unitPowerPrice / 1000;
        accounts[msg.sender].availPower += quantity;
        accounts[msg.sender].avaElecoins -= cost;
        accounts[retailer].availPower -= quantity;
        accounts[retailer].avaElecoins += cost;
        emit Traded(msg.sender, retailer, quantity, cost);
    }

    function generation(uint256 quantity) external {
        Account storage account = accounts[userOf[msg.sender]];
        require(account.registered, "not a meter");
        account.availPower += quantity;
        account.totalGenPower += quantity;
        emit Generated(userOf[msg.sender], quantity);
    }

    function consumption(uint256 quantity) external {
        Account storage account = accounts[userOf[msg.sender]];
        require(account.registered, "not a meter");
        account.availPower -= quantity;
        account.totalUsePower += quantity;
        emit Consumed(userOf[msg.sender], quantity);
    }
}
