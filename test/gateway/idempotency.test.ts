import { describe, expect, test } from 'vitest';
import { canonicalJson, digestOf } from '../../gateway/idempotency.ts';
import { harness } from './harness.ts';

const body = { mode: 'lucky', count: 3, total: 500 };
const keyed = (key: string) => ({ 'idempotency-key': key });

describe('creates', () => {
  test('same key and body: the same answer, once recorded', async () => {
    const { ask, world } = harness();
    const first = await ask('POST', '/v1/batches', { as: 'ann', body, headers: keyed('k1') });
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    const reordered = { total: 500, mode: 'lucky', count: 3, asset: 'CNY', expiresIn: 86_400 };
    const again = await ask('POST', '/v1/batches', {
      as: 'ann',
      body: reordered,
      headers: keyed('k1'),
    });
    expect([again.status, again.json]).toEqual([201, first.json]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(world.recorded).toEqual(['batch']);
  });

  test('another body or route: 422; another user: a new one', async () => {
    const { ask, world } = harness();
    const headers = keyed('k1');
    await ask('POST', '/v1/batches', { as: 'op', body, headers });
    const other = await ask('POST', '/v1/batches', {
      as: 'op',
      body: { ...body, total: 501 },
      headers,
    });
    expect([other.status, other.json.code]).toEqual([422, 'idempotency_key_reused']);
    const deposit = { userId: 'ann', asset: 'CNY', amount: 5, reference: 'r1' };
    const crossed = await ask('POST', '/v1/operator/deposits', {
      as: 'op',
      scopes: ['operator'],
      body: deposit,
      headers,
    });
    expect(crossed.status).toBe(422);
    expect((await ask('POST', '/v1/batches', { as: 'bob', body, headers })).status).toBe(201);
    expect(world.recorded).toEqual(['batch', 'batch']);
  });

  test('the first one still running: 409', async () => {
    const { ask, world } = harness();
    world.forced.once.push({ code: 'idempotency_in_progress' });
    const said = await ask('POST', '/v1/batches', { as: 'ann', body, headers: keyed('k1') });
    expect([said.status, said.json.code]).toEqual([409, 'idempotency_in_progress']);
    expect(said.headers.get('retry-after')).toBe('1');
  });

  test('a refusal is not kept', async () => {
    const { ask, world } = harness({ shareThreshold: 100 });
    const headers = keyed('k1');
    expect((await ask('POST', '/v1/batches', { as: 'ann', body, headers })).status).toBe(422);
    expect(world.kept.size).toBe(0);
    const smaller = { ...body, total: 100 };
    expect((await ask('POST', '/v1/batches', { as: 'ann', body: smaller, headers })).status).toBe(
      201,
    );
  });

  test('without a key each request is its own', async () => {
    const { ask, world } = harness();
    await ask('POST', '/v1/batches', { as: 'ann', body });
    await ask('POST', '/v1/batches', { as: 'ann', body });
    expect(world.batches.size).toBe(2);
  });
});

test('canonical JSON', () => {
  expect(canonicalJson({ b: [1, { d: null, c: 'é' }], a: undefined, A: true })).toBe(
    '{"A":true,"b":[1,{"c":"é","d":null}]}',
  );
  expect(digestOf({ a: 1, b: 2 })).toBe(digestOf({ b: 2, a: 1 }));
  expect(digestOf({ a: '1' })).not.toBe(digestOf({ a: 1 }));
});
