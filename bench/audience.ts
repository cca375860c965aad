/**
 * Large audiences: a share to a group of 5,000 and to 100,000 friends, while others claim from other batches of the
 * same shard thread. See bench/README.md. (E7, E8)
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { OtherClaims, type OtherBatch } from './audience/claims.ts';
import { loadAudience, type AudienceLoad } from './audience/load.ts';
import { receiverMemory, type ReceiverMemory } from './audience/memory.ts';
import { makePeople, senderId } from './audience/people.ts';
import { longestStop, type Stop } from './audience/stop.ts';
import { openPostgres, openRedis } from './engine/journals.ts';
import { startPostgres } from './http/postgres.ts';
import { startBenchRedis } from './http/redis.ts';
import { signToken } from './load/tokens.ts';
import type { Cleanup } from './support/cleanup.ts';
import { ApiClient, expectStatus } from './support/client.ts';
import { startServer, withoutSettings } from './support/server.ts';
import { median, quantile } from './support/stats.ts';

export interface AudienceSettings {
  readonly rounds: number;
  /** Of the sender. */
  readonly friends: number;
  /** Of a group, the sender among them. */
  readonly members: number;
}

export interface ShareRow {
  readonly journal: string;
  readonly to: string;
  readonly receivers: number;
  /** Medians of the rounds, and the largest. */
  readonly answeredMs: number;
  readonly answeredMsMax: number;
  readonly settledMs: number;
  readonly settledMsMax: number;
  /** Longest stops of the threads. */
  readonly shardStopMs: number;
  readonly gatewayStopMs: number;
  /** Claims elsewhere, from the share's start until it had settled; and without any share. */
  readonly claims: number;
  readonly claimP50Ms: number;
  readonly claimP99Ms: number;
  readonly quietP50Ms: number;
  readonly quietP99Ms: number;
}

export interface AudienceResult {
  readonly shares: readonly ShareRow[];
  readonly memory: readonly ReceiverMemory[];
  readonly stops: readonly (Stop & { readonly journal: string })[];
  readonly load: AudienceLoad | undefined;
}

/** Usual ones, and the longest that are allowed. */
const idLengths = [16, 64];
const stopRounds = 8;
const otherBatches = 8;
const claimsPerSecond = 200;
const claimsMax = 200_000;
const quietMs = 4_000;
const settledMs = 60_000;
const pollMs = 5;
const connections = 64;

export async function audienceBench(
  settings: AudienceSettings,
  redis: boolean,
  cleanup: Cleanup,
  print: (line: string) => void,
): Promise<AudienceResult> {
  print('\naudience: memory');
  const { friends, members } = settings;
  const memory = await receiverMemory([members, friends]);
  const stops: AudienceResult['stops'][number][] = [];
  const journals = redis ? ['Redis', 'embedded'] : ['embedded'];
  for (const journal of journals) {
    const open = journal === 'Redis' ? openRedis(cleanup) : await openPostgres(cleanup);
    for (const idLength of idLengths) {
      const stop = await longestStop(open, friends, idLength, stopRounds);
      print(`  ${journal}, ids of ${idLength}: a turn of ${stop.turnMs.toFixed(1)} ms at most`);
      stops.push({ ...stop, journal });
    }
    await cleanup.run();
  }
  const shares: ShareRow[] = [];
  let load: AudienceLoad | undefined;
  for (const journal of journals) {
    const one = await sharesOver(journal, settings, cleanup, print);
    shares.push(...one.rows);
    load = await loadAudience(one.databaseUrl, one.largest);
    await cleanup.run();
  }
  return { shares, memory, stops, load };
}

