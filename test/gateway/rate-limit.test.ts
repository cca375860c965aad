/** Limits per user at the gateway: off unless set, told in headers, and refused before anything happens. */
import { describe, expect, test } from 'vitest';
import { harness, type Said } from './harness.ts';

const off = {
  batchesPerHour: undefined,
  claimsPerMinute: undefined,
  messagesPerMinute: undefined,
};
const lucky = { mode: 'lucky', count: 3, total: 500 };

const told = ({ status, json, headers }: Said) => ({
  status,
  code: json.code,
  limit: headers.get('ratelimit'),
  policy: headers.get('ratelimit-policy'),
  after: headers.get('retry-after'),
});

test('off by default: nobody is refused, no header tells of it', async () => {
  const { ask, activeBatch } = harness();
  const { id } = await activeBatch('ann', ['bob']);
  for (let n = 0; n < 100; n += 1) {
    const created = await ask('POST', '/v1/batches', { as: 'ann', body: lucky });
    const claimed = await ask('POST', `/v1/batches/${id}/claims`, { as: 'bob' });
    expect([told(created), told(claimed)]).toMatchObject([
      { status: 201, limit: null, policy: null },
      { status: n === 0 ? 201 : 200, limit: null, policy: null },
    ]);
  }
});

describe('batches per hour', () => {
  const limited = () => harness({ rateLimits: { ...off, batchesPerHour: 2 } });

  test('so many, then 429 until the first is an hour old', async () => {
    const { ask, world } = limited();
    const create = async (as = 'ann') =>
      told(await ask('POST', '/v1/batches', { as, body: lucky }));
    const policy = '"batches";q=2;w=3600';
    expect(await create()).toMatchObject({ status: 201, limit: '"batches";r=1;t=3600', policy });
    world.now += 600_000;
    expect(await create()).toMatchObject({ status: 201, limit: '"batches";r=0;t=3000', policy });
    const refused = { status: 429, code: 'rate_limited', policy };
    const limit = '"batches";r=0;t=3000';
    expect(await create()).toEqual({ ...refused, limit, after: '3000' });
    expect(await create('bob')).toMatchObject({ status: 201 });
    expect(world.recorded).toEqual(['batch', 'batch', 'batch']);
    world.now += 2_999_999;
    expect(await create()).toMatchObject({ status: 429, after: '1' });
    world.now += 1;
    expect(await create()).toMatchObject({ status: 201 });
  });

  test('a repeated create is answered again, over the limit too, and counts once', async () => {
    const { ask } = limited();
    const create = (key: string) =>
      ask('POST', '/v1/batches', { as: 'ann', body: lucky, headers: { 'idempotency-key': key } });
    const first = await create('k1');
    expect((await create('k1')).json).toEqual(first.json);
    expect((await create('k2')).status).toBe(201);
    expect((await create('k3')).status).toBe(429);
    const again = await create('k1');
    expect([again.status, again.json]).toEqual([201, first.json]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    // The refusal was not kept under its key.
    expect((await create('k3')).status).toBe(429);
  });

  test('what the threshold refuses is not counted', async () => {
    const { ask } = limited();
    const body = { ...lucky, total: 3_000_000 };
    for (let n = 0; n < 5; n += 1) {
      expect((await ask('POST', '/v1/batches', { as: 'ann', body })).status).toBe(422);
    }
    expect((await ask('POST', '/v1/batches', { as: 'ann', body: lucky })).status).toBe(201);
  });
});

describe('claims per minute', () => {
  const limited = () => harness({ rateLimits: { ...off, claimsPerMinute: 2 } });

  test('one more is refused before the engine hears of it', async () => {
    const { ask, activeBatch, world } = limited();
    const batches: string[] = [];
    for (let n = 0; n < 4; n += 1) batches.push((await activeBatch('ann', ['bob', 'cat'])).id);
    const claim = async (n: number, as = 'bob') =>
      told(await ask('POST', `/v1/batches/${batches[n]}/claims?open=true`, { as }));
    const policy = '"claims";q=2;w=60';
    expect(await claim(0)).toMatchObject({ status: 201, limit: '"claims";r=1;t=60', policy });
    world.now += 15_000;
    expect(await claim(1)).toMatchObject({ status: 201, limit: '"claims";r=0;t=45', policy });
    const seen = world.claims.length;
    const refused = { status: 429, code: 'rate_limited', policy };
    expect(await claim(2)).toEqual({ ...refused, limit: '"claims";r=0;t=45', after: '45' });
    expect(world.claims).toHaveLength(seen);
    // What was claimed stays told, and the engine is asked for it; others have limits of their own.
    expect(await claim(0)).toMatchObject({ status: 200 });
    expect(world.claims).toHaveLength(seen + 1);
    expect(await claim(2, 'cat')).toMatchObject({ status: 201 });
    world.now += 45_000;
    expect(await claim(2)).toMatchObject({ status: 201 });
    expect(await claim(3)).toMatchObject({ status: 429 });
  });

  test('who was told nothing may repeat for nothing', async () => {
    const { ask, activeBatch, world } = limited();
    const { id } = await activeBatch('ann', ['bob']);
    const { id: other } = await activeBatch('ann', ['bob']);
    world.forced.claim.push({ code: 'unknown', retryAfterSeconds: 1 });
    const claim = (batch: string) => ask('POST', `/v1/batches/${batch}/claims`, { as: 'bob' });
    expect(told(await claim(id))).toMatchObject({ status: 503, limit: '"claims";r=1;t=60' });
    expect((await claim(id)).status).toBe(201);
    expect((await claim(other)).status).toBe(201);
  });

  test('where a receiver may claim more than once, each key is a claim', async () => {
    const { ask, activeBatch } = limited();
    const { id } = await activeBatch('ann', ['bob']);
    const claim = async (key: string) => {
      const headers = { 'idempotency-key': key };
      return (await ask('POST', `/v1/batches/${id}/claims`, { as: 'bob', headers })).status;
    };
    expect([await claim('k1'), await claim('k2'), await claim('k3')]).toEqual([201, 200, 429]);
    expect(await claim('k1')).toBe(200);
  });
});
