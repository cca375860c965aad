import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { redisJournal, type RedisJournalOptions } from '../../engine/journal/redis.ts';
import { JournalUnsafe } from '../../engine/journal/unsafe.ts';
import type { Journal } from '../../engine/ports/journal.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import { arrivals, untilItWorks } from '../contract/journal-support.ts';
import { startRedis, type TestRedis } from '../setup/redis.ts';

/** An operation on a server that hangs must have failed by then. */
const failsWithinMs = 8_000;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function server(settings: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const redis = await startRedis(settings);
  cleanups.push(() => redis.remove());
  return redis;
}

async function open(url: string, options: Partial<RedisJournalOptions> = {}): Promise<Journal> {
  const shared = { clock: systemClock, observer: silentObserver };
  const journal = await redisJournal({ ...shared, url, ...options });
  cleanups.push(() => journal.close());
  return journal;
}

async function admin<T>(redis: TestRedis, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(redis.url);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

const dropClients = (redis: TestRedis) =>
  admin(redis, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));

describe('a Redis that could lose a job', () => {
  test.each([
    ['appendonly', 'no', 'yes'],
    ['appendfsync', 'everysec', 'always'],
    ['no-appendfsync-on-rewrite', 'yes', 'no'],
    ['maxmemory-policy', 'allkeys-lru', 'noeviction'],
  ])('is refused: %s %s', async (name, value, right) => {
    const redis = await server({ [name]: value });
    const opened = open(redis.url);
    await expect(opened).rejects.toThrow(JournalUnsafe);
    await expect(opened).rejects.toThrow(
      `REDIS_URL: this server is not safe for money: ${name} is ${value} (set: ${name} ${right})`,
    );
  });

  test('is refused with all lines at once', async () => {
    const redis = await server({ appendonly: 'no', appendfsync: 'no' });
    await expect(open(redis.url)).rejects.toThrow(/appendonly yes.*appendfsync always/);
  });

  test('is refused when it has a replica that might be promoted, and when it is one', async () => {
    const redis = await server();
    const replica = await server();
    await admin(replica, (client) => client.replicaof('127.0.0.1', redis.port));
    await untilItWorks(async () => {
      const info = await admin(redis, (client) => client.info('replication'));
      expect(info).toContain('connected_slaves:1');
    });
    await expect(open(redis.url)).rejects.toThrow('connected_slaves is 1');
    await expect(open(replica.url)).rejects.toThrow('its role is slave');
    const trusting = await open(redis.url, { trustReplicas: true });
    await trusting.add('1-1', 'x');
  });

  test('is refused when it hides its settings, unless the operator vouches for them', async () => {
    const redis = await server();
    await admin(redis, (client) =>
      client.acl('SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-config'),
    );
    const url = redis.url.replace('redis://', 'redis://app:secret@');
    await expect(open(url)).rejects.toThrow('it forbids CONFIG GET');
    await (await open(url, { trustUnreadableSettings: true })).add('1-1', 'x');
    await redis.config('maxmemory-policy', 'allkeys-lru');
    const trusting = open(url, { trustUnreadableSettings: true });
    await expect(trusting).rejects.toThrow('maxmemory_policy is allkeys-lru');
  });

  test('is refused without a connection, not waited for', async () => {
    const redis = await server();
    const wrong = redis.url.replace('redis://', 'redis://nobody:wrong@');
    await expect(open(wrong)).rejects.toThrow(/REDIS_URL: no connection: .*WRONGPASS/);
    await redis.kill();
    await expect(open(redis.url)).rejects.toThrow('REDIS_URL: no connection');
  });

  test('is seen after a reconnect, and used again once it is right', async () => {
    const redis = await server();
    const journal = await open(redis.url);
    await redis.config('appendfsync', 'everysec');
    await dropClients(redis);
    await untilItWorks(() => expect(journal.add('1-1', 'x')).rejects.toThrow(JournalUnsafe));
    await expect(journal.ownership()).rejects.toThrow('appendfsync is everysec');
    await expect(journal.read(['1-1'])).rejects.toThrow(JournalUnsafe);
    await expect(journal.take([1], 1)).rejects.toThrow(JournalUnsafe);
    await expect(journal.bind('id')).rejects.toThrow(JournalUnsafe);
    await redis.config('appendfsync', 'always');
    await untilItWorks(() => journal.add('1-1', 'x'));
  });
});

