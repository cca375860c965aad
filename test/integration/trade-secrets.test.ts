/**
 * Secrets of members' accounts go nowhere but to their platform: not into any table, not into the queue, not into logs,
 * answers or metrics, whatever users send and whatever the platform answers. (T5, T9)
 */
import { Redis } from 'ioredis';
import { Client as Postgres } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { startRedis, type TestRedis } from '../setup/redis.ts';
import { clientOf, startServer, type TestServer } from '../setup/server.ts';
import { until } from './payout-support.ts';
import { dumpOf, leaksOf } from './secrets-support.ts';
import { sandboxPlatform } from './trade-worker-support.ts';

const right = 'open-sesame-4711';
const wrong = 'open-barley-0815';
const cardKey = Buffer.alloc(32, 9).toString('base64');

let databases: Record<'redis' | 'postgres', TestDatabase>;
let redis: TestRedis;
let platform: Awaited<ReturnType<typeof sandboxPlatform>>;
beforeAll(async () => {
  databases = { redis: await freshDatabase(), postgres: await freshDatabase() };
  redis = await startRedis();
  platform = await sandboxPlatform('generic', { paths: ['poll'], pollIntervalSeconds: 1 });
});
afterAll(async () => {
  await Promise.all([platform.close(), redis.remove()]);
  for (const database of Object.values(databases)) await database.drop();
});

/** Secrets where they belong, where they do not, and such as the platform refuses. @returns all answers as text */
async function live({ url }: TestServer, databaseUrl: string, account: string): Promise<string> {
  const [ann, bob] = [await clientOf(url, 'ann'), await clientOf(url, 'bob')];
  await ann.post('/v1/contacts', { userId: 'bob' });
  await bob.post('/v1/contacts/ann/accept');
  const group = await ann.post('/v1/trade-groups', { name: 'g', invite: ['bob'] });
  const path = `/v1/trade-groups/${String(group.body['id'])}/settings`;
  const answers: unknown[] = [];
  const call = async (method: string, where: string, body?: unknown) => {
    const answer = await ann.call(method, where, body);
    answers.push(answer.status, answer.body, [...answer.headers]);
    return answer;
  };
  const { name } = platform.config;
  const put = (given: object, types: unknown = []) =>
    call('PUT', path, { accounts: [{ platform: name, account, ...given }], types });
  const accountNow = async () =>
    ((await call('GET', path)).body['accounts'] as Record<string, unknown>[])[0];

  for (const secret of [7, [right], { secret: right }, `${right}\n`, right.repeat(100)]) {
    expect((await put({ secret })).status).toBe(400);
  }
  expect((await put({ secret: right, note: right })).status).toBe(400);
  expect((await put({ secret: right, platform: 'nowhere' })).status).toBe(400);
  expect((await put({ secret: right }, 'all')).status).toBe(400);
  expect((await put({ secret: wrong })).status).toBe(200);
  await until('the platform refuses', async () => (await accountNow())?.['reason']);
  expect((await put({ secret: right })).status).toBe(200);
  await until('the platform is asked', async () => {
    const direct = new Postgres({ connectionString: databaseUrl });
    await direct.connect();
    const { rows } = await direct.query('SELECT FROM trade_account WHERE cursor IS NOT NULL');
    await direct.end();
    return rows[0];
  });
  platform.sandbox.books.addTrade(account, { title: 'Tea' });
  await until('the trade', async () => {
    const { body } = await call('GET', path.replace('/settings', '/messages'));
    return (body['items'] as object[])[0];
  });

  // A database that refuses a row shows it to whoever it tells.
  const breaker = new Postgres({ connectionString: databaseUrl });
  await breaker.connect();
  await breaker.query(
    `ALTER TABLE trade_account ADD CONSTRAINT broken CHECK (account <> 'broken')`,
  );
  expect((await put({ account: 'broken', secret: right })).status).toBe(500);
  await breaker.query('ALTER TABLE trade_account DROP CONSTRAINT broken');
  await breaker.end();

  answers.push(await fetch(`${url}/metrics`).then((response) => response.text()));
  return JSON.stringify(answers);
}

test.each(['redis', 'postgres'] as const)(
  'T5 secrets with the queue on %s',
  { timeout: 90_000 },
  async (queue) => {
    const account = `ann@${queue}`;
    platform.sandbox.books.addAccount(account, right);
    // Everything that Redis is told, also what it forgets again.
    const said: string[] = [];
    const listener = new Redis(redis.url);
    const monitor = await listener.monitor();
    monitor.on('monitor', (_time: string, args: string[]) => said.push(args.join(' ')));
    const { url } = databases[queue];
    const server = await startServer({
      DATABASE_URL: url,
      ...(queue === 'redis' ? { REDIS_URL: redis.url } : {}),
      CARD_KEYS: `k1:${cardKey}`,
      TRADE_PLATFORMS: JSON.stringify([platform.config]),
      THREADS: '1',
      LOG_LEVEL: 'trace',
    });
    let places: Record<string, string>;
    try {
      places = { answers: await live(server, url, account), database: await dumpOf(url) };
    } finally {
      expect(await server.end('SIGTERM')).toBe(0);
      monitor.disconnect();
      listener.disconnect();
    }
    places = { ...places, redis: said.join('\n'), log: server.output() };
    // It was all there to be found: the account, its polls, the complaint about the row.
    expect(places['database']).toContain(account);
    expect(places['answers']).toContain(account);
    if (queue === 'redis') expect(places['redis']).toContain(`trade-poll-${platform.config.name}`);
    expect(places['log']).toContain('violates check constraint');
    const { token, webhookSecret = '' } = platform.config;
    const words = [right, wrong].flatMap((secret) => [
      secret,
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret).toString('base64').slice(0, -4),
    ]);
    const secrets = { numbers: [], codes: [], words: [...words, cardKey, webhookSecret, token!] };
    for (const [place, text] of Object.entries(places)) {
      expect(leaksOf(text, secrets), place).toEqual([]);
    }
  },
);
