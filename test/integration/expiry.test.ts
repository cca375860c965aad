/**
 * Expiry on the real adapters: once per batch, whoever races it, whatever the clock does, whoever was down meanwhile.
 * EXPIRING sets how many batches end in the storm.
 */
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import type { Host } from '../../engine/shard/host.ts';
import { eachOf } from '../../bench/support/pool.ts';
import { claim } from '../shard/harness.ts';
import {
  activeBatch,
  askHost,
  createdBatch,
  fund,
  hostWorld,
  untilSettled,
  type HostWorld,
} from './host-support.ts';

const hourMs = 3_600_000;
const expiring = Number(process.env['EXPIRING'] ?? 10_000);

/** The machine's clock, set wrong by so much. */
function steppedClock() {
  const clock = { ...systemClock, offsetMs: 0, now: () => systemClock.now() + clock.offsetMs };
  return clock;
}

let world: HostWorld | undefined;
const hosts: Host[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.drain(1_000);
  await world?.close();
});

async function open(kind: 'embedded' | 'redis', confirmWithinSeconds?: number) {
  const clock = steppedClock();
  world = await hostWorld(kind, clock, confirmWithinSeconds);
  await fund(world.books, 's', 1_000_000_000);
  return { clock, world, books: world.books };
}

async function started(from: HostWorld): Promise<Host> {
  const host = await from.startHost();
  hosts.push(host);
  return host;
}

