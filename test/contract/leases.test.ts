/** One suite for both adapters of the Leases port, and the keeper over several nodes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { leaseBeatMs, leaseTtlMs, shardCount } from '../../engine/limits.ts';
import { sleep } from '../../engine/ports/clock.ts';
import type { Leases } from '../../engine/ports/leases.ts';
import { fakeLeases } from '../../engine/store/fake-leases.ts';
import { postgresLeases, type OpenLeases } from '../../engine/store/leases.ts';
import { LeaseKeeper } from '../../engine/threads/lease-keeper.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';

const one = { id: 'one', url: 'http://one' };
const two = { id: 'two', url: 'http://two' };
const longMs = 60_000;
/** Long enough for a statement, short enough to wait for. */
const shortMs = 200;

describe.each(['fake', 'postgres'] as const)('leases (%s)', (kind) => {
  let database: TestDatabase | undefined;
  let opened: OpenLeases | undefined;
  let leases: Leases;

  beforeAll(async () => {
    if (kind === 'fake') leases = fakeLeases(systemClock);
    else {
      database = await freshDatabase();
      opened = await postgresLeases({ url: database.url });
      leases = opened;
    }
  });
  afterAll(async () => {
    await opened?.close();
    await database?.drop();
  });

  it('gives every shard to one node at a time, and again when it leaves or falls silent', async () => {
    const empty = await leases.beat(one, longMs);
    expect(empty.nodes).toEqual([one]);
    expect(empty.holders).toEqual(Array.from({ length: shardCount }, () => undefined));

    const taken = await Promise.all([
      leases.acquire('one', 100, longMs),
      leases.acquire('two', 256, shortMs),
    ]);
    expect(new Set(taken.flat()).size).toBe(taken.flat().length);
    await leases.acquire('two', 256, shortMs);
    expect(await leases.acquire('one', 256, longMs)).toEqual([]);
    const both = await leases.beat(two, shortMs);
    expect(both.nodes).toEqual([one, two]);
    expect(both.holders.filter((holder) => holder === 'one').length).toBe(100);
    expect(both.holders.filter((holder) => holder === 'two').length).toBe(156);

    await leases.release('one', [...(taken[0] ?? []).slice(0, 10), 300]);
    await leases.release('one', taken[1] ?? []);
    expect((await leases.acquire('one', 256, longMs)).length).toBe(10);

    await sleep(systemClock, 2 * shortMs);
    const silent = await leases.beat(one, longMs);
    expect(silent.nodes).toEqual([one]);
    expect(silent.holders.filter((holder) => holder === undefined).length).toBe(156);
    expect((await leases.acquire('one', 256, longMs)).length).toBe(156);
    await leases.leave('one');
    const left = await leases.beat(two, longMs);
    expect(left.nodes).toEqual([two]);
    expect(left.holders.every((holder) => holder === undefined)).toBe(true);
  });
});

describe('the lease keeper', () => {
  /** A node whose threads serve at once what they are told to. */
  function nodeOf(id: string, leases: Leases, clock: VirtualClock) {
    let served = new Set<number>();
    const keeper = new LeaseKeeper({
      leases,
      clock,
      node: { id, url: `http://${id}` },
      served: () => served,
      assign(shards) {
        served = new Set(shards);
      },
      onError(error) {
        throw error;
      },
    });
    return { keeper, served: () => served };
  }

  it('shares shards evenly, moves them when a node joins, dies or leaves', async () => {
    const clock = new VirtualClock();
    const leases = fakeLeases(clock);
    const nodes = ['a', 'b', 'c'].map((id) => nodeOf(id, leases, clock));
    const [a, b, c] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
    await a.keeper.start();
    expect(a.served().size).toBe(shardCount);
    expect(a.keeper.holder(0)).toBeUndefined();

    await b.keeper.start();
    await clock.pass(4 * leaseBeatMs);
    expect([a.served().size, b.served().size]).toEqual([128, 128]);
    expect(new Set([...a.served(), ...b.served()]).size).toBe(shardCount);
    for (const shard of b.served())
      expect(a.keeper.holder(shard)).toEqual({ id: 'b', url: 'http://b' });

    await c.keeper.start();
    await clock.pass(6 * leaseBeatMs);
    expect(nodes.map(({ served }) => served().size).sort((one, other) => one - other)).toEqual([
      84, 86, 86,
    ]);
    expect(new Set(nodes.flatMap(({ served }) => [...served()])).size).toBe(shardCount);

    await c.keeper.close();
    await clock.pass(3 * leaseBeatMs);
    expect([a.served().size, b.served().size]).toEqual([128, 128]);
  });

  it('takes over from a node that fell silent, once its leases have run out', async () => {
    const clock = new VirtualClock();
    const leases = fakeLeases(clock);
    await leases.beat(two, leaseTtlMs);
    await leases.acquire('two', 256, leaseTtlMs);
    const a = nodeOf('a', leases, clock);
    await a.keeper.start();
    expect(a.served().size).toBe(0);
    expect(a.keeper.free).toBe(0);
    await clock.pass(leaseTtlMs + 2 * leaseBeatMs);
    expect(a.served().size).toBe(shardCount);
  });
});
