/** Every limit of the system in one place; relations between them are asserted at the end. */
import { assert } from './core/assert.ts';

export const shardCount = 256;

// Domain (E1, E2, E18)
export const countMin = 2;
/** Largest batch; keeps a resident actor and its load bounded. */
export const countMax = 1_000_000;
export const amountMax = Number.MAX_SAFE_INTEGER;
export const greetingLengthMax = 200;
export const assetPattern = /^[A-Za-z][A-Za-z0-9:_-]{0,31}$/;
export const userIdLengthMax = 64;
/** Not `.` or `..`: no path can name those. */
export const userIdPattern = /^(?!\.{1,2}$)[A-Za-z0-9_.:@-]{1,64}$/;
export const batchIdPattern = /^[1-9][0-9]{0,18}$/;
export const linkKeyLengthMax = 64;
export const linkKeyPattern = /^[A-Za-z0-9_-]{1,64}$/;
export const idempotencyKeyPattern = /^[\x21-\x7e]{1,128}$/;
export const referencePattern = /^[\x21-\x7e]{1,128}$/;
export const expiresInSecondsDefault = 86_400;
export const expiresInSecondsMin = 1;
export const expiresInSecondsMax = 30 * 86_400;
/** Receivers in one audience request. */
export const audienceRequestMax = 10_000;
/** Receivers in one event, which one journal job carries; a share to more of them takes several. */
export const audienceEventMax = 100_000;
/** Receivers stored per batch. */
export const audienceMax = 1_000_000;

// People, groups, messages, posts (E7, E10)
/** Lengths are in characters (code points). */
export const personNameLengthMax = 64;
export const aboutLengthMax = 500;
export const groupNameLengthMax = 64;
export const messageLengthMax = 4_000;
export const postLengthMax = 4_000;
/** The owner included. */
export const groupMembersMax = 5_000;
/** Contacts who each get a message from one share. */
export const shareToMax = 200;
/** A share begins again so often when members come in while it is under way. */
export const shareTurnsMax = 5;
/** Chosen friends of one post. */
export const chosenReadersMax = 10_000;
/** Messages to one group or user that hold a connection of the base server at a time, and such that wait. */
export const addresseeWritersMax = 4;
export const addresseeWaitingMax = 2_000;
/** Fits a bigint and a safe integer. */
export const conversationIdPattern = /^[1-9][0-9]{0,14}$/;
export const messageIdPattern = /^[1-9][0-9]{0,14}-[1-9][0-9]{0,14}$/;

// What a product may limit by configuration, per user; counted over windows that roll.
export const batchQuotaWindowMs = 3_600_000;
export const claimQuotaWindowMs = 60_000;
export const messageQuotaWindowMs = 60_000;
export const batchQuotaMax = 100_000;
/** Claims and messages are counted in memory, in lists that are searched. */
export const minuteQuotaMax = 1_000;

// HTTP
/** An audience request of the largest size fits. */
export const bodyBytesMax = 1_000_000;
export const pageSizeDefault = 50;
export const pageSizeMax = 200;
export const idempotencyKeptHours = 48;
export const requestTimeoutMs = 15_000;
/** Readiness does not wait longer for Postgres. */
export const pingTimeoutMs = 1_000;
export const settledWaitMs = 5_000;
export const settledPollMs = 10;
export const acknowledgedPruneMs = 1_000;
export const respawnDelayMsMin = 100;
export const respawnDelayMsMax = 5_000;
/** Metrics and audit go on without a thread that does not answer for so long. */
export const threadAnswerTimeoutMs = 2_000;
/** What each part of the way down may take: requests in flight, shard threads, workers. */
export const drainTimeoutMs = 15_000;
/** A process that is told to end while it starts, or that cannot drain, ends after this at the latest. */
export const stopTimeoutMs = 75_000;
export const verifiedTokensMax = 100_000;
/** Batch ids, queries and small bodies that each route remembers as checked. */
export const rememberedMax = 10_000;