async function rows<T extends object>(from: HostWorld, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: from.databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function untilEnded(from: HostWorld, batches: number): Promise<void> {
  const count = 'SELECT count(*)::int AS n FROM batch WHERE expired_at IS NOT NULL';
  for (;;) {
    const [{ n } = { n: 0 }] = await rows<{ n: number }>(from, count);
    if (n >= batches) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function expectSound(from: HostWorld): Promise<void> {
  const audit = await from.books.audit();
  expect(audit.mismatches).toBe(0);
  expect(audit.assets.map(({ difference }) => difference)).toEqual([0]);
  expect(from.alarms).toEqual([]);
}

const small = { count: 3, total: 300 } as const;

describe.each(['embedded', 'redis'] as const)('%s journal', (kind) => {
  it(`${expiring} batches end at once while claims race`, { timeout: 300_000 }, async () => {
    const { clock, world: here, books } = await open(kind);
    const host = await started(here);
    const ids: string[] = [];
    await eachOf(
      Array.from({ length: expiring }, (_, i) => i),
      32,
      async (i) => {
        ids[i] = await activeBatch(books, small);
      },
    );
    const told = new Map<string, number>();
    let done = false;
    let refused = 0;
    let slowestMs = 0;
    const client = async (name: number) => {
      for (let i = 0; !done; i += 1) {
        const batchId = ids[(i * 16 + name) % ids.length] ?? '';
        const receiver = `c${name}-${i % 3}`;
        const since = performance.now();
        const outcome = await askHost(host, batchId, claim(receiver, true));
        slowestMs = Math.max(slowestMs, performance.now() - since);
        if (outcome.code === 'claimed' || outcome.code === 'repeated') {
          const key = `${batchId} ${receiver}`;
          expect(told.get(key) ?? outcome.packet.amount).toBe(outcome.packet.amount);
          told.set(key, outcome.packet.amount ?? 0);
        } else {
          expect(['expired', 'exhausted']).toContain(outcome.code);
          refused += 1;
        }
      }
    };
    const clients = Promise.all(Array.from({ length: 16 }, (_, i) => client(i)));
    await new Promise((resolve) => setTimeout(resolve, 200));
    clock.offsetMs = 2 * hourMs;
    const since = performance.now();
    const opened = 'SELECT FROM batch WHERE expired_at IS NULL AND opened < count';
    while ((await rows(here, opened)).length > 0)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const stormMs = performance.now() - since;
    done = true;
    await clients;
    await untilSettled(host);

    const [sums] = await rows<{ refunds: number; twice: number; wrong: number }>(
      here,
      `SELECT (SELECT count(*)::int FROM event WHERE kind = 4) AS refunds,
        (SELECT count(*)::int FROM (SELECT FROM event WHERE kind = 4 GROUP BY batch HAVING count(*) > 1) AS t) AS twice,
        (SELECT count(*)::int FROM batch WHERE refunded_amount <> CASE WHEN expired_at IS NULL THEN 0 ELSE total - opened_amount END) AS wrong`,
    );
    expect(sums).toMatchObject({ twice: 0, wrong: 0 });
    expect(sums?.refunds).toBeGreaterThan(expiring * 0.9);
    expect(told.size).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    const kept = await rows<{ key: string; amount: string }>(
      here,
      "SELECT batch || ' ' || receiver AS key, amount::text FROM packet",
    );
    const ledger = new Map(kept.map(({ key, amount }) => [key, Number(amount)]));
    for (const [key, amount] of told) expect(ledger.get(key)).toBe(amount);
    await expectSound(here);
    process.stdout.write(
      `${kind}: ${expiring} batches ended in ${Math.round(stormMs)} ms, slowest answer ${Math.round(slowestMs)} ms\n`,
    );
  });

  it('a clock that steps an hour neither refunds twice nor opens again', async () => {
    const { clock, world: here, books } = await open(kind);
    let host = await started(here);
    const early = await activeBatch(books, { ...small, expiresInSeconds: 1_800 });
    const late = await activeBatch(books, { ...small, expiresInSeconds: 5_400 });
    expect(await askHost(host, early, claim('a'))).toMatchObject({ code: 'claimed' });
    clock.offsetMs = hourMs;
    await untilEnded(here, 1);
    const open1 = { kind: 'open', receiverId: 'a', packetId: undefined } as const;
    expect(await askHost(host, early, open1)).toMatchObject({ code: 'expired' });
    const first = await askHost(host, late, claim('a', true));
    expect(first).toMatchObject({ code: 'claimed' });

    for (const [offsetMs, code] of [
      [0, 'claimed'],
      [-hourMs, 'claimed'],
      [hourMs, 'exhausted'],
    ] as const) {
      clock.offsetMs = offsetMs;
      expect(await askHost(host, early, claim('b', true))).toMatchObject({ code: 'expired' });
      expect(await askHost(host, late, claim(`b${offsetMs}`, true))).toMatchObject({ code });
      await untilSettled(host);
      // Also by a host that knows nothing but what is stored.
      host = await started(here);
      expect(await askHost(host, early, claim('b', true))).toMatchObject({ code: 'expired' });
      expect(await askHost(host, late, claim('a', true))).toMatchObject({ code: 'repeated' });
    }
    await untilSettled(host);
    const page = await books.batchPage(early, 's', undefined);
    expect(page).toMatchObject({ page: { status: 'expired', refundedAmount: 300, claimed: 1 } });
    const refunds = 'SELECT count(*)::int AS n FROM entry WHERE kind = 4 AND amount > 0';
    expect(await rows(here, refunds)).toEqual([{ n: 1 }]);
    await expectSound(here);
  });

  it('what ended while nobody was there is refunded at the next start', async () => {
    const { clock, world: here, books } = await open(kind);
    const batchId = await activeBatch(books, small);
    const host = await started(here);
    expect(await askHost(host, batchId, claim('a', true))).toMatchObject({ code: 'claimed' });
    expect(await askHost(host, batchId, claim('b'))).toMatchObject({ code: 'claimed' });
    await untilSettled(host);
    await host.drain(1_000);
    clock.offsetMs = 48 * hourMs;
    await started(here);
    await untilEnded(here, 1);
    const page = await books.batchPage(batchId, 's', undefined);
    if (page.code !== 'page') throw new Error(page.code);
    const { status, openedAmount, refundedAmount, total } = page.page;
    expect(status).toBe('expired');
    expect(openedAmount + refundedAmount).toBe(total);
    expect(openedAmount).toBeGreaterThan(0);
    await expectSound(here);
  });

  it('an unconfirmed batch ends without moving money', async () => {
    const { clock, world: here, books } = await open(kind, 60);
    const batchId = await createdBatch(books, small);
    const before = await books.accounts('s');
    await started(here);
    clock.offsetMs = 61_000;
    expect(await books.confirm(batchId, 's')).toEqual({ code: 'confirmation_expired' });
    const page = await books.batchPage(batchId, 's', undefined);
    expect(page).toMatchObject({ page: { status: 'expired', refundedAmount: 0, openedAmount: 0 } });
    expect(await books.accounts('s')).toEqual(before);
    expect(await rows(here, 'SELECT FROM event')).toEqual([]);
    await expectSound(here);
  });
});
