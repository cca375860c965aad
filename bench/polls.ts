/** Polls of trade platforms: ten thousand accounts on one worker. See bench/README.md. (T9) */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '../engine/store/migrate.ts';
import { startHelper, startHelperServer } from './http/children.ts';
import { startPostgres } from './http/postgres.ts';
import { startBenchRedis } from './http/redis.ts';
import { makeAccounts } from './polls/accounts.ts';
import { platformName, platformToken, webhookSecret } from './polls/names.ts';
import { lagMs, pollCounts, type PollCounts } from './polls/worker-metrics.ts';
import type { Cleanup } from './support/cleanup.ts';
import { cpuBetween, cpuByPid, descendants } from './support/processes.ts';
import { freePort } from './support/server.ts';
import { markdown, table, whole } from './support/table.ts';

export interface PollsSettings {
  /** Of one platform, a member each. */
  readonly accounts: number;
  /** Preset frequencies. */
  readonly pollIntervals: readonly number[];
  readonly pollSeconds: number;
  readonly trades: number;
}

export interface PollsRow {
  readonly queue: string;
  readonly intervalSeconds: number;
  readonly wantedPerSecond: number;
  readonly pollsPerSecond: number;
  /** From when a poll was due until it began. */
  readonly lagP50Ms: number;
  readonly lagP99Ms: number;
  /** From when a trade appeared at the platform until it stood in its group. */
  readonly shownP50Seconds: number;
  readonly shownP99Seconds: number;
  readonly trades: number;
  /** Microseconds per poll. */
  readonly workerMicros: number;
  readonly databaseMicros: number;
  readonly redisMicros: number;
  /** Polls without a result, and accounts late, at the end. */
  readonly failed: number;
  readonly late: number;
}

const lookMs = 500;
const warmUpMs = 300_000;
const requestsPerSecondMax = 10_000;

export async function pollsBench(
  settings: PollsSettings,
  redis: boolean,
  cleanup: Cleanup,
  print: (line: string) => void,
): Promise<readonly PollsRow[]> {
  const rows: PollsRow[] = [];
  for (const queue of redis ? ['Redis', 'embedded'] : ['embedded']) {
    for (const intervalSeconds of settings.pollIntervals) {
      print(`\npolls: ${whole(settings.accounts)} accounts, ${queue}, every ${intervalSeconds} s`);
      const row = await pollsOver(queue, intervalSeconds, settings, cleanup);
      print(`  ${whole(row.pollsPerSecond)} of ${whole(row.wantedPerSecond)} polls/s`);
      rows.push(row);
      await cleanup.run();
    }
  }
  return rows;
}

