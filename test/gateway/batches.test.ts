import { describe, expect, test } from 'vitest';
import { harness } from './harness.ts';

const lucky = { mode: 'lucky', count: 3, total: 500 };
const fixed = { mode: 'fixed', count: 4, each: 25, asset: 'points', greeting: '恭喜发财 🎉' };

describe('create (E1–E3)', () => {
  test('a lucky batch, with the defaults', async () => {
    const { ask, world } = harness();
    const said = await ask('POST', '/v1/batches', { as: 'ann', body: lucky });
    expect(said.status).toBe(201);
    expect(said.json).toEqual({
      id: '100',
      status: 'awaiting_confirmation',
      mode: 'lucky',
      count: 3,
      total: 500,
      asset: 'CNY',
      greeting: '',
      senderId: 'ann',
      createdAt: '2026-01-01T00:00:00.000Z',
      transfer: { from: 'user:ann', to: 'escrow:100', asset: 'CNY', amount: 500 },
    });
    const stored = world.batches.get('100')!;
    expect(stored).toMatchObject({ expiresInSeconds: 86_400, oncePerReceiver: true });
    expect(stored.linkKey).toMatch(/^[A-Za-z0-9_-]{22,}$/);
  });

  test('a fixed batch: total follows from each and count', async () => {
    const { ask } = harness();
    const { status, json } = await ask('POST', '/v1/batches', { as: 'ann', body: fixed });
    expect(status).toBe(201);
    expect(json).toMatchObject({ mode: 'fixed', each: 25, total: 100, asset: 'points' });
    expect(json.greeting).toBe('恭喜发财 🎉');
    expect(json.transfer).toMatchObject({ asset: 'points', amount: 100 });
  });

  test.each([
    ['lucky mean', { mode: 'lucky', count: 2, total: 201 }, 422],
    ['lucky mean at it', { mode: 'lucky', count: 2, total: 200 }, 201],
    ['fixed', { mode: 'fixed', count: 2, each: 101 }, 422],
    ['fixed at it', { mode: 'fixed', count: 2, each: 100 }, 201],
  ])('the threshold: %s (E2)', async (_name, body, status) => {
    const { ask, world } = harness({ shareThreshold: 100 });
    const said = await ask('POST', '/v1/batches', { as: 'ann', body });
    expect(said.status).toBe(status);
    if (status === 422) {
      expect(said.json).toMatchObject({ code: 'above_threshold', threshold: 100 });
      expect(world.recorded).toEqual([]);
    }
  });

  test('without a threshold any amount goes', async () => {
    const { ask } = harness({ shareThreshold: undefined });
    const body = { mode: 'lucky', count: 2, total: Number.MAX_SAFE_INTEGER };
    expect((await ask('POST', '/v1/batches', { as: 'ann', body })).status).toBe(201);
  });
});

describe('confirm (E3–E6)', () => {
  test('gives the link, and the same again', async () => {
    const { ask, world } = harness();
    world.credit('ann', 'CNY', 500);
    await ask('POST', '/v1/batches', { as: 'ann', body: lucky });
    const first = await ask('POST', '/v1/batches/100/confirm', { as: 'ann' });
    expect(first.status).toBe(200);
    expect(first.json).toMatchObject({
      id: '100',
      status: 'active',
      total: 500,
      expiresAt: '2026-01-02T00:00:00.000Z',
    });
    expect(first.json.link).toMatch(/^https:\/\/packets\.example\/r\/100\?k=[A-Za-z0-9_-]{22,}$/);
    const again = await ask('POST', '/v1/batches/100/confirm', { as: 'ann', body: {} });
    expect(again.json).toEqual(first.json);
    expect(world.recorded).toEqual(['batch', 'confirm']);
  });

  test('refusals', async () => {
    const { ask, world } = harness();
    await ask('POST', '/v1/batches', { as: 'ann', body: lucky });
    const confirm = async (id: string, as: string) => {
      const { status, json } = await ask('POST', `/v1/batches/${id}/confirm`, { as });
      return [status, json.code];
    };
    expect(await confirm('999', 'ann')).toEqual([404, 'batch_not_found']);
    expect(await confirm('100', 'bob')).toEqual([403, 'not_sender']);
    expect(await confirm('100', 'ann')).toEqual([409, 'insufficient_funds']);
    world.now += 100_000_000;
    expect(await confirm('100', 'ann')).toEqual([410, 'confirmation_expired']);
    expect(world.recorded).toEqual(['batch']);
  });
});

