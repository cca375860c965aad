/** What every `Pushes` does: numbers without a gap for who listens, nothing for others, and word of news. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Pushes } from '../../engine/push/port.ts';
import type { MakePushes, PushesUnderTest } from './pushes-support.ts';

export function pushesContract(name: string, make: MakePushes): void {
  describe(`pushes contract: ${name}`, () => {
    let under: PushesUnderTest;
    let pushes: Pushes;
    beforeEach(async () => {
      under = await make();
      pushes = under.pushes;
    });
    afterEach(() => under.close());

    const tell = (users: readonly string[], n: number) =>
      under.tell(users, 'withdrawal.updated', { id: String(n), status: 'paid' });
    const numbers = async (userId: string, after: number, limit = 100) =>
      (await pushes.read(userId, after, limit)).map(({ no }) => no);

    test('begins with nothing, numbers from 1, and gives what was told', async () => {
      expect(await pushes.listen('ann')).toEqual({ newest: 0, purged: 0 });
      expect(await pushes.read('ann', 0, 10)).toEqual([]);
      await tell(['ann'], 1);
      const data = { withdrawal: null, 'odd "key"': ['\\', '\n', '\u0000', '春', 1.5, true] };
      await under.tell(['ann'], 'trade.shared', data);
      expect(await pushes.read('ann', 0, 10)).toEqual([
        { no: 1, type: 'withdrawal.updated', data: { id: '1', status: 'paid' } },
        { no: 2, type: 'trade.shared', data },
      ]);
      expect(await pushes.listen('ann')).toEqual({ newest: 2, purged: 0 });
    });

    test('keeps nothing for who does not listen, and begins when they do', async () => {
      await tell(['ann'], 1);
      expect(await pushes.read('ann', 0, 10)).toEqual([]);
      expect(await pushes.newest(['ann'])).toEqual(new Map());
      expect((await pushes.listen('ann')).newest).toBe(0);
      await tell(['ann', 'bob'], 2);
      expect(await numbers('ann', 0)).toEqual([1]);
      expect(await numbers('bob', 0)).toEqual([]);
    });

    test('reads above a number, in order, no more than asked', async () => {
      await pushes.listen('ann');
      for (let n = 1; n <= 7; n += 1) await tell(['ann'], n);
      expect(await numbers('ann', 0, 3)).toEqual([1, 2, 3]);
      expect(await numbers('ann', 3, 3)).toEqual([4, 5, 6]);
      expect(await numbers('ann', 6, 3)).toEqual([7]);
      expect(await numbers('ann', 7, 3)).toEqual([]);
      expect(await numbers('ann', 99, 3)).toEqual([]);
      expect(await numbers('ann', 0, 0)).toEqual([]);
    });

    test('each listener has numbers of its own, newest tells them', async () => {
      await pushes.listen('ann');
      await pushes.listen('bob');
      await pushes.listen('cid');
      await tell(['bob', 'ann'], 1);
      await tell(['bob'], 2);
      expect(await numbers('ann', 0)).toEqual([1]);
      expect(await numbers('bob', 0)).toEqual([1, 2]);
      const newest = await pushes.newest(['bob', 'nobody', 'ann', 'cid']);
      expect(newest).toEqual(
        new Map([
          ['ann', 1],
          ['bob', 2],
          ['cid', 0],
        ]),
      );
      expect(await pushes.newest([])).toEqual(new Map());
      await pushes.touch(['ann', 'nobody']);
      await pushes.touch([]);
      expect((await pushes.listen('ann')).newest).toBe(1);
    });

    test('listening at the same time makes one listener', async () => {
      const all = await Promise.all(Array.from({ length: 8 }, () => pushes.listen('ann')));
      expect(new Set(all.map(({ newest }) => newest))).toEqual(new Set([0]));
      await tell(['ann'], 1);
      expect(await numbers('ann', 0)).toEqual([1]);
    });

    test('who watches hears of those who have news, once it can be read', async () => {
      await pushes.listen('ann');
      const seen: number[] = [];
      const heard = new Set<string>();
      pushes.watch((users) => {
        for (const userId of users ?? []) heard.add(userId);
        void pushes.newest(['ann']).then((newest) => seen.push(newest.get('ann') ?? -1));
      });
      await vi.waitFor(async () => {
        await tell(['ann', 'bob'], 1);
        expect(heard).toEqual(new Set(['ann']));
      });
      await vi.waitFor(async () => {
        const { newest } = await pushes.listen('ann');
        expect(Math.max(...seen)).toBe(newest);
      });
    });

    test('several may watch', async () => {
      await pushes.listen('ann');
      const heard = [0, 0];
      for (const i of heard.keys()) {
        pushes.watch((users) => {
          if (users?.includes('ann')) heard[i] = (heard[i] ?? 0) + 1;
        });
      }
      await vi.waitFor(async () => {
        await tell(['ann'], 1);
        expect(Math.min(...heard)).toBeGreaterThan(0);
      });
    });
  });
}
