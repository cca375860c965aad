/** A new journal is taken only on purpose: proven empty, or given up by name; never beside a running server. */
import { afterEach, expect, it } from 'vitest';
import { freshDatabase } from '../setup/database.ts';
import { startRedis } from '../setup/redis.ts';
import { activeBatch, clientOf, clientWith, startServer } from '../setup/server.ts';
import { tokenOf } from './faults-support.ts';
import { runTool } from './repair-support.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

it(
  'adopts a new journal when the old one is empty, or lost for good',
  { timeout: 120_000 },
  async () => {
    const database = await freshDatabase();
    endings.push(() => database.drop());
    const [first, second, third] = await Promise.all([startRedis(), startRedis(), startRedis()]);
    endings.push(() => Promise.all([first, second, third].map((redis) => redis.remove())));
    const env = (redis: { url: string }) => ({
      DATABASE_URL: database.url,
      REDIS_URL: redis.url,
      THREADS: '1',
    });
    const adopt = (redis: { url: string }, ...args: string[]) =>
      runTool('adopt-journal', env(redis), ...args);

    let server = await startServer(env(first));
    endings.push(() => server.end('SIGKILL'));
    const sender = await clientOf(server.url, 'sender');
    const batch = { mode: 'fixed', count: 3, each: 2 };
    const id = await activeBatch(server.url, sender, 'sender', batch, ['anna', 'ben', 'cem']);
    const claim = async (userId: string) =>
      (await clientWith(server.url, tokenOf(userId)).post(`/v1/batches/${id}/claims`)).status;
    expect(await claim('anna')).toBe(201);
    await sender.get(`/v1/batches/${id}`);

    expect((await adopt(second, '--from', first.url)).output).toContain('is running');
    expect(await server.end('SIGTERM')).toBe(0);
    await expect(startServer(env(second))).rejects.toThrow(
      /the journal there is empty, but the database was used with/,
    );
    const bare = await adopt(second);
    expect(bare).toMatchObject({ code: 1, output: expect.stringContaining('--lost ') as string });
    expect((await adopt(second, '--from', third.url)).output).toContain('--from is journal none');
    expect((await adopt(second, '--from', first.url)).output).toContain(
      'nothing acknowledged is missing',
    );

    server = await startServer(env(second));
    expect(await claim('anna')).toBe(200);
    expect(await claim('ben')).toBe(201);
    await clientWith(server.url, tokenOf('sender')).get(`/v1/batches/${id}`);
    expect(await server.end('SIGTERM')).toBe(0);
    await second.kill();

    const asked = await adopt(third);
    const old = /--lost ([0-9a-f-]{36})/.exec(asked.output)?.[1] ?? '';
    expect((await adopt(third, '--lost', crypto.randomUUID())).code).toBe(1);
    const given = await adopt(third, '--lost', old);
    expect(given).toMatchObject({
      code: 0,
      output: expect.stringContaining('cannot be known') as string,
    });
    // The first journal belongs to nobody now.
    expect((await adopt(first)).output).toContain('belongs to another database');
    server = await startServer(env(third));
    expect(await claim('ben')).toBe(200);
    expect(await claim('cem')).toBe(201);
  },
);
