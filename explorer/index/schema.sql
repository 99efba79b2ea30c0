-- Every block ever seen, once. `canonical` stands here alone: what belongs to a block is canonical with it.
CREATE TABLE blocks (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  number INTEGER NOT NULL,
  parent_hash BLOB NOT NULL,
  timestamp INTEGER NOT NULL,
  sealer BLOB,                   -- who sealed or mined it; NULL for the genesis block
  difficulty TEXT NOT NULL,      -- decimal: a uint256 does not fit an integer of SQLite
  gas_limit INTEGER NOT NULL,
  gas_used INTEGER NOT NULL,
  base_fee_wei TEXT NOT NULL,
  size INTEGER NOT NULL,
  extra_data BLOB NOT NULL,
  state_root BLOB NOT NULL,
  transactions INTEGER NOT NULL,
  uncles INTEGER NOT NULL,
  canonical INTEGER NOT NULL CHECK (canonical IN (0, 1))
) STRICT;
-- At most one canonical block per height, held by the database itself.
CREATE UNIQUE INDEX blocks_canonical ON blocks (number) WHERE canonical;
CREATE INDEX blocks_orphaned ON blocks (number) WHERE NOT canonical;
CREATE INDEX blocks_sealer ON blocks (sealer, number);

-- Uncles (ommers) as the blocks that include them name them; proof of work only.
CREATE TABLE uncles (
  block_id INTEGER NOT NULL REFERENCES blocks (id),
  position INTEGER NOT NULL,
  hash BLOB NOT NULL,
  number INTEGER NOT NULL,
  miner BLOB NOT NULL,
  timestamp INTEGER NOT NULL,
  difficulty TEXT NOT NULL,
  PRIMARY KEY (block_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX uncles_hash ON uncles (hash);

-- A transaction in the block that includes it; after a reorganisation it may stand in several.
-- id = block_id * 2^20 + position, so that a block's transactions lie together without an index of their own.
CREATE TABLE transactions (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  number INTEGER NOT NULL,
  position INTEGER NOT NULL,
  sender BLOB NOT NULL,
  recipient BLOB,
  created BLOB,
  nonce INTEGER NOT NULL,
  value_wei TEXT NOT NULL,
  gas_limit INTEGER NOT NULL,
  gas_used INTEGER NOT NULL,
  gas_price_wei TEXT NOT NULL,   -- what was paid per gas
  type INTEGER NOT NULL,
  status INTEGER NOT NULL,
  input BLOB NOT NULL
) STRICT;
CREATE INDEX transactions_hash ON transactions (hash);
CREATE INDEX transactions_number ON transactions (number, position);
CREATE INDEX transactions_sender ON transactions (sender, number, position);
CREATE INDEX transactions_recipient ON transactions (recipient, number, position) WHERE recipient IS NOT NULL;
CREATE INDEX transactions_created ON transactions (created) WHERE created IS NOT NULL;

-- id = block_id * 2^20 + log_index.
CREATE TABLE logs (
  id INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  log_index INTEGER NOT NULL,
  position INTEGER NOT NULL,     -- of the transaction
  address BLOB NOT NULL,
  topic0 BLOB,
  topic1 BLOB,
  topic2 BLOB,
  topic3 BLOB,
  data BLOB NOT NULL
) STRICT;
CREATE INDEX logs_address ON logs (address, number, log_index);
CREATE INDEX logs_topic0 ON logs (topic0, number, log_index);

CREATE TABLE reorganisations (
  id INTEGER PRIMARY KEY,
  seen_at INTEGER NOT NULL,      -- seconds since 1970 on the explorer's clock
  ancestor INTEGER NOT NULL,     -- height of the last block that both branches share
  depth INTEGER NOT NULL,        -- blocks that were orphaned
  old_tip BLOB NOT NULL,
  new_tip BLOB NOT NULL
) STRICT;

-- What follows is worked out from the canonical rows above, in the transaction that writes them.

-- How often: kind 'transactions' and 'logs' (address x''), 'account' (transactions that the address sent,
-- received or was created by), 'sealer' (canonical blocks).
CREATE TABLE tallies (
  kind TEXT NOT NULL,
  address BLOB NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (kind, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX tallies_count ON tallies (kind, count, address);

-- Who takes part in ETSC, and under which name it was registered.
CREATE TABLE participants (
  address BLOB PRIMARY KEY,
  role TEXT NOT NULL,            -- user, edge-server, meter
  name TEXT NOT NULL,            -- somebody else's text, word for word; '' where there is none
  number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE slots (
  slot INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,       -- the block it was opened in
  timestamp INTEGER NOT NULL,
  seller BLOB NOT NULL
) STRICT;

-- What an edge server asked in a slot, wei per mE: of everybody (prosumer x''), or of one prosumer.
CREATE TABLE prices (
  slot INTEGER NOT NULL,
  edge_server BLOB NOT NULL,
  prosumer BLOB NOT NULL,
  price_wei TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (slot, edge_server, prosumer)
) STRICT, WITHOUT ROWID;

-- The books of ETSC: one row for each account that an event moved something of, and how it stood after it.
-- id = number * 2^21 + log_index * 2 + side, which is the order of the chain.
CREATE TABLE entries (
  id INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  slot INTEGER,                  -- NULL where the event names none
  account BLOB NOT NULL,
  kind TEXT NOT NULL,            -- explorer/index/books.py says which there are
  other BLOB,                    -- the other account of a purchase, redemption or trade
  coins INTEGER NOT NULL,        -- changes: mE of a user, or of an edge server's stock
  power INTEGER NOT NULL,        -- Wh
  ether TEXT NOT NULL,           -- wei that the account was paid (negative: that it paid)
  coins_after INTEGER NOT NULL,  -- mE: a user's coins, or an edge server's stock
  power_after INTEGER NOT NULL,  -- Wh
  offered_after INTEGER NOT NULL,
  generated_after INTEGER NOT NULL,
  consumed_after INTEGER NOT NULL,
  deficit_after INTEGER NOT NULL,
  credit_after TEXT NOT NULL     -- wei that an edge server may withdraw
) STRICT;
CREATE INDEX entries_account ON entries (account, id);
CREATE INDEX entries_slot ON entries (slot, kind);

-- Electricity sold in each hour of the chain's time, by pair.
CREATE TABLE hours (
  hour INTEGER NOT NULL,         -- timestamp / 3600
  retailer BLOB NOT NULL,
  buyer BLOB NOT NULL,
  energy INTEGER NOT NULL,       -- Wh
  cost INTEGER NOT NULL,         -- mE
  trades INTEGER NOT NULL,
  PRIMARY KEY (hour, retailer, buyer)
) STRICT, WITHOUT ROWID;

-- What the rows above belong to: 'contract', the ETSC whose events they tell.
CREATE TABLE notes (
  name TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
