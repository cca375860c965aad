-- People, contacts, groups, messages and posts (E7, E8, E10, E16). Times in ms since the epoch. No foreign keys: people
-- come into being at first use, and everything else is written under the lock of its conversation or pair.

CREATE TABLE person (
  created_at bigint NOT NULL,
  user_id    text COLLATE "C" PRIMARY KEY,
  name       text NOT NULL,
  about      text NOT NULL DEFAULT ''
);

-- How `user_id` stands to `other`: 1 requested, 2 asked, 3 accepted, 4 blocked. Of 1 and 2 the other direction has the
-- other one, of 3 the same; who blocks leaves the other without a row (or with a block of its own).
CREATE TABLE contact (
  since   bigint NOT NULL,
  state   smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
  user_id text COLLATE "C" NOT NULL,
  other   text COLLATE "C" NOT NULL,
  PRIMARY KEY (user_id, other),
  CHECK (user_id <> other)
);
CREATE INDEX contact_state ON contact (user_id, state, other);

-- kind 1: two contacts, `low` < `high`; 2: a group with `name` and `owner`. Indexed columns never change: a message
-- updates this row in place. Messages are numbered 1, 2 … last_no without a gap.
CREATE TABLE conversation (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at bigint NOT NULL,
  -- of the newest message, or created_at
  last_at    bigint NOT NULL,
  last_no    bigint NOT NULL DEFAULT 0,
  members    integer NOT NULL CHECK (members >= 0),
  kind       smallint NOT NULL,
  low        text COLLATE "C",
  high       text COLLATE "C",
  owner      text COLLATE "C",
  name       text,
  CHECK ((kind = 1) = (low IS NOT NULL) AND (kind = 1) = (high IS NOT NULL) AND low < high),
  CHECK (kind <> 2 OR (owner IS NOT NULL AND name IS NOT NULL))
) WITH (fillfactor = 60);
CREATE UNIQUE INDEX conversation_pair ON conversation (low, high) WHERE kind = 1;

-- A member sees messages after `joined_no`; unread are last_no − read_no.
CREATE TABLE member (
  conversation bigint NOT NULL,
  joined_at    bigint NOT NULL,
  joined_no    bigint NOT NULL,
  read_no      bigint NOT NULL CHECK (read_no >= joined_no),
  user_id      text COLLATE "C" NOT NULL,
  PRIMARY KEY (conversation, user_id)
) WITH (fillfactor = 70);
CREATE INDEX member_user ON member (user_id, conversation);

-- kind 1: text alone; 2: `link` leads to batch `subject`. `reply_no`: the message of the same conversation it comments on.
CREATE TABLE message (
  conversation bigint NOT NULL,
  no           bigint NOT NULL,
  at           bigint NOT NULL,
  reply_no     bigint CHECK (reply_no < no),
  subject      bigint,
  kind         smallint NOT NULL,
  sender       text COLLATE "C" NOT NULL,
  text         text NOT NULL,
  link         text,
  PRIMARY KEY (conversation, no),
  CHECK ((kind = 1) = (subject IS NULL) AND (kind = 1) = (link IS NULL))
);

-- place 1: feed, 2: microblog. visibility 1: friends of the author, 2: those in post_reader, 3: everybody.
-- kind, subject and link as in message.
CREATE TABLE post (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at         bigint NOT NULL,
  subject    bigint,
  kind       smallint NOT NULL,
  place      smallint NOT NULL CHECK (place IN (1, 2)),
  visibility smallint NOT NULL CHECK (visibility BETWEEN 1 AND 3),
  author     text COLLATE "C" NOT NULL,
  text       text NOT NULL,
  link       text,
  CHECK ((kind = 1) = (subject IS NULL) AND (kind = 1) = (link IS NULL)),
  CHECK (place = 2 OR visibility < 3)
);
CREATE INDEX post_author ON post (author, place, visibility, id);
CREATE INDEX post_public ON post (place, id) WHERE visibility = 3;

CREATE TABLE post_reader (
  post    bigint NOT NULL,
  place   smallint NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (user_id, place, post)
);
