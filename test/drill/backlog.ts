/** `--backlog N`: how long a server takes from its start to serving when the journal holds N unsettled events. */
import { readFile } from 'node:fs/promises';
import { Client } from 'pg';
import { table, whole } from '../../bench/support/table.ts';
import { backlogLinkKey, fillBacklog } from './backlog-fill.ts';
import { Caller } from './caller.ts';
import { diceOf } from './dice.ts';
import { Evidence } from './evidence.ts';
import { type Backend, System } from './system.ts';

export interface BacklogOptions {
  readonly backend: Backend;
  readonly events: number;
  readonly eventsPerJob: number;
}

export interface BacklogResult {
  readonly options: BacklogOptions;
  readonly jobs: number;
  readonly bytes: number;
  readonly readyMs: number;
  readonly firstClaimMs: number;
  readonly peakMiB: number;
  readonly problems: readonly string[];
}

const startMsMax = 900_000;

export async function measureBacklog(options: BacklogOptions): Promise<BacklogResult> {
  const { backend, events, eventsPerJob } = options;
  const system = await System.prepare({ backend, nodes: 1, worker: 'inline' });
  const evidence = new Evidence();
  const caller = new Caller(system.urls, evidence, diceOf(1));
  const problems: string[] = [];
  try {
    const backlog = await system.withDatabase((url) =>
      fillBacklog(url, system.redisUrl, { events, eventsPerJob }),
    );
    const startedAt = performance.now();
    const since = () => performance.now() - startedAt;
    system.startServers();
    await system.ready(startMsMax);
    const readyMs = since();
    const batch = backlog.batchIds[0] ?? '';
    const claim = { action: 'claim', user: 'late', batch, open: true } as const;
    const heard = await caller.ask({ ...claim, linkKey: backlogLinkKey });
    const firstClaimMs = since();
    if (heard?.status !== 201) problems.push(`first claim: ${heard?.status} ${heard?.code}`);
    // The packet behind all that stand in the journal.
    if (!String(heard?.body['packetId']).endsWith('-801'))
      problems.push(`first claim: packet ${String(heard?.body['packetId'])}`);
    const peakMiB = await peakMemoryMiB(system.servers[0]?.pid);
    // The audit says so only when every event stands in the books and every sum agrees.
    const audit = await caller.ask({ action: 'audit', user: 'operator' });
    if (audit?.body['ok'] !== true) problems.push(`audit: ${JSON.stringify(audit?.body)}`);
    const opened = await openedPackets(await system.databaseUrl());
    if (opened < backlog.opened) problems.push(`${opened} of ${backlog.opened} packets opened`);
    const { jobs, bytes } = backlog;
    return { options, jobs, bytes, readyMs, firstClaimMs, peakMiB, problems };
  } finally {
    caller.close();
    await system.close();
  }
}

async function openedPackets(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM packet WHERE amount IS NOT NULL',
    );
    return rows[0]?.n ?? 0;
  } finally {
    await client.end();
  }
}

async function peakMemoryMiB(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1_024;
}

export function backlogReport(results: readonly BacklogResult[]): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const columns = ['events', 'jobs', 'MB', 'ready', 'first claim', 'events/s', 'peak'];
  return [
    table(
      [{ title: 'restart on', align: 'left' }, ...columns.map((title) => ({ title }))],
      results.map(({ options, jobs, bytes, readyMs, firstClaimMs, peakMiB }) => [
        options.backend,
        whole(options.events),
        whole(jobs),
        (bytes / 1e6).toFixed(1),
        seconds(readyMs),
        seconds(firstClaimMs),
        whole((options.events / readyMs) * 1_000),
        `${whole(peakMiB)} MiB`,
      ]),
    ),
    ...results.flatMap(({ options, problems }) =>
      problems.map((text) => `${options.backend}: ${text}`),
    ),
  ].join('\n');
}

/** The target: serving again within a minute, with nothing missing. */
export function isInTime({ firstClaimMs, problems }: BacklogResult): boolean {
  return firstClaimMs < 60_000 && problems.length === 0;
}
