/** Mappings reach their platforms, however often it takes. Path A. (T8, c14, ¶86) */
import { afterEach, describe, expect, test } from 'vitest';
import {
  mappingLeaseMs,
  mappingRetryMsMax,
  mappingRetryMsMin,
  mappingSweepMax,
} from '../../engine/limits.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { type TradePlatforms, tradePlatforms } from '../../engine/trade-http/platforms.ts';
import type { DueMapping } from '../../engine/trade-intake/mappings.ts';
import { startMappingWorker } from '../../workers/trade-mappings.ts';
import { type IntakeUnderTest, intakeUnderTest, publicUrl, realClock } from './trade-support.ts';
import { sandboxPlatform } from './trade-worker-support.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** As the settings write it. */
const want = (
  under: IntakeUnderTest,
  platform: string,
  account: string,
  isWanted: boolean,
  userId = 'ann',
) =>
  under.pool.query(
    `INSERT INTO trade_mapping (changed_at, next_try_at, wanted, platform, account, user_id)
     VALUES ($1, $1, $2, $3, $4, $5)
     ON CONFLICT (platform, account, user_id) DO UPDATE
     SET changed_at = $1, next_try_at = $1, wanted = $2, told = NULL, tries = 0`,
    [under.clock.now, isWanted, platform, account, userId],
  );
const rowsOf = async (under: IntakeUnderTest) => {
  const { rows } = await under.pool.query<{ wanted: boolean; told: boolean | null; due: boolean }>(
    'SELECT wanted, told, next_try_at IS NOT NULL AS due FROM trade_mapping',
  );
  return rows;
};

describe.each(['generic', 'shop'] as const)('the worker and a %s platform', (contract) => {
  test('T8: tells it, and takes it back; what it does not hear it is told again', async () => {
    const platform = await sandboxPlatform(contract);
    closers.push(() => platform.close());
    const { sandbox, config } = platform;
    const under = await intakeUnderTest([config], realClock);
    closers.push(() => under.close());
    const platforms = tradePlatforms([config], { publicUrl, now: Date.now });
    closers.push(async () => platforms.close());
    const { mappings } = under.work;
    const deps = { mappings, platforms, observer: silentObserver, sweepMs: 20 };
    const workers = [startMappingWorker(deps), startMappingWorker(deps)];
    closers.push(...workers);
    for (const account of ['17', '18']) sandbox.books.addAccount(account, 'ck_x:cs_x');

    sandbox.faults.add({ kind: 'error', on: 'register', times: 2 });
    for (const account of ['17', '18']) await want(under, config.name, account, true);
    const soon = { timeout: 20_000 };
    await expect.poll(() => sandbox.books.mappings.size, soon).toBe(2);
    expect(sandbox.books.mappings.get('17')).toEqual({
      userId: 'ann',
      webhookUrl: `${publicUrl}/v1/trade-platforms/${config.name}/webhook`,
    });
    const told = { wanted: true, told: true, due: false };
    await expect.poll(() => rowsOf(under), soon).toEqual([told, told]);
    expect(under.counted.mapped.toSorted()).toEqual(['failed', 'failed', 'told', 'told']);

    await want(under, config.name, '17', false);
    await expect.poll(() => rowsOf(under), soon).toEqual([told]);
    expect([...sandbox.books.mappings.keys()]).toEqual(['18']);
  });
});

