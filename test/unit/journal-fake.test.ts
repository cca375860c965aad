import { expect, test } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { seededRandom } from '../../engine/adapters/seeded-random.ts';
import { fakeJournal } from '../../engine/journal/fake.ts';
import { JournalRefusal } from '../../engine/ports/journal.ts';
import { arrivals, idsOf, untilItWorks } from '../contract/journal-support.ts';

const fake = () => fakeJournal({ clock: systemClock, random: seededRandom(1) });

test('a held add lands and is answered at release', async () => {
  const { journal, controls } = fake();
  controls.hold();
  const added = journal.add('1-1', 'x');
  await untilItWorks(async () => expect(controls.held()).toEqual(['1-1']));
  expect(await journal.read(['1-1'])).toEqual([undefined]);
  controls.release();
  await added;
  expect(await journal.read(['1-1'])).toEqual(['x']);
});

test('a held add may time out for its caller and land later, or never', async () => {
  for (const end of ['release', 'dropHeld'] as const) {
    const { journal, controls } = fake();
    controls.hold();
    const added = journal.add('1-1', 'x');
    const failed = expect(added).rejects.toThrow('timed out');
    await untilItWorks(async () => expect(controls.held()).toHaveLength(1));
    controls.timeOutHeld();
    await failed;
    controls[end]();
    expect(await journal.read(['1-1'])).toEqual([end === 'release' ? 'x' : undefined]);
  }
});

test('an add fails with the job landed or not, or is refused', async () => {
  const { journal, controls } = fake();
  controls.failAdds(1, true);
  await expect(journal.add('1-1', 'x')).rejects.toThrow('outcome unknown');
  controls.failAdds(1, false);
  await expect(journal.add('1-2', 'x')).rejects.toThrow('outcome unknown');
  controls.refuseAdds(1);
  await expect(journal.add('1-3', 'x')).rejects.toThrow(JournalRefusal);
  await journal.add('1-4', 'x');
  expect(controls.jobs()).toEqual(['1-1', '1-4']);
});

test('a restart fails what is under way and changes the run; a roll-back loses what came since', async () => {
  const { journal, controls } = fake();
  await journal.bind('id');
  await journal.add('1-1', 'x');
  const image = controls.image();
  const before = await journal.ownership();
  await journal.take([1], 5);
  const reading = expect(journal.ownership()).rejects.toThrow('connection lost');
  controls.restart();
  await reading;
  await journal.add('1-2', 'x');
  const after = await journal.ownership();
  expect(after.runId).not.toBe(before.runId);
  expect(after.owners[1]).toBe(5);
  controls.rollBack(image);
  expect((await journal.ownership()).owners[1]).toBe(0);
  expect(await journal.read(['1-1', '1-2'])).toEqual(['x', undefined]);
  controls.wipe();
  expect((await journal.ownership()).journalId).toBeUndefined();
  expect(await journal.depth()).toBe(0);
});

test('jobs are lost, delivered late, out of order and twice', async () => {
  const { journal, controls } = fake();
  controls.holdDelivery();
  controls.shuffleDelivery();
  const ids = idsOf(1, 10);
  const got = arrivals();
  await journal.consume(got.handler, { concurrency: 1 });
  for (const id of ids) await journal.add(id, 'x');
  expect(controls.loseJobs((id) => id === '1-10')).toBe(1);
  expect(got.seen).toEqual([]);
  controls.resumeDelivery();
  await got.arrived(9);
  const order = got.seen.map(({ id }) => id);
  expect(order.toSorted()).toEqual(ids.slice(0, 9).toSorted());
  expect(order).not.toEqual(ids.slice(0, 9));
  await untilItWorks(async () => expect(await journal.depth()).toBe(0));
  controls.deliverAgain('1-3');
  await got.arrived(10);
  expect(got.seen.at(-1)).toEqual({ id: '1-3', payload: 'x' });
});

test('nothing works while it cannot be reached; pressure is as set', async () => {
  const { journal, controls } = fake();
  controls.setReachable(false);
  await expect(journal.add('1-1', 'x')).rejects.toThrow();
  await expect(journal.pressure()).rejects.toThrow();
  controls.setReachable(true);
  controls.setPressure(0.9);
  expect(await journal.pressure()).toEqual({ ratio: 0.9 });
});
