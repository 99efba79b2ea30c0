-- Every block ever seen, once. `canonical` stands here alone: what belongs to a block is canonical with it.
CREATE TABLE blocks (
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  number INTEGER NOT NULL,
  parent_hash BLOB NOT NULL,
  timestamp INTEGER NOT NULL,
  sealer BLOB,
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
CREATE INDEX blocks_number ON blocks (number);

-- A transaction in the block that includes it; after a reorganisation it may stand in several.
CREATE TABLE transactions (
  block_id INTEGER NOT NULL REFERENCES blocks (id),
  position INTEGER NOT NULL,
  hash BLOB NOT NULL,
  number INTEGER NOT NULL,
  sender BLOB NOT NULL,
  recipient BLOB,
  created BLOB,
  nonce INTEGER NOT NULL,
  value_wei TEXT NOT NULL,
  gas_limit INTEGER NOT NULL,
  gas_used INTEGER NOT NULL,
  gas_price_wei TEXT NOT NULL,   -- what was paid per gas, from the receipt
  type INTEGER NOT NULL,
  status INTEGER NOT NULL,
  input BLOB NOT NULL,
  UNIQUE (block_id, position)
) STRICT;
CREATE INDEX transactions_hash ON transactions (hash);
CREATE INDEX transactions_number ON transactions (number, position);
CREATE INDEX transactions_sender ON transactions (sender, number, position);
CREATE INDEX transactions_recipient ON transactions (recipient, number, position) WHERE recipient IS NOT NULL;
CREATE INDEX transactions_created ON transactions (created) WHERE created IS NOT NULL;

CREATE TABLE logs (
  block_id INTEGER NOT NULL REFERENCES blocks (id),
  log_index INTEGER NOT NULL,
  position INTEGER NOT NULL,
  number INTEGER NOT NULL,
  address BLOB NOT NULL,
  topic0 BLOB,
  topic1 BLOB,
  topic2 BLOB,
  topic3 BLOB,
  data BLOB NOT NULL,
  UNIQUE (block_id, log_index)
) STRICT;
CREATE INDEX logs_topic0 ON logs (address, topic0, number, log_index);
CREATE INDEX logs_topic1 ON logs (topic1, number, log_index) WHERE topic1 IS NOT NULL;
CREATE INDEX logs_topic2 ON logs (topic2, number, log_index) WHERE topic2 IS NOT NULL;
CREATE INDEX logs_topic3 ON logs (topic3, number, log_index) WHERE topic3 IS NOT NULL;

CREATE TABLE reorganisations (
  id INTEGER PRIMARY KEY,
  seen_at INTEGER NOT NULL,      -- seconds since 1970 on the explorer's clock
  ancestor INTEGER NOT NULL,     -- height of the last block that both branches share
  depth INTEGER NOT NULL,        -- blocks that were orphaned
  old_tip BLOB NOT NULL
) STRICT;
