/** The real server: a gateway and, as with several nodes, the settle worker in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lifecycleSender, lifecycleSenders } from '../load/lifecycle.ts';
import type { LoadBatch } from '../load/protocol.ts';
import { signToken } from '../load/tokens.ts';
import type { Cleanup } from '../support/cleanup.ts';
import { ApiClient, expectStatus } from '../support/client.ts';
import { eachOf } from '../support/pool.ts';
import { projectRoot, startServer, withoutSettings } from '../support/server.ts';
import { startPostgres } from './postgres.ts';
import { startBenchRedis } from './redis.ts';
import { meanAmount, type Target } from './target.ts';

/** Enough for every round there will be. */
const deposit = 1e13;
const width = 64;
const settledMs = 300_000;
const settledPollMs = 100;

export async function startOurs(
  secret: string,
  journal: 'Redis' | 'embedded',
  cleanup: Cleanup,
): Promise<Target> {
  const postgres = await startPostgres(cleanup);
  const redis = journal === 'Redis' ? await startBenchRedis(cleanup) : undefined;
  const env = {
    ...withoutSettings,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis?.url,
    AUTH_SECRET: secret,
    SHARE_THRESHOLD: '0',
  };
  const server = await startServer({ cleanup, env: { ...env, WORKERS: 'none' } });
  const worker = startWorker(env, cleanup);
  const client = new ApiClient(server.url, width);
  cleanup.add(() => Promise.resolve(client.close()));
  const operator = signToken(secret, 'operator', 'operator');
  const sender = signToken(secret, 'sender');
  const post = (path: string, token: string, body?: unknown, ...statuses: number[]) =>
    expectStatus(path, client.call('POST', path, { token, body }), ...statuses);
  const fund = (userId: string) => {
    const funds = { userId, asset: 'CNY', amount: deposit, reference: `benchmark-${userId}` };
    return post('/v1/operator/deposits', operator, funds, 201);
  };
  await fund('sender');

  const makeBatch = async (packets: number): Promise<LoadBatch> => {
    const body = { mode: 'lucky', count: packets, total: packets * meanAmount };
    const { id } = await post('/v1/batches', sender, body, 201);
    const path = `/v1/batches/${String(id)}`;
    const { link } = await post(`${path}/confirm`, sender, undefined, 200);
    await post(`${path}/audience`, sender, { channel: 'im', anyone: true }, 200);
    return { id: String(id), key: new URL(String(link)).searchParams.get('k') ?? '' };
  };
  const audit = () => {
    const path = '/v1/operator/audit';
    return expectStatus(path, client.call('GET', path, { token: operator }), 200);
  };

  return {
    name: `ours, ${journal} journal`,
    kind: 'ours',
    url: server.url,
    // The embedded journal lives in the same PostgreSQL as the books, so all of it counts here.
    answerPids: [server.pid, redis?.pid ?? postgres.pid],
    restPids: [worker.pid ?? 0, ...(redis === undefined ? [] : [postgres.pid])],
    async makeBatches(batches, packets) {
      const made: LoadBatch[] = [];
      const places = Array.from({ length: batches }, (_, i) => i);
      await eachOf(places, width, async (place) => {
        made[place] = await makeBatch(packets);
      });
      return made;
    },
    books: {
      async claims() {
        const { rows } = await postgres.pool.query<{ sum: string | null }>(
          'SELECT sum(opened) FROM batch',
        );
        return Number(rows[0]?.sum ?? 0);
      },
      async check() {
        const until = performance.now() + settledMs;
        let audited = await audit();
        while (audited['pendingEvents'] !== 0 && performance.now() < until) {
          await sleep(settledPollMs);
          audited = await audit();
        }
        return problemsOf(audited);
      },
      async fundSenders() {
        const places = Array.from({ length: lifecycleSenders }, (_, i) => i);
        await eachOf(places, width, async (place) => {
          await fund(lifecycleSender(place));
        });
      },
    },
  };
}

function startWorker(
  env: Readonly<Record<string, string | undefined>>,
  cleanup: Cleanup,
): ChildProcess {
  const worker = spawn(process.execPath, [join(projectRoot, 'workers', 'main.ts')], {
    cwd: projectRoot,
    env: { ...process.env, ...env, LOG_LEVEL: 'error' },
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  });
  const exited = once(worker, 'exit');
  const kill = () => worker.kill('SIGTERM');
  process.once('exit', kill);
  cleanup.add(() => {
    process.off('exit', kill);
    kill();
    return exited;
  });
  return worker;
}

function problemsOf(audit: Readonly<Record<string, unknown>>): string[] {
  const problems: string[] = [];
  const assets = audit['assets'] as readonly { readonly difference: number }[];
  if (audit['pendingEvents'] !== 0)
    problems.push(`${String(audit['pendingEvents'])} events pending`);
  if (assets.some(({ difference }) => difference !== 0)) problems.push('a difference in the audit');
  if (audit['ok'] !== true) problems.push('the audit is not ok');
  return problems;
}
