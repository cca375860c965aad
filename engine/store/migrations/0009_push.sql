-- Pushes: each listener's events under numbers 1, 2, 3 … (E5, E12). Nothing is kept for users who never opened a stream.

-- Updated by every transaction that pushes to the user, in place: indexed columns never change.
CREATE TABLE listener (
  last_no   bigint NOT NULL,
  -- pushes up to here are no longer kept
  purged_no bigint NOT NULL CHECK (purged_no <= last_no),
  seen_at   bigint NOT NULL,
  -- true once every transaction that could have overlooked this row has ended
  ready     boolean NOT NULL DEFAULT false,
  user_id   text COLLATE "C" PRIMARY KEY
) WITH (fillfactor = 50);

-- Listeners of before, so that numbers are never given twice to a user.
CREATE TABLE past_listener (
  last_no bigint NOT NULL,
  user_id text COLLATE "C" PRIMARY KEY
);

-- One row is a run of n pushes numbered last_no − n + 1 … last_no, told by rows that exist anyway. kind 1: batch `subject`
-- was generated; 2: events from_no … to_no of batch `subject` as its sender sees them; 3: event from_no of batch
-- `subject` as a receiver sees it; 4: message from_no of conversation `subject`; 5: `detail` in full.
CREATE TABLE push (
  last_no bigint NOT NULL,
  at      bigint NOT NULL,
  subject bigint,
  from_no bigint,
  to_no   bigint,
  n       integer NOT NULL CHECK (n > 0),
  kind    smallint NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  detail  json,
  PRIMARY KEY (user_id, last_no),
  CHECK ((kind = 5) = (detail IS NOT NULL) AND (kind = 5) = (subject IS NULL))
);
CREATE INDEX push_at ON push (at);