async function sharesOver(
  journal: string,
  { rounds, friends, members }: AudienceSettings,
  cleanup: Cleanup,
  print: (line: string) => void,
) {
  const secret = randomBytes(32).toString('base64url');
  const postgres = await startPostgres(cleanup);
  const redis = journal === 'Redis' ? await startBenchRedis(cleanup) : undefined;
  const env = {
    ...withoutSettings,
    DATABASE_URL: postgres.url,
    REDIS_URL: redis?.url,
    AUTH_SECRET: secret,
    SHARE_THRESHOLD: '0',
    // One shard thread, so that every other batch is a neighbour.
    THREADS: '1',
  };
  const server = await startServer({ cleanup, env });
  const client = new ApiClient(server.url, connections);
  cleanup.add(() => Promise.resolve(client.close()));
  const token = signToken(secret, senderId);
  const post = (path: string, body: unknown, status: number, as = token) =>
    expectStatus(path, client.call('POST', path, { token: as, body }), status);
  const groupId = await makePeople(postgres.pool, friends, members);
  const funds = { userId: senderId, asset: 'CNY', amount: 1e12, reference: 'benchmark' };
  await post('/v1/operator/deposits', funds, 201, signToken(secret, 'operator', 'operator'));
  const batch = async (count: number): Promise<OtherBatch> => {
    const { id } = await post('/v1/batches', { mode: 'fixed', count, each: 1 }, 201);
    const { link } = await post(`/v1/batches/${String(id)}/confirm`, {}, 200);
    return { id: String(id), key: new URL(String(link)).searchParams.get('k') ?? '' };
  };
  const others: OtherBatch[] = [];
  for (let i = 0; i < otherBatches; i += 1) {
    const other = await batch(claimsMax / otherBatches);
    await post(`/v1/batches/${other.id}/share`, { channel: 'qr', anyone: true }, 201);
    others.push(other);
  }
  /** Longest stop of each thread since it was asked last. */
  const stops = async (): Promise<(thread: string) => number> => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return (thread) => {
      const line = `hongbao_event_loop_lag_seconds{thread="${thread}",quantile="1"} `;
      const at = text.indexOf(line);
      return at === -1 ? Number.NaN : Number.parseFloat(text.slice(at + line.length)) * 1_000;
    };
  };
  const settled = async (id: string, receivers: number): Promise<void> => {
    const text = 'SELECT FROM batch WHERE id = $1 AND receivers >= $2';
    const until = performance.now() + settledMs;
    while ((await postgres.pool.query(text, [id, receivers])).rowCount === 0) {
      if (performance.now() > until) throw new Error('not settled in time');
      await sleep(pollMs);
    }
  };

  const claims = new OtherClaims(client, secret, others, claimsMax);
  claims.start(claimsPerSecond);
  await sleep(quietMs / 2);
  const quietFrom = performance.now();
  await sleep(quietMs);
  const quiet = claims.between(quietFrom, performance.now());

  const rows: ShareRow[] = [];
  let largest = '';
  for (const [to, receivers, body] of [
    ['group', members, { channel: 'group', groupId }],
    ['feed, friends', friends, { channel: 'feed' }],
  ] as const) {
    const answered: number[] = [];
    const until: number[] = [];
    const meanwhile: number[] = [];
    const shardStops: number[] = [];
    const gatewayStops: number[] = [];
    // The first one is a warm-up.
    for (let round = 0; round <= rounds; round += 1) {
      const { id } = await batch(2);
      await stops();
      await sleep(100);
      const from = performance.now();
      await post(`/v1/batches/${id}/share`, body, 201);
      const answeredMs = performance.now() - from;
      await settled(id, receivers);
      const to = performance.now();
      await sleep(300);
      const stop = await stops();
      largest = id;
      if (round === 0) continue;
      answered.push(answeredMs);
      until.push(to - from);
      meanwhile.push(...claims.between(from, to));
      shardStops.push(stop('shards-0'));
      gatewayStops.push(stop('gateway'));
    }
    const row: ShareRow = {
      journal,
      to,
      receivers,
      answeredMs: median(answered),
      answeredMsMax: Math.max(...answered),
      settledMs: median(until),
      settledMsMax: Math.max(...until),
      shardStopMs: Math.max(...shardStops),
      gatewayStopMs: Math.max(...gatewayStops),
      claims: meanwhile.length,
      claimP50Ms: median(meanwhile),
      claimP99Ms: quantile(meanwhile, 0.99),
      quietP50Ms: median(quiet),
      quietP99Ms: quantile(quiet, 0.99),
    };
    print(`  ${journal}, ${to}: 201 after ${row.answeredMs.toFixed(0)} ms`);
    rows.push(row);
  }
  await claims.stop();
  return { rows, largest, databaseUrl: postgres.url };
}
