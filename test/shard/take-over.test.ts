/** Taking shards over again and again: numbers, what is given up meanwhile, what cannot be had. */
import { describe, expect, it } from 'vitest';
import { claim, Stage } from './harness.ts';

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
