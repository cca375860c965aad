/** Reconciliation beside a server at work tells no difference that is none; and its schedule. (E17) */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { httpBank } from '../../engine/bank/http-bank.ts';
import { silentMeter } from '../../engine/bank/meter.ts';
import { type Bank, BankUnavailable, type ListedPayout } from '../../engine/ports/bank.ts';
import { silentObserver } from '../../engine/ports/observer.ts';
import type { Difference, Patience } from '../../engine/reconcile/difference.ts';
import { reconcile } from '../../engine/reconcile/reconcile.ts';
import { openPool } from '../../engine/store/pool.ts';
import { type ReconcilingDeps, startReconciling } from '../../workers/reconcile-schedule.ts';
import { freshDatabase } from '../setup/database.ts';
import type { Client } from '../setup/server.ts';
import { paymentServer, type PaymentServer } from './payment-server-support.ts';
import { until } from './payout-support.ts';

const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function databaseWithPool(): Promise<{ pool: Pool }> {
  const database = await freshDatabase();
  endings.push(() => database.drop());
  const { url } = database;
  const pool = await openPool({ url, poolMax: 4, applicationName: 'test' });
  endings.push(() => pool.end());
  return { pool };
}

describe('beside a server at work', () => {
  const loadMs = 15_000;
  const users = ['ann', 'ben', 'cem', 'dee', 'eve', 'fay'];

  /** Withdraws until told otherwise; some codes are wrong to the end. */
  async function withdraw(
    { request, codeOf }: Pick<PaymentServer, 'request' | 'codeOf'>,
    user: Client,
    userId: string,
    goesOn: () => boolean,
  ) {
    for (let i = 0; goesOn(); i += 1) {
      const id = await request(user, 100 + i);
      const code = await codeOf(userId, id);
      const others = Array.from({ length: 5 }, (_, by) => (Number(code) + 1 + by) % 1_000_000);
      const codes = i % 5 === 4 ? others.map((other) => String(other).padStart(6, '0')) : [code];
      for (const one of codes) await user.post(`/v1/withdrawals/${id}/verification`, { code: one });
    }
  }

  /** Gives packets away: some are claimed and opened, some claimed, the rest goes back after a second. */
  async function give(sender: Client, clients: readonly Client[], goesOn: () => boolean) {
    while (goesOn()) {
      const batch = { mode: 'lucky', count: 5, total: 100, expiresIn: 1 };
      const { body } = await sender.post('/v1/batches', batch);
      const path = `/v1/batches/${String(body['id'])}`;
      await sender.post(`${path}/confirm`);
      await sender.post(`${path}/audience`, { channel: 'group', receivers: users });
      await Promise.all(
        clients.slice(0, 4).map((client, i) => client.post(`${path}/claims?open=${i < 3}`)),
      );
    }
  }

  it(
    'payouts, claims and expiries are never taken for differences',
    { timeout: 90_000 },
    async () => {
      const { sandbox, ...under } = await paymentServer();
      endings.push(() => under.close());
      for (const kind of ['error_before', 'error_after', 'refuse', 'stale'] as const)
        sandbox.faults.add({ kind, percent: 10 });
      sandbox.faults.add({ kind: 'late', delayMs: 1_000, percent: 20 });
      sandbox.faults.add({ kind: 'slow', delayMs: 300, percent: 20 });
      // The server compares as well, on its own schedule.
      const metrics = await (await fetch(`${under.server.url}/metrics`)).text();
      expect(metrics).toContain('hongbao_reconcile_timestamp_seconds{result="agree"} 0');
      const clients = await Promise.all(users.map((user) => under.customer(user, 1_000_000)));
      const pool = await openPool({ url: under.databaseUrl, poolMax: 2, applicationName: 'test' });
      endings.push(() => pool.end());

      const real = httpBank({ url: `${sandbox.url}/bank`, token: undefined }, silentMeter);
      /** A list that is a second old when it comes. */
      const bank: Pick<Bank, 'list' | 'query'> = {
        query: (id) => real.query(id),
        async *list(from, end): AsyncGenerator<ListedPayout> {
          const items: ListedPayout[] = [];
          for await (const item of real.list(from, end)) items.push(item);
          await sleep(1_000);
          yield* items;
        },
      };
      const mute = () => Promise.resolve({ code: 'unknown', reason: 'silent' } as const);
      const compare = async (patience: Patience, asked = bank) => {
        const differences: Difference[] = [];
        const deps = { pool, bank: asked, now: Date.now };
        const input = { from: 0, until: Date.now() + 60_000, patience };
        const reconciled = await reconcile(deps, input, (one) => void differences.push(one));
        return { ...reconciled, differences };
      };

      const endsAt = performance.now() + loadMs;
      const goesOn = () => performance.now() < endsAt;
      const load = Promise.all([
        ...clients.map((client, i) => withdraw(under, client, users[i] ?? '', goesOn)),
        ...clients.slice(0, 2).map((client) => give(client, clients, goesOn)),
      ]);
      // Longer than a payout rests between its tries here.
      const patient = { graceMs: 8_000, pendingMsMax: 60_000 };
      let runs = 0;
      let careless = 0;
      while (goesOn()) {
        expect((await compare(patient)).differences).toEqual([]);
        // Also what has ended while the list was read.
        const hasty = { graceMs: -2_000, pendingMsMax: 60_000 };
        careless += (await compare(hasty, { ...bank, query: mute })).differences.length;
        runs += 1;
      }
      await load;
      expect(runs).toBeGreaterThan(2);
      // Without patience the same moments look wrong: so this test could fail.
      expect(careless).toBeGreaterThan(0);

      sandbox.faults.clear();
      const open = async () => {
        const { rows } = await pool.query<{ n: number }>(
          `SELECT (SELECT count(*) FROM withdrawal WHERE status < 3)
          + (SELECT count(*) FROM batch WHERE confirmed_at IS NOT NULL AND NOT ended) AS n`,
        );
        return rows[0]?.n;
      };
      await until('an end of all', async () => ((await open()) === 0 ? true : undefined), 30_000);
      const { differences, withdrawals, listed } = await compare({ graceMs: 0, pendingMsMax: 0 });
      expect(differences).toEqual([]);
      expect(listed).toBe(sandbox.books.records.length);
      expect(withdrawals).toBeGreaterThan(20);
      expect((await under.operator.get('/v1/operator/audit')).body).toMatchObject({ ok: true });
    },
  );
});

