import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterEach, expect, inject, test } from 'vitest';
import { freshDatabase } from '../setup/database.ts';
import { durableRedisSettings, startRedis, type TestRedis } from '../setup/redis.ts';

let redis: TestRedis | undefined;
afterEach(async () => {
  await redis?.remove();
  redis = undefined;
});

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function withRedis<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

test('the run has a durable PostgreSQL', async () => {
  for (const name of ['fsync', 'full_page_writes', 'synchronous_commit']) {
    expect(await query(inject('pgUrl'), `SHOW ${name}`)).toEqual([{ [name]: 'on' }]);
  }
});

test('the run has a Redis', async () => {
  expect(await withRedis(inject('redisUrl'), (client) => client.ping())).toBe('PONG');
});

test('a fresh database is empty, separate and goes away', async () => {
  const one = await freshDatabase({ migrated: false });
  const other = await freshDatabase({ migrated: false });
  try {
    await query(one.url, 'CREATE TABLE t (a int)');
    await expect(query(other.url, 'SELECT * FROM t')).rejects.toThrow('does not exist');
  } finally {
    await one.drop();
    await other.drop();
  }
  await expect(query(one.url, 'SELECT 1')).rejects.toThrow('does not exist');
});

test('a fresh database has the tables, also for many tests at once', async () => {
  const databases = await Promise.all(Array.from({ length: 4 }, () => freshDatabase()));
  try {
    for (const { url } of databases) {
      expect(await query(url, 'SELECT count(*) AS shards FROM shard')).toEqual([{ shards: '256' }]);
    }
  } finally {
    await Promise.all(databases.map((database) => database.drop()));
  }
});

test('a Redis of the test keeps its data over kill and start', async () => {
  redis = await startRedis();
  const { url } = redis;
  await withRedis(url, (client) => client.set('kept', 'yes'));
  await redis.kill();
  expect(redis.pid).toBeUndefined();
  await redis.start();
  expect(await withRedis(url, (client) => client.get('kept'))).toBe('yes');
});

test('a Redis of the test has the durable settings, or others on request', async () => {
  redis = await startRedis({ appendfsync: 'everysec' });
  const settings = async (name: string) =>
    withRedis(redis?.url ?? '', async (client) => client.config('GET', name));
  for (const [name, value] of Object.entries(durableRedisSettings)) {
    const expected = name === 'appendfsync' ? 'everysec' : value;
    expect(await settings(name)).toEqual([name, expected]);
  }
  await redis.config('maxmemory-policy', 'allkeys-lru');
  expect(await settings('maxmemory-policy')).toEqual(['maxmemory-policy', 'allkeys-lru']);
});
