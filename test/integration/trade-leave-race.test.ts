/**
 * Members leave, and take accounts out of their settings, while their trades come by polls and pushes: nothing is shown
 * once they were answered, nothing stands still, and the secret is gone. (T5, T11)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TradeGroups } from '../../engine/trade/port.ts';
import { postgresTradeGroups } from '../../engine/trade/postgres.ts';
import { tradePlatforms } from '../../engine/trade-http/platforms.ts';
import {
  cardKeys,
  type IntakeUnderTest,
  intakeUnderTest,
  platformConfig,
  publicUrl,
} from './trade-support.ts';

const rounds = 16;
const mall = platformConfig();

let under: IntakeUnderTest;
let groups: TradeGroups;
beforeEach(async () => {
  under = await intakeUnderTest([mall]);
  const now = () => under.clock.now;
  const platforms = tradePlatforms([mall], { publicUrl, now });
  groups = await postgresTradeGroups({ url: under.url, platforms, cardKeys, now });
});
afterEach(async () => {
  await groups.close();
  await under.close();
});

test(`${rounds} rounds`, { timeout: 120_000 }, async () => {
  let trades = 0;
  let shown = 0;
  const next = () => under.trade(`T-${(trades += 1)}`);
  const accountId = async (): Promise<string | undefined> => {
    const { rows } = await under.pool.query<{ id: string }>('SELECT id FROM trade_account');
    return rows[0]?.id;
  };
  for (let round = 0; round < rounds; round += 1) {
    const groupId = await under.group('bob', 'ann', 'cid');
    const other = await under.group('bob', 'ann');
    const accounts = [{ platform: mall.name, account: '17', secret: `hush ${round}` }];
    // In two groups every other round: then the account stays, and is still shown in the other one.
    const isOnly = round % 2 === 0;
    for (const id of isOnly ? [groupId] : [groupId, other]) {
      const put = await groups.putSettings(id, 'ann', { accounts, types: [] });
      expect(put.code).toBe('put');
    }
    let isOver = false;
    const poll = async () => {
      while (!isOver) {
        const id = await accountId();
        const polled = id === undefined ? undefined : await under.work.polls.load(id);
        if (polled === undefined) continue;
        const page = { trades: [next(), next()], malformed: [], cursor: `c${trades}` };
        await under.work.polls.accept(polled, page);
      }
    };
    const push = async () => {
      while (!isOver) {
        const pushedFor = { kind: 'member', userId: 'ann' } as const;
        const told = {
          code: 'trades',
          deliveryId: `d${trades}`,
          pushedFor,
          malformed: [],
        } as const;
        await under.intake.take(mall.name, { ...told, trades: [next()] });
      }
    };
    const write = async () => {
      while (!isOver) {
        await under.social.once('cid', 'test', undefined, async (tx) => {
          await under.social.postMessage(tx, { senderId: 'cid', to: { groupId }, text: 'hm' });
          return { status: 201, body: null, keep: true };
        });
      }
    };
    const working = [poll(), push(), write()];
    await sleep(20 + ((round * 7) % 60));
    const ended =
      round % 4 < 2
        ? await groups.removeMembers(groupId, 'ann', ['ann'])
        : await groups.putSettings(groupId, 'ann', { accounts: [], types: [] });
    expect(['removed', 'put']).toContain(ended.code);
    const ofAnn = async () =>
      (await under.messages(groupId, 'bob')).filter(({ senderId }) => senderId === 'ann').length;
    const then = await ofAnn();
    expect((await accountId()) === undefined).toBe(isOnly);
    await sleep(60);
    isOver = true;
    await Promise.all(working);
    expect(await ofAnn()).toBe(then);
    shown += then;
    await groups.putSettings(other, 'ann', { accounts: [], types: [] });
    expect(await accountId()).toBeUndefined();
    const all = await under.messages(groupId, 'bob');
    expect(all.map(({ id }) => id)).toEqual(all.map((_, i) => `${groupId}-${i + 1}`));
  }
  // Else nothing was at stake.
  expect(shown).toBeGreaterThan(rounds);
});
