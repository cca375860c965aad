/**
 * Worker processes are killed (SIGKILL) at many moments of their polls: at the end every trade stands once in every group,
 * none is missing and none is there twice. (T9, T11)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { launch } from '../setup/server.ts';
import { startRedis } from '../setup/redis.ts';
import { secretOf } from '../contract/trade-platform-support.ts';
import { cardKeys, intakeUnderTest, publicUrl, realClock } from './trade-support.ts';
import { sandboxPlatform } from './trade-worker-support.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const rounds = 5;
const accounts = Array.from({ length: 12 }, (_, i) => String(100 + i));
const members = ['ann', 'bob', 'cid'];
const [key] = cardKeys;

test.each(['postgres', 'redis'] as const)(`queue on %s`, { timeout: 180_000 }, async (backend) => {
  const platform = await sandboxPlatform('generic', { pollIntervalSeconds: 1 });
  closers.push(() => platform.close());
  const { sandbox, config } = platform;
  const under = await intakeUnderTest([config], realClock);
  closers.push(() => under.close());
  const redis = backend === 'redis' ? await startRedis() : undefined;
  if (redis !== undefined) closers.push(() => redis.remove());
  const env = {
    DATABASE_URL: under.url,
    ...(redis === undefined ? {} : { REDIS_URL: redis.url }),
    TRADE_PLATFORMS: JSON.stringify([config]),
    CARD_KEYS: `${key!.id}:${Buffer.from(key!.key).toString('base64')}`,
    PUBLIC_URL: publicUrl,
    LOG_LEVEL: 'warn',
  };
  const groups = [await under.group(...members), await under.group(...members, 'dan')];
  const ids: string[] = [];
  for (const [i, account] of accounts.entries()) {
    const secret = secretOf(account);
    sandbox.books.addAccount(account, secret);
    const sharing = { platform: config.name, account, secret };
    for (const group of groups) {
      ids.push(await under.share(members[i % members.length]!, group, sharing));
    }
  }
  const begun = async () => {
    const { rows } = await under.pool.query('SELECT FROM trade_account WHERE cursor IS NULL');
    return rows.length;
  };
  /** How many messages each group has, and that no trade has two. */
  const shown = async () => {
    const { rows } = await under.pool.query<{ all: number; distinct: number }>(
      `SELECT count(*)::int AS all, count(DISTINCT (conversation, subject))::int AS distinct
       FROM message WHERE kind = 3`,
    );
    return rows[0]!;
  };

  const start = () => {
    const worker = launch('workers/main.ts', env);
    closers.push(async () => worker.child.kill('SIGKILL'));
    return worker;
  };

  sandbox.faults.add({ kind: 'slow', percent: 30, delayMs: 60 });
  let added = 0;
  let isAdding = true;
  const add = async () => {
    for (; isAdding; added += 1) {
      sandbox.books.addTrade(accounts[added % accounts.length]!, { title: `Trade ${added}` });
      await sleep(15);
    }
  };
  let adding: Promise<void> | undefined;
  let between = 0;
  for (let round = 0; round < rounds; round += 1) {
    const worker = start();
    const before = (await shown()).all;
    if (round === 0) {
      await expect.poll(begun, { timeout: 30_000 }).toBe(0);
      adding = add();
    }
    // Once it is at work, at another moment of the interval each time.
    await expect
      .poll(async () => (await shown()).all, { timeout: 30_000, interval: 20 })
      .toBeGreaterThan(before);
    await sleep((1_000 / rounds) * round);
    const { all } = await shown();
    if (all < added * groups.length) between += 1;
    worker.child.kill('SIGKILL');
    await worker.exited;
  }
  isAdding = false;
  await adding;
  // Else the moments were no moments.
  expect(between).toBeGreaterThan(0);

  const worker = start();
  const all = added * groups.length;
  await expect.poll(shown, { timeout: 60_000 }).toEqual({ all, distinct: all });
  await sleep(2_500);
  expect(await shown()).toEqual({ all, distinct: all });
  for (const group of groups) {
    const titles = await under.titles(group, 'bob');
    const expected = Array.from({ length: added }, (_, i) => `Trade ${i}`);
    expect(titles.toSorted()).toEqual(expected.toSorted());
  }
  worker.child.kill('SIGTERM');
  expect(await worker.exited).toBe(0);
});
