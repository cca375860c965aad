-- Registered bank cards and withdrawals (E17). Times in ms since the epoch, amounts in minor units.

-- Of a card only what stands in `bank`, `last4` and the masked `holder` can be read here: `card` is AES-256-GCM under the
-- key `card_key`, and opens only for this user's row.
CREATE TABLE registration (
  registered_at bigint NOT NULL,
  user_id       text COLLATE "C" PRIMARY KEY,
  holder        text NOT NULL,
  bank          text NOT NULL,
  last4         text NOT NULL,
  card_key      text COLLATE "C" NOT NULL,
  card_nonce    bytea NOT NULL,
  card          bytea NOT NULL
);

-- status 1: awaiting verification, the amount is held; 2: processing, it is in flight; 3: paid; 4: failed and given back;
-- 5: rejected and free again.
CREATE TABLE withdrawal (
  no              bigint GENERATED ALWAYS AS IDENTITY,
  id              uuid PRIMARY KEY,
  amount          bigint NOT NULL CHECK (amount > 0),
  requested_at    bigint NOT NULL,
  code_expires_at bigint NOT NULL,
  -- when to try next to bring the code to the user, and when that was done
  code_try_at     bigint NOT NULL,
  code_sent_at    bigint,
  verified_at     bigint,
  -- stored before the first order leaves for the bank
  sent_at         bigint,
  -- when to try next to pay out; while somebody does, in the future
  next_try_at     bigint,
  ended_at        bigint,
  -- what moved the amount out of the account, and what ended it: numbers of ledger transfers
  taken_transfer  bigint,
  ended_transfer  bigint,
  code_tries      integer NOT NULL DEFAULT 0,
  tries           integer NOT NULL DEFAULT 0,
  status          smallint NOT NULL CHECK (status BETWEEN 1 AND 5),
  wrong_codes     smallint NOT NULL DEFAULT 0,
  user_id         text COLLATE "C" NOT NULL,
  asset           text COLLATE "C" NOT NULL,
  bank            text NOT NULL,
  last4           text NOT NULL,
  reason          text,
  bank_reference  text,
  -- the code follows from this key and the id; itself it stands nowhere
  code_key        text COLLATE "C" NOT NULL,
  -- HMAC of the newest wrong code, so that a repeated request is not another attempt
  wrong_digest    bytea,
  -- the card of the time of the request, for this row alone; gone once the withdrawal has ended
  card_key        text COLLATE "C",
  card_nonce      bytea,
  card            bytea,
  CHECK ((status IN (1, 2)) = (card IS NOT NULL) AND (card IS NULL) = (card_nonce IS NULL)
    AND (card IS NULL) = (card_key IS NULL)),
  CHECK ((status IN (2, 3, 4)) = (taken_transfer IS NOT NULL) AND (taken_transfer IS NULL) = (verified_at IS NULL)),
  CHECK ((status IN (3, 4)) = (ended_transfer IS NOT NULL)),
  CHECK ((status IN (3, 4, 5)) = (ended_at IS NOT NULL)),
  CHECK ((status = 2) = (next_try_at IS NOT NULL)),
  CHECK ((status IN (4, 5)) = (reason IS NOT NULL))
);
CREATE UNIQUE INDEX withdrawal_user ON withdrawal (user_id, no);
CREATE INDEX withdrawal_requested ON withdrawal (user_id, requested_at);
CREATE INDEX withdrawal_code ON withdrawal (code_expires_at) WHERE status = 1;
CREATE INDEX withdrawal_payout ON withdrawal (next_try_at) WHERE status = 2;
-- From a ledger entry to what it belongs to, for statements.
CREATE UNIQUE INDEX withdrawal_taken ON withdrawal (taken_transfer) WHERE taken_transfer IS NOT NULL;
CREATE UNIQUE INDEX withdrawal_ended ON withdrawal (ended_transfer) WHERE ended_transfer IS NOT NULL;
CREATE INDEX deposit_transfer ON deposit (transfer);