async function pollsOver(
  queue: string,
  intervalSeconds: number,
  { accounts, pollSeconds, trades }: PollsSettings,
  cleanup: Cleanup,
): Promise<PollsRow> {
  const postgres = await startPostgres(cleanup);
  const redis = queue === 'Redis' ? await startBenchRedis(cleanup) : undefined;
  await migrate(postgres.url);
  const key = { id: 'bench', key: new Uint8Array(randomBytes(32)) };
  await makeAccounts(postgres.pool, accounts, key);
  const rates = { BENCH_ACCOUNTS: String(accounts), BENCH_TRADES_PER_SECOND: String(trades) };
  const platform = await startHelperServer('polls/platform.ts', rates, cleanup);
  const config = {
    name: platformName,
    kind: 'generic',
    url: `${platform.url}/generic`,
    linkHosts: ['shop.example'],
    webhookSecret,
    token: platformToken,
    pollIntervalSeconds: intervalSeconds,
    requestsPerSecond: requestsPerSecondMax,
    sandbox: true,
  };
  const port = await freePort();
  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis?.url ?? '',
    CARD_KEYS: `${key.id}:${Buffer.from(key.key).toString('base64')}`,
    TRADE_PLATFORMS: JSON.stringify([config]),
    METRICS_PORT: String(port),
    LOG_LEVEL: 'warn',
  };
  const worker = startHelper('../workers/main.ts', env, cleanup);
  const url = `http://127.0.0.1:${port}`;
  await untilAllPolled(postgres.pool);
  // The crowd of the first polls is over when each has had its own place in the interval once.
  await sleep(intervalSeconds * 1_000);

  const cpu = async () => {
    const family = [postgres.pid, ...(await descendants(postgres.pid)).map(({ pid }) => pid)];
    return {
      worker: await cpuByPid([worker.pid]),
      database: await cpuByPid(family),
      redis: await cpuByPid(redis === undefined ? [] : [redis.pid]),
    };
  };
  const [used, before, fromMs] = [await cpu(), await pollCounts(url), performance.now()];
  const since = Date.now();
  await sleep(pollSeconds * 1_000);
  const [usedThen, after] = [await cpu(), await pollCounts(url)];
  const seconds = (performance.now() - fromMs) / 1_000;
  const polls = after.polls - before.polls;
  const micros = (part: 'worker' | 'database' | 'redis') =>
    (cpuBetween(used[part], usedThen[part]) * 1e6) / polls;
  const { rows } = await postgres.pool.query<{ n: number; p50: number; p99: number }>(
    `SELECT count(*)::int AS n, percentile_cont(0.5) WITHIN GROUP (ORDER BY received_at - at) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY received_at - at) AS p99
     FROM trade WHERE received_at >= $1`,
    [since],
  );
  const [shown] = rows;
  return {
    queue,
    intervalSeconds,
    wantedPerSecond: accounts / intervalSeconds,
    pollsPerSecond: polls / seconds,
    ...lags(before, after),
    shownP50Seconds: (shown?.p50 ?? Number.NaN) / 1_000,
    shownP99Seconds: (shown?.p99 ?? Number.NaN) / 1_000,
    trades: shown?.n ?? 0,
    workerMicros: micros('worker'),
    databaseMicros: micros('database'),
    redisMicros: micros('redis'),
    failed: after.others - before.others,
    late: after.late,
  };
}

const lags = (before: PollCounts, after: PollCounts) => ({
  lagP50Ms: lagMs(before, after, 0.5),
  lagP99Ms: lagMs(before, after, 0.99),
});

async function untilAllPolled(pool: {
  query(text: string): Promise<{ readonly rowCount: number | null }>;
}): Promise<void> {
  const until = performance.now() + warmUpMs;
  for (;;) {
    const { rowCount } = await pool.query('SELECT FROM trade_account WHERE cursor IS NULL LIMIT 1');
    if (rowCount === 0) return;
    if (performance.now() > until) throw new Error('not all accounts were polled in time');
    await sleep(lookMs);
  }
}

export function pollsTable(rows: readonly PollsRow[], asMarkdown: boolean): string {
  const columns = [
    { title: 'queue', align: 'left' as const },
    { title: 'every s' },
    { title: 'polls/s' },
    { title: 'of' },
    { title: 'lag p50 / p99 ms' },
    { title: 'trade shown after p50 / p99 s' },
    { title: 'CPU µs/poll: worker' },
    { title: 'PostgreSQL' },
    { title: 'Redis' },
    { title: 'failed' },
    { title: 'late' },
  ];
  const cells = rows.map((row) => [
    row.queue,
    String(row.intervalSeconds),
    whole(row.pollsPerSecond),
    whole(row.wantedPerSecond),
    `${whole(row.lagP50Ms)} / ${whole(row.lagP99Ms)}`,
    `${row.shownP50Seconds.toFixed(1)} / ${row.shownP99Seconds.toFixed(1)}`,
    whole(row.workerMicros),
    whole(row.databaseMicros),
    row.redisMicros === 0 ? '–' : whole(row.redisMicros),
    whole(row.failed),
    whole(row.late),
  ]);
  return asMarkdown ? markdown(columns, cells) : table(columns, cells);
}
