/** Load, health and the final comparison for the fault tests: what a client was told against what the ledger holds. */
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client as Postgres } from 'pg';
import { expect } from 'vitest';
import { requestTimeoutMs } from '../../engine/limits.ts';
import { activeBatch, clientOf, clientWith, testSecret } from '../setup/server.ts';

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const header = encode({ alg: 'HS256', typ: 'JWT' });

/** A token made without asking the server. */
export function tokenOf(userId: string): string {
  const text = `${header}.${encode({ sub: userId, aud: 'hongbao', exp: Math.floor(Date.now() / 1000) + 7_200 })}`;
  return `${text}.${createHmac('sha256', testSecret).update(text).digest('base64url')}`;
}

export interface Health {
  /** Distinct things /readyz said, in order, repetitions left out. */
  readonly said: string[];
  /** /livez answers that were not a quick 200. */
  readonly dead: string[];
  stop(): Promise<void>;
}

const livezMsMax = 2_000;
const readyzMsMax = 3_000;

/** Asks livez and readyz over and over. */
export function watchHealth(url: string, everyMs = 50): Health {
  const said: string[] = [];
  const dead: string[] = [];
  let stopped = false;
  const watch = async () => {
    while (!stopped) {
      const startedAt = performance.now();
      const live = await fetch(`${url}/livez`).then(
        ({ status }) => String(status),
        (error: unknown) => String(error),
      );
      const tookMs = performance.now() - startedAt;
      if (live !== '200' || tookMs > livezMsMax)
        dead.push(`${live} after ${Math.round(tookMs)} ms`);
      const state = await readiness(url);
      if (said.at(-1) !== state) said.push(state);
      await sleep(everyMs);
    }
  };
  const watching = watch();
  return {
    said,
    dead,
    async stop() {
      stopped = true;
      await watching;
    },
  };
}

/** `ready`, `degraded`, or the reason of a 503. */
export async function readiness(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(readyzMsMax) });
    const body = (await response.json()) as { status: unknown; detail?: string };
    return response.status === 200 ? String(body.status) : String(body.detail);
  } catch (error) {
    return String(error);
  }
}

/** Polls until it holds; fails after `limitMs`. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`in ${limitMs} ms it never came that ${what}`);
    await sleep(50);
  }
}

/** A big batch that anybody with the link may claim. */
export async function openBatch(
  url: string,
  count: number,
  key: { value: string } = { value: '' },
): Promise<string> {
  const sender = await clientOf(url, 'sender');
  const id = await activeBatch(url, sender, 'sender', { mode: 'fixed', count, each: 3 }, []);
  const confirmed = await sender.post(`/v1/batches/${id}/confirm`);
  key.value = new URL(String(confirmed.body['link'])).searchParams.get('k') ?? '';
  await sender.post(`/v1/batches/${id}/audience`, { channel: 'qr', anyone: true });
  return id;
}

/** Users who claim and open, each until the answer is certain. */
export class Load {
  readonly told = new Map<string, { packetId: unknown; amount: unknown }>();
  /** Answers by code (or status). */
  readonly answers = new Map<string, number>();
  slowestMs = 0;
  /** 503 answers that lacked Retry-After. */
  unadvised = 0;
  #stopping = false;
  #finishing = false;
  #next = 0;
  readonly #prefix: string;
  readonly #path: string;
  readonly #body: { key: string };
  readonly #url: string;
  #running: Promise<unknown> = Promise.resolve();

  constructor(url: string, batchId: string, key: string, prefix = 'u') {
    this.#url = url;
    this.#path = `/v1/batches/${batchId}/claims?open=true`;
    this.#body = { key };
    this.#prefix = prefix;
  }

  start(concurrency: number): this {
    this.#running = Promise.all(Array.from({ length: concurrency }, () => this.#work()));
    return this;
  }

  /** Lets everybody who has no certain answer yet ask on, then ends; fails when that takes too long. */
  async finish(limitMs = 30_000): Promise<void> {
    this.#finishing = true;
    let done = false;
    void this.#running.finally(() => (done = true));
    await until('every claim has its answer', () => done, limitMs).finally(() => {
      this.#stopping = true;
    });
  }

  count(code: string): number {
    return this.answers.get(code) ?? 0;
  }

  async #work(): Promise<void> {
    while (!this.#finishing && !this.#stopping) {
      const userId = `${this.#prefix}${(this.#next += 1)}`;
      const client = clientWith(this.#url, tokenOf(userId));
      while (!this.#stopping && !(await this.#claim(userId, client))) await sleep(20);
    }
  }

  async #claim(userId: string, client: ReturnType<typeof clientWith>): Promise<boolean> {
    const startedAt = performance.now();
    try {
      const { status, body, headers } = await client.post(this.#path, this.#body);
      const problem = body['code'];
      const code = status >= 300 && typeof problem === 'string' ? problem : String(status);
      this.answers.set(code, this.count(code) + 1);
      if (status === 503 && headers.get('retry-after') === null) this.unadvised += 1;
      if (status < 300)
        this.told.set(userId, { packetId: body['packetId'], amount: body['amount'] });
      return status < 300;
    } catch {
      this.answers.set('broken', this.count('broken') + 1);
      return false;
    } finally {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startedAt);
    }
  }
}

/** Everything told is in the ledger exactly once, nothing else is, and it all adds up. */
export async function compare(
  url: string,
  databaseUrl: string,
  batchId: string,
  load: Load,
): Promise<void> {
  const operator = await clientOf(url, 'operator', ['operator']);
  await until(
    'everything is settled',
    async () => (await operator.get('/v1/operator/audit')).body['pendingEvents'] === 0,
    60_000,
  );
  const postgres = new Postgres(databaseUrl);
  await postgres.connect();
  try {
    const { rows } = await postgres.query<{ receiver: string; packet: number; amount: string }>(
      'SELECT receiver, packet, amount FROM packet WHERE batch = $1',
      [batchId],
    );
    const ledger = new Map(rows.map((row) => [row.receiver, row]));
    expect(ledger.size).toBe(rows.length);
    const wrong = [...load.told].filter(([userId, { packetId, amount }]) => {
      const row = ledger.get(userId);
      return `${batchId}-${row?.packet}` !== packetId || Number(row?.amount) !== amount;
    });
    expect(wrong).toEqual([]);
    expect(rows.length).toBe(load.told.size);
  } finally {
    await postgres.end();
  }
  expect((await operator.get('/v1/operator/audit')).body).toMatchObject({ ok: true });
  expect(load.slowestMs).toBeLessThan(requestTimeoutMs + 2_000);
  expect(load.unadvised).toBe(0);
}

/** Resident memory of a process, bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
}
