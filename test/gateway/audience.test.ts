import { describe, expect, test } from 'vitest';
import type { AddAudienceResult } from '../../engine/books/types.ts';
import type { AudienceOutcome } from '../../engine/api.ts';
import { fieldsOf, harness } from './harness.ts';

const path = '/v1/batches/100/audience';
const listed = { channel: 'group', receivers: ['bob', 'cy', 'bob'] };

describe('audience (E8)', () => {
  test('SQL before confirmation, the actor afterwards', async () => {
    const { ask, activeBatch, world } = harness();
    const body = { mode: 'lucky', count: 3, total: 500 };
    await ask('POST', '/v1/batches', { as: 'ann', body });
    const before = await ask('POST', path, { as: 'ann', body: listed });
    expect([before.status, before.json]).toEqual([200, { receivers: 2, anyone: false }]);
    const { id } = await activeBatch('ann');
    const open = { channel: 'qr', anyone: true };
    const after = await ask('POST', `/v1/batches/${id}/audience`, { as: 'ann', body: open });
    expect([after.status, after.json]).toEqual([200, { receivers: 0, anyone: true }]);
    expect(world.audiences.at(-1)).toEqual({
      batchId: id,
      senderId: 'ann',
      channel: 'qr',
      receivers: [],
      anyone: true,
    });
  });

  test('a confirmation in between sends it back to the actor, but not for ever', async () => {
    const { ask, world } = harness();
    world.forced.extend.push(
      { code: 'not_active' },
      { code: 'extended', receivers: 5, anyone: false, position: '1-1' },
    );
    world.forced.addAudience.push({ code: 'active' });
    const said = await ask('POST', path, { as: 'ann', body: listed });
    expect([said.status, said.json]).toEqual([200, { receivers: 5, anyone: false }]);

    for (let i = 0; i < 9; i += 1) {
      world.forced.extend.push({ code: 'not_active' });
      world.forced.addAudience.push({ code: 'active' });
    }
    const stuck = await ask('POST', path, { as: 'ann', body: listed });
    expect([stuck.status, stuck.json.code]).toEqual([503, 'unknown']);
  });

  const wait = { retryAfterSeconds: 1 };
  const byActor: [AudienceOutcome, number][] = [
    [{ code: 'batch_not_found' }, 404],
    [{ code: 'not_sender' }, 403],
    [{ code: 'expired' }, 410],
    [{ code: 'audience_full' }, 422],
    [{ code: 'unknown', ...wait }, 503],
    [{ code: 'overloaded', ...wait }, 503],
    [{ code: 'quarantined', ...wait }, 503],
  ];
  test.each(byActor)('actor: %j', async (outcome, status) => {
    const { ask, world } = harness();
    world.forced.extend.push(outcome);
    const said = await ask('POST', path, { as: 'ann', body: listed });
    expect([said.status, said.json.code]).toEqual([status, outcome.code]);
  });

  const inBooks: [AddAudienceResult, number][] = [
    [{ code: 'batch_not_found' }, 404],
    [{ code: 'not_sender' }, 403],
    [{ code: 'audience_full' }, 422],
  ];
  test.each(inBooks)('books: %j', async (result, status) => {
    const { ask, world } = harness();
    world.forced.extend.push({ code: 'not_active' });
    world.forced.addAudience.push(result);
    const said = await ask('POST', path, { as: 'ann', body: listed });
    expect([said.status, said.json.code]).toEqual([status, result.code]);
  });

  test('the largest request fits, one more does not', async () => {
    const { ask, world } = harness();
    world.forced.extend.push({
      code: 'extended',
      receivers: 10_000,
      anyone: false,
      position: '1-1',
    });
    const receivers = Array.from({ length: 10_000 }, (_, n) => String(n).padStart(64, 'u'));
    const largest = await ask('POST', path, { as: 'ann', body: { channel: 'im', receivers } });
    expect(largest.status).toBe(200);
    expect(world.audiences[0]?.receivers).toEqual(receivers);
    const more = { channel: 'im', receivers: [...receivers, 'one-more'] };
    const refused = await ask('POST', path, { as: 'ann', body: more });
    expect([refused.status, fieldsOf(refused)]).toEqual([400, ['receivers']]);
  });

  test.each([
    [{ channel: 'im' }, ['receivers']],
    [{ channel: 'im', receivers: [] }, ['receivers']],
    [{ channel: 'im', receivers: 'bob' }, ['receivers']],
    [
      { channel: 'fax', receivers: ['ok', 'not ok', 7] },
      ['channel', 'receivers[1]', 'receivers[2]'],
    ],
    [{ channel: 'im', anyone: false }, ['anyone']],
    [{ channel: 'im', anyone: 'true' }, ['anyone']],
    [{ channel: 'im', anyone: true, receivers: ['bob'] }, ['anyone']],
    [{ anyone: true, extra: 1 }, ['channel', 'extra']],
    [{ channel: 'im', receivers: Array.from({ length: 500 }, () => '') }, 101],
  ])('bad input %#', async (body, fields) => {
    const { ask, world } = harness();
    const said = await ask('POST', path, { as: 'ann', body });
    expect(said.status).toBe(400);
    if (typeof fields === 'number') expect(said.json.errors).toHaveLength(fields);
    else expect(fieldsOf(said)).toEqual(fields);
    expect(world.audiences).toEqual([]);
    expect(world.recorded).toEqual([]);
  });
});
