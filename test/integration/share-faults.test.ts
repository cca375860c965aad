/**
 * Sharing when things fail or change in between: nothing is seen before its audience is stored, nothing is posted
 * twice, and nobody who sees a message is refused by its packets. The base server is real, the engine a double whose
 * moments the tests choose. (E7, E8)
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { AudienceOutcome, AudienceRequest } from '../../engine/api.ts';
import { idArray } from '../../engine/core/id-list.ts';
import type { Social } from '../../engine/social/port.ts';
import { postgresSocial } from '../../engine/social/postgres.ts';
import { harness, type Harness } from '../gateway/harness.ts';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';

let database: TestDatabase;
let social: Social;
/** Called before each transaction of the base server and after each of its commits. */
let moments: { before?: () => void; after?: () => void } = {};
let http: Harness;
let name = 0;
/** A user of this test alone. */
const fresh = (): string => `u${(name += 1)}`;

beforeAll(async () => {
  database = await freshDatabase();
  // One connection: whoever kept it while waiting for the engine would wait for ever.
  const real = await postgresSocial({ url: database.url, poolMax: 1 });
  social = {
    ...real,
    once: async (...request) => {
      moments.before?.();
      const result = await real.once(...request);
      moments.after?.();
      return result;
    },
  };
  http = harness({}, social);
});
afterAll(async () => {
  await social.close();
  await database.drop();
});
beforeEach(() => {
  moments = {};
  http.world.audiences.length = 0;
});

const ask = (userId: string, method: string, path: string, body?: unknown, key?: string) =>
  http.ask(method, path, {
    as: userId,
    ...(body === undefined ? {} : { body }),
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
  });
async function befriend(userId: string, ...others: string[]): Promise<void> {
  for (const other of others) {
    await ask(userId, 'POST', '/v1/contacts', { userId: other });
    await ask(other, 'POST', `/v1/contacts/${userId}/accept`);
  }
}

interface Scene {
  readonly sender: string;
  readonly member: string;
  readonly groupId: string;
  readonly id: string;
  readonly path: string;
}
async function scene(): Promise<Scene> {
  const [sender, member] = [fresh(), fresh()];
  await befriend(sender, member);
  const made = await ask(sender, 'POST', '/v1/groups', { name: 'g', members: [member] });
  const { id } = await http.activeBatch(sender);
  return { sender, member, groupId: made.json.id, id, path: `/v1/batches/${id}/share` };
}
const toGroup = ({ groupId }: Scene) => ({ channel: 'group', groupId });
/** Batches that the messages lead to, as the user sees them. */
async function links(userId: string, { groupId }: Scene): Promise<string[]> {
  const said = await ask(userId, 'GET', `/v1/conversations/${groupId}/messages?limit=200`);
  return (said.json.items ?? []).flatMap((item: { link?: { batchId: string } }) =>
    item.link === undefined ? [] : [item.link.batchId],
  );
}
/** Plays something while the engine is waited for; once. */
function whileExtending(play: (request: AudienceRequest) => Promise<void>): void {
  const { engine } = http.world;
  const real = engine.extendAudience.bind(engine);
  engine.extendAudience = async (request) => {
    engine.extendAudience = real;
    await play(request);
    return real(request);
  };
}

describe('a refused audience shows nothing', () => {
  const refusals: [AudienceOutcome, number][] = [
    [{ code: 'batch_not_found' }, 404],
    [{ code: 'not_sender' }, 403],
    [{ code: 'not_active' }, 409],
    [{ code: 'expired' }, 410],
    [{ code: 'exhausted' }, 410],
    [{ code: 'audience_full' }, 422],
    [{ code: 'overloaded', retryAfterSeconds: 1 }, 503],
    [{ code: 'unknown', retryAfterSeconds: 1 }, 503],
    [{ code: 'quarantined', retryAfterSeconds: 60 }, 503],
  ];
  test.each(refusals)('%o', async (outcome, status) => {
    const place = await scene();
    http.world.forced.extend.push(outcome);
    const said = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    expect([said.status, said.json.code]).toEqual([status, outcome.code]);
    expect(await links(place.member, place)).toEqual([]);
    // Nothing is kept under the key: what has passed can be tried again.
    const again = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, null]);
  });

  test('before the confirmation, of a stranger, of no batch: the engine is not even asked', async () => {
    const place = await scene();
    const body = { mode: 'lucky', count: 2, total: 2 };
    const { id } = (await ask(place.sender, 'POST', '/v1/batches', body)).json;
    const refusal = async (userId: string, path: string) => {
      const said = await ask(userId, 'POST', path, toGroup(place));
      return [said.status, said.json.code];
    };
    expect(await refusal(place.sender, `/v1/batches/${id}/share`)).toEqual([409, 'not_active']);
    expect(await refusal(place.member, place.path)).toEqual([403, 'not_sender']);
    for (const none of ['999', '0', 'x'])
      expect(await refusal(place.sender, `/v1/batches/${none}/share`)).toEqual([
        404,
        'batch_not_found',
      ]);
    expect(http.world.audiences).toEqual([]);
  });
});