// Push streams (E5, E12)
/** Per process; each is a connection, so the system's limit of open files has to be above it. */
export const streamsMax = 20_000;
/** A user's devices and tabs on one process. */
export const userStreamsMax = 32;
/** Pushes read at a time for one user, and users read for at the same time. */
export const streamPageMax = 32;
export const streamReadsMax = 128;
/** Written to a client at a time; it takes the next only when it has taken these. */
export const streamWriteBytesMax = 64 * 1024;
/** A client that does not take what was written is cut off after this; it resumes. */
export const streamSlowMs = 10_000;
export const streamHeartbeatMs = 15_000;
/** Heartbeats go out in this rhythm, each time to another part of the streams. */
export const streamTickMs = 250;
/** How long a push whose word was lost waits at most; users are asked about so many at a time. */
export const streamSweepMs = 3_000;
export const streamSweepUsersMax = 500;
/** Users with open streams are kept as listeners in this rhythm. */
export const streamTouchMs = 600_000;
/** Clients come back after a time between these, so that those of an ended process do not come all at once. */
export const streamRetryMsMin = 1_000;
export const streamRetryMsMax = 5_000;

// Engine
/** Commands that may wait for one batch's load or gate. */
export const mailboxMax = 20_000;
/** Commands under way in one shard thread. */
export const threadInFlightMax = 100_000;
/** With so many requests under way in a thread, messages to it keep a distance, so that each carries more. */
export const crowdMin = 64;
export const messageGapMs = 2;
export const residentActorsMax = 100_000;
/** Claims and listed receivers held by resident actors of one owner. */
export const residentClaimsMax = 4_000_000;
/** Rows of a batch read at a time, each page in a few ms. */
export const loadPageRows = 4_000;
export const flushEventsMax = 5_000;
export const flushBytesMax = 1_000_000;
/** Largest journal job: a full flush that one event more has joined; far below what either store refuses. */
export const payloadCharsMax = 8_000_000;
/** Payload bytes that all threads of a process together keep until settled; above it new events get 503. */
export const unsettledBytesMax = 256 * 1024 * 1024;
/** After a flush of so many events, the next begins no sooner than so long after it. */
export const lingerEventsMin = 16;
export const lingerMs = 3;
export const flushRetryMsMin = 20;
export const flushRetryMsMax = 1_000;
/** An add that has not replied for so long: new requests get 503 at once. */
export const stalledAfterMs = 1_000;
export const progressPollMs = 20;
/** An owner whose `settled` stands still this long settles itself. */
export const selfSettleAfterMs = 3_000;
export const statusPushMs = 250;
export const pressurePollMs = 500;
export const sweepIntervalMs = 1_000;
/** Overdue batches woken at a time: loading them must not keep claims waiting. */
export const sweepBatchesMax = 64;
export const retakeDelayMs = 250;
/** Shards of an earlier owner whose jobs are damaged or missing are tried again after this at the latest. */
export const blockedDelayMsMax = 5_000;

// Leases between nodes: a node that missed some heartbeats is taken for dead.
export const leaseBeatMs = 500;
export const leaseTtlMs = 3_000;
/** How long a shard that goes to another node may take to answer what is under way. */
export const giveUpTimeoutMs = 5_000;

// Settle
export const settleJobsMax = 512;
export const settleEventsMax = 20_000;
/** Payload bytes of one transaction; audience events are few and large. */
export const settleBytesMax = 4_000_000;
/** An owner's next transaction begins so long after its last one, or as soon as so many payload bytes wait. */
export const settleRestMs = 250;
export const settleEnoughBytes = 1_000_000;
/** Settling stands back while so many payload bytes or jobs wait and more keep coming, for so long at most; see burst.ts. */
export const burstBytesMin = 128_000;
export const burstJobsMin = 64;
export const burstMsMax = 10_000;
export const burstRestMs = 1_250;
/** What a transaction settles meanwhile. */
export const burstJobsMax = 4;
/** It does not while somebody has waited for something settled within this time. */
export const hurriedMs = 1_000;
/** A process that waits for settling says so at most so often; who settles looks for lost connections this often. */
export const hurrySpacingMs = 50;
export const hurryRetryMs = 1_000;
/** Receivers inserted by one statement. */
export const receiverRowsMax = 20_000;
/** Jobs that wait to be settled at a time; a transaction holds later ones too. */
export const settleConcurrency = 64;
/** How long a job that failed keeps its place among the concurrent ones; bounds the retries of a long outage. */
export const settlePauseMs = 1_000;
export const settleBackoffMsMax = 5_000;