describe('pages (E9)', () => {
  test('the sender sees the money, a receiver and a key holder do not', async () => {
    const { ask, activeBatch } = harness();
    const { id, key } = await activeBatch('ann', ['bob']);
    const everyone = {
      id,
      status: 'active',
      mode: 'lucky',
      count: 3,
      claimed: 0,
      opened: 0,
      remaining: 3,
      asset: 'CNY',
      greeting: '',
      senderId: 'ann',
      expiresAt: '2026-01-02T00:00:00.000Z',
    };
    const money = { total: 500, openedAmount: 0, refundedAmount: 0 };
    const read = (as: string, query = '') => ask('GET', `/v1/batches/${id}${query}`, { as });
    expect((await read('ann')).json).toEqual({ ...everyone, ...money });
    expect((await read('bob')).json).toEqual(everyone);
    expect((await read('eve', `?k=${key}&utm_source=feed`)).json).toEqual(everyone);
    expect((await read('eve')).json.code).toBe('forbidden');
    expect((await read('eve', '?k=wrong')).status).toBe(403);
    expect((await read('eve', '?k=%00')).status).toBe(403);
  });

  test('the claims, opened amounts only', async () => {
    const { ask, activeBatch, world } = harness();
    const { id } = await activeBatch('ann', ['bob', 'cy']);
    await ask('POST', `/v1/batches/${id}/claims`, { as: 'bob' });
    await ask('POST', `/v1/batches/${id}/claims?open=true`, { as: 'cy' });
    const said = await ask('GET', `/v1/batches/${id}/claims?limit=2&after=3-7`, { as: 'ann' });
    expect(said.json).toEqual({
      items: [
        {
          packetId: `${id}-1`,
          receiverId: 'bob',
          status: 'claimed',
          claimedAt: '2026-01-01T00:00:00.000Z',
        },
        {
          packetId: `${id}-2`,
          receiverId: 'cy',
          status: 'opened',
          claimedAt: '2026-01-01T00:00:00.000Z',
          openedAt: '2026-01-01T00:00:00.000Z',
          amount: 1,
          best: true,
        },
      ],
      next: 'c1',
    });
    expect(world.waits.at(-1)).toEqual({ batchId: id, after: '3-7' });
    expect((await ask('GET', `/v1/batches/${id}/claims`, { as: 'eve' })).status).toBe(403);
    const bad = await ask('GET', `/v1/batches/${id}/claims?cursor=zzz`, { as: 'ann' });
    expect(bad.json).toMatchObject({ status: 400, errors: [{ field: 'cursor' }] });
  });

  test('QR codes are for the sender of a confirmed batch (E7)', async () => {
    const { ask, app, activeBatch, token } = harness();
    const { id } = await activeBatch('ann', ['bob']);
    const svg = await ask('GET', `/v1/batches/${id}/qr.svg`, { as: 'ann' });
    expect(svg.status).toBe(200);
    expect(svg.text).toContain('<svg');
    const png = await app.request(`/v1/batches/${id}/qr.png`, {
      headers: { authorization: `Bearer ${await token('ann')}` },
    });
    expect(png.headers.get('content-type')).toBe('image/png');
    expect(
      Buffer.from(await png.arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
    for (const as of ['bob', 'eve']) {
      const { status, json } = await ask('GET', `/v1/batches/${id}/qr.svg`, { as });
      expect([status, json.code]).toEqual([403, 'not_sender']);
    }
    await ask('POST', '/v1/batches', { as: 'ann', body: lucky });
    const early = await ask('GET', '/v1/batches/101/qr.png', { as: 'ann' });
    expect([early.status, early.json.code]).toEqual([409, 'not_active']);
  });

  test('the receive link is a page that tells nothing (E6)', async () => {
    const { ask, activeBatch } = harness();
    const { id, key } = await activeBatch('ann');
    const said = await ask('GET', `/r/${id}?k=${key}`);
    expect(said.status).toBe(200);
    expect(said.headers.get('referrer-policy')).toBe('no-referrer');
    expect(said.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(said.text).toContain(id);
    expect(said.text).not.toContain(key);
    expect(said.text).not.toContain('ann');
    expect((await ask('GET', '/r/999')).text).toBe(
      said.text.replaceAll(`packet ${id}`, 'packet 999'),
    );
    expect((await ask('GET', '/r/%3Cscript%3E')).status).toBe(404);
  });
});

describe('reads wait for what was acknowledged', () => {
  test.each(['/v1/batches/100', '/v1/batches/100/claims', '/v1/accounts', '/v1/me/sent'])(
    '%s',
    async (path) => {
      const { ask, activeBatch, world } = harness();
      await activeBatch('ann');
      world.forced.caughtUp.push('timeout');
      const late = await ask('GET', path, { as: 'ann' });
      expect([late.status, late.json.code]).toEqual([503, 'not_settled_yet']);
      expect(late.headers.get('retry-after')).toBe('1');
      world.forced.caughtUp.push('unknown_position');
      const wrong = await ask('GET', `${path}?after=77-1`, { as: 'ann' });
      expect(wrong.json).toMatchObject({ code: 'invalid_request', errors: [{ field: 'after' }] });
      const about = path.startsWith('/v1/batches') ? { batchId: '100' } : { userId: 'ann' };
      expect(world.waits.at(-1)).toEqual({ ...about, after: '77-1' });
    },
  );
});
