/**
 * The server is killed (SIGKILL) at many moments of many shares: after it is up again, everything that is seen can be
 * claimed, and the same requests complete each share exactly once. (E7, E8)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { known, SharingWorld, type Json, type Shared } from './share-support.ts';

const rounds = 10;
const perRound = 9;
/** A share takes some 10 ms, and those of a round begin one after the other. */
const spreadMs = 60;

let world: SharingWorld;
beforeAll(async () => {
  world = await SharingWorld.start();
});
afterAll(() => world.close());

test(`${rounds * perRound} shares`, { timeout: 180_000 }, async () => {
  const [sender, friends] = ['sender', ['f1', 'f2', 'f3']];
  const groupId = await world.group(sender, ...friends);
  const bodies = [
    { channel: 'group', groupId },
    { channel: 'im', to: ['f1', 'f2'] },
    { channel: 'feed' },
  ];
  /** Links as a friend sees them, by batch, in each of the three places. */
  const seen = async (): Promise<Record<string, string[]>> => {
    const direct = (await world.get('f2', '/v1/conversations')).items.find(
      ({ kind }: Json) => kind === 'direct',
    );
    const of = async (path: string) =>
      (await world.get('f2', `${path}?limit=200`)).items.map(({ link }: Json) => link.batchId);
    return {
      group: await of(`/v1/conversations/${groupId}/messages`),
      im: direct === undefined ? [] : await of(`/v1/conversations/${direct.id}/messages`),
      feed: await of('/v1/feed'),
    };
  };

  const all: { readonly batch: Shared; readonly channel: string }[] = [];
  let interrupted = 0;
  let between = 0;
  for (let round = 0; round < rounds; round += 1) {
    const shares = [];
    for (let i = 0; i < perRound; i += 1) {
      const body = bodies[i % bodies.length] as (typeof bodies)[number];
      shares.push({ batch: await world.batch(sender), body, key: `${round}-${i}` });
    }
    const asking = shares.map(async ({ batch, body, key }, i) => {
      await sleep((spreadMs / perRound) * i);
      return world.share(sender, batch, body, key).catch(() => undefined);
    });
    await sleep((spreadMs / rounds) * (round + 1));
    const { server } = world;
    await server.end('SIGKILL');
    const answers = await Promise.all(asking);
    await world.restart();
    const lost = answers.filter((answer) => answer?.status !== 201).length;
    interrupted += lost;

    // Before anything is repeated: what is seen can be claimed.
    const before = await seen();
    for (const { batch, body } of shares) {
      const isSeen = before[body.channel]?.includes(batch.id) === true;
      const [status] = await world.claim('f2', batch.link);
      if (isSeen) expect(status).toBe(201);
      else if (status === 201) between += 1;
    }
    for (const { batch, body, key } of shares) {
      const said = await known(() => world.share(sender, batch, body, key));
      expect([said.status, said.body['code']]).toEqual([201, undefined]);
      all.push({ batch, channel: body.channel });
    }
  }
  const after = await seen();
  for (const { batch, channel } of all) {
    expect(after[channel]?.filter((id) => id === batch.id)).toEqual([batch.id]);
    expect([200, 201]).toContain((await world.claim('f2', batch.link))[0]);
    expect(await world.claim('stranger', batch.link)).toEqual([403, 'not_in_audience']);
  }
  // Else the moments were no moments.
  process.stdout.write(`${interrupted} interrupted, ${between} of them between the two steps\n`);
  expect(interrupted).toBeGreaterThan(perRound);
});
