/** Poll workers against the sandbox platform, on both queues. (T9, T11, c15, c16, ¶87, ¶90) */
import { afterEach, describe, expect, test } from 'vitest';
import { secretOf } from '../contract/trade-platform-support.ts';
import { pollingUnderTest, type PollingUnderTest } from './trade-worker-support.ts';

let under: PollingUnderTest;
afterEach(() => under.close());

const soon = { timeout: 20_000, interval: 30 };
/** Ann shares the account 17 with Bob, and it has been polled once. */
const begin = async (intervalMs?: number) => {
  const groupId = await under.group('ann', 'bob');
  const id = await under.account('ann', groupId, '17');
  await under.start(intervalMs);
  await expect.poll(() => under.isPolled(id), soon).toBe(true);
  return { groupId, id };
};
const settled = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each([
  ['generic', 'postgres'],
  ['generic', 'redis'],
  ['shop', 'postgres'],
  ['shop', 'redis'],
] as const)('%s platform, queue on %s', (contract, backend) => {
  test('T9, T11: trades that appear are shown to the group, in order, each once', async () => {
    under = await pollingUnderTest(contract, backend);
    under.sandbox.books.addAccount('17', secretOf('17'));
    // A shop's clock counts seconds, and the newest few are asked for again: there it may still come.
    if (contract === 'generic') under.sandbox.books.addTrade('17', { title: 'long ago' });
    const { groupId } = await begin();
    const titles = Array.from({ length: 130 }, (_, i) => `Trade ${String(i).padStart(3, '0')}`);
    for (const [i, title] of titles.entries()) {
      under.sandbox.books.addTrade('17', { title });
      if (i % 40 === 0) await settled(200);
    }
    await expect.poll(() => under.titles(groupId, 'bob'), soon).toEqual(titles);
    await settled(600);
    expect(await under.titles(groupId, 'bob')).toEqual(titles);
    expect(await under.polled('polled')).toBeGreaterThan(2);
  });
});

describe.each(['postgres', 'redis'] as const)('queue on %s', (backend) => {
  test('T9: a login that expires is made again, also in the middle', async () => {
    under = await pollingUnderTest('generic', backend);
    under.sandbox.books.sessionMs = 5_600;
    const { groupId } = await begin();
    const logins = [under.sandbox.books.logins];
    for (let n = 1; n <= 4; n += 1) {
      if (n === 3) under.sandbox.books.endSessions();
      under.sandbox.books.addTrade('17', { title: `Trade ${n}` });
      await expect.poll(async () => (await under.titles(groupId, 'bob')).length, soon).toBe(n);
      logins.push(under.sandbox.books.logins);
    }
    await expect.poll(() => under.sandbox.books.logins, soon).toBeGreaterThan(logins.at(-1)!);
    expect(await under.polled('unavailable')).toBe(0);
  });

  test('T9: a wrong secret stops the account and tells its member; the others go on', async () => {
    under = await pollingUnderTest('generic', backend);
    const { groupId, id } = await begin();
    const other = await under.account('bob', groupId, '18');
    await expect.poll(() => under.isPolled(other), soon).toBe(true);
    await under.pushes.listen('ann');
    under.sandbox.books.addAccount('17', 'changed at the platform');
    under.sandbox.books.endSessions();
    await expect.poll(async () => (await under.told('ann')).length, soon).toBe(1);
    expect((await under.told('ann'))[0]).toMatchObject({
      type: 'trade.account_stopped',
      data: { account: '17', reason: 'wrong_secret' },
    });
    under.sandbox.books.addTrade('18', { title: 'goes on' });
    await expect.poll(() => under.titles(groupId, 'ann'), soon).toEqual(['goes on']);
    const logins = under.sandbox.books.logins;
    await settled(1_000);
    expect(under.sandbox.books.logins).toBe(logins);
    expect(await under.work.polls.load(id)).toBeUndefined();
  });

  test('T9: a platform that asks for patience gets it, and nothing is lost', async () => {
    under = await pollingUnderTest('generic', backend);
    under.sandbox.requestsPerSecond = 12;
    const groupId = await under.group('ann', 'bob');
    const ids: string[] = [];
    for (let n = 1; n <= 10; n += 1) ids.push(await under.account('ann', groupId, String(n)));
    await under.start(400);
    for (const id of ids) await expect.poll(() => under.isPolled(id), soon).toBe(true);
    const titles: string[] = [];
    for (let n = 1; n <= 10; n += 1) {
      titles.push(`of ${n}`);
      under.sandbox.books.addTrade(String(n), { title: `of ${n}` });
    }
    const shown = async () => (await under.titles(groupId, 'bob')).toSorted();
    await expect.poll(shown, soon).toEqual(titles.toSorted());
    expect(await under.polled('unavailable')).toBeGreaterThan(0);
  });

  test('T9: a platform that is down opens its circuit, and is polled again once it is up', async () => {
    under = await pollingUnderTest('generic', backend);
    const { groupId } = await begin(100);
    for (let n = 1; n <= 8; n += 1) await under.account('bob', groupId, `b${n}`);
    under.sandbox.faults.add({ kind: 'error' });
    under.sandbox.faults.add({ kind: 'error', on: 'login' });
    await expect.poll(() => under.polled('circuit_open'), soon).toBeGreaterThan(0);
    under.sandbox.books.addTrade('17', { title: 'meanwhile' });
    under.sandbox.faults.clear();
    await expect.poll(() => under.titles(groupId, 'bob'), soon).toEqual(['meanwhile']);
  });
});

