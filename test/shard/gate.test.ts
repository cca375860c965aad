/** The output gate (invariants 2 and 3): nothing leaves before it is durable and ownership was read afterwards. */
import { describe, expect, it } from 'vitest';
import { Gate } from '../../engine/shard/gate.ts';
import { unknown, type Outcome } from '../../engine/shard/request.ts';
import { claim, Stage } from './harness.ts';

describe('the gate', () => {
  it('holds every answer while the journal stalls: claims, repeats, refusals', async () => {
    const stage = await Stage.open({ count: 2, total: 100 });
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    stage.fake.controls.hold();
    const asked = [
      stage.ask(host, claim('a', true)),
      stage.ask(host, claim('b')),
      stage.ask(host, claim('a')),
      stage.ask(host, claim('c')),
      stage.ask(host, { kind: 'open', receiverId: 'b', packetId: undefined }),
      stage.ask(host, { kind: 'open', receiverId: 'stranger', packetId: undefined }),
    ];
    await stage.clock.pass(900);
    expect(asked.map(({ outcome }) => outcome)).toEqual(asked.map(() => undefined));
    stage.fake.controls.release();
    await stage.clock.pass(100);
    expect(asked.map(({ outcome }) => outcome?.code)).toEqual([
      'claimed',
      'claimed',
      'repeated',
      'exhausted',
      'opened',
      'not_claimed',
    ]);
  });

  it('refuses at once what comes while the journal has been silent for long, and goes on by itself', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    stage.fake.controls.setReachable(false);
    const first = stage.ask(host, claim('a'));
    await stage.clock.pass(3_000);
    expect(first.outcome).toBeUndefined();
    expect(await stage.answer(host, claim('b'))).toMatchObject({
      code: 'overloaded',
      retryAfterSeconds: 1,
    });
    stage.fake.controls.setReachable(true);
    await stage.clock.pass(3_000);
    expect(first.outcome).toMatchObject({ code: 'claimed' });
    expect(await stage.answer(host, claim('b'))).toMatchObject({ code: 'claimed' });
  });

  it('never lets an answer out of a journal that fails, and tells the truth when it landed after all', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    stage.fake.controls.failAdds(1_000, true);
    const asked = stage.ask(host, claim('a', true));
    await stage.clock.pass(10_000);
    expect(asked.outcome).toBeUndefined();
    stage.fake.controls.failAdds(0, true);
    await stage.clock.pass(10_000);
    expect(asked.outcome).toMatchObject({ code: 'claimed' });
    expect(stage.fake.controls.jobs()).toEqual(['1-1', '1-2']);
  });

  it('answers "unknown" when ownership went to somebody else before the read', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    stage.fake.controls.hold();
    const asked = stage.ask(host, claim('a', true));
    await stage.clock.pass(10);
    stage.fake.controls.release();
    // Somebody else takes the shards right now: the add has landed, but the read comes too late.
    await stage.finish(stage.fake.open().take([...Array(256).keys()], 99));
    await stage.clock.pass(100);
    expect(asked.outcome).toEqual(unknown);
    expect(host.status().served).toEqual([]);
    expect(stage.lost).toBe(256);
  });

  it('names no job to wait for with an "unknown": it may never be sent', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    stage.fake.controls.hold();
    const replies: unknown[] = [];
    for (const command of [claim('a'), { kind: 'nonsense' } as never]) {
      const reply = (...reply: unknown[]) => replies.push(reply);
      host.handle({ batchId: '7', command, reply });
    }
    expect(replies).toEqual([[unknown], [unknown]]);
  });

  it('drops what an earlier owner adds late: nobody was told of it', async () => {
    const stage = await Stage.open();
    const old = await stage.host();
    await stage.everybodyMayClaim(old);
    stage.fake.controls.hold();
    const late = stage.ask(old, claim('a', true));
    await stage.clock.pass(10);
    // A second process takes over while the add of the first is under way.
    const secondJournal = stage.fake.open();
    const second = await stage.host(secondJournal);
    stage.fake.controls.release();
    await stage.clock.pass(200);
    expect(late.outcome).toEqual(unknown);
    const outcome = await stage.answer(second, claim('b', true));
    expect(outcome).toMatchObject({
      code: 'claimed',
      packet: { packetId: '7-1', receiverId: 'b' },
    });
    await stage.settle();
    await stage.clock.pass(1_000);
    expect(stage.store.balance('user:a', 'CNY')).toBe(0);
    expect(stage.store.balance('user:b', 'CNY')).toBeGreaterThan(0);
    expect(stage.fake.controls.jobs()).toEqual([]);
  });
});

describe('a verdict', () => {
  it('releases nothing of a shard that is not served any more, even when it names none as lost', async () => {
    const { clock, observer } = new Stage();
    const served = new Set([1, 2]);
    const replies: string[] = [];
    const gate = new Gate({
      number: 1,
      clock,
      observer,
      readOwnership: () => Promise.resolve({ journalId: 'j', runId: 'r', owners: [] }),
      judge: () => {
        served.delete(2);
        return { kind: 'release', lost: new Set() };
      },
      owns: (shard) => served.has(shard),
      retake: () => Promise.resolve(),
      pause: () => Promise.resolve(),
    });
    for (const shard of [1, 2]) {
      const reply = ({ code }: Outcome) => replies.push(`${shard} ${code}`);
      const request = { batchId: '7', command: claim('a'), reply };
      gate.wait(0, request, { code: 'not_due' }, shard, undefined);
    }
    await clock.pass(10);
    expect(replies).toEqual(['1 not_due', '2 unknown']);
  });
});

describe('a journal whose store was restarted', () => {
  it('is taken again, and gets back what it lost, before anything is released', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    const image = stage.fake.controls.image();
    const told = await stage.answer(host, claim('a', true));
    expect(told).toMatchObject({ code: 'claimed' });
    // It comes back without the newest job, and with the same owners.
    stage.fake.controls.rollBack(image);
    expect(stage.fake.controls.jobs()).toEqual(['1-1']);
    const next = await stage.answer(host, claim('b', true));
    expect(next).toMatchObject({ code: 'claimed', packet: { packetId: '7-2' } });
    expect([...stage.fake.controls.jobs()].sort()).toEqual(['1-1', '1-2', '1-3']);
    expect(stage.alarms).toEqual([]);
  });

  it('is not served when it comes back as another journal', async () => {
    const stage = await Stage.open();
    const host = await stage.host();
    await stage.everybodyMayClaim(host);
    stage.fake.controls.wipe();
    const asked = stage.ask(host, claim('a', true));
    await stage.clock.pass(10_000);
    expect(asked.outcome).toBeUndefined();
    expect(stage.alarms).toContain('journal_mismatch');
  });
});