describe('a Redis that goes away', () => {
  test('fails adds while it is gone, and keeps what it accepted over kill -9', async () => {
    const redis = await server();
    const journal = await open(redis.url);
    await journal.bind('id');
    await journal.take([3], 7);
    await journal.add('7-1', 'first');
    const before = await journal.ownership();

    await redis.kill();
    await expect(journal.add('7-2', 'second')).rejects.toThrow();
    await expect(journal.ownership()).rejects.toThrow();
    await redis.start();
    await untilItWorks(() => journal.add('7-2', 'second'));

    const after = await journal.ownership();
    expect(after.runId).not.toBe(before.runId);
    expect({ ...after, runId: '' }).toEqual({ ...before, runId: '' });
    expect(await journal.read(['7-1', '7-2'])).toEqual(['first', 'second']);
  });

  test('settles on with the same consumer', async () => {
    const redis = await server();
    const journal = await open(redis.url);
    const got = arrivals();
    await journal.consume(got.handler, { concurrency: 2 });
    await journal.add('7-1', 'x');
    await got.arrived(1);
    await redis.kill();
    await redis.start();
    await untilItWorks(() => journal.add('7-2', 'x'));
    await got.arrived(2);
  });

  test('fails adds in bounded time while it hangs; repeated, they are kept once', async () => {
    const redis = await server();
    const journal = await open(redis.url);
    await journal.ownership();
    process.kill(redis.pid!, 'SIGSTOP');
    const began = performance.now();
    const outcomes = await Promise.allSettled([
      journal.add('7-1', 'x'),
      journal.ownership(),
      journal.read(['7-1']),
      journal.take([1], 1),
      journal.pressure(),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'));
    await expect(journal.add('7-1', 'x')).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(failsWithinMs);
    process.kill(redis.pid!, 'SIGCONT');
    await untilItWorks(() => journal.add('7-1', 'x'));
    expect(await journal.read(['7-1'])).toEqual(['x']);
    expect(await journal.depth()).toBe(1);
  });

  test('is another run after a change of role and back', async () => {
    const redis = await server();
    const other = await server();
    const journal = await open(redis.url);
    const before = await journal.ownership();
    await admin(redis, (client) => client.replicaof('127.0.0.1', other.port));
    await expect(journal.ownership()).rejects.toThrow(JournalUnsafe);
    await expect(journal.read(['1-1'])).rejects.toThrow();
    await expect(journal.add('1-1', 'x')).rejects.toThrow();
    await admin(redis, (client) => client.replicaof('NO', 'ONE'));
    const after = await untilItWorks(() => journal.ownership());
    expect(after.runId).not.toBe(before.runId);
  });
});

test('a wiped store is unbound, and never mistaken for the one before', async () => {
  const redis = await server();
  const journal = await open(redis.url);
  await journal.bind('id');
  await journal.take([1], 5);
  expect((await journal.ownership()).owners[1]).toBe(5);
  await admin(redis, (client) => client.flushall());
  expect((await journal.ownership()).journalId).toBeUndefined();
  await journal.bind('id');
  await journal.take([2], 3);
  const { owners } = await journal.ownership();
  expect([owners[1], owners[2]]).toEqual([0, 3]);
});

test('a full store fails adds without refusing them for good, and tells its pressure', async () => {
  const redis = await server();
  const journal = await open(redis.url);
  await redis.config('maxmemory', String(2 ** 40));
  expect((await journal.pressure()).ratio).toBeGreaterThan(0);
  await redis.config('maxmemory', '1');
  expect((await journal.pressure()).ratio).toBeGreaterThan(1);
  await expect(journal.add('1-1', 'x')).rejects.toMatchObject({ name: 'ReplyError' });
  await redis.config('maxmemory', '0');
  await journal.add('1-1', 'x');
});

test('keys live in one slot, under the product’s name', async () => {
  const redis = await server();
  const journal = await open(redis.url);
  await journal.bind('id');
  await journal.take([1], 1);
  await journal.add('1-1', 'x');
  const keys = await admin(redis, (client) => client.keys('*'));
  expect(keys.filter((key) => !key.startsWith('{hongbao}:journal'))).toEqual([]);
});
