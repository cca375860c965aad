-- Double entry. Owners: user:<id>, escrow:<batch id>, outside:<what>.

-- Balances beside the entries; they can be rebuilt from them. Indexed columns never change: updates are HOT.
-- Spendable `balance` and reserved `held` together are the sum of the account's entries.
CREATE TABLE account (
  balance bigint NOT NULL,
  held    bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
  owner   text COLLATE "C" NOT NULL,
  asset   text COLLATE "C" NOT NULL,
  PRIMARY KEY (owner, asset),
  CONSTRAINT no_overdraft CHECK (balance >= 0 OR owner LIKE 'outside:%'),
  CONSTRAINT safe_balance CHECK (balance BETWEEN -9007199254740991 AND 9007199254740991)
) WITH (fillfactor = 70);

-- Numbers of entries and transfers; each transaction takes a block of 1,048,576.
CREATE SEQUENCE ledger_block AS bigint INCREMENT BY 1048576 MINVALUE 0 START 0;

-- The rows of one transfer sum to zero. `version` names the event of `batch` that caused the row.
CREATE TABLE entry (
  id       bigint NOT NULL,
  transfer bigint NOT NULL,
  amount   bigint NOT NULL,
  batch    bigint,
  at       bigint NOT NULL,
  version  integer,
  kind     smallint NOT NULL,
  owner    text COLLATE "C" NOT NULL,
  asset    text COLLATE "C" NOT NULL,
  PRIMARY KEY (owner, asset, id)
);

CREATE TABLE deposit (
  reference text COLLATE "C" PRIMARY KEY,
  user_id   text COLLATE "C" NOT NULL,
  asset     text COLLATE "C" NOT NULL,
  amount    bigint NOT NULL CHECK (amount > 0),
  -- balance right after, so that a repeat gets the same answer
  balance   bigint NOT NULL,
  transfer  bigint NOT NULL,
  at        bigint NOT NULL
);

-- Answers kept under the clients' idempotency keys; `body` is json, not jsonb, to keep the order of its fields.
CREATE TABLE idempotency (
  user_id text COLLATE "C" NOT NULL,
  key     text COLLATE "C" NOT NULL,
  scope   text NOT NULL,
  digest  text NOT NULL,
  status  smallint NOT NULL,
  body    json,
  at      bigint NOT NULL,
  PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotency_at ON idempotency (at);
