/** One suite for both adapters of the Leases port, and the keeper over several nodes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../engine/adapters/clock.ts';
import { leaseBeatMs, leaseTtlMs, shardCount } from '../../engine/limits.ts';
import { sleep } from '../../engine/ports/clock.ts';
import type { LeaseView, Leases, NodeProcess } from '../../engine/ports/leases.ts';
import { fakeLeases } from '../../engine/store/fake-leases.ts';
import { postgresLeases, type OpenLeases } from '../../engine/store/leases.ts';
import { LeaseKeeper } from '../../engine/threads/lease-keeper.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';

const one = { id: 'one', url: 'http://one', incarnation: 'first' };
const two = { id: 'two', url: 'http://two', incarnation: 'first' };
const views = [one, two].map(({ id, url }) => ({ id, url }));
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

  async function beat(node: NodeProcess, ttlMs: number, first = false): Promise<LeaseView> {
    const view = await leases.beat(node, ttlMs, first);
    if (view === undefined) throw new Error('another process has the id');
    return view;
  }

  it('gives every shard to one node at a time, and again when it leaves or falls silent', async () => {
    const empty = await beat(one, longMs, true);
    expect(empty.nodes).toEqual([views[0]]);
    expect(empty.holders).toEqual(Array.from({ length: shardCount }, () => undefined));

    const taken = await Promise.all([
      leases.acquire('one', 100, longMs),
      leases.acquire('two', 256, shortMs),
    ]);
    expect(new Set(taken.flat()).size).toBe(taken.flat().length);
    await leases.acquire('two', 256, shortMs);
    expect(await leases.acquire('one', 256, longMs)).toEqual([]);
    const both = await beat(two, shortMs, true);
    expect(both.nodes).toEqual(views);
    expect(both.holders.filter((holder) => holder === 'one').length).toBe(100);
    expect(both.holders.filter((holder) => holder === 'two').length).toBe(156);

    await leases.release('one', [...(taken[0] ?? []).slice(0, 10), 300]);
    await leases.release('one', taken[1] ?? []);
    expect((await leases.acquire('one', 256, longMs)).length).toBe(10);

    await sleep(systemClock, 2 * shortMs);
    const silent = await beat(one, longMs);
    expect(silent.nodes).toEqual([views[0]]);
    expect(silent.holders.filter((holder) => holder === undefined).length).toBe(156);
    expect((await leases.acquire('one', 256, longMs)).length).toBe(156);
    await leases.leave(one);
    const left = await beat(two, longMs);
    expect(left.nodes).toEqual([views[1]]);
    expect(left.holders.every((holder) => holder === undefined)).toBe(true);
    await leases.leave(two);
  });

  it('gives an id and its leases to the process that started last, until that one is silent', async () => {
    const again = { ...one, incarnation: 'second' };
    await beat(one, longMs, true);
    expect(await leases.acquire('one', 100, longMs)).toHaveLength(100);
    const own = (view: LeaseView) => view.holders.filter((holder) => holder === 'one').length;
    expect(own(await beat(again, shortMs, true))).toBe(100);

    expect(await leases.beat(one, longMs, false)).toBeUndefined();
    await leases.leave(one);
    expect(own(await beat(again, shortMs))).toBe(100);
    await sleep(systemClock, 2 * shortMs);
    expect(own(await beat(one, longMs))).toBe(100);
    expect(await leases.beat(again, longMs, false)).toBeUndefined();
    await leases.leave(one);
    expect(own(await beat(again, longMs))).toBe(0);
    await leases.leave(again);
  });
});

describe('the lease keeper', () => {
  /** A node whose threads serve at once what they are told to. */
  function nodeOf(id: string, leases: Leases, clock: VirtualClock, incarnation = 'only') {
    let served = new Set<number>();
    const errors: unknown[] = [];
    const keeper = new LeaseKeeper({
      leases,
      clock,
      node: { id, url: `http://${id}`, incarnation },
      served: () => served,
      assign(shards) {
        served = new Set(shards);
      },
      onError: (error) => errors.push(error),
    });
    return { keeper, served: () => served, errors };
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
    await leases.beat(two, leaseTtlMs, true);
    await leases.acquire('two', 256, leaseTtlMs);
    const a = nodeOf('a', leases, clock);
    await a.keeper.start();
    expect(a.served().size).toBe(0);
    expect(a.keeper.free).toBe(0);
    await clock.pass(leaseTtlMs + 2 * leaseBeatMs);
    expect(a.served().size).toBe(shardCount);
  });

  it('lets the others beat first after a pause of the database', async () => {
    const clock = new VirtualClock();
    const leases = fakeLeases(clock);
    let away = false;
    const acquired: number[] = [];
    const paused: Leases = {
      ...leases,
      beat: (node, ttlMs, first) =>
        away ? Promise.reject(new Error('away')) : leases.beat(node, ttlMs, first),
      acquire: async (id, limit, ttlMs) => {
        const taken = await leases.acquire(id, limit, ttlMs);
        acquired.push(taken.length);
        return taken;
      },
    };
    const [a, b] = [nodeOf('a', paused, clock), nodeOf('b', paused, clock)];
    await a.keeper.start();
    await clock.pass(leaseBeatMs / 2);
    await b.keeper.start();
    await clock.pass(4 * leaseBeatMs);
    const before = [[...a.served()], [...b.served()]];
    expect(before.map((shards) => shards.length)).toEqual([128, 128]);
    acquired.length = 0;
    away = true;
    await clock.pass(2 * leaseTtlMs);
    away = false;
    await clock.pass(4 * leaseBeatMs);
    expect(acquired.filter((count) => count > 0)).toEqual([]);
    expect([[...a.served()], [...b.served()]]).toEqual(before);
    expect(a.errors.length).toBeGreaterThan(0);

    // One that never comes back is replaced all the same.
    await b.keeper.close();
    await clock.pass(2 * leaseBeatMs);
    expect(a.served().size).toBe(shardCount);
  });

  it('takes the shards of its killed predecessor at once, and gives way to a second process of its id', async () => {
    const clock = new VirtualClock();
    const leases = fakeLeases(clock);
    const [older, newer] = [
      nodeOf('a', leases, clock, 'older'),
      nodeOf('a', leases, clock, 'newer'),
    ];
    await older.keeper.start();
    expect(older.served().size).toBe(shardCount);
    await newer.keeper.start();
    expect(newer.served().size).toBe(shardCount);
    await clock.pass(4 * leaseBeatMs);
    expect([older.served().size, newer.served().size]).toEqual([0, shardCount]);
    expect(older.errors.map(String)).toEqual([
      expect.stringContaining('NODE_ID a is used by another process'),
    ]);
    expect(newer.errors).toEqual([]);

    await newer.keeper.close();
    await clock.pass(2 * leaseBeatMs);
    expect(older.served().size).toBe(shardCount);
    expect(older.errors).toHaveLength(1);
  });
});