// Pushes (E12)
/** Pushes that one row may stand for: reading from its middle unfolds so many at most, and two. */
export const pushRunMax = 200;
/** Users who begin to listen by one statement. */
export const listenersAtOnceMax = 500;
/** Users read for by one statement, and such statements under way. */
export const pushReadsMax = 64;
export const pushReadsWidth = 2;
/** How long a client may be away and miss nothing. */
export const pushKeptHours = 72;
/** Who has opened no stream for so long is no listener any more. */
export const listenerKeptDays = 30;
export const listenerSeenEveryMs = 3_600_000;
/** A new listener waits for transactions under way that may have overlooked it. */
export const writersEndedPollMs = 20;
export const writersEndedWaitMs = 10_000;
/** Whoever listens to the database makes sure of the connection this often, and waits so long for an answer. */
export const notificationsPingMs = 10_000;
export const notificationsAnswerMs = 5_000;

// Outside servers: the bank and the sender of codes (E17)
/** For a whole call; the bank may still have paid. */
export const bankTimeoutMs = 10_000;
export const bankAnswerBytesMax = 1_000_000;
/** Payouts asked for at a time, of which each fits easily. */
export const bankListPage = 500;
export const codeTimeoutMs = 5_000;
export const codeAnswerBytesMax = 16_384;
/** Calls of one question that may be repeated, and the pauses between them. */
export const outsideAttemptsMax = 3;
export const outsideRetryMsMin = 200;
export const outsideRetryMsMax = 2_000;
/** After so many unclear answers in a row a server is left alone, for longer each time. */
export const circuitFailuresMax = 8;
export const circuitOpenMsMin = 1_000;
export const circuitOpenMsMax = 30_000;
/** How long a withdrawal waits whose wake-up was lost, and how many are woken at a time. */
export const payoutSweepMs = 1_000;
export const payoutSweepMax = 256;
/** Calls to the bank or the sender of codes that one worker has under way. */
export const payoutConcurrency = 16;

// Reconciliation with the bank (E17)
export const reconcileIntervalMs = 900_000;
/** From the start of a worker to its first run. */
export const reconcileFirstMs = 60_000;
/** The scheduled run looks so far back; `npm run reconcile` at everything. */
export const reconcileWindowMs = 48 * 3_600_000;
/** How long the two sides may differ because one of them is just ahead. */
export const reconcileGraceMs = 600_000;
/** A payout that nobody has decided for so long is a difference. */
export const payoutPendingMsMax = 3_600_000;
/** Rows taken into memory at a time. */
export const reconcilePageRows = 500;
/** Suspects that the bank is asked about again; of more than these its list is believed. */
export const reconcileQueriesMax = 2_000;
export const reconcileQueriesAtATime = 8;

// Payment (E17)
/** ISO/IEC 7812; spaces between digits are not counted. */
export const cardDigitsMin = 12;
export const cardDigitsMax = 19;
export const holderNameLengthMax = 64;
export const bankNameLengthMax = 64;
export const codeDigits = 6;
export const codeAttemptsMax = 5;
export const codeValidMs = 600_000;
/** Who sends a code has so long; then another may. */
export const codeLeaseMs = 30_000;
export const codeRetryMsMin = 1_000;
export const codeRetryMsMax = 30_000;
/** Who pays out has so long to ask the bank and to order; then another may ask. */
export const payoutLeaseMs = 60_000;
export const payoutRetryMsMin = 1_000;
export const payoutRetryMsMax = 300_000;
/** Limits per day roll over this time. */
export const withdrawalDayMs = 86_400_000;
export const withdrawalsPerDayMax = 10_000;
export const withdrawalAssetsMax = 100;
/** Rows that are sealed again at a time when keys change. */
export const rotatePageRows = 100;

// Trade groups: what members share (T1–T6)
/** Contacts invited by one request. */
export const invitesMax = 500;
/** Groups of one contact that prompts lead to; the newest. */
export const promptsMax = 20;
/** Accounts of one member's settings in one group; altogether, and groups that one member shares in. */
export const sharedAccountsMax = 20;
export const memberAccountsMax = 50;
export const sharedGroupsMax = 50;
export const accountLengthMax = 128;
export const accountSecretLengthMax = 1_024;
/** Types of one member's settings in one group; lengths in characters. */
export const sharedTypesMax = 50;
export const typeNameLengthMax = 64;
export const typeWordsMax = 50;
export const typeWordLengthMax = 100;

