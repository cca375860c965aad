/** Long lists of receivers: read in slices while others are answered, decided as a whole, one event. (E8) */
import { describe, expect, it } from 'vitest';
import type { AudienceCommand } from '../../engine/core/command.ts';
import { joinedIds, type Ids } from '../../engine/core/id-list.ts';
import { audienceEventMax } from '../../engine/limits.ts';
import { unknown } from '../../engine/shard/request.ts';
import { batchOf, claim, Stage } from './harness.ts';

const ids = (count: number, length = 16) =>
  Array.from({ length: count }, (_, i) => `${i}-`.padEnd(length, 'x'));
const audience = (receivers: Ids): AudienceCommand => ({
  kind: 'audience',
  senderId: 'sender',
  channel: 'feed',
  receivers: joinedIds(receivers),
  anyone: false,
});
/** Several slices. */
const many = ids(50_000);

describe('a long list', () => {
  it('lets other batches be answered while it is read, and is one event', async () => {
    const stage = await Stage.open();
    stage.store.addBatch(batchOf(stage.clock, { id: '8' }));
    const host = await stage.host();
    await stage.everybodyMayClaim(host, '8');
    await stage.answer(host, audience(['early']));
    const long = stage.ask(host, audience(many));
    expect(host.status().waiting).toBe(1);
    expect(await stage.answer(host, claim('a'), '8')).toMatchObject({ code: 'claimed' });
    expect(long.outcome).toBeUndefined();
    await stage.clock.pass(100);
    expect(long.outcome).toMatchObject({ code: 'extended', receivers: many.length + 1 });
    const position = (long.outcome as { position: string }).position;
    expect(await stage.answer(host, audience(many))).toMatchObject({
      receivers: many.length + 1,
      position,
    });
    expect(await stage.answer(host, claim(many[49_999] ?? ''))).toMatchObject({ code: 'claimed' });
    expect(await stage.answer(host, claim('stranger'))).toEqual({ code: 'not_in_audience' });
    // And the same from the store.
    await stage.settle();
    await stage.clock.pass(5_000);
    const other = await stage.host(stage.fake.open());
    expect(await stage.answer(other, claim(many[31_234] ?? ''))).toMatchObject({ code: 'claimed' });
    expect(await stage.answer(other, claim('stranger'))).toEqual({ code: 'not_in_audience' });
  });

  it('adds what is new of it', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.answer(host, audience(many.slice(0, 30_000)));
    const more = [...many.slice(10_000, 40_000), ...many.slice(20_000)];
    expect(await stage.answer(host, audience(more))).toMatchObject({ receivers: 50_000 });
  });

  it('is answered "unknown", once, when its owner ends while it is read', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const long = stage.ask(host, audience(many));
    const broken = stage.ask(host, { kind: 'nonsense' } as never);
    expect([long.outcome, broken.outcome]).toEqual([unknown, unknown]);
    await stage.clock.pass(1_000);
    expect(await stage.answer(host, audience(many))).toMatchObject({ receivers: many.length });
  });

  it('is answered "unknown" when its shard is given away while it is read', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const long = stage.ask(host, audience(many));
    const rival = await stage.host(stage.fake.open());
    await stage.answer(rival, claim('a'));
    await stage.clock.pass(1_000);
    expect(long.outcome).toEqual(unknown);
  });

  it('of the largest size fits into one job', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    const largest = ids(audienceEventMax, 64);
    expect(await stage.answer(host, audience(largest))).toMatchObject({ receivers: 100_000 });
    expect(stage.ended).toEqual([]);
    await stage.settle();
    await stage.clock.pass(5_000);
    expect(host.status().unsettledEvents).toBe(0);
  });
});
