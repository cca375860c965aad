-- Trade-sharing groups (T1–T14). Times in ms since the epoch, prices in minor units.

-- kind 3 of a conversation: a trade group. Its members come in by accepting an invitation or by being let in; messages,
-- unread counts and members are as in other groups. (T1–T3)
ALTER TABLE conversation ADD CHECK (kind <> 3 OR (owner IS NOT NULL AND name IS NOT NULL));
-- The prompt beside the creator in others' contact lists. (T4)
CREATE INDEX conversation_trade_owner ON conversation (owner, id) WHERE kind = 3;

-- state 1: open, 2: accepted, 3: declined, 4: withdrawn. (T2)
CREATE TABLE trade_invitation (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           bigint NOT NULL,
  ended_at     bigint,
  conversation bigint NOT NULL,
  state        smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
  inviter      text COLLATE "C" NOT NULL,
  invitee      text COLLATE "C" NOT NULL,
  CHECK ((state = 1) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX trade_invitation_open ON trade_invitation (conversation, invitee) WHERE state = 1;
CREATE INDEX trade_invitation_invitee ON trade_invitation (invitee, id) WHERE state = 1;

-- state 1: open, 2: approved, 3: declined, 4: withdrawn. (T4)
CREATE TABLE trade_join_request (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at           bigint NOT NULL,
  ended_at     bigint,
  conversation bigint NOT NULL,
  state        smallint NOT NULL CHECK (state BETWEEN 1 AND 4),
  user_id      text COLLATE "C" NOT NULL,
  CHECK ((state = 1) = (ended_at IS NULL))
);
CREATE UNIQUE INDEX trade_join_request_open ON trade_join_request (conversation, user_id) WHERE state = 1;

-- What a member shares in a group: a list of {name} of system types, {name, criteria} of own ones. (T6, T7)
CREATE TABLE trade_settings (
  conversation bigint NOT NULL,
  changed_at   bigint NOT NULL,
  user_id      text COLLATE "C" NOT NULL,
  types        jsonb NOT NULL,
  PRIMARY KEY (conversation, user_id)
);

-- A member's account on a platform, once, in however many groups it is shared; gone with the last of them, and its
-- secret with it. Another secret is another row, which takes over the cursor. (T5)
CREATE TABLE trade_account (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at   bigint NOT NULL,
  -- path B: when a poll last went through to its end
  polled_at    bigint,
  user_id      text COLLATE "C" NOT NULL,
  platform     text COLLATE "C" NOT NULL,
  account      text COLLATE "C" NOT NULL,
  -- AES-256-GCM for this row alone; none where the account alone identifies the member (paths A and C)
  secret_key   text COLLATE "C",
  secret_nonce bytea,
  secret       bytea,
  -- opaque, of the platform; none before the first poll
  cursor       text,
  -- why it is not polled any more
  stopped      text,
  UNIQUE (user_id, platform, account),
  CHECK ((secret IS NULL) = (secret_nonce IS NULL) AND (secret IS NULL) = (secret_key IS NULL))
);
-- Path A and C: whose trade a push tells of.
CREATE INDEX trade_account_account ON trade_account (platform, account);
CREATE INDEX trade_account_polled ON trade_account (platform, id) WHERE secret IS NOT NULL AND stopped IS NULL;

CREATE TABLE trade_settings_account (
  conversation  bigint NOT NULL,
  trade_account bigint NOT NULL REFERENCES trade_account ON UPDATE CASCADE ON DELETE CASCADE,
  user_id       text COLLATE "C" NOT NULL,
  PRIMARY KEY (conversation, user_id, trade_account)
);
CREATE INDEX trade_settings_account_account ON trade_settings_account (trade_account);

-- Path A: what a platform is to know, and what it was last told; outlives the account, until the platform knows. (T8)
CREATE TABLE trade_mapping (
  changed_at  bigint NOT NULL,
  next_try_at bigint,
  tries       integer NOT NULL DEFAULT 0,
  wanted      boolean NOT NULL,
  told        boolean,
  platform    text COLLATE "C" NOT NULL,
  account     text COLLATE "C" NOT NULL,
  user_id     text COLLATE "C" NOT NULL,
  PRIMARY KEY (platform, account, user_id),
  CHECK ((next_try_at IS NULL) = (told IS NOT DISTINCT FROM wanted))
);
CREATE INDEX trade_mapping_due ON trade_mapping (next_try_at) WHERE next_try_at IS NOT NULL;

-- Every trade that came, shown or not, once per member: by poll and by push it has the same `trade_id`. (T7, T11)
CREATE TABLE trade (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          bigint NOT NULL,
  received_at bigint NOT NULL,
  price       bigint NOT NULL CHECK (price >= 0),
  user_id     text COLLATE "C" NOT NULL,
  platform    text COLLATE "C" NOT NULL,
  trade_id    text COLLATE "C" NOT NULL,
  account     text COLLATE "C" NOT NULL,
  title       text NOT NULL,
  currency    text NOT NULL,
  url         text NOT NULL,
  -- opens the link without a token; not to be guessed
  link_key    text NOT NULL,
  categories  text[] NOT NULL,
  UNIQUE (user_id, platform, trade_id)
);
CREATE INDEX trade_user ON trade (user_id, id);

-- As which message a trade stands in which group, and for which of the member's types. (T11)
CREATE TABLE trade_shown (
  trade        bigint NOT NULL,
  conversation bigint NOT NULL,
  no           bigint NOT NULL,
  user_id      text COLLATE "C" NOT NULL,
  types        text[] NOT NULL,
  PRIMARY KEY (trade, conversation)
);
-- The information bar: a member's trades in a group, newest first. (T13)
CREATE INDEX trade_shown_member ON trade_shown (conversation, user_id, trade) INCLUDE (no);

-- What came and was not let in, with the reason; the same is kept once.
CREATE TABLE trade_quarantine (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       bigint NOT NULL,
  path     text NOT NULL,
  platform text COLLATE "C" NOT NULL,
  reason   text NOT NULL,
  user_id  text COLLATE "C",
  account  text,
  trade_id text,
  digest   bytea NOT NULL UNIQUE
);

-- Pushes that were taken, so that a replayed one is dropped; kept while its signature would still be good.
CREATE TABLE trade_delivery (
  at          bigint NOT NULL,
  platform    text COLLATE "C" NOT NULL,
  delivery_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (platform, delivery_id)
);
CREATE INDEX trade_delivery_at ON trade_delivery (at);
