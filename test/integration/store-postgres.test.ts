/** What only a real server can do to the store: lose connections, hold damaged rows, time out. (invariants 4, 5) */
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BatchEvent } from '../../engine/core/types.ts';
import type { Store } from '../../engine/ports/store.ts';
import { postgresStore } from '../../engine/store/postgres.ts';
import { batchOf, claimed, createdAt, insertBatch } from '../contract/store-support.ts';
import { packetsOf } from '../fixtures/plain-state.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';

let database: TestDatabase;
let store: Store;
let client: Client;
let number: number;
beforeEach(async () => {
  database = await freshDatabase();
  store = await postgresStore({ url: database.url, poolMax: 4 });
  client = new Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
  number = await store.newOwner([1]);
  for (const id of ['1', '2', '3']) await insertBatch(client, batchOf(id));
});
afterEach(async () => {
  await store.close();
  await client.end();
  await database.drop();
});

const settle = (events: readonly BatchEvent[]) =>
  store.withOwner(number, (owner) => owner.apply(events, createdAt));
const good = [
  claimed('1', 1, 1, 'ann', 4),
  claimed('2', 1, 1, 'ann', 4),
  claimed('3', 1, 1, 'bob', 4),
];
const terminate = () =>
  client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'hongbao-store' AND datname = current_database()`,
  );
const countOf = async (table: string) =>
  Number((await client.query<{ n: string }>(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n);

describe('connections', () => {
  test('idle ones may be cut: the next call gets another', async () => {
    await store.progress([number]);
    await terminate();
    // The pool hears of it by itself; a call that still met the dead connection may reject, the process lives on.
    await expect.poll(() => store.progress([number]).catch(() => [])).toHaveLength(1);
  });

  test('one cut inside a transaction rejects, with no effect and nothing in quarantine', async () => {
    const cut = store.withOwner(number, async (owner) => {
      await owner.apply(good, createdAt);
      await terminate();
      await owner.advance(1, 0);
    });
    await expect(cut).rejects.toThrow();
    expect(await countOf('event')).toBe(0);
    expect(await countOf('quarantine')).toBe(0);
    expect(await settle(good)).toMatchObject({ inserted: 3 });
  });

  test('one cut while apply waits for a lock rejects, with nothing in quarantine', async () => {
    await client.query('BEGIN');
    await client.query('SELECT FROM batch WHERE id = 2 FOR UPDATE');
    const cut = settle(good);
    const outcome = cut.then(
      () => 'applied',
      () => 'rejected',
    );
    await expect
      .poll(async () => {
        const { rows } = await client.query(
          "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'hongbao-store'",
        );
        return rows.length;
      })
      .toBe(1);
    await terminate();
    expect(await outcome).toBe('rejected');
    await client.query('COMMIT');
    expect(await countOf('quarantine')).toBe(0);
    expect(await settle(good)).toMatchObject({ inserted: 3 });
  });

  test('the URL cannot weaken the durability', async () => {
    const url = new URL(database.url);
    url.searchParams.set('options', '-c synchronous_commit=off');
    await expect(postgresStore({ url: url.href })).rejects.toThrow(/set synchronous_commit = on/);
  });

  test('nobody there: rejects', async () => {
    await expect(postgresStore({ url: 'postgres://nobody@127.0.0.1:9/none' })).rejects.toThrow();
  });
});

describe('damaged rows', () => {
  const neighbours = async () => {
    expect((await store.load('2')).kind).toBe('active');
    expect(await countOf('event WHERE batch IN (2, 3)')).toBe(2);
  };

  test('an event beyond the batch’s version blames its batch only', async () => {
    await client.query(
      'INSERT INTO event (batch, version, at, kind, amount) VALUES (1, 1, 0, 4, 10)',
    );
    const applied = await settle(good);
    expect(applied.quarantined).toEqual([
      { batchId: '1', version: 1, reason: 'event_beyond_version' },
    ]);
    await neighbours();
  });

  test('a lost escrow account blames its batch only', async () => {
    await client.query("DELETE FROM account WHERE owner = 'escrow:1'");
    const applied = await settle([...good, claimed('1', 2, 2, 'cem')]);
    expect(applied.quarantined).toEqual([
      { batchId: '1', version: 1, reason: 'escrow_missing' },
      { batchId: '1', version: 2, reason: 'escrow_missing' },
    ]);
    await neighbours();
  });

  test('an escrow with too little is never overdrawn: what it can pay is paid, then the batch is set aside', async () => {
    await client.query("UPDATE account SET balance = 5 WHERE owner = 'escrow:1'");
    const applied = await settle([
      ...good,
      claimed('1', 2, 2, 'cem', 1),
      claimed('1', 3, 3, 'dan', 5),
    ]);
    expect(applied.quarantined).toEqual([{ batchId: '1', version: 3, reason: 'sql_23514' }]);
    expect(applied.inserted).toBe(4);
    await neighbours();
  });

  test('a batch whose events have a gap is not loaded', async () => {
    await settle([...good, claimed('1', 2, 2, 'bob', 1)]);
    await client.query('DELETE FROM event WHERE batch = 1 AND version = 1');
    await expect(store.load('1')).rejects.toThrow(/1 events up to 2, but its version is 2/);
    await client.query('DELETE FROM packet WHERE batch = 2');
    await expect(store.load('2')).rejects.toThrow(/counters differ from its packets/);
  });
});

test('text that Postgres cannot store is poison, not a fault that comes again for ever', async () => {
  const applied = await settle([
    ...good,
    claimed('1', 2, 2, 'nul\0', 1),
    claimed('x\0', 1, 1, 'ann'),
  ]);
  expect(applied.inserted).toBe(3);
  expect(applied.quarantined).toEqual([
    { batchId: '1', version: 2, reason: expect.stringMatching(/^sql_22/) },
    { batchId: 'x\0', version: 1, reason: 'unknown_batch' },
  ]);
});

test('a batch of many packets loads in pieces, in order', async () => {
  const count = 45_000;
  await insertBatch(client, batchOf('9', { count, total: count }));
  const events = Array.from({ length: count }, (_, i) => claimed('9', i + 1, i + 1, `u${i}`, 1));
  expect((await settle(events)).inserted).toBe(count);
  const loaded = await store.load('9');
  if (loaded.kind !== 'active') throw new Error(loaded.kind);
  const packets = packetsOf(loaded.state);
  expect(packets.length).toBe(count);
  expect(
    packets.every(({ packet, receiverId }, i) => packet === i + 1 && receiverId === `u${i}`),
  ).toBe(true);
});