// Trade platforms (T5, T8–T10)
/** Each has a queue of its own, and a worker that listens on a connection of its own. */
export const platformsMax = 16;
/** One request, its answer's last byte included. */
export const platformTimeoutMs = 10_000;
/** A page of trades. One that is larger is asked for trade by trade, each up to the second bound. */
export const platformAnswerBytesMax = 1_000_000;
export const platformTradeBytesMax = 6_000_000;
export const platformConnectionsMax = 64;
export const platformPageTrades = 100;
/** Trades of one push. */
export const platformPushTradesMax = 100;
export const platformPushBytesMax = 256 * 1024;
/** Lengths in characters of what a platform tells; a trade that holds more is malformed. */
export const platformIdLengthMax = 128;
export const platformTitleLengthMax = 500;
export const platformCategoriesMax = 32;
export const platformCategoryLengthMax = 100;
export const platformUrlLengthMax = 2_048;
export const platformSessionLengthMax = 4_096;
export const platformCursorLengthMax = 4_096;
/** How old, or how far in the future, a signed push may be. */
export const platformPushToleranceMs = 300_000;
/** A shop that does not date its pushes sends them late when few visitors wake its queue. */
export const platformUndatedPushMs = 86_400_000;
/** What was changed so shortly ago may still be overtaken by something changed before it. */
export const platformOverlapMs = 5_000;
/** Products of a shop whose categories are remembered, and for how long. */
export const platformProductsMax = 20_000;
export const platformProductsKeptMs = 600_000;
/** What Retry-After of a platform may ask for. */
export const platformRetryMsMax = 3_600_000;
export const pollIntervalSecondsMin = 1;
/** Polls of one platform that a worker has under way. */
export const pollConcurrency = 32;
/** Pages of one poll; what is left comes with the next one. */
export const pollPagesMax = 20;
/** A login is not used in its last moments. */
export const pollSessionMarginMs = 5_000;
export const pollLoginsRemembered = 100_000;
/** Characters of secrets and sessions that a worker remembers for each platform. */
export const pollLoginsLengthMax = 32_000_000;
/** An account whose polls fail is left alone for longer each time, up to so long. */
export const pollRestMsMax = 3_600_000;
export const pollFailuresRemembered = 100_000;
/** A platform that asks for patience is not asked by anybody for so long at most; who was told so waits for all of it. */
export const platformPauseMsMax = 30_000;
/** Polls are noted together this often. */
export const pollNotesMs = 1_000;
/** Accounts not polled for so many intervals get a schedule; looked for so often, so many at a time. */
export const pollLateIntervals = 3;
export const pollSweepMs = 5_000;
export const pollSweepMax = 1_000;
export const pollScheduleWidth = 50;
export const pollIntervalSecondsDefault = 60;
export const pollIntervalSecondsMax = 86_400;
export const platformRequestsPerSecondDefault = 50;
export const platformRequestsPerSecondMax = 10_000;

// Trades that come in (T7, T11)
export const tradeIdPattern = conversationIdPattern;
/** Clocks of platforms may be ahead. */
export const tradeFutureMsMax = 3_600_000;
/** Messages and pushes written by one transaction of trades; a single trade may bring more. */
export const tradeEffectsMax = 10_000;
/** What was not let in is kept for operators for so long. */
export const tradeQuarantineKeptMs = 90 * 86_400_000;
/** … and no more than the newest of it, however much comes. */
export const tradeQuarantineRowsMax = 1_000_000;
/** A delivery's name is kept for as long as its signature may be good, before and after its time. */
export const tradeDeliveriesKeptMs = 2 * platformUndatedPushMs + platformPushToleranceMs;
export const tradePurgeMs = 600_000;
/** Who tells a platform of a mapping has so long; at a shop that takes several requests. */
export const mappingLeaseMs = 120_000;
export const mappingRetryMsMin = 1_000;
export const mappingRetryMsMax = 600_000;
/** Mappings are looked for so often, and told so many at a time. */
export const mappingSweepMs = 1_000;
export const mappingSweepMax = 16;

