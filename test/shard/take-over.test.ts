/** Taking shards over again and again: numbers, what is given up meanwhile, what cannot be had. */
import { describe, expect, it } from 'vitest';
import { shardOf } from '../../engine/core/hash.ts';
import { JournalRefusal } from '../../engine/ports/journal.ts';
import { unknown } from '../../engine/shard/request.ts';
import { allShards, batchOf, claim, Stage } from './harness.ts';

describe('a take-over that fails', () => {
  it('is repeated under its number', async () => {
    const stage = await Stage.open();
    const numbers: number[] = [];
    const newOwner = stage.store.newOwner.bind(stage.store);
    stage.store.newOwner = async (shards) => {
      const number = await newOwner(shards);
      numbers.push(number);
      return number;
    };
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    stage.fake.controls.setReachable(false);
    await stage.answer(host, { kind: 'nonsense' } as never);
    await stage.clock.pass(600_000);
    expect(numbers).toEqual([1, 2]);
    stage.fake.controls.setReachable(true);
    await stage.clock.pass(2_000);
    expect(await stage.answer(host, claim('a'))).toMatchObject({
      code: 'claimed',
      packet: { position: '2-1' },
    });
    expect(numbers).toEqual([1, 2]);
  });

  it('draws a new number when shards were lost', async () => {
    const stage = await Stage.open();
    const other = stage.fake.open();
    const take = stage.fake.journal.take.bind(stage.fake.journal);
    let takes = 0;
    const journal = {
      ...stage.fake.journal,
      async take(shards: readonly number[], number: number) {
        takes += 1;
        await take(shards, number);
        if (takes === 1) await other.take([0, 1, 2], await stage.store.newOwner([0, 1, 2]));
      },
    };
    const host = await stage.host(journal);
    expect(host.status().served.length).toBe(256);
    expect(stage.fake.controls.image().owners.slice(0, 4)).toEqual([3, 3, 3, 1]);
  });
});

describe('a shard that is given up', () => {
  it('while it is being taken is not served', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    host.assign([0, 1]);
    await stage.clock.pass(100);
    stage.fake.controls.setReachable(false);
    host.assign([0, 1, 2, 3]);
    await stage.clock.pass(600);
    stage.fake.controls.setReachable(true);
    // The attempt under way is past its look at what is wanted.
    const seal = stage.store.seal.bind(stage.store);
    stage.store.seal = async (...args) => {
      const sealed = await seal(...args);
      host.assign([0, 1, 2]);
      return sealed;
    };
    await stage.clock.pass(2_000);
    expect(host.status().served.toSorted((one, other) => one - other)).toEqual([0, 1, 2]);
    host.assign([0]);
    await stage.clock.pass(100);
    expect(host.status().served).toEqual([0]);
  });

  it('and comes back stays with its new owner when the old one ends', async () => {
    const stage = await Stage.open();
    const late = Promise.withResolvers<void>();
    const { journal } = stage.fake;
    const add = async (id: string, payload: string) => {
      if (id === '1-2') await late.promise;
      await journal.add(id, payload);
    };
    const host = await stage.host({ ...journal, add });
    await stage.everybodyMayClaim(host);
    // The old owner still waits for this answer while its shard comes back.
    const asked = stage.ask(host, claim('a', true));
    host.assign([]);
    host.assign(allShards);
    await stage.clock.pass(100);
    late.reject(new JournalRefusal('too large'));
    await stage.clock.pass(1_000);
    expect(stage.ended).toMatchObject([/refused/]);
    expect(asked.outcome).toEqual(unknown);
    const owners = stage.fake.controls.image().owners;
    await stage.clock.pass(6_000);
    expect(stage.fake.controls.image().owners).toEqual(owners);
    expect(host.status().served.length).toBe(256);
    expect(await stage.answer(host, claim('b'))).toMatchObject({ code: 'claimed' });
  });
});

describe('an earlier owner whose jobs are missing', () => {
  it('keeps only its own shards from being served, until they are back', async () => {
    const stage = await Stage.open();
    stage.store.addBatch(batchOf(stage.clock, { id: '8' }));
    const mine = shardOf('7');
    const first = await stage.host(stage.fake.open(), [mine, (mine + 1) % 256]);
    const second = await stage.host(
      stage.fake.open(),
      allShards.filter((shard) => shard !== mine && shard !== (mine + 1) % 256),
    );
    await stage.everybodyMayClaim(first);
    expect(await stage.answer(first, claim('a'))).toMatchObject({ code: 'claimed' });
    const [payload] = await stage.finish(stage.fake.journal.read(['1-1']));
    for (const host of [first, second]) await stage.finish(host.drain(0));
    stage.fake.controls.loseJobs((id) => id === '1-1');

    // It starts nevertheless.
    const next = await stage.host();
    expect(next.status().served.length).toBe(254);
    expect(stage.alarms).toContain('journal_gap');
    await stage.everybodyMayClaim(next, '8');
    expect(await stage.answer(next, claim('a'), '8')).toMatchObject({ code: 'claimed' });
    expect(await stage.answer(next, claim('b'))).toEqual(unknown);
    const tries = stage.alarms.length;
    await stage.clock.pass(60_000);
    expect(stage.alarms.length - tries).toBeLessThan(20);

    await stage.finish(stage.fake.journal.add('1-1', payload ?? ''));
    await stage.clock.pass(6_000);
    expect(next.status().served.length).toBe(256);
    expect(await stage.answer(next, claim('a'))).toMatchObject({ code: 'repeated' });
    // One number for all the tries.
    expect(Math.max(...stage.fake.controls.image().owners)).toBe(4);
  });
});
