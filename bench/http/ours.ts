/** The real server under load: batches for each round, and the proof afterwards that the round adds up. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../support/cleanup.ts';
import { ApiClient, expectStatus } from '../support/client.ts';
import { descendants } from '../support/processes.ts';
import { startServer, withoutSettings } from '../support/server.ts';
import type { LoadBatch, LoadResult } from './load-protocol.ts';
import { signToken } from './tokens.ts';

export interface Settled {
  readonly seconds: number;
  /** Why the round is void; empty when it adds up. */
  readonly problems: readonly string[];
}

export interface Ours {
  readonly url: string;
  /** Processes of the server: gateway and embedded database. */
  pids(): Promise<number[]>;
  /** New batches, each with a packet for every receiver. */
  makeBatches(count: number): Promise<LoadBatch[]>;
  /** Waits until everything acknowledged is settled, then checks the round. */
  settle(batches: readonly LoadBatch[], result: LoadResult): Promise<Settled>;
}

const meanAmount = 100;
/** Enough for every round there will be. */
const deposit = 1e13;
const settledMs = 300_000;
const settledPollMs = 50;

export async function startOurs(
  secret: string,
  receivers: number,
  redisUrl: string | undefined,
  cleanup: Cleanup,
): Promise<Ours> {
  const folder = await mkdtemp(join(tmpdir(), 'hongbao-bench-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const server = await startServer({
    cleanup,
    env: {
      ...withoutSettings,
      DATA_DIR: folder,
      AUTH_SECRET: secret,
      SHARE_THRESHOLD: '0',
      REDIS_URL: redisUrl,
    },
  });
  const client = new ApiClient(server.url, 8);
  cleanup.add(() => Promise.resolve(client.close()));
  const operator = signToken(secret, 'operator', 'operator');
  const sender = signToken(secret, 'sender');
  const post = (path: string, token: string, body?: unknown, ...statuses: number[]) =>
    expectStatus(path, client.call('POST', path, { token, body }), ...statuses);
  const get = (path: string, token: string) =>
    expectStatus(path, client.call('GET', path, { token }), 200);
  const funds = { userId: 'sender', asset: 'CNY', amount: deposit, reference: 'benchmark' };
  await post('/v1/operator/deposits', operator, funds, 201);

  const makeBatch = async (): Promise<LoadBatch> => {
    const body = { mode: 'lucky', count: receivers, total: receivers * meanAmount };
    const { id } = await post('/v1/batches', sender, body, 201);
    const path = `/v1/batches/${String(id)}`;
    const { link } = await post(`${path}/confirm`, sender, undefined, 200);
    await post(`${path}/audience`, sender, { channel: 'im', anyone: true }, 200);
    return { id: String(id), key: new URL(String(link)).searchParams.get('k') ?? '' };
  };

  return {
    url: server.url,
    async pids() {
      return [server.pid, ...(await descendants(server.pid)).map(({ pid }) => pid)];
    },
    async makeBatches(count) {
      const batches: LoadBatch[] = [];
      for (let i = 0; i < count; i += 1) batches.push(await makeBatch());
      return batches;
    },
    async settle(batches, result) {
      const startedAt = performance.now();
      let audit = await get('/v1/operator/audit', operator);
      while (audit['pendingEvents'] !== 0 && performance.now() - startedAt < settledMs) {
        await sleep(settledPollMs);
        audit = await get('/v1/operator/audit', operator);
      }
      const seconds = (performance.now() - startedAt) / 1_000;
      let claimed = 0;
      for (const { id } of batches) {
        claimed += Number((await get(`/v1/batches/${id}`, sender))['claimed']);
      }
      return { seconds, problems: problemsOf(audit, claimed, result) };
    },
  };
}

function problemsOf(
  audit: Readonly<Record<string, unknown>>,
  claimed: number,
  { requests, sent }: LoadResult,
): string[] {
  const problems: string[] = [];
  const assets = audit['assets'] as readonly { readonly difference: number }[];
  if (audit['pendingEvents'] !== 0)
    problems.push(`${String(audit['pendingEvents'])} events pending`);
  if (assets.some(({ difference }) => difference !== 0)) problems.push('a difference in the audit');
  if (audit['ok'] !== true) problems.push('the audit is not ok');
  // Who was cut off at the end may hold a packet without knowing.
  if (claimed < requests || claimed > sent) {
    problems.push(`${requests} claims were told, ${sent} sent, but ${claimed} are in the books`);
  }
  return problems;
}
