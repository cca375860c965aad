/** A share to a group of 5,000 and to more friends than one event holds, through journal, ledger and a restart. (E7, E8) */
import { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makePeople, senderId } from '../../bench/audience/people.ts';
import { receiverName } from '../../bench/load/tokens.ts';
import { audienceEventMax, groupMembersMax } from '../../engine/limits.ts';
import { SharingWorld, type Shared } from './share-support.ts';

const friends = audienceEventMax + 20_000;
const refused = [403, 'not_in_audience'];

let world: SharingWorld;
let pool: Pool;
let groupId: string;
beforeAll(async () => {
  world = await SharingWorld.start();
  pool = new Pool({ connectionString: world.database.url, max: 1 });
  groupId = await makePeople(pool, friends, groupMembersMax);
}, 60_000);
afterAll(async () => {
  await pool.end();
  await world.close();
});

/** Receivers of each of the batch's audience events. */
async function events({ id }: Shared): Promise<number[]> {
  const { rows } = await pool.query<{ n: number }>(
    `SELECT json_array_length(rest->'receivers') AS n FROM event WHERE batch = $1 AND kind = 3 ORDER BY version`,
    [id],
  );
  return rows.map(({ n }) => n);
}

test(
  'one event for a group, two for so many friends; all of them may claim, also after a restart',
  { timeout: 90_000 },
  async () => {
    const toGroup = await world.batch(senderId);
    const inGroup = await world.share(senderId, toGroup, { channel: 'group', groupId });
    expect([inGroup.status, inGroup.body['receivers']]).toEqual([201, groupMembersMax]);
    const toFriends = await world.batch(senderId);
    const inFeed = await world.share(senderId, toFriends, { channel: 'feed' }, 'k');
    expect([inFeed.status, inFeed.body['receivers']]).toEqual([201, friends]);
    const [first, last] = [receiverName(0), receiverName(friends - 1)];
    const member = receiverName(groupMembersMax - 2);
    expect((await world.posts(last, 'feed')).map(({ link }) => link.batchId)).toEqual([
      toFriends.id,
    ]);
    expect(await world.claim(first, toFriends.link)).toEqual([201, 7]);
    expect(await world.claim(member, toGroup.link)).toEqual([201, 7]);
    expect(await world.claim(receiverName(groupMembersMax), toGroup.link)).toEqual(refused);
    expect(await events(toFriends)).toEqual([audienceEventMax, friends - audienceEventMax]);
    // The page waits until what was told is settled.
    await world.get(senderId, `/v1/batches/${toGroup.id}`);
    expect(await events(toGroup)).toEqual([groupMembersMax]);

    await world.server.end('SIGKILL');
    await world.restart();
    const again = await world.share(senderId, toFriends, { channel: 'feed' }, 'k');
    expect([again.status, again.body]).toEqual([201, inFeed.body]);
    expect(await world.claim(last, toFriends.link)).toEqual([201, 7]);
    expect(await world.claim(receiverName(12_345), toFriends.link)).toEqual([201, 7]);
    expect(await world.claim('stranger', toFriends.link)).toEqual(refused);
    // Another share to the same friends adds nobody, and no event.
    const more = await world.share(senderId, toFriends, { channel: 'microblog' });
    expect([more.status, more.body['receivers']]).toEqual([201, friends]);
    await world.get(senderId, `/v1/batches/${toFriends.id}`);
    expect(await events(toFriends)).toHaveLength(2);
  },
);
