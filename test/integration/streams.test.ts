/**
 * Push streams on real processes: word goes from any node to any other, and a client sees every number once and in
 * order although its server is killed again and again, or the database is (E12, T5).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { freshDatabase } from '../setup/database.ts';
import { EventStream, type StreamEvent } from '../setup/event-stream.ts';
import { ownPostgres } from '../setup/postgres.ts';
import { StreamReader } from '../setup/stream-reader.ts';
import { startRedis } from '../setup/redis.ts';
import {
  type Client,
  clientWith,
  freePort,
  startServer,
  type TestServer,
} from '../setup/server.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function databases(): Promise<Record<string, string>> {
  const database = await freshDatabase();
  endings.push(() => database.drop());
  const redis = await startRedis();
  endings.push(() => redis.remove());
  return { DATABASE_URL: database.url, REDIS_URL: redis.url };
}

async function start(env: Record<string, string>, name = 'a'): Promise<TestServer> {
  const port = env['PORT'] ?? String(await freePort());
  const nodeUrl = `http://127.0.0.1:${port}`;
  const server = await startServer({ ...env, NODE_ID: name, NODE_URL: nodeUrl, PORT: port });
  endings.push(() => server.end('SIGKILL'));
  return server;
}

async function tokenOf(url: string, userId: string): Promise<string> {
  const response = await fetch(`${url}/v1/dev/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ userId }),
  });
  return ((await response.json()) as { token: string }).token;
}

/** Contacts, so that one may write to the other. */
async function befriend(url: string, tokens: { ann: string; bob: string }): Promise<void> {
  const asked = await clientWith(url, tokens.bob).post('/v1/contacts', { userId: 'ann' });
  const accepted = await clientWith(url, tokens.ann).post('/v1/contacts/bob/accept');
  expect([asked.status < 300, accepted.status < 300]).toEqual([true, true]);
}

/** Repeated under its key until it is answered: then it is there once. */
async function sayTo(client: Client, userId: string, text: string): Promise<void> {
  for (;;) {
    const key = { 'idempotency-key': text };
    const said = await client.post('/v1/messages', { to: { userId }, text }, key).catch(() => null);
    if (said?.status === 201) return;
    if (said !== null && said.status !== 503 && said.status !== 409) {
      throw new Error(`not said: ${JSON.stringify(said)}`);
    }
    await sleep(20);
  }
}

const textsOf = (events: readonly StreamEvent[]) =>
  events.filter(({ type }) => type === 'message.created').map(({ data }) => data.text as string);

it(
  'what happens on one node is told on the other, and resumed there',
  { timeout: 120_000 },
  async () => {
    const env = await databases();
    const [here, there] = [await start(env, 'a'), await start(env, 'b')];
    const tokens = { ann: await tokenOf(here.url, 'ann'), bob: await tokenOf(here.url, 'bob') };
    await befriend(here.url, tokens);
    const first = await EventStream.open(there.url, tokens.ann);
    const second = await EventStream.open(here.url, tokens.ann);
    const bob = clientWith(here.url, tokens.bob);
    for (let n = 1; n <= 20; n += 1) await sayTo(bob, 'ann', `line-${n}`);
    const expected = Array.from({ length: 20 }, (_, i) => `line-${i + 1}`);
    for (const stream of [first, second]) {
      await stream.atLeast(21);
      expect(textsOf(stream.events)).toEqual(expected);
    }
    second.destroy();
    await sayTo(bob, 'ann', 'line-21');
    const resumed = await EventStream.open(there.url, tokens.ann, {
      lastEventId: second.lastEventId,
    });
    await resumed.atLeast(2);
    expect(textsOf(resumed.events)).toEqual(['line-21']);

    // A node that is told to end lets its clients go at once.
    const startedAt = performance.now();
    expect(await there.end('SIGTERM')).toBe(0);
    await Promise.all([first.closed, resumed.closed]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  },
);

it('a server killed in the middle: every number once, in order', { timeout: 180_000 }, async () => {
  const env = { ...(await databases()), PORT: String(await freePort()) };
  let server = await start(env);
  const { url } = server;
  const tokens = { ann: await tokenOf(url, 'ann'), bob: await tokenOf(url, 'bob') };
  await befriend(url, tokens);
  const reader = new StreamReader(url, tokens.ann);
  await reader.opened();

  const lines = Array.from({ length: 400 }, (_, i) => `line-${i + 1}`);
  const bob = clientWith(url, tokens.bob);
  const saying = (async () => {
    for (const line of lines) await sayTo(bob, 'ann', line);
  })();
  for (let round = 0; round < 3; round += 1) {
    await sleep(250);
    await server.end('SIGKILL');
    server = await start(env);
  }
  await saying;
  await expect.poll(() => reader.connections, { timeout: 20_000 }).toBeGreaterThan(3);
  const told = () => reader.pushes.length;
  await expect.poll(told, { timeout: 20_000 }).toBeGreaterThanOrEqual(lines.length);
  await reader.stop();
  const { pushes } = reader;
  expect(pushes.map(({ id }) => Number(id))).toEqual(lines.map((_, i) => i + 1));
  expect(textsOf(pushes)).toEqual(lines);
});

it(
  'a database that crashes, and one that hangs: streams stay open, every number once, in order',
  { timeout: 180_000 },
  async () => {
    const postgres = await ownPostgres();
    endings.push(() => postgres.remove());
    await postgres.start();
    const redis = await startRedis();
    endings.push(() => redis.remove());
    const { url } = await start({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
    const tokens = { ann: await tokenOf(url, 'ann'), bob: await tokenOf(url, 'bob') };
    await befriend(url, tokens);
    const reader = new StreamReader(url, tokens.ann);
    await reader.opened();

    const bob = clientWith(url, tokens.bob);
    const lines: string[] = [];
    let isOver = false;
    const saying = (async () => {
      for (let n = 1; !isOver; n += 1) {
        lines.push(`line-${n}`);
        await sayTo(bob, 'ann', `line-${n}`);
      }
    })();
    const further = (count: number) => {
      const until = reader.pushes.length + count;
      const told = () => reader.pushes.length;
      return expect.poll(told, { timeout: 60_000 }).toBeGreaterThanOrEqual(until);
    };
    await further(20);
    await postgres.crash();
    await sleep(500);
    await postgres.start();
    await further(20);
    await postgres.pause();
    await sleep(2_000);
    await postgres.resume();
    await further(20);
    isOver = true;
    await saying;
    await expect
      .poll(() => reader.pushes.length, { timeout: 20_000 })
      .toBeGreaterThanOrEqual(lines.length);
    await reader.stop();
    expect(reader.connections).toBe(1);
    expect(reader.pushes.map(({ id }) => Number(id))).toEqual(lines.map((_, i) => i + 1));
    expect(textsOf(reader.pushes)).toEqual(lines);
  },
);
