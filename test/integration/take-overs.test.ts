/**
 * Take-overs in a row under load, on the real adapters: nobody is told two things (invariants 2 and 3).
 * TAKE_OVERS sets how many.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../engine/shard/request.ts';
import { allShards, claim } from '../shard/harness.ts';
import {
  activeBatch,
  askHost,
  fund,
  hostWorld,
  untilSettled,
  type HostWorld,
} from './host-support.ts';

let world: HostWorld | undefined;
afterEach(() => world?.close());

const batches = 64;

describe.each([
  ['redis', Number(process.env['TAKE_OVERS'] ?? 1_000)],
  ['embedded', Number(process.env['TAKE_OVERS'] ?? 200)],
] as const)('%s journal', (kind, takeOvers) => {
  it(`${takeOvers} take-overs under load contradict nothing`, { timeout: 600_000 }, async () => {
    world = await hostWorld(kind);
    const { alarms, books } = world;
    await fund(books, 's', batches * 100_000);
    // Many batches, so that what each take-over has to load stays small.
    const ids = await Promise.all(Array.from({ length: batches }, () => activeBatch(books)));

    let current = await world.startHost();
    let done = false;
    const amounts = new Map<string, number>();
    const codes = new Map<string, number>();
    const ask = (name: string): Promise<Outcome> => {
      const [batchId = '', receiverId = ''] = name.split(' ');
      return askHost(current, batchId, claim(receiverId, true));
    };
    const one = async (client: number) => {
      for (let i = 0; !done; i += 1) {
        // Old receivers come again and again between the new ones.
        const turn = i % 3 === 0 ? i : Math.floor(i / 2);
        const name = `${ids[turn % batches]} c${client}-${turn}`;
        const outcome = await ask(name);
        codes.set(outcome.code, (codes.get(outcome.code) ?? 0) + 1);
        if (outcome.code === 'claimed' || outcome.code === 'repeated') {
          const amount = outcome.packet.amount ?? 0;
          expect(amounts.get(name) ?? amount).toBe(amount);
          amounts.set(name, amount);
        } else if (outcome.code === 'unknown')
          await new Promise((resolve) => setTimeout(resolve, 1));
      }
    };
    const clients = Promise.all(Array.from({ length: 16 }, (_, i) => one(i)));
    for (let i = 0; i < takeOvers; i += 1) {
      const next = world.newHost();
      // The old one is not told: it finds out by its next read of ownership.
      await next.start(allShards);
      const old = current;
      current = next;
      const before = codes.get('claimed') ?? 0;
      while ((codes.get('claimed') ?? 0) === before)
        await new Promise((resolve) => setImmediate(resolve));
      setTimeout(() => void old.drain(0), 100);
    }
    done = true;
    await clients;

    const sums = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
    await untilSettled(current);
    let opened = 0;
    let openedAmount = 0;
    for (const id of ids) {
      const page = await books.batchPage(id, 's', undefined);
      if (page.code !== 'page') throw new Error('no page');
      opened += page.page.opened;
      openedAmount += page.page.openedAmount;
    }
    // Claims that nobody was told of may have taken effect; none that was told is missing.
    expect(opened).toBeGreaterThanOrEqual(amounts.size);
    expect(openedAmount).toBeGreaterThanOrEqual(sums);
    for (const [name, amount] of amounts) {
      const outcome = await ask(name);
      expect(outcome).toMatchObject({ code: 'repeated', packet: { amount } });
    }
    expect(alarms).toEqual([]);
    expect((await books.audit()).mismatches).toBe(0);
    expect(codes.get('claimed')).toBeGreaterThanOrEqual(takeOvers);
    expect(codes.get('unknown')).toBeGreaterThan(0);
    await current.drain(1_000);
  });
});