describe('what is due', () => {
  const begin = async () => {
    const under = await intakeUnderTest();
    closers.push(() => under.close());
    await want(under, 'mall', '17', true);
    const { mappings } = under.work;
    const claimed = async (): Promise<DueMapping> => {
      const [one] = await mappings.claim('mall', 10);
      if (one === undefined) throw new Error('nothing is due');
      return one;
    };
    return { under, mappings, claimed };
  };

  test('T8: one at a time has it; whose worker died before it was told is due again', async () => {
    const { under, mappings, claimed } = await begin();
    const first = await claimed();
    expect(first).toMatchObject({ platform: 'mall', account: '17', userId: 'ann', wanted: true });
    expect(await mappings.claim('mall', 10)).toEqual([]);
    under.clock.now += mappingLeaseMs;
    await mappings.settle(await claimed(), true);
    expect(await rowsOf(under)).toEqual([{ wanted: true, told: true, due: false }]);
    expect(await mappings.claim('mall', 10)).toEqual([]);
  });

  test('T8: fails for days, and is not forgotten', async () => {
    const { under, mappings, claimed } = await begin();
    let pauseMs = mappingRetryMsMin;
    for (let round = 0; round < 40; round += 1) {
      await mappings.settle(await claimed(), false);
      under.clock.now += pauseMs - 1;
      expect(await mappings.claim('mall', 10)).toEqual([]);
      under.clock.now += 1;
      pauseMs = Math.min(pauseMs * 2, mappingRetryMsMax);
    }
    await mappings.settle(await claimed(), true);
    expect(await rowsOf(under)).toEqual([{ wanted: true, told: true, due: false }]);
  });

  test('T8: what changes while it is told is told as it stands then', async () => {
    const { under, mappings, claimed } = await begin();
    const first = await claimed();
    under.clock.now += 5;
    await want(under, 'mall', '17', false);
    await mappings.settle(first, true);
    const second = await claimed();
    expect(second.wanted).toBe(false);
    await mappings.settle(second, true);
    expect(await rowsOf(under)).toEqual([]);
  });

  test('T8: wanted again within the same moment is not lost', async () => {
    const { under, mappings, claimed } = await begin();
    await mappings.settle(await claimed(), true);
    await want(under, 'mall', '17', false);
    const ending = await claimed();
    await want(under, 'mall', '17', true);
    await mappings.settle(ending, true);
    const again = await claimed();
    expect(again.wanted).toBe(true);
    await mappings.settle(again, true);
    expect(await rowsOf(under)).toEqual([{ wanted: true, told: true, due: false }]);
  });

  test('T8: told by two at a time in an order that nobody knows, it is told once more', async () => {
    const { under, mappings, claimed } = await begin();
    const slow = await claimed();
    under.clock.now += mappingLeaseMs;
    const quick = await claimed();
    await mappings.settle(quick, true);
    await mappings.settle(slow, true);
    const third = await claimed();
    await mappings.settle(third, true);
    expect(await rowsOf(under)).toEqual([{ wanted: true, told: true, due: false }]);

    // And when the slow one is done before the other.
    await want(under, 'mall', '17', true);
    const one = await claimed();
    under.clock.now += mappingLeaseMs;
    const other = await claimed();
    await mappings.settle(one, true);
    await mappings.settle(other, true);
    under.clock.now += mappingLeaseMs;
    await mappings.settle(await claimed(), true);
    expect(await rowsOf(under)).toEqual([{ wanted: true, told: true, due: false }]);
  });

  test('T8: when one of two with the same account ends, the platform is told of the other again', async () => {
    const { under, mappings, claimed } = await begin();
    await mappings.settle(await claimed(), true);
    await want(under, 'mall', '17', true, 'bob');
    await mappings.settle(await claimed(), true);
    await want(under, 'mall', '17', false, 'bob');
    await mappings.settle(await claimed(), true);
    const again = await claimed();
    expect(again).toMatchObject({ account: '17', userId: 'ann', wanted: true });
    await mappings.settle(again, true);
    expect(await rowsOf(under)).toEqual([{ wanted: true, told: true, due: false }]);
  });

  test('T8: those of another platform, connected or not, wait for it', async () => {
    const { under, mappings } = await begin();
    await want(under, 'elsewhere', '17', true);
    expect(await mappings.claim('mall', 10)).toHaveLength(1);
    expect(await rowsOf(under)).toHaveLength(2);
  });

  test('T8: a platform that does not answer holds up no other', async () => {
    const under = await intakeUnderTest();
    closers.push(() => under.close());
    for (let i = 0; i < 40; i += 1) await want(under, 'slow', String(i), true);
    await want(under, 'mall', '17', true);
    const told: string[] = [];
    const slow = Promise.withResolvers<boolean>();
    const register = (name: string) => (account: string) => {
      told.push(`${name} ${account}`);
      return name === 'slow' ? slow.promise : Promise.resolve(true);
    };
    const pushing = (name: string) => ({ name, paths: ['push'] as const });
    const platforms = {
      list: [pushing('slow'), pushing('mall')],
      get: (name: string) => ({ register: register(name) }),
    } as unknown as TradePlatforms;
    const { mappings } = under.work;
    const stop = startMappingWorker({ mappings, platforms, observer: silentObserver, sweepMs: 20 });
    closers.push(async () => {
      const stopped = stop();
      slow.resolve(false);
      await stopped;
    });
    await expect.poll(() => told, { timeout: 5_000 }).toContain('mall 17');
    expect(told.filter((one) => one.startsWith('slow'))).toHaveLength(mappingSweepMax);
  });
});