describe('repeats', () => {
  test.each([
    ['lost before the message is posted', 'before'],
    ['lost after it was posted, before the answer left', 'after'],
  ] as const)('%s: the same request completes it, once', async (_, moment) => {
    const place = await scene();
    let turn = 0;
    moments[moment] = () => {
      turn += 1;
      // The first transaction looks for an answer, the second one posts.
      if (turn === 2) throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
    };
    const lost = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    expect([lost.status, lost.json.code]).toEqual([503, 'unknown']);
    expect(await links(place.member, place)).toEqual(moment === 'before' ? [] : [place.id]);
    moments = {};
    const said = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    const replayed = moment === 'after' ? 'true' : null;
    expect([said.status, said.headers.get('idempotency-replayed')]).toEqual([201, replayed]);
    const again = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    expect([again.status, again.json]).toEqual([201, said.json]);
    expect(await links(place.member, place)).toEqual([place.id]);
  });

  test('the same again after the end is the same answer; another body under the key changes nothing', async () => {
    const place = await scene();
    const said = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    http.world.forced.extend.push({ code: 'expired' });
    const again = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    expect([again.status, again.json]).toEqual([201, said.json]);
    http.world.forced.extend.length = 0;
    http.world.audiences.length = 0;
    for (const body of [
      { channel: 'im', to: [place.member] },
      { ...toGroup(place), text: 'x' },
    ]) {
      const other = await ask(place.sender, 'POST', place.path, body, 'k');
      expect([other.status, other.json.code]).toEqual([422, 'idempotency_key_reused']);
    }
    expect(http.world.audiences).toEqual([]);
    expect(await links(place.member, place)).toEqual([place.id]);
  });

  test('another body under the key of a share under way changes nothing', async () => {
    const place = await scene();
    const meanwhile: unknown[] = [];
    whileExtending(async () => {
      for (const body of [{ channel: 'im', to: [place.member] }, toGroup(place)]) {
        const other = await ask(place.sender, 'POST', place.path, body, 'k');
        meanwhile.push([other.status, other.json.code, other.headers.get('retry-after')]);
      }
    });
    const said = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    expect(said.status).toBe(201);
    expect(meanwhile).toEqual(Array(2).fill([409, 'idempotency_in_progress', '1']));
    expect(http.world.audiences).toMatchObject([{ channel: 'group' }]);
    expect(await links(place.member, place)).toEqual([place.id]);
  });

  test('many at once post once', async () => {
    const place = await scene();
    const all = await Promise.all(
      Array.from({ length: 8 }, () => ask(place.sender, 'POST', place.path, toGroup(place), 'k')),
    );
    for (const { status } of all) expect([201, 409]).toContain(status);
    expect(all.some(({ status }) => status === 201)).toBe(true);
    expect(await links(place.member, place)).toEqual([place.id]);
  });
});

describe('who comes and goes meanwhile', () => {
  test('a member who comes in while the audience is stored is stored too, and sees the message', async () => {
    const place = await scene();
    const late = fresh();
    await befriend(place.sender, late);
    whileExtending(async () => {
      const members = { members: [late] };
      await ask(place.sender, 'POST', `/v1/groups/${place.groupId}/members`, members);
    });
    const said = await ask(place.sender, 'POST', place.path, toGroup(place));
    expect([said.status, said.json.receivers]).toEqual([201, 3]);
    expect(http.world.audiences.map(({ receivers }) => idArray(receivers))).toEqual([
      [place.sender, place.member],
      [late],
    ]);
    expect(await links(late, place)).toEqual([place.id]);
  });

  test('more come in each time: after some turns the sender is told to try again, and nothing is seen', async () => {
    const place = await scene();
    const { engine } = http.world;
    const real = engine.extendAudience.bind(engine);
    engine.extendAudience = async (request) => {
      const late = fresh();
      await befriend(place.sender, late);
      const members = { members: [late] };
      await ask(place.sender, 'POST', `/v1/groups/${place.groupId}/members`, members);
      return real(request);
    };
    const said = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    engine.extendAudience = real;
    expect([said.status, said.json.code]).toEqual([503, 'unknown']);
    expect(await links(place.member, place)).toEqual([]);
    const again = await ask(place.sender, 'POST', place.path, toGroup(place), 'k');
    expect([again.status, again.json.receivers]).toEqual([201, 7]);
  });

  test('a friendship ends, a block comes, the sender leaves: nothing is seen', async () => {
    const place = await scene();
    const im = { channel: 'im', to: [place.member] };
    whileExtending(async () => {
      await ask(place.member, 'PUT', `/v1/contacts/${place.sender}/block`);
    });
    const said = await ask(place.sender, 'POST', place.path, im);
    expect([said.status, said.json.code]).toEqual([403, 'not_contacts']);
    const chosen = { channel: 'feed', visibleTo: [place.member] };
    expect((await ask(place.sender, 'POST', place.path, chosen)).status).toBe(403);
    whileExtending(async () => {
      const members = { members: [place.sender] };
      await ask(place.sender, 'DELETE', `/v1/groups/${place.groupId}/members`, members);
    });
    const left = await ask(place.sender, 'POST', place.path, toGroup(place));
    expect([left.status, left.json.code]).toEqual([404, 'group_not_found']);
    expect(await links(place.member, place)).toEqual([]);
  });

  test('whoever sees the message is in the audience, whenever he came in', async () => {
    for (let round = 0; round < 8; round += 1) {
      const place = await scene();
      const comers = Array.from({ length: 6 }, fresh);
      await befriend(place.sender, ...comers);
      const adds = comers.map(async (late, i) => {
        await new Promise((resolve) => setTimeout(resolve, i * 2));
        const path = `/v1/groups/${place.groupId}/members`;
        await ask(place.sender, 'POST', path, { members: [late] });
      });
      const said = await ask(place.sender, 'POST', place.path, toGroup(place));
      await Promise.all(adds);
      const stored = new Set(
        http.world.audiences
          .filter(({ batchId }) => batchId === place.id)
          .flatMap(({ receivers }) => idArray(receivers)),
      );
      for (const userId of [place.member, ...comers]) {
        const seen = await links(userId, place);
        if (seen.length > 0) expect(stored).toContain(userId);
      }
      if (said.status === 201) expect(await links(place.member, place)).toEqual([place.id]);
      else expect([said.status, await links(place.member, place)]).toEqual([503, []]);
    }
  });
});
