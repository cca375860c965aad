import { randomBytes } from 'node:crypto';
import { Counter, Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { createMetricsApp } from '../../gateway/app.ts';
import { harness } from './harness.ts';

describe('accounts and records', () => {
  test('accounts and entries', async () => {
    const { ask, world } = harness();
    world.credit('ann', 'CNY', 500);
    const accounts = await ask('GET', '/v1/accounts?after=3-7', { as: 'ann' });
    expect(accounts.json).toEqual({ items: [{ asset: 'CNY', balance: 500, held: 0 }] });
    expect(accounts.headers.get('cache-control')).toBe('no-store');
    expect(world.waits).toEqual([{ userId: 'ann', after: '3-7' }]);
    const entries = await ask('GET', '/v1/accounts/CNY/entries?limit=10', { as: 'ann' });
    expect(entries.json).toEqual({
      items: [
        {
          id: '9',
          at: '2026-01-01T00:00:00.000Z',
          amount: -500,
          kind: 'funding',
          counterpart: 'escrow:100',
          batchId: '100',
          senderId: 'anna',
          balanceAfter: 500,
        },
      ],
    });
    const bad = await ask('GET', '/v1/accounts/CNY/entries?cursor=x', { as: 'ann' });
    expect(bad.json.errors).toEqual([{ field: 'cursor', message: 'is not a cursor' }]);
  });

  test('sent and received', async () => {
    const { ask, activeBatch } = harness();
    const { id } = await activeBatch('ann', ['bob']);
    await ask('POST', `/v1/batches/${id}/claims?open=true`, { as: 'bob' });
    const sent = await ask('GET', '/v1/me/sent', { as: 'ann' });
    expect(sent.json.items).toMatchObject([
      { batchId: id, status: 'active', total: 500, claimed: 1 },
    ]);
    expect(sent.json.totals).toEqual([
      { asset: 'CNY', count: 1, amount: 500, openedAmount: 1, refundedAmount: 0 },
    ]);
    const received = await ask('GET', '/v1/me/received', { as: 'bob' });
    expect(received.json.items).toMatchObject([
      { batchId: id, packetId: `${id}-1`, senderId: 'ann', status: 'opened', amount: 1 },
    ]);
    expect((await ask('GET', '/v1/me/sent?cursor=x', { as: 'ann' })).status).toBe(400);
    expect((await ask('GET', '/v1/me/received?cursor=x', { as: 'ann' })).status).toBe(400);
  });
});

describe('operator', () => {
  const operator = { as: 'op', scopes: ['operator'] };
  const body = { userId: 'ann', asset: 'CNY', amount: 500, reference: 'invoice/1' };

  test('a reference credits once', async () => {
    const { ask, world } = harness();
    const deposit = async (more: object = {}) => {
      const said = await ask('POST', '/v1/operator/deposits', {
        ...operator,
        body: { ...body, ...more },
      });
      return [said.status, said.json.code ?? said.json];
    };
    expect(await deposit()).toEqual([201, { account: 'user:ann', balance: 500 }]);
    expect(await deposit()).toEqual([201, { account: 'user:ann', balance: 500 }]);
    expect(await deposit({ amount: 501 })).toEqual([422, 'reference_reused']);
    const huge = { amount: Number.MAX_SAFE_INTEGER, reference: 'r2' };
    expect(await deposit(huge)).toEqual([422, 'balance_overflow']);
    expect(world.recorded).toEqual(['deposit']);
  });

  test('bad input', async () => {
    const { ask, world } = harness();
    const said = await ask('POST', '/v1/operator/deposits', {
      ...operator,
      body: { userId: '', asset: '€', amount: 1.5, reference: 'a b', note: 1 },
    });
    expect(said.json.errors.map(({ field }: { field: string }) => field)).toEqual([
      'userId',
      'asset',
      'amount',
      'reference',
      'note',
    ]);
    const user = await ask('POST', '/v1/operator/deposits', { as: 'ann', body });
    expect([user.status, user.json.code]).toEqual([403, 'forbidden']);
    expect(world.recorded).toEqual([]);
  });

  test('audit', async () => {
    const { ask, world } = harness();
    const sums = { issued: 10, users: 4, escrow: 6, inFlight: 0, paidOut: 0 };
    world.audit = { assets: [{ asset: 'CNY', ...sums, difference: 0 }], mismatches: 0 };
    const fine = await ask('GET', '/v1/operator/audit', operator);
    expect(fine.json).toEqual({ assets: world.audit.assets, pendingEvents: 4, ok: true });
    world.audit = { assets: [{ asset: 'CNY', ...sums, difference: -1 }], mismatches: 0 };
    expect((await ask('GET', '/v1/operator/audit', operator)).json.ok).toBe(false);
    world.audit = { assets: [], mismatches: 2 };
    const differing = await ask('GET', '/v1/operator/audit', operator);
    expect(differing.json).toMatchObject({ ok: false, mismatches: 2 });
  });
});

describe('probes', () => {
  test('livez and readyz', async () => {
    const { ask, world, deps } = harness();
    const ready = async () => (await ask('GET', '/readyz')).status;
    expect((await ask('GET', '/livez')).status).toBe(200);
    expect(await ready()).toBe(200);
    world.pings = false;
    const without = await ask('GET', '/readyz');
    expect([without.status, without.json]).toEqual([
      200,
      { status: 'degraded', reason: 'postgres_unreachable' },
    ]);
    world.pings = true;
    world.ready = false;
    const taking = await ask('GET', '/readyz');
    expect(taking.json).toMatchObject({ code: 'not_ready', detail: 'taking shards over' });
    world.ready = true;
    deps.lifecycle.draining = true;
    expect(await ready()).toBe(503);
    expect((await ask('GET', '/livez')).status).toBe(200);
  });
});

describe('metrics', () => {
  test('requests by route, method and status; the threads merged; no ids', async () => {
    const { ask, world } = harness();
    const thread = new Registry();
    new Counter({ name: 'hongbao_commands_total', help: 'x', registers: [thread] }).inc(5);
    const json = await thread.getMetricsAsJSON();
    world.engine.metrics = () => Promise.resolve([json, json]);
    await ask('GET', '/v1/batches/77001', { as: 'ann-with-an-id' });
    await ask('GET', '/nothing/77001');
    const { text, headers } = await ask('GET', '/metrics');
    expect(headers.get('content-type')).toContain('text/plain');
    expect(text).toContain('hongbao_commands_total 10');
    expect(text).toMatch(
      /hongbao_http_requests_total\{(?=.*method="GET")(?=.*route="\/v1\/batches\/:id")(?=.*status="404").*\} 1\n/,
    );
    expect(text).toMatch(/hongbao_http_request_duration_seconds_count\{.*batches\/:id"\} 1\n/);
    expect(text).toMatch(/hongbao_http_request_duration_seconds_bucket\{.*le="\+Inf".*\} 1\n/);
    expect(text).toContain('route="none"');
    expect(text).toContain('hongbao_http_requests_in_flight 1');
    expect(text).not.toContain('77001');
    expect(text).not.toContain('ann-with-an-id');
  });

  test('the gateway’s own come even when the threads fail', async () => {
    const { ask, world, logged } = harness();
    world.engine.metrics = () => Promise.reject(new Error('thread is dead'));
    const said = await ask('GET', '/metrics');
    expect(said.status).toBe(200);
    expect(said.text).toContain('hongbao_http_requests_in_flight');
    expect(logged).toHaveLength(1);
  });

  test('on a port of their own', async () => {
    const { ask, deps } = harness({ metricsOnSeparatePort: true });
    expect((await ask('GET', '/metrics')).status).toBe(404);
    const app = createMetricsApp({ ...deps, randomBytes });
    expect((await app.request('/metrics')).status).toBe(200);
    expect((await app.request('/v1/accounts')).status).toBe(404);
  });
});