test('T9: whatever a platform answers, what is good is shown once and the rest kept aside', async () => {
  under = await pollingUnderTest('generic', 'postgres');
  const { groupId } = await begin(150);
  const good: string[] = [];
  const add = (title: string, raw?: object) => {
    under.sandbox.books.addTrade('17', { title, raw });
    if (raw === undefined) good.push(title);
  };
  const wire = (id: string, more: object) => ({
    id,
    account: '17',
    title: `Bad ${id}`,
    categories: [],
    price: 100,
    currency: 'CNY',
    url: 'https://shop.example/1',
    at: new Date().toISOString(),
    ...more,
  });
  add('Trade 1');
  const bad: Record<string, object> = {
    'b-price': { price: -1 },
    'b-float': { price: 12.9 },
    'b-script': { title: '<script>alert(1)</script>' },
    'b-account': { account: '18' },
    'b-scheme': { url: 'javascript:alert(1)' },
    'b-host': { url: 'https://evil.example/' },
    'b-future': { at: '2999-01-01T00:00:00Z' },
    'b-categories': { categories: Array.from({ length: 40 }, String) },
    'b-field': { admin: true },
    'b-huge': { title: 'x'.repeat(5_000_000) },
  };
  for (const [id, more] of Object.entries(bad)) add(id, wire(id, more));
  add('Trade 2');
  under.sandbox.books.addTrade('17', { id: '5', title: 'Trade 3' });
  under.sandbox.books.addTrade('17', { id: '5', title: 'Another under the same id' });
  good.push('Trade 3');
  await expect.poll(() => under.titles(groupId, 'bob'), { timeout: 25_000 }).toEqual(good);
  const quarantine = new Map(
    (await under.quarantine()).map(([reason, id]) => [id ?? '', reason ?? '']),
  );
  expect(Object.fromEntries(quarantine)).toEqual({
    'b-price': 'price',
    'b-float': expect.stringMatching(/^malformed price/),
    'b-script': 'title_markup',
    'b-account': 'account',
    'b-scheme': 'link_scheme',
    'b-host': 'link_host',
    'b-future': 'time',
    'b-categories': expect.stringMatching(/^malformed categories/),
    'b-field': expect.stringMatching(/^malformed/),
    'b-huge': expect.stringMatching(/^malformed title/),
    '5': 'duplicate_id',
  });
  for (const kind of ['twice', 'reversed', 'broken', 'truncated', 'html'] as const) {
    under.sandbox.faults.add({ kind, times: 1 });
    add(`after ${kind}`);
    await expect.poll(() => under.titles(groupId, 'bob'), { timeout: 25_000 }).toEqual(good);
  }
}, 120_000);
