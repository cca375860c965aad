-- Batches, their audience, events and packets. Amounts in minor units, times in ms since the epoch.
-- No foreign keys: rows are written only under the batch row's lock, and the settle path is hot.

-- Ids are handed out in blocks of 1,000 per process: block n holds (n − 1) · 1000 + 1 … n · 1000.
CREATE SEQUENCE batch_block AS bigint;

-- Indexed columns change at confirmation and at the end only, so that counter updates stay HOT.
CREATE TABLE batch (
  id                bigint PRIMARY KEY,
  created_at        bigint NOT NULL,
  confirmed_at      bigint,
  expires_at        bigint,
  total             bigint NOT NULL CHECK (total BETWEEN 1 AND 9007199254740991),
  each              bigint,
  count             integer NOT NULL CHECK (count >= 2),
  expires_in        integer NOT NULL,
  -- FNV-1a (32 bit) of the decimal id, modulo 256
  shard             smallint NOT NULL CHECK (shard BETWEEN 0 AND 255),
  once_per_receiver boolean NOT NULL,
  -- true once nothing more can happen: all opened, or expired
  ended             boolean NOT NULL DEFAULT false,
  quarantined       boolean NOT NULL DEFAULT false,
  anyone            boolean NOT NULL DEFAULT false,
  -- distinct listed receivers
  receivers         integer NOT NULL DEFAULT 0,
  version           integer NOT NULL DEFAULT 0,
  claimed           integer NOT NULL DEFAULT 0,
  opened            integer NOT NULL DEFAULT 0,
  -- packet with the largest opened amount so far, the earlier open on a tie; 0: none
  best_packet       integer NOT NULL DEFAULT 0,
  best_amount       bigint NOT NULL DEFAULT 0,
  opened_amount     bigint NOT NULL DEFAULT 0,
  refunded_amount   bigint NOT NULL DEFAULT 0,
  last_event_at     bigint NOT NULL,
  expired_at        bigint,
  mode              text NOT NULL CHECK (mode IN ('lucky', 'fixed')),
  asset             text COLLATE "C" NOT NULL,
  sender            text COLLATE "C" NOT NULL,
  link_key          text NOT NULL,
  greeting          text NOT NULL,
  CHECK ((mode = 'fixed') = (each IS NOT NULL)),
  CHECK (opened <= claimed AND claimed <= count),
  CHECK (opened_amount >= 0 AND refunded_amount >= 0 AND opened_amount <= total - refunded_amount)
) WITH (fillfactor = 60);

CREATE INDEX batch_sender ON batch (sender, created_at, id);
CREATE INDEX batch_overdue ON batch (expires_at, shard)
  WHERE expires_at IS NOT NULL AND NOT ended AND NOT quarantined;

-- The link association: who is listed.
CREATE TABLE receiver (
  batch   bigint NOT NULL,
  channel smallint NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (batch, user_id)
);

-- Every event that took effect, in full: packets and counters can be rebuilt from it, and the same key with other
-- content is recognised. `amount` holds `refunded` of an expiry; `rest` the tag, or the audience.
CREATE TABLE event (
  batch    bigint NOT NULL,
  at       bigint NOT NULL,
  amount   bigint,
  version  integer NOT NULL,
  packet   integer,
  kind     smallint NOT NULL,
  receiver text COLLATE "C",
  rest     json,
  PRIMARY KEY (batch, version)
);

CREATE TABLE packet (
  batch           bigint NOT NULL,
  claimed_at      bigint NOT NULL,
  opened_at       bigint,
  amount          bigint,
  packet          integer NOT NULL,
  -- 0 where a receiver gets one packet only, else the packet's number
  guard           integer NOT NULL,
  opened_by_claim boolean NOT NULL,
  receiver        text COLLATE "C" NOT NULL,
  key             text COLLATE "C",
  digest          text,
  position        text,
  PRIMARY KEY (batch, packet)
) WITH (fillfactor = 85);

-- Guards "one receiver, one packet" and serves the receiver's own records.
CREATE UNIQUE INDEX packet_receiver ON packet (receiver, batch, guard);
CREATE UNIQUE INDEX packet_key ON packet (batch, receiver, key) WHERE key IS NOT NULL;

-- Events that can never apply, as they came. `batch` is text: it may not even be a number.
CREATE TABLE quarantine (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch   text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  content json NOT NULL,
  reason  text NOT NULL,
  owner   bigint NOT NULL,
  at      bigint NOT NULL
);
CREATE INDEX quarantine_owner ON quarantine (owner, batch);
