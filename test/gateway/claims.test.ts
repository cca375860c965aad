import { describe, expect, test } from 'vitest';
import type { ClaimOutcome, OpenOutcome, PacketView } from '../../engine/api.ts';
import { harness } from './harness.ts';

const packet: PacketView = {
  batchId: '100',
  packetId: '100-1',
  receiverId: 'bob',
  claimedAt: Date.UTC(2026, 0, 1, 12),
  asset: 'CNY',
  amount: undefined,
  openedAt: undefined,
  position: '3-7',
};
const opened: PacketView = { ...packet, amount: 166, openedAt: Date.UTC(2026, 0, 1, 12, 0, 1) };
const claimedBody = {
  batchId: '100',
  packetId: '100-1',
  receiverId: 'bob',
  status: 'claimed',
  claimedAt: '2026-01-01T12:00:00.000Z',
  position: '3-7',
};
const openedBody = {
  ...claimedBody,
  status: 'opened',
  amount: 166,
  asset: 'CNY',
  openedAt: '2026-01-01T12:00:01.000Z',
};
const wait = { retryAfterSeconds: 1.2 };

describe('claim (E11, E12)', () => {
  const good: [string, ClaimOutcome, number, object][] = [
    ['claimed', { code: 'claimed', packet, replayed: false }, 201, claimedBody],
    ['claimed and opened', { code: 'claimed', packet: opened, replayed: false }, 201, openedBody],
    ['replayed', { code: 'claimed', packet, replayed: true }, 201, claimedBody],
    ['repeated', { code: 'repeated', packet }, 200, { ...claimedBody, repeated: true }],
    [
      'repeated, opened',
      { code: 'repeated', packet: opened },
      200,
      { ...openedBody, repeated: true },
    ],
  ];
  test.each(good)('%s', async (_name, outcome, status, body) => {
    const { ask, world } = harness();
    world.forced.claim.push(outcome);
    const said = await ask('POST', '/v1/batches/100/claims', { as: 'bob' });
    expect(said.status).toBe(status);
    expect(said.json).toEqual(body);
    const replayed = outcome.code === 'claimed' && outcome.replayed;
    expect(said.headers.get('idempotency-replayed')).toBe(replayed ? 'true' : null);
  });

  const refused: [ClaimOutcome, number][] = [
    [{ code: 'batch_not_found' }, 404],
    [{ code: 'not_active' }, 409],
    [{ code: 'idempotency_key_required' }, 400],
    [{ code: 'idempotency_key_reused' }, 422],
    [{ code: 'expired' }, 410],
    [{ code: 'not_in_audience' }, 403],
    [{ code: 'bad_key' }, 403],
    [{ code: 'exhausted' }, 410],
    [{ code: 'unknown', ...wait }, 503],
    [{ code: 'overloaded', ...wait }, 503],
    [{ code: 'quarantined', ...wait }, 503],
  ];
  test.each(refused)('%j', async (outcome, status) => {
    const { ask, world } = harness();
    world.forced.claim.push(outcome);
    const said = await ask('POST', '/v1/batches/100/claims', { as: 'bob' });
    expect([said.status, said.json.code]).toEqual([status, outcome.code]);
    expect(said.headers.get('retry-after')).toBe(status === 503 ? '2' : null);
  });

  test('what the engine is asked', async () => {
    const { ask, world } = harness();
    const path = '/v1/batches/100/claims';
    await ask('POST', path, { as: 'bob' });
    await ask('POST', `${path}?open=true`, { as: 'bob', body: { key: 'k1' } });
    await ask('POST', `${path}?open=false`, { as: 'bob', body: {} });
    const plain = { batchId: '100', receiverId: 'bob', tag: undefined };
    expect(world.claims).toEqual([
      { ...plain, linkKey: undefined, open: false },
      { ...plain, linkKey: 'k1', open: true },
      { ...plain, linkKey: undefined, open: false },
    ]);
  });

  test('the digest tells bodies apart, and the open flag is no part of it', async () => {
    const { ask, world } = harness();
    const headers = { 'idempotency-key': 'once-1' };
    const path = '/v1/batches/100/claims';
    await ask('POST', path, { as: 'bob', headers });
    await ask('POST', path, { as: 'bob', headers, body: {} });
    await ask('POST', `${path}?open=true`, { as: 'bob', headers });
    await ask('POST', path, { as: 'bob', headers, body: { key: 'k1' } });
    await ask('POST', `${path}?open=true`, { as: 'bob', headers, body: { key: 'k1' } });
    expect(new Set(world.claims.map(({ tag }) => tag?.key))).toEqual(new Set(['once-1']));
    const digests = world.claims.map(({ tag }) => tag!.digest);
    expect(digests[0]).toBe(digests[1]);
    expect(new Set(digests).size).toBe(2);
  });

  test('over the whole way, with strangers', async () => {
    const { ask, activeBatch } = harness();
    const { id } = await activeBatch('ann', ['bob']);
    const path = `/v1/batches/${id}/claims`;
    const codes = async (as: string, body?: object) => {
      const { status, json } = await ask('POST', path, { as, body });
      return [status, json.code ?? json.status];
    };
    expect(await codes('bob')).toEqual([201, 'claimed']);
    expect(await codes('bob')).toEqual([200, 'claimed']);
    expect(await codes('eve')).toEqual([403, 'not_in_audience']);
    await ask('POST', `/v1/batches/${id}/audience`, {
      as: 'ann',
      body: { channel: 'qr', anyone: true },
    });
    expect(await codes('eve', { key: 'not it!' })).toEqual([403, 'bad_key']);
  });
});

describe('open (E13, E14)', () => {
  const answered = { ...openedBody, claimedAt: undefined };
  test.each([false, true])('opened, repeated: %s', async (repeated) => {
    const { ask, world } = harness();
    world.forced.open.push({ code: 'opened', packet: opened, repeated });
    const said = await ask('POST', '/v1/batches/100/open', { as: 'bob' });
    expect(said.status).toBe(200);
    expect(said.json).toEqual(answered);
  });

  const refused: [OpenOutcome, number][] = [
    [{ code: 'batch_not_found' }, 404],
    [{ code: 'not_active' }, 409],
    [{ code: 'not_claimed' }, 409],
    [{ code: 'expired' }, 410],
    [{ code: 'unknown', ...wait }, 503],
    [{ code: 'overloaded', ...wait }, 503],
    [{ code: 'quarantined', ...wait }, 503],
  ];
  test.each(refused)('%j', async (outcome, status) => {
    const { ask, world } = harness();
    world.forced.open.push(outcome);
    const said = await ask('POST', '/v1/batches/100/open', { as: 'bob' });
    expect([said.status, said.json.code]).toEqual([status, outcome.code]);
  });

  test('a named packet', async () => {
    const { ask, world } = harness();
    await ask('POST', '/v1/batches/100/open', { as: 'bob', body: { packetId: '100-3' } });
    expect(world.opens).toEqual([{ batchId: '100', receiverId: 'bob', packetId: '100-3' }]);
    const bad = await ask('POST', '/v1/batches/100/open', {
      as: 'bob',
      body: { packetId: 3, x: 1 },
    });
    expect(bad.json.errors.map((error: { field: string }) => error.field)).toEqual([
      'packetId',
      'x',
    ]);
  });
});
