/** Reads that wait: one query at a time for however many readers, and what is remembered about whom. */
import { describe, expect, it } from 'vitest';
import { settledWaitMs } from '../../engine/limits.ts';
import { Acknowledged, concerned } from '../../engine/threads/acknowledged.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';

/** `settled` by owner, and the owners that each query asked for. */
function scene(settled: Map<number, number>) {
  const clock = new VirtualClock();
  const queries: (readonly number[])[] = [];
  let reachable = true;
  const acknowledged = new Acknowledged(
    {
      progress: async (numbers) => {
        queries.push(numbers);
        if (!reachable) throw new Error('away');
        return numbers.flatMap((number) => {
          const found = settled.get(number);
          return found === undefined ? [] : [{ number, settled: found, quarantined: 0 }];
        });
      },
    },
    clock,
  );
  return { clock, queries, acknowledged, away: (is: boolean) => (reachable = !is) };
}

describe('waiting for what was acknowledged', () => {
  it('asks once per tick for all who wait, and wakes those whose job has settled', async () => {
    const settled = new Map([
      [1, 0],
      [2, 0],
    ]);
    const { clock, queries, acknowledged } = scene(settled);
    const done: string[] = [];
    const readers = Array.from({ length: 100 }, (_, i) =>
      acknowledged.caughtUp({ after: `${1 + (i % 2)}-${1 + (i % 3)}` }).then((how) => {
        done.push(how);
        return how;
      }),
    );
    await clock.pass(1_000);
    expect(done).toEqual([]);
    expect(queries.length).toBeLessThan(110);
    expect([...(queries.at(-1) ?? [])].sort((one, other) => one - other)).toEqual([1, 2]);

    settled.set(1, 3);
    await clock.pass(50);
    expect(done).toHaveLength(50);
    expect(queries.at(-1)).toEqual([2]);
    settled.set(2, 2);
    await clock.pass(settledWaitMs);
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['settled', 'timeout']));
    expect(done.filter((how) => how === 'timeout')).toHaveLength(16);

    // Nobody waits: nobody asks.
    const before = queries.length;
    await clock.pass(1_000);
    expect(queries).toHaveLength(before);
  });

  it('tells an unknown position at once, and goes on while Postgres is away', async () => {
    const { clock, acknowledged, away } = scene(new Map([[1, 5]]));
    expect(await acknowledged.caughtUp({ after: 'nonsense' })).toBe('unknown_position');
    const [unknown, known] = [
      acknowledged.caughtUp({ after: '9-1' }),
      acknowledged.caughtUp({ after: '1-5' }),
    ];
    await clock.pass(20);
    expect([await unknown, await known]).toEqual(['unknown_position', 'settled']);
    away(true);
    const waiting = acknowledged.caughtUp({ after: '1-5' });
    await clock.pass(1_000);
    away(false);
    await clock.pass(20);
    expect(await waiting).toBe('settled');
  });

  it('remembers the user of a packet, but only the batch of a refusal', async () => {
    const settled = new Map([[1, 0]]);
    const { clock, acknowledged } = scene(settled);
    acknowledged.note(1, 1, concerned({ code: 'exhausted' }, 'stranger'), '7');
    expect(await acknowledged.caughtUp({ userId: 'stranger' })).toBe('settled');
    expect(acknowledged.newest('7')).toBe('1-1');
    let page = 'waits';
    void acknowledged.caughtUp({ batchId: '7' }).then((how) => (page = how));
    await clock.pass(50);
    expect(page).toBe('waits');
    settled.set(1, 1);
    await clock.pass(50);
    expect(page).toBe('settled');

    const packet = {
      batchId: '7',
      packetId: '7-1',
      receiverId: 'anna',
      claimedAt: 0,
      asset: 'CNY',
      amount: undefined,
      openedAt: undefined,
      position: '1-2',
    };
    acknowledged.note(1, 2, concerned({ code: 'claimed', packet, replayed: false }, 'anna'), '7');
    let received = 'waits';
    void acknowledged.caughtUp({ userId: 'anna' }).then((how) => (received = how));
    await clock.pass(50);
    expect(received).toBe('waits');
  });
});
