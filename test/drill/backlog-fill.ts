/**
 * Leaves a database and a journal as a server leaves them that accepted many events and died before any was settled:
 * funded batches in the books, payloads of a real owner in the journal.
 */
import { Client } from 'pg';
import { eachOf } from '../../bench/support/pool.ts';
import { systemClock } from '../../engine/adapters/clock.ts';
import { encodeEvent, encodePayload } from '../../engine/core/codec.ts';
import { shardOf } from '../../engine/core/hash.ts';
import type { BatchEvent } from '../../engine/core/types.ts';
import { bindJournal, openJournal } from '../../engine/journal/open.ts';
import { shardCount } from '../../engine/limits.ts';
import { jobId } from '../../engine/ports/journal.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { takeOver } from '../../engine/shard/take-over.ts';
import { migrate } from '../../engine/store/migrate.ts';
import { postgresStore } from '../../engine/store/postgres.ts';

/** Claims that open at once, claims that do not yet, and opens of the latter: a batch's events in this order. */
const claimedOpen = 600;
const claimedOnly = 200;
export const eventsPerBatch = claimedOpen + 2 * claimedOnly;
/** One packet is left, for the first claim after the restart. */
const packetsPerBatch = claimedOpen + claimedOnly + 1;
const each = 10;
const users = 10_000;
const idsPerBlock = 1_000;
const addsAtOnce = 4;

export const backlogLinkKey = 'a-link-key-of-the-drill';

export interface Backlog {
  readonly batchIds: readonly string[];
  readonly jobs: number;
  readonly bytes: number;
  /** Packets paid once everything is settled. */
  readonly opened: number;
}

export async function fillBacklog(
  databaseUrl: string,
  redisUrl: string | undefined,
  options: { readonly events: number; readonly eventsPerJob: number },
): Promise<Backlog> {
  const batches = Math.max(1, Math.round(options.events / eventsPerBatch));
  await migrate(databaseUrl);
  const batchIds = await insertBatches(databaseUrl, batches);
  const observer = silentObserver;
  const clock = systemClock;
  const store = await postgresStore({ url: databaseUrl, observer });
  const trust = { trustReplicas: false, trustUnreadableSettings: false };
  const redis = redisUrl === undefined ? undefined : { url: redisUrl, ...trust };
  const journal = await openJournal({ databaseUrl, redis, observer, clock });
  try {
    await bindJournal(store, journal);
    const shards = Array.from({ length: shardCount }, (_, shard) => shard);
    const { number } = await takeOver({ store, journal, clock, observer }, shards);
    const payloads = payloadsOf(number, batchIds, options.eventsPerJob);
    let bytes = 0;
    await eachOf(payloads, addsAtOnce, async (payload, i) => {
      bytes += payload.length;
      await journal.add(jobId(number, i + 1), payload);
    });
    const opened = batches * (claimedOpen + claimedOnly);
    return { batchIds, jobs: payloads.length, bytes, opened };
  } finally {
    await Promise.allSettled([journal.close(), store.close()]);
  }
}

/** The events of all batches in turn, so that every job touches many of them. */
function payloadsOf(number: number, batchIds: readonly string[], eventsPerJob: number): string[] {
  const at = Date.now();
  const payloads: string[] = [];
  let texts: string[] = [];
  let shards = new Set<number>();
  const flush = () => {
    if (texts.length > 0) payloads.push(encodePayload(number, payloads.length + 1, shards, texts));
    texts = [];
    shards = new Set();
  };
  for (let i = 0; i < eventsPerBatch; i += 1) {
    for (const [place, batchId] of batchIds.entries()) {
      texts.push(encodeEvent(eventOf(batchId, place, i, at)));
      shards.add(shardOf(batchId));
      if (texts.length === eventsPerJob) flush();
    }
  }
  flush();
  return payloads;
}

function eventOf(batchId: string, place: number, i: number, at: number): BatchEvent {
  const packet = i < claimedOpen + claimedOnly ? i + 1 : i + 1 - claimedOnly;
  // 7919 has no factor in common with 10,000: no user twice in a batch.
  const receiverId = `u${(packet * 7_919 + place * 31) % users}`;
  const head = { batchId, version: i + 1, at, packet, receiverId };
  if (i >= claimedOpen + claimedOnly) return { kind: 'opened', ...head, amount: each };
  const amount = i < claimedOpen ? each : undefined;
  return { kind: 'claimed', ...head, amount, tag: undefined, position: undefined };
}

/** Confirmed batches of one sender, with everything the books hold of them; ids as decimal strings. */
async function insertBatches(url: string, count: number): Promise<string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const ids: string[] = [];
    while (ids.length < count) {
      const { rows } = await client.query<{ n: string }>(`SELECT nextval('batch_block') AS n`);
      const base = (Number(rows[0]?.n) - 1) * idsPerBlock;
      for (let i = 1; i <= idsPerBlock && ids.length < count; i += 1) ids.push(String(base + i));
    }
    const total = packetsPerBatch * each;
    const now = Date.now();
    await client.query('BEGIN');
    await client.query(
      `INSERT INTO batch (id, shard, created_at, confirmed_at, last_event_at, expires_at, expires_in, total, each,
         count, once_per_receiver, anyone, mode, asset, sender, link_key, greeting)
       SELECT u.id, u.shard, $3, $3, $3, $3::bigint + 86400000, 86400, $4, $5, $6, true, true, 'fixed', 'CNY',
         'backlog-sender', $7, '' FROM unnest($1::bigint[], $2::smallint[]) AS u (id, shard)`,
      [ids, ids.map(shardOf), now, total, each, packetsPerBatch, backlogLinkKey],
    );
    await client.query(
      `INSERT INTO account (owner, asset, balance)
       SELECT 'escrow:' || id, 'CNY', $2::bigint FROM unnest($1::bigint[]) AS id
       UNION ALL VALUES ('outside:operator', 'CNY', -$3::bigint), ('user:backlog-sender', 'CNY', 0)`,
      [ids, total, total * count],
    );
    await client.query(
      `WITH block AS MATERIALIZED (SELECT nextval('ledger_block') AS first), sides AS (
         SELECT 1 AS n, 0 AS transfer, 'outside:operator' AS owner, -$3::bigint AS amount, 1 AS kind, NULL::bigint AS batch
         UNION ALL SELECT 2, 0, 'user:backlog-sender', $3::bigint, 1, NULL
         UNION ALL SELECT 2 * u.i + 1, u.i, 'user:backlog-sender', -$2::bigint, 2, u.id
           FROM unnest($1::bigint[]) WITH ORDINALITY AS u (id, i)
         UNION ALL SELECT 2 * u.i + 2, u.i, 'escrow:' || u.id, $2::bigint, 2, u.id
           FROM unnest($1::bigint[]) WITH ORDINALITY AS u (id, i)),
       written AS (INSERT INTO entry (id, transfer, owner, asset, amount, kind, batch, at)
         SELECT first + n, first + transfer, owner, 'CNY', amount, kind, batch, $4 FROM block, sides)
       INSERT INTO deposit (reference, user_id, asset, amount, balance, transfer, at)
         SELECT 'backlog', 'backlog-sender', 'CNY', $3, $3, first, $4 FROM block`,
      [ids, total, total * count, now],
    );
    await client.query('COMMIT');
    return ids;
  } finally {
    await client.end();
  }
}
