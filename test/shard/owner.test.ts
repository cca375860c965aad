/** Owners, loading, eviction and settling over the fakes (DESIGN "Durability protocol"). */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../engine/adapters/seeded-random.ts';
import { shardOf } from '../../engine/core/hash.ts';
import { emptyState } from '../../engine/core/state.ts';
import { flushEventsMax, mailboxMax, residentClaimsMax } from '../../engine/limits.ts';
import { Actor } from '../../engine/shard/actor.ts';
import { Residents } from '../../engine/shard/residents.ts';
import { unknown } from '../../engine/shard/request.ts';
import { JournalGap, settleOwner } from '../../engine/settle/settle.ts';
import { batchOf, claim, Stage } from './harness.ts';

describe('an owner', () => {
  it('that ends by a refused payload is replaced by one with a new number, which goes on with what was told', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const told = await stage.answer(host, claim('a', true));
    stage.fake.controls.refuseAdds(1);
    expect(await stage.answer(host, claim('b', true))).toEqual(unknown);
    expect(stage.ended).toMatchObject([/refused/]);
    await stage.clock.pass(500);
    expect(await stage.answer(host, claim('a'))).toMatchObject({
      code: 'repeated',
      packet: { amount: 'packet' in told ? told.packet.amount : 0 },
    });
    expect(await stage.answer(host, claim('b'))).toMatchObject({
      code: 'claimed',
      packet: { packetId: '7-2', position: '2-1' },
    });
  });

  it('that is ended by a throwing actor answers "unknown" to all and comes back under a new number', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const waiting = stage.ask(host, claim('a', true));
    // A command that the core has no case for: a programmer error, so the actor throws.
    const broken = stage.ask(host, { kind: 'nonsense' } as never);
    expect(waiting.outcome).toEqual(unknown);
    expect(broken.outcome).toEqual(unknown);
    expect(stage.ended).toMatchObject([/actor threw/]);
    await stage.clock.pass(500);
    expect(await stage.answer(host, claim('a', true))).toMatchObject({
      code: 'claimed',
      packet: { position: '2-1' },
    });
  });

  it('spreads more events than one job may hold over several, without a gap', async () => {
    const count = 2 * flushEventsMax + 10;
    const stage = await Stage.open({ count, total: count * 3 });
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const asked = Array.from({ length: count }, (_, i) => stage.ask(host, claim(`r${i}`, true)));
    await stage.clock.pass(100);
    expect(asked.every(({ outcome }) => outcome?.code === 'claimed')).toBe(true);
    expect(stage.fake.controls.jobs()).toEqual(['1-1', '1-2', '1-3', '1-4']);
    await stage.settle();
    await stage.clock.pass(2_000);
    expect(stage.store.balance('escrow:7', 'CNY')).toBe(0);
    expect(host.status()).toMatchObject({ unsettledEvents: 0, residentActors: 1 });
  });

  it('refuses what exceeds the mailbox of one batch', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    stage.fake.controls.hold();
    stage.ask(host, claim('a', true));
    const asked = Array.from({ length: mailboxMax }, (_, i) => stage.ask(host, claim(`r${i}`)));
    expect(asked.filter(({ outcome }) => outcome?.code === 'overloaded').length).toBe(1);
    stage.fake.controls.release();
    await stage.clock.pass(500);
    expect(asked.filter(({ outcome }) => outcome?.code === 'claimed').length).toBe(4);
  });

  it('settles for itself when nobody else does', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    await stage.answer(host, claim('a', true));
    await stage.clock.pass(2_000);
    expect(host.status().unsettledEvents).toBe(2);
    await stage.clock.pass(3_000);
    expect(host.status().unsettledEvents).toBe(0);
    expect(stage.store.balance('user:a', 'CNY')).toBeGreaterThan(0);
  });
});