describe('the schedule', () => {
  const often = { intervalMs: 10, firstMs: 0, restFactor: 0 };

  /** A bank with one payout that nobody ordered, and how many lists are read at the same time. */
  function strangeBank() {
    const state = { under: 0, most: 0, lists: 0, isBroken: false, items: 1 };
    const bank: ReconcilingDeps['bank'] = {
      query: () => Promise.resolve({ code: 'not_found' }),
      async *list(from): AsyncGenerator<ListedPayout> {
        state.lists += 1;
        state.most = Math.max(state.most, (state.under += 1));
        try {
          await sleep(30);
          if (state.isBroken) throw new BankUnavailable("the bank's list: silent");
          for (let i = 0; i < state.items; i += 1)
            yield { id: `x${i}`, asset: 'CNY', amount: 1, state: 'paid', at: from };
        } finally {
          state.under -= 1;
        }
      },
    };
    return { bank, state };
  }

  const value = async (registry: Registry, name: string, labels: object) => {
    const metric = await registry.getSingleMetric(name)?.get();
    return metric?.values.find((one) => JSON.stringify(one.labels) === JSON.stringify(labels))
      ?.value;
  };

  it('tells differences, agreement and failure as metrics and log lines', async () => {
    const { pool } = await databaseWithPool();
    const { bank, state } = strangeBank();
    const registry = new Registry();
    const lines: string[] = [];
    const observer = {
      log: (level: string, message: string, detail?: object) =>
        void lines.push(`${level} ${message} ${JSON.stringify(detail)}`),
    };
    const deps = { pool, bank, observer, registry, now: Date.now };
    const stop = startReconciling({ ...deps, rhythm: often });
    endings.push(stop);
    const kinds = 'hongbao_reconcile_differences';
    const times = 'hongbao_reconcile_timestamp_seconds';
    expect(await value(registry, times, { result: 'differ' })).toBe(0);
    await until('a difference', async () => {
      const found = await value(registry, kinds, { kind: 'unknown_here' });
      return found === 1 ? found : undefined;
    });
    expect(await value(registry, kinds, { kind: 'held_differs' })).toBe(0);
    expect(await value(registry, times, { result: 'differ' })).toBeGreaterThan(1.7e9);
    expect(await value(registry, times, { result: 'agree' })).toBe(0);
    expect(lines[0]).toBe(
      'error reconciliation found differences: npm run reconcile {"counts":{"unknown_here":1},"first":["unknown_here x0"]}',
    );

    state.isBroken = true;
    await until('a failure', async () => {
      return (await value(registry, times, { result: 'failed' })) || undefined;
    });
    expect(lines.at(-1)).toContain("the bank's list: silent");
    // Nobody knows better than before.
    expect(await value(registry, kinds, { kind: 'unknown_here' })).toBe(1);

    state.isBroken = false;
    state.items = 0;
    await until('agreement', async () => {
      return (await value(registry, times, { result: 'agree' })) || undefined;
    });
    expect(await value(registry, kinds, { kind: 'unknown_here' })).toBe(0);
  });

  it('runs in one process at a time', async () => {
    const { pool } = await databaseWithPool();
    const { bank, state } = strangeBank();
    const deps = { pool, bank, observer: silentObserver, now: Date.now };
    const stops = Array.from({ length: 3 }, () =>
      startReconciling({ ...deps, registry: new Registry(), rhythm: often }),
    );
    endings.push(() => Promise.all(stops.map((stop) => stop())));
    await until('some runs', () => (state.lists > 4 ? true : undefined));
    expect(state.most).toBe(1);
  });

  it('gives a run up when it is stopped', async () => {
    const { pool } = await databaseWithPool();
    const { bank, state } = strangeBank();
    state.items = 1e9;
    const registry = new Registry();
    const observer = { log: () => expect.unreachable('nothing is to be told') };
    const stop = startReconciling({ pool, bank, observer, registry, now: Date.now, rhythm: often });
    await until('a run', () => (state.under > 0 ? true : undefined));
    await sleep(100);
    await stop();
    expect(state.under).toBe(0);
    const times = 'hongbao_reconcile_timestamp_seconds';
    expect(await value(registry, times, { result: 'failed' })).toBe(0);
  });
});
