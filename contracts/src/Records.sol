// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.26;

// One storage slot for each record. Structs would be unpacked and packed again field by field, which costs
// a trade 4,000 gas. Here a change of a field is an addition to the whole word: `word + (amount << OFFSET)`.
// That is sound as long as no field overflows or falls below zero, so every line that does it says what
// bounds the amount.

uint256 constant MASK_24 = type(uint24).max;
uint256 constant MASK_32 = type(uint32).max;
uint256 constant MASK_48 = type(uint48).max;
uint256 constant MASK_80 = type(uint80).max;
uint256 constant MASK_88 = type(uint88).max;
uint256 constant MASK_160 = type(uint160).max;

// ------------------------------------------------------------------------------------------------- users

/// A user: power, coins, offered, generated, consumed (48 bits each) and rights (8 bits), from the lowest.
/// Zero for everybody else.
type Account is uint256;

uint256 constant POWER = 0;
uint256 constant COINS = 48;
uint256 constant OFFERED = 96;
uint256 constant GENERATED = 144;
uint256 constant CONSUMED = 192;
uint256 constant RIGHTS = 240;

uint256 constant REGISTERED = 1 << RIGHTS;
uint256 constant GEN_RIGHT = 2 << RIGHTS;
uint256 constant TRANS_RIGHT = 4 << RIGHTS;

using {power, coins, offered, generated, consumed, has, exists} for Account global;

function power(Account self) pure returns (uint256) {
    return Account.unwrap(self) & MASK_48;
}

function coins(Account self) pure returns (uint256) {
    return (Account.unwrap(self) >> COINS) & MASK_48;
}

function offered(Account self) pure returns (uint256) {
    return (Account.unwrap(self) >> OFFERED) & MASK_48;
}

function generated(Account self) pure returns (uint256) {
    return (Account.unwrap(self) >> GENERATED) & MASK_48;
}

function consumed(Account self) pure returns (uint256) {
    return (Account.unwrap(self) >> CONSUMED) & MASK_48;
}

function has(Account self, uint256 right) pure returns (bool) {
    return Account.unwrap(self) & right != 0;
}

function exists(Account self) pure returns (bool) {
    return Account.unwrap(self) != 0;
}

// ------------------------------------------------------------------------------------------------ meters

/// A meter: its user (160 bits), that user's deficit (48), and the lowest 24 bits of the blocks of its last
/// readings of generation and of consumption. The deficit lives here because each reading writes this slot
/// anyway, and the user's is full. Blocks counted modulo 2^24 may seem fewer than they are, never more.
type Device is uint256;

uint256 constant DEFICIT = 160;
uint256 constant GENERATION_BLOCK = 208;
uint256 constant CONSUMPTION_BLOCK = 232;

using {reportsFor, deficit, blocksSince, at} for Device global;

function reportsFor(Device self) pure returns (address) {
    return address(uint160(Device.unwrap(self) & MASK_160));
}

function deficit(Device self) pure returns (uint256) {
    return (Device.unwrap(self) >> DEFICIT) & MASK_48;
}

/// @param register GENERATION_BLOCK or CONSUMPTION_BLOCK
function blocksSince(Device self, uint256 register) view returns (uint256) {
    unchecked {
        return (block.number - (Device.unwrap(self) >> register)) & MASK_24;
    }
}

/// The same, read in this block.
function at(Device self, uint256 register) view returns (Device) {
    uint256 rest = Device.unwrap(self) & ~(MASK_24 << register);
    return Device.wrap(rest | ((block.number & MASK_24) << register));
}

function newDevice(address user, uint256 deficit_) view returns (Device) {
    Device device = Device.wrap(uint256(uint160(user)) | (deficit_ << DEFICIT));
    return device.at(GENERATION_BLOCK).at(CONSUMPTION_BLOCK);
}

// ------------------------------------------------------------------------------------------ edge servers

/// An edge server: stock (48 bits), price (80), credit (88), the slot it last posted prices in (32), and how
/// (8). Zero for everybody else.
type Till is uint256;

uint256 constant PRICE = 48;
uint256 constant CREDIT = 128;
uint256 constant PRICED_IN_SLOT = 216;
uint256 constant UNIFIED = 1 << 248;
uint256 constant DISCRIMINATED = 2 << 248;

using {stock, unifiedPrice, credit, pricedInSlot, isDiscriminated, isOpen, priced} for Till global;

function stock(Till self) pure returns (uint256) {
    return Till.unwrap(self) & MASK_48;
}

function unifiedPrice(Till self) pure returns (uint256) {
    return (Till.unwrap(self) >> PRICE) & MASK_80;
}

function credit(Till self) pure returns (uint256) {
    return (Till.unwrap(self) >> CREDIT) & MASK_88;
}

function pricedInSlot(Till self) pure returns (uint256) {
    return (Till.unwrap(self) >> PRICED_IN_SLOT) & MASK_32;
}

function isDiscriminated(Till self) pure returns (bool) {
    return Till.unwrap(self) & DISCRIMINATED != 0;
}

function isOpen(Till self) pure returns (bool) {
    return Till.unwrap(self) != 0;
}

/// The same with new prices; all three must fit.
function priced(Till self, uint256 price, uint256 slot, uint256 pricing) pure returns (Till) {
    uint256 kept = Till.unwrap(self) & ((MASK_88 << CREDIT) | MASK_48);
    return Till.wrap(kept | (price << PRICE) | (slot << PRICED_IN_SLOT) | pricing);
}

// ------------------------------------------------------------------------------------------------ market

/// Where the market stands: slot (32 bits), the block it was opened in (48), its seller (160), and whether
/// everything is paused.
type Market is uint256;

uint256 constant OPENED_AT_BLOCK = 32;
uint256 constant SELLER = 80;
uint256 constant PAUSED = 1 << 240;

using {slotNumber, openedAtBlock, seller, isPaused} for Market global;

function slotNumber(Market self) pure returns (uint256) {
    return Market.unwrap(self) & MASK_32;
}

function openedAtBlock(Market self) pure returns (uint256) {
    return (Market.unwrap(self) >> OPENED_AT_BLOCK) & MASK_48;
}

function seller(Market self) pure returns (address) {
    return address(uint160((Market.unwrap(self) >> SELLER) & MASK_160));
}

function isPaused(Market self) pure returns (bool) {
    return Market.unwrap(self) & PAUSED != 0;
}