describe('progress', () => {
  it('hears of a quarantine although the first question about it fails', async () => {
    const stage = await Stage.open();
    const { store } = stage;
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    expect(await stage.answer(host, claim('a', true))).toMatchObject({ code: 'claimed' });
    const progress = store.progress.bind(store);
    store.progress = async (numbers) =>
      (await progress(numbers)).map((row) => ({ ...row, quarantined: row.settled > 1 ? 1 : 0 }));
    store.load = () => Promise.resolve({ kind: 'quarantined' });
    let questions = 0;
    store.quarantinedBatches = () => {
      questions += 1;
      return questions === 1 ? Promise.reject(new Error('lost')) : Promise.resolve(['7']);
    };
    await stage.settle();
    await stage.clock.pass(1_000);
    expect(questions).toBe(2);
    expect(await stage.answer(host, claim('b'))).toMatchObject({ code: 'quarantined' });
  });

  it('goes on while an owner settles itself', async () => {
    const stage = await Stage.open();
    stage.store.addBatch(batchOf(stage.clock, { id: '8' }));
    const host = await stage.host(undefined, [shardOf('7')]);
    host.assign([shardOf('7'), shardOf('8')]);
    await stage.clock.pass(500);
    await stage.everybodyMayClaim(host);
    const withOwner = stage.store.withOwner.bind(stage.store);
    stage.store.withOwner = (number, work) =>
      number === 1 ? new Promise(() => undefined) : withOwner(number, work);
    await stage.clock.pass(4_000);
    await stage.everybodyMayClaim(host, '8');
    await stage.clock.pass(4_000);
    // The first one hangs; the second one has settled.
    expect(host.status().unsettledEvents).toBe(1);
  });
});

describe('loading', () => {
  it('answers "not active" only to requests older than the load', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    expect(await stage.answer(host, claim('a'), '99')).toMatchObject({ code: 'batch_not_found' });
    stage.store.addBatch(batchOf(stage.clock, { id: '9' }), false);
    expect(await stage.answer(host, claim('a'), '9')).toMatchObject({ code: 'not_active' });

    // The first load of batch 10 answers late, with what it saw before the batch was confirmed.
    const load = stage.store.load.bind(stage.store);
    const late = Promise.withResolvers<void>();
    let loads = 0;
    stage.store.load = async (batchId) => {
      loads += 1;
      const loaded = await load(batchId);
      if (loads === 1) await late.promise;
      return loaded;
    };
    const older = stage.ask(host, claim('a'), '10');
    await stage.clock.pass(10);
    stage.store.addBatch(batchOf(stage.clock, { id: '10' }));
    const younger = stage.ask(host, claim('b'), '10');
    late.resolve();
    await stage.clock.pass(200);
    expect(older.outcome).toMatchObject({ code: 'batch_not_found' });
    expect(younger.outcome).toMatchObject({ code: 'not_in_audience' });
    expect(loads).toBe(2);
  });

  it('continues exactly where acknowledged claims left the batch', async () => {
    const stage = await Stage.open();
    const first = await stage.host();
    await stage.everybodyMayClaim(first);
    const told = [];
    for (const id of ['a', 'b', 'c']) told.push(await stage.answer(first, claim(id, true)));
    // The process is gone; nothing was settled. The next one takes over and settles first.
    const second = await stage.host(stage.fake.open());
    for (const [i, id] of ['a', 'b', 'c'].entries()) {
      const before = told[i];
      if (before?.code !== 'claimed') throw new Error('not claimed');
      const { amount, packetId, claimedAt, openedAt } = before.packet;
      expect(await stage.answer(second, claim(id))).toMatchObject({
        code: 'repeated',
        packet: { amount, packetId, claimedAt, openedAt },
      });
    }
    expect(await stage.answer(second, claim('d'))).toMatchObject({ packet: { packetId: '7-4' } });
  });
});

