-- Events that left quarantine because they took effect after all: what was repaired, and when (ms since the epoch).
CREATE TABLE repaired (
  id          bigint PRIMARY KEY,
  batch       text COLLATE "C" NOT NULL,
  version     bigint NOT NULL,
  content     json NOT NULL,
  reason      text NOT NULL,
  owner       bigint NOT NULL,
  at          bigint NOT NULL,
  repaired_at bigint NOT NULL
);
