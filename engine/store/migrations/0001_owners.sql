-- Who may settle what (DESIGN: Owner, Where ownership stands).

CREATE SEQUENCE owner_number AS bigint;

-- One row per taker of shards; its row lock serialises everything that settles or seals it.
CREATE TABLE owner (
  number      bigint PRIMARY KEY DEFAULT nextval('owner_number'),
  settled     bigint NOT NULL DEFAULT 0,
  quarantined bigint NOT NULL DEFAULT 0,
  dropped     bigint NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

CREATE TABLE shard (
  id     smallint PRIMARY KEY CHECK (id BETWEEN 0 AND 255),
  sealed bigint NOT NULL DEFAULT 0
);
INSERT INTO shard (id) SELECT generate_series(0, 255);

CREATE TABLE shard_owner (
  shard  smallint NOT NULL,
  number bigint NOT NULL,
  PRIMARY KEY (shard, number)
);

-- At most one row, made at first use: a database cloned from a template gets an id of its own.
CREATE TABLE journal (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  id     uuid NOT NULL DEFAULT gen_random_uuid(),
  bound  boolean NOT NULL DEFAULT false
);
