/**
 * Poison and damage, and the ways back: a repaired batch leaves quarantine with every event in its order; a damaged
 * journal job is healed by its owner while that lives, and stands still with an alarm until it is set aside when not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Client as Postgres } from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { freshDatabase } from '../setup/database.ts';
import { startRedis } from '../setup/redis.ts';
import {
  activeBatch,
  clientOf,
  clientWith,
  launch,
  startServer,
  testSecret,
} from '../setup/server.ts';
import { readiness, tokenOf, until } from './faults-support.ts';
import { runTool } from './repair-support.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function postgresAt(url: string): Promise<Postgres> {
  const postgres = new Postgres(url);
  await postgres.connect();
  endings.push(() => postgres.end());
  return postgres;
}

const batch = { mode: 'fixed', count: 4, each: 5 };
const claims = (id: string) => `/v1/batches/${id}/claims?open=true`;

it(
  'a batch leaves quarantine once its cause is repaired, with what was told',
  { timeout: 60_000 },
  async () => {
    const database = await freshDatabase();
    endings.push(() => database.drop());
    const env = { DATABASE_URL: database.url, THREADS: '1' };
    const server = await startServer(env);
    endings.push(() => server.end('SIGTERM'));
    const postgres = await postgresAt(database.url);
    const sender = await clientOf(server.url, 'sender');
    const [anna, ben] = [
      clientWith(server.url, tokenOf('anna')),
      clientWith(server.url, tokenOf('ben')),
    ];
    const id = await activeBatch(server.url, sender, 'sender', batch, ['anna', 'ben']);
    await sender.get(`/v1/batches/${id}`);
    await postgres.query('UPDATE batch SET claimed = count WHERE id = $1', [id]);
    const told = await anna.post(claims(id));
    expect(told.status).toBe(201);
    await until('the batch is in quarantine', async () => {
      return (await ben.post(claims(id))).body['code'] === 'quarantined';
    });

    expect(await runTool('repair', env)).toMatchObject({
      code: 0,
      output: expect.stringContaining(`batch ${id}: `) as string,
    });
    // The cause is still there: nothing changes.
    const early = await runTool('repair', env, '--batch', id, '--retry');
    expect(early).toMatchObject({
      code: 1,
      output: expect.stringContaining('more_claims') as string,
    });
    await postgres.query('UPDATE batch SET claimed = 0 WHERE id = $1', [id]);
    const repaired = await runTool('repair', env, '--batch', id, '--retry');
    expect(repaired).toMatchObject({
      code: 0,
      output: expect.stringContaining('goes on') as string,
    });

    await until('the batch is served again', async () => {
      return (await ben.post(claims(id))).status < 300;
    });
    const again = await anna.post(claims(id));
    expect([again.status, again.body['packetId'], again.body['amount']]).toEqual([
      200,
      told.body['packetId'],
      told.body['amount'],
    ]);
    expect((await anna.get('/v1/accounts')).body).toMatchObject({ items: [{ balance: 5 }] });
    const operator = await clientOf(server.url, 'operator', ['operator']);
    await until('everything is settled', async () => {
      return (await operator.get('/v1/operator/audit')).body['pendingEvents'] === 0;
    });
    expect((await operator.get('/v1/operator/audit')).body).toMatchObject({ ok: true });
    expect(await runTool('repair', env)).toMatchObject({ output: 'nothing is in quarantine\n' });
    expect(
      (await postgres.query('SELECT FROM repaired WHERE batch = $1', [id])).rowCount,
    ).toBeGreaterThan(0);
  },
);

describe('a job of the journal', () => {
  /** A server that leaves settling to nobody, a batch, and an acknowledged claim in a job of its own. */
  async function unsettled() {
    const database = await freshDatabase();
    endings.push(() => database.drop());
    const redis = await startRedis();
    endings.push(() => redis.remove());
    const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, THREADS: '1', WORKERS: 'none' };
    const server = await startServer(env);
    endings.push(() => server.end('SIGKILL'));
    const postgres = await postgresAt(database.url);
    const client = new Redis(redis.url);
    endings.push(async () => client.disconnect());
    const sender = await clientOf(server.url, 'sender');
    const id = await activeBatch(server.url, sender, 'sender', batch, ['anna', 'ben']);
    await until('the audience is settled', async () => {
      return (await postgres.query('SELECT FROM batch WHERE receivers = 2')).rowCount === 1;
    });
    const told = await clientWith(server.url, tokenOf('anna')).post(claims(id));
    expect(told.status).toBe(201);
    const job = `{hongbao}:journal:${String(told.body['position'])}`;
    const text = String(await client.hget(job, 'data'));
    expect(text).toContain('anna');
    return { server, env, postgres, client, id, told, job, text };
  }

  const amountOf = async (postgres: Postgres) => {
    const { rows } = await postgres.query<{ balance: string }>(
      "SELECT balance FROM account WHERE owner = 'user:anna'",
    );
    return Number(rows[0]?.balance ?? 0);
  };

  it('that is damaged is healed by the owner that wrote it', { timeout: 60_000 }, async () => {
    const { server, env, postgres, client, job, text } = await unsettled();
    await client.hset(job, 'data', text.replace('anna', 'an,a').slice(0, -4));
    const worker = launch('workers/main.ts', { ...env, LOG_LEVEL: 'warn' });
    endings.push(async () => {
      worker.child.kill('SIGTERM');
      await worker.exited;
    });
    await until('the claim has settled', async () => (await amountOf(postgres)) === 5);
    expect((await postgres.query('SELECT FROM quarantine')).rowCount).toBe(0);
    expect(await server.end('SIGTERM')).toBe(0);
  });

  it(
    'that is damaged stands still with an alarm when its owner is gone, until it is set aside',
    { timeout: 90_000 },
    async () => {
      const { server, env, postgres, client, id, told, job, text } = await unsettled();
      await server.end('SIGKILL');
      await client.hset(job, 'data', text.replace(',5"', ',x"'));
      const port = new URL(server.url).port;
      const starting = launch('gateway/main.ts', {
        AUTH_SECRET: testSecret,
        DEV_LOGIN: 'true',
        LOG_LEVEL: 'warn',
        ...env,
        PORT: port,
        HOST: '127.0.0.1',
      });
      endings.push(async () => {
        starting.child.kill('SIGTERM');
        await starting.exited;
      });
      await until('the alarm is raised', () => starting.output().includes('journal_damaged'));
      expect(starting.output()).toContain(`batches in it: ${id}`);
      await sleep(1_000);
      expect(await readiness(server.url)).not.toBe('ready');
      expect(await amountOf(postgres)).toBe(0);

      const position = String(told.body['position']);
      const aside = await runTool('repair', env, '--job', position, '--set-aside');
      expect(aside).toMatchObject({
        code: 0,
        output: expect.stringContaining('set aside') as string,
      });
      await until('the server is ready', async () => (await readiness(server.url)) === 'ready');
      const anna = clientWith(server.url, tokenOf('anna'));
      expect((await anna.post(claims(id))).body).toMatchObject({ code: 'quarantined' });
      // A new batch of the same shards is served.
      const sender = clientWith(server.url, tokenOf('sender'));
      const other = await activeBatch(server.url, sender, 'sender', batch, ['anna']);
      expect((await anna.post(claims(other))).status).toBe(201);

      // What nobody can read is for a person to judge.
      const refused = await runTool('repair', env, '--batch', id, '--retry');
      expect(refused).toMatchObject({
        code: 1,
        output: expect.stringContaining('--trust-damaged') as string,
      });
      const released = await runTool('repair', env, '--batch', id, '--retry', '--trust-damaged');
      expect(released.code).toBe(0);
      await until('the batch is served', async () => (await anna.post(claims(id))).status < 300);
    },
  );

  it(
    'of an unknown format waits for a program that knows it, and is never quarantined',
    { timeout: 60_000 },
    async () => {
      const { server, env, postgres, client, job, text } = await unsettled();
      await server.end('SIGKILL');
      await client.hset(job, 'data', text.replace('"1,', '"2,'));
      const worker = launch('workers/main.ts', { ...env, LOG_LEVEL: 'warn' });
      endings.push(async () => {
        worker.child.kill('SIGTERM');
        await worker.exited;
      });
      await until('it is told in the log', () => worker.output().includes('payload format 2'));
      await sleep(1_000);
      expect((await postgres.query('SELECT FROM quarantine')).rowCount).toBe(0);
      expect(worker.output()).not.toContain('journal_damaged');
      expect(await amountOf(postgres)).toBe(0);
      await client.hset(job, 'data', text);
      await until('the claim has settled', async () => (await amountOf(postgres)) === 5, 30_000);
    },
  );
});