describe('residency', () => {
  it('evicts only actors whose newest event is settled', () => {
    const random = seededRandom(3);
    const params = (id: string) => ({ ...batchOf(new Stage().clock), id });
    const residents = new Residents();
    const actors = Array.from(
      { length: 3 },
      (_, i) => new Actor(emptyState(params(`${i}`), 0), 0, random),
    );
    for (const actor of actors) {
      residents.add(actor);
      // Each is as large as the whole budget: there is room for one.
      Object.defineProperty(actor, 'size', { value: residentClaimsMax });
      actor.newest = 5;
      residents.pin(actor);
    }
    expect(residents.size).toBe(3);
    for (const actor of actors) residents.unpin(actor, 4);
    expect(residents.size).toBe(3);
    for (const actor of actors) residents.unpin(actor, 5);
    expect(residents.size).toBe(1);
    expect(residents.get('2')).toBe(actors[2]);
  });

  it('counts listed receivers, and knows when what must stay leaves no room', () => {
    const random = seededRandom(3);
    const residents = new Residents();
    const [one, other] = ['1', '2'].map((id) => {
      const actor = new Actor(emptyState({ ...batchOf(new Stage().clock), id }, 0), 0, random);
      residents.add(actor);
      residents.pin(actor);
      return actor;
    });
    if (one === undefined || other === undefined) throw new Error('two actors');
    expect(residents.full).toBe(false);
    // As an event grows it: a listed set of this size costs too much time to build here.
    Object.defineProperty(one.state.listed, 'size', { value: residentClaimsMax });
    one.newest = 1;
    residents.pin(one);
    expect(residents.full).toBe(true);
    residents.unpin(one, 1);
    expect(residents.full).toBe(false);
    residents.unpin(other, 1);
    // There is room for one of them: the size was taken anew.
    expect(residents.size).toBe(1);
    residents.pin(one);
    residents.dropShards(new Set([0]));
    expect(residents).toMatchObject({ full: false, size: 0 });
  });
});

describe('settling', () => {
  it('takes jobs in order however they are delivered, and each once', async () => {
    const stage = await Stage.open({ count: 50, total: 5_000 });
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    for (let i = 0; i < 30; i += 1) await stage.answer(host, claim(`r${i}`, i % 2 === 0));
    stage.fake.controls.shuffleDelivery();
    await stage.settle();
    for (const id of stage.fake.controls.jobs()) stage.fake.controls.deliverAgain(id);
    await stage.clock.pass(5_000);
    expect(stage.fake.controls.jobs()).toEqual([]);
    stage.fake.controls.deliverAgain('1-3');
    await stage.clock.pass(5_000);
    const received = [...stage.store.balances()].filter(([name]) => name.startsWith('user:'));
    const sum = received.reduce((total, [, balance]) => total + balance, 0);
    expect(received.length).toBe(15);
    expect(sum + stage.store.balance('escrow:7', 'CNY')).toBe(5_000);
    expect(stage.alarms).toEqual([]);
  });

  it('raises an alarm, and moves nothing, when a job is missing before a present one', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    await stage.answer(host, claim('a', true));
    await stage.answer(host, claim('b', true));
    stage.fake.controls.loseJobs((id) => id === '1-2');
    const { clock, store, observer } = stage;
    const settling = settleOwner({ clock, store, observer, journal: stage.fake.open() }, 1);
    await expect(stage.finish(settling)).rejects.toThrow(JournalGap);
    expect(stage.alarms).toEqual(['journal_gap']);
    expect(store.balance('user:b', 'CNY')).toBe(0);
  });

  it('raises none when the lock was lost meanwhile, and somebody else has settled and removed the job', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    await stage.answer(host, claim('a', true));
    await stage.answer(host, claim('b', true));
    const { clock, store, observer } = stage;
    const journal = stage.fake.open();
    const deps = { clock, store, observer, journal };
    let reads = 0;
    const read = async (ids: readonly string[]) => {
      reads += 1;
      if (reads === 1) {
        store.crash();
        await settleOwner(deps, 1, 2);
        stage.fake.controls.loseJobs((id) => id === '1-1' || id === '1-2');
      }
      return journal.read(ids);
    };
    const settling = settleOwner({ ...deps, journal: { read } }, 1);
    await expect(stage.finish(settling)).rejects.toThrow('crashed');
    expect(reads).toBeGreaterThan(1);
    expect(stage.alarms).toEqual([]);
    expect(store.balance('user:b', 'CNY')).toBeGreaterThan(0);
  });
});