// Housekeeping
export const auditIntervalMs = 30_000;
export const purgeIntervalMs = 3_600_000;

/** Quotes and comma around an id in JSON. */
const idOverhead = 3;
assert(
  bodyBytesMax > audienceRequestMax * (userIdLengthMax + idOverhead),
  'the largest audience request fits',
);
assert(mappingLeaseMs > 5 * platformTimeoutMs, 'a mapping is told before its lease ends');
assert(chosenReadersMax <= audienceRequestMax, 'all readers of a post fit into one request');
assert(groupMembersMax <= audienceRequestMax, 'all members of a group fit into one request');
assert(1 + countMax + audienceMax <= residentClaimsMax, 'the largest batch fits into memory');
assert(invitesMax < groupMembersMax, 'who is invited in one request fits into a group');
assert(sharedAccountsMax <= memberAccountsMax, 'the accounts of one group are allowed');
assert(audienceRequestMax <= audienceMax, 'one request fits into the audience');
assert(audienceRequestMax <= audienceEventMax, 'one request is one event');
assert(groupMembersMax <= audienceEventMax, 'a share to a group is one event');
assert(
  flushBytesMax + (audienceEventMax + 1) * (userIdLengthMax + 1) <= payloadCharsMax,
  'the largest event fits into a job that is nearly full',
);
assert(payloadCharsMax <= unsettledBytesMax, 'the largest job can wait to be settled');
assert(expiresInSecondsMin <= expiresInSecondsDefault, 'the default lifetime is allowed');
assert(expiresInSecondsDefault <= expiresInSecondsMax, 'the default lifetime is allowed');
assert(
  lingerMs + messageGapMs < progressPollMs,
  'batching under load stays below what clients notice',
);
assert(sweepIntervalMs <= requestTimeoutMs, 'who waits too long is told soon');
assert(mailboxMax <= threadInFlightMax, 'one batch may not hold more than its thread');
assert(stalledAfterMs < requestTimeoutMs, 'a silent journal is noticed before clients give up');
assert(giveUpTimeoutMs < requestTimeoutMs, 'a shard is handed over before clients give up');
assert(settledWaitMs < requestTimeoutMs, 'a read is answered before clients give up');
assert(3 * leaseBeatMs <= leaseTtlMs, 'a lease survives a missed heartbeat or two');
assert(
  settleRestMs < burstRestMs && 2 * burstRestMs < selfSettleAfterMs,
  'an owner that rests is not taken for stuck',
);
assert(settleRestMs < settledWaitMs, 'who waits for settling is not made to wait for rest');
assert(streamTickMs <= streamHeartbeatMs && streamTickMs <= streamSlowMs, 'a tick is the shortest');
assert(userStreamsMax <= streamsMax, 'one user may not hold more than a process');
assert(settleEventsMax >= flushEventsMax, 'a settle transaction holds at least one job');
assert(
  3 * (drainTimeoutMs + respawnDelayMsMax) <= stopTimeoutMs,
  'all parts of the way down have their time',
);
assert(
  (outsideAttemptsMax + 1) * bankTimeoutMs + (outsideAttemptsMax - 1) * outsideRetryMsMax <
    payoutLeaseMs,
  'who pays out has asked and ordered before the lease ends',
);
assert(
  outsideAttemptsMax * codeTimeoutMs + (outsideAttemptsMax - 1) * outsideRetryMsMax < codeLeaseMs,
  'who sends a code is done before the lease ends',
);
assert(codeLeaseMs < codeValidMs, 'a code that was not sent is sent again in time');
assert(listenerKeptDays * 24 > pushKeptHours, 'a listener outlives its pushes');
assert(writersEndedWaitMs < requestTimeoutMs, 'who begins to listen is answered in time');
assert(payoutPendingMsMax > payoutRetryMsMax, 'a late payout was asked about before it is told');
assert(
  reconcileGraceMs > payoutRetryMsMax + payoutLeaseMs,
  'what the bank has decided is known here before it is told as a difference',
);
assert(bankListPage * 1_000 <= bankAnswerBytesMax, 'a page of the bank fits');
assert(settleBytesMax >= flushBytesMax, 'a settle transaction holds at least one job');
