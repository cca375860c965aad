/** Limits per user on real processes: over two gateways, over a restart, under a rush; and messages. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresSocial } from '../../engine/social/postgres.ts';
import { harness } from '../gateway/harness.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { activeBatch, clientOf, freePort, startServer, type TestServer } from '../setup/server.ts';

const lucky = { mode: 'lucky', count: 2, total: 20 };
const perHour = 5;
let database: TestDatabase;
let environments: Record<string, string>[];
let servers: TestServer[];

beforeAll(async () => {
  database = await freshDatabase();
  const ports = [String(await freePort()), String(await freePort())];
  environments = ports.map((PORT, n) => ({
    PORT,
    DATABASE_URL: database.url,
    NODE_ID: `node-${n}`,
    NODE_URL: `http://127.0.0.1:${PORT}`,
    THREADS: '1',
    BATCHES_PER_HOUR: String(perHour),
    CLAIMS_PER_MINUTE: '3',
  }));
  servers = [await startServer(environments[0]!), await startServer(environments[1]!)];
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.end('SIGTERM')));
  await database.drop();
});

describe('batches per hour', () => {
  test('a rush on two gateways creates exactly so many', async () => {
    const clients = await Promise.all(servers.map(({ url }) => clientOf(url, 'rush')));
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, n) => clients[n % 2]!.post('/v1/batches', lucky)),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(perHour);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(24 - perHour);
    const left = answers
      .filter(({ status }) => status === 201)
      .map(({ headers }) => headers.get('ratelimit')?.split(';')[1]);
    expect(left).toHaveLength(perHour);
    expect(new Set(left)).toEqual(new Set(['r=0', 'r=1', 'r=2', 'r=3', 'r=4']));
    const sent = await clients[1]!.get('/v1/me/sent');
    expect(sent.body['items']).toHaveLength(perHour);
  });

  test('a replay is answered, and a restart forgets nothing', async () => {
    const key = { 'idempotency-key': 'first' };
    const before = await clientOf(servers[0]!.url, 'again');
    const first = await before.post('/v1/batches', lucky, key);
    expect(first.status).toBe(201);
    for (let n = 1; n < perHour; n += 1) await before.post('/v1/batches', lucky);
    await servers[0]!.end('SIGKILL');
    servers[0] = await startServer(environments[0]!);
    const after = await clientOf(servers[0].url, 'again');
    const refused = await after.post('/v1/batches', lucky);
    expect([refused.status, refused.body['code']]).toEqual([429, 'rate_limited']);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(3_500);
    expect(seconds).toBeLessThanOrEqual(3_600);
    expect(refused.headers.get('ratelimit')).toBe(`"batches";r=0;t=${seconds}`);
    const replayed = await after.post('/v1/batches', lucky, key);
    expect([replayed.status, replayed.body]).toEqual([201, first.body]);
    expect(replayed.headers.get('idempotency-replayed')).toBe('true');
  });
});

test('claims: the limit of the node that holds the batch is told through the other', async () => {
  const [one, other] = servers as [TestServer, TestServer];
  const ids: string[] = [];
  for (const sender of ['s1', 's2', 's3']) {
    const client = await clientOf(one.url, sender);
    for (let n = 0; n < 4; n += 1) {
      ids.push(await activeBatch(one.url, client, sender, lucky, ['bob']));
    }
  }
  const bob = await Promise.all([one, other].map(({ url }) => clientOf(url, 'bob')));
  const claimed: string[] = [];
  let refused = 0;
  for (const [n, id] of ids.entries()) {
    // Shards may still move to the node that was started again; "unknown" may be repeated.
    let answer = await bob[n % 2]!.post(`/v1/batches/${id}/claims`);
    for (let turn = 0; answer.status === 503 && turn < 50; turn += 1) {
      await sleep(100);
      answer = await bob[n % 2]!.post(`/v1/batches/${id}/claims`);
    }
    expect(answer.headers.get('ratelimit-policy')).toBe('"claims";q=3;w=60');
    expect(answer.headers.get('ratelimit')).toMatch(/^"claims";r=[0-2];t=\d+$/);
    if (answer.status === 201) claimed.push(id);
    else {
      expect([answer.status, answer.body['code']]).toEqual([429, 'rate_limited']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      refused += 1;
    }
  }
  // Each node counts for itself.
  expect(claimed.length).toBeGreaterThanOrEqual(3);
  expect(claimed.length).toBeLessThanOrEqual(2 * 3);
  expect(refused).toBe(ids.length - claimed.length);
  for (const id of claimed) {
    const again = await bob[1]!.post(`/v1/batches/${id}/claims`);
    expect([again.status, again.body['repeated']]).toEqual([200, true]);
  }
});

test('messages per minute: posts, shares and contact requests are messages', async () => {
  const social = await postgresSocial({ url: database.url });
  const rateLimits = {
    batchesPerHour: undefined,
    claimsPerMinute: undefined,
    messagesPerMinute: 3,
  };
  const { ask, world, activeBatch } = harness({ rateLimits }, social);
  try {
    for (const [n, status] of [201, 201, 201, 429].entries()) {
      const asked = await ask('POST', '/v1/contacts', { as: 'fay', body: { userId: `f${n}` } });
      expect(asked.status).toBe(status);
    }
    world.now += 60_000;
    await ask('POST', '/v1/contacts', { as: 'fay', body: { userId: 'eva' } });
    await ask('POST', '/v1/contacts/fay/accept', { as: 'eva' });
    const { id } = await activeBatch('eva');
    const post = (path: string, body: object, key?: string) =>
      ask('POST', path, {
        as: 'eva',
        body,
        ...(key !== undefined && { headers: { 'idempotency-key': key } }),
      });
    const share = (body: object, key?: string) => post(`/v1/batches/${id}/share`, body, key);
    const toFay = { channel: 'im', to: ['fay'] };
    const first = await share(toFay, 'k1');
    expect([first.status, first.headers.get('ratelimit')]).toEqual([201, '"messages";r=2;t=60']);
    const refused = await share({ channel: 'group', groupId: '999999' });
    expect([refused.status, refused.headers.get('ratelimit')]).toEqual([
      404,
      '"messages";r=1;t=60',
    ]);
    const blog = await post('/v1/microblog', { text: 'hi' });
    expect([blog.status, blog.headers.get('ratelimit')]).toEqual([201, '"messages";r=0;t=60']);
    const stored = world.audiences.length;
    for (const answer of [
      await share(toFay),
      await share({ channel: 'feed' }, 'k2'),
      await post('/v1/feed', { text: 'hi' }),
      await post('/v1/messages', { to: { userId: 'fay' }, text: 'hi' }),
    ]) {
      expect([answer.status, answer.json.code]).toEqual([429, 'rate_limited']);
      expect(answer.headers.get('retry-after')).toBe('60');
      expect(answer.headers.get('ratelimit-policy')).toBe('"messages";q=3;w=60');
    }
    expect(world.audiences).toHaveLength(stored);
    // Nobody sees a code that is only asked for, and a replay is no second message.
    expect((await share({ channel: 'qr', anyone: true })).status).toBe(201);
    expect((await share(toFay, 'k1')).json).toEqual(first.json);
  } finally {
    await social.close();
  }
});

test('messages per minute: refusals leave nothing, replays are answered', async () => {
  const social = await postgresSocial({ url: database.url });
  const rateLimits = {
    batchesPerHour: undefined,
    claimsPerMinute: undefined,
    messagesPerMinute: 2,
  };
  const { ask, world } = harness({ rateLimits }, social);
  try {
    await ask('POST', '/v1/contacts', { as: 'bob', body: { userId: 'ann' } });
    await ask('POST', '/v1/contacts/bob/accept', { as: 'ann' });
    const say = (text: string, key?: string) =>
      ask('POST', '/v1/messages', {
        as: 'ann',
        body: { to: { userId: 'bob' }, text },
        ...(key !== undefined && { headers: { 'idempotency-key': key } }),
      });
    const first = await say('one', 'k1');
    expect(first.headers.get('ratelimit')).toBe('"messages";r=1;t=60');
    expect((await say('two')).headers.get('ratelimit')).toBe('"messages";r=0;t=60');
    const refused = await say('three', 'k3');
    expect([refused.status, refused.json.code]).toEqual([429, 'rate_limited']);
    expect(refused.headers.get('ratelimit-policy')).toBe('"messages";q=2;w=60');
    expect((await say('one', 'k1')).json).toEqual(first.json);
    const { conversationId } = first.json;
    const texts = async () => {
      const { json } = await ask('GET', `/v1/conversations/${conversationId}/messages`, {
        as: 'bob',
      });
      return json.items.map(({ text }: { text: string }) => text);
    };
    expect(await texts()).toEqual(['two', 'one']);
    world.now += 60_000;
    expect((await say('three', 'k3')).status).toBe(201);
    expect(await texts()).toEqual(['three', 'two', 'one']);
  } finally {
    await social.close();
  }
});
