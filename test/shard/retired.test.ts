/** What an owner that has ended still owes: its acknowledged payloads, until they are settled. */
import { describe, expect, it } from 'vitest';
import { unknown } from '../../engine/shard/request.ts';
import { claim, Stage } from './harness.ts';

/** Its actor throws, so the owner of the batch's shard ends. */
const nonsense = { kind: 'nonsense' } as never;

describe('an ended owner', () => {
  it('gives a journal that lost its tail the acknowledged payloads again before its successor looks', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const image = stage.fake.controls.image();
    const told = await stage.answer(host, claim('a', true));
    if (told.code !== 'claimed') throw new Error('not claimed');
    stage.fake.controls.setReachable(false);
    expect(await stage.answer(host, nonsense)).toEqual(unknown);
    await stage.clock.pass(1_000);
    expect(host.status()).toMatchObject({ served: [], unsettledEvents: 2, residentActors: 0 });
    expect(host.status().unsettledBytes).toBeGreaterThan(0);

    stage.fake.controls.setReachable(true);
    stage.fake.controls.rollBack(image);
    await stage.clock.pass(2_000);
    const { amount, packetId, claimedAt } = told.packet;
    expect(await stage.answer(host, claim('a'))).toMatchObject({
      code: 'repeated',
      packet: { amount, packetId, claimedAt },
    });
    expect(stage.alarms).toEqual([]);
  });

  it('is forgotten once its payloads are settled', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    expect(await stage.answer(host, nonsense)).toEqual(unknown);
    await stage.clock.pass(1_000);
    expect(host.status()).toMatchObject({ unsettledEvents: 0, unsettledBytes: 0 });
  });

  it('keeps nothing that nobody can have been told of', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    await stage.settle();
    await stage.clock.pass(1_000);
    stage.fake.controls.setReachable(false);
    const asked = stage.ask(host, claim('a', true));
    await stage.clock.pass(10);
    stage.ask(host, nonsense);
    expect(asked.outcome).toEqual(unknown);
    expect(host.status()).toMatchObject({ unsettledEvents: 0, unsettledBytes: 0 });
  });
});

describe('a live owner', () => {
  it('gives its payloads again when a shard comes back that it had given up', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const image = stage.fake.controls.image();
    expect(await stage.answer(host, claim('a', true))).toMatchObject({ code: 'claimed' });
    host.assign([]);
    await stage.clock.pass(100);
    expect(host.status().served).toEqual([]);
    stage.fake.controls.rollBack(image);
    host.assign([...Array(256).keys()]);
    await stage.clock.pass(300);
    expect(await stage.answer(host, claim('a'))).toMatchObject({ code: 'repeated' });
  });
});

describe('a journal that went back in time', () => {
  const elsewhere = async (rollsBack: boolean) => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const image = stage.fake.controls.image();
    expect(await stage.answer(host, claim('a', true))).toMatchObject({ code: 'claimed' });
    // This one hears of it late.
    const { journal } = stage.fake;
    const ownership = journal.ownership.bind(journal);
    const deaf = Promise.withResolvers<void>();
    journal.ownership = () => deaf.promise.then(ownership);
    if (rollsBack) stage.fake.controls.rollBack(image);
    else stage.fake.controls.restart();
    await stage.host(stage.fake.open());
    deaf.resolve();
    await stage.clock.pass(3_000);
    expect(stage.lost).toBe(256);
    return stage.alarms;
  };

  it('and was believed by another owner raises an alarm that names what is gone', async () => {
    expect(await elsewhere(true)).toEqual(['told_events_lost']);
  });

  it('raises none when it has kept everything', async () => {
    expect(await elsewhere(false)).toEqual([]);
  });
});
