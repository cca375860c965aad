/** A running server with its journal's processes, and claims with a unique key to look for in the trace. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../../bench/support/cleanup.ts';
import { ApiClient, expectStatus } from '../../bench/support/client.ts';
import { startServer, withoutSettings } from '../../bench/support/server.ts';
import { startRedis, type TestRedis } from '../setup/redis.ts';
import type { TracedClaim, TracedProcesses } from './order.ts';
import { descendants, threadsOf } from '../../bench/support/processes.ts';
import { traceWhile } from './strace.ts';

export type JournalKind = 'embedded PostgreSQL' | 'Redis';

export interface Scene {
  readonly journal: JournalKind;
  readonly processes: TracedProcesses;
  readonly redis: TestRedis | undefined;
  /** Traces claims, one after the other. */
  trace(
    claims: number,
  ): Promise<{ readonly trace: string; readonly claims: readonly TracedClaim[] }>;
}

const packets = 1_000;
const settledPollMs = 20;
const settledMs = 20_000;

export async function openScene(journal: JournalKind, cleanup: Cleanup): Promise<Scene> {
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-trace-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const redis = journal === 'Redis' ? await startRedis() : undefined;
  if (redis !== undefined) cleanup.add(() => redis.remove());
  const env = { ...withoutSettings, DATA_DIR: folder, DEV_LOGIN: 'true', REDIS_URL: redis?.url };
  const server = await startServer({ cleanup, env });
  const client = new ApiClient(server.url, 1);
  cleanup.add(async () => client.close());

  const stage = await setStage(client);
  // The first claim loads the batch; what is looked at comes after that.
  await claimOnce(client, stage);
  await settled(client, stage.operator);

  const watched = async () => {
    if (redis?.pid !== undefined) return [server.pid, redis.pid];
    return [server.pid, ...(await descendants(server.pid)).map(({ pid }) => pid)];
  };
  const isLog = (path: string) =>
    redis === undefined ? path.includes('/pg_wal/') : path.endsWith('.aof');
  const gateway = new Set<number>([server.pid]);
  return {
    journal,
    processes: { gateway, isLog, plainLog: redis !== undefined },
    redis,
    async trace(count) {
      const claims: TracedClaim[] = [];
      const pids = await watched();
      const trace = await traceWhile(pids, async () => {
        for (const thread of await threadsOf(server.pid)) gateway.add(thread);
        for (let i = 0; i < count; i += 1) {
          claims.push(await claimOnce(client, stage));
          // Settling writes and syncs, too; the next claim shall not lean on that.
          await settled(client, stage.operator);
        }
      });
      return { trace, claims };
    },
  };
}

interface Stage {
  readonly operator: string;
  readonly batch: string;
  readonly linkKey: string;
}

async function tokenOf(client: ApiClient, userId: string, scopes?: string[]): Promise<string> {
  const call = client.call('POST', '/v1/dev/tokens', { body: { userId, scopes } });
  return String((await expectStatus('token', call, 201))['token']);
}

async function setStage(client: ApiClient): Promise<Stage> {
  const operator = await tokenOf(client, 'operator', ['operator']);
  const token = await tokenOf(client, 'sender');
  const deposit = { userId: 'sender', asset: 'CNY', amount: 100 * packets, reference: 'trace' };
  const deposited = client.call('POST', '/v1/operator/deposits', {
    token: operator,
    body: deposit,
  });
  await expectStatus('deposit', deposited, 201);
  const body = { mode: 'lucky', count: packets, total: 100 * packets };
  const created = await expectStatus(
    'create',
    client.call('POST', '/v1/batches', { token, body }),
    201,
  );
  const batch = `/v1/batches/${String(created['id'])}`;
  const confirmed = client.call('POST', `${batch}/confirm`, { token });
  const { link } = await expectStatus('confirm', confirmed, 200);
  const anyone = { channel: 'im', anyone: true };
  const audience = client.call('POST', `${batch}/audience`, { token, body: anyone });
  await expectStatus('audience', audience, 200);
  const linkKey = new URL(String(link)).searchParams.get('k') ?? '';
  return { operator, batch, linkKey };
}

/** The Idempotency-Key is what can be followed: it stands in the request and in the claim's event. */
async function claimOnce(client: ApiClient, stage: Stage): Promise<TracedClaim> {
  const key = `trace-${randomBytes(12).toString('hex')}`;
  const token = await tokenOf(client, `receiver-${randomBytes(6).toString('hex')}`);
  const body = { key: stage.linkKey };
  const call = client.call('POST', `${stage.batch}/claims?open=true`, {
    token,
    body,
    idempotencyKey: key,
  });
  const answer = await expectStatus('claim', call, 201);
  return { key, packetId: String(answer['packetId']) };
}

async function settled(client: ApiClient, operator: string): Promise<void> {
  const until = performance.now() + settledMs;
  for (;;) {
    const call = client.call('GET', '/v1/operator/audit', { token: operator });
    const { pendingEvents } = await expectStatus('audit', call, 200);
    if (pendingEvents === 0) return;
    if (performance.now() > until) throw new Error(`${String(pendingEvents)} events do not settle`);
    await sleep(settledPollMs);
  }
}
