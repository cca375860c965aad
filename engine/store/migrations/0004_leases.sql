-- Which node tries to own which shard (DESIGN: leases only decide who tries). Losing one endangers nothing:
-- what a client may be told is decided by owner numbers and seals.

CREATE TABLE node (
  id    text COLLATE "C" PRIMARY KEY,
  -- where other nodes reach its HTTP server
  url   text NOT NULL,
  until timestamptz NOT NULL
);

CREATE TABLE lease (
  shard smallint PRIMARY KEY REFERENCES shard (id),
  node  text COLLATE "C",
  until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO lease (shard) SELECT id FROM shard;
