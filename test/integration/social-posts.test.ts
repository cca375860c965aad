/** Feed and microblog over HTTP: who sees which post, and pages over many. (E7, E10) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldsOf } from '../gateway/harness.ts';
import { socialUnderTest, type SocialUnderTest } from './social-support.ts';

let under: SocialUnderTest;
beforeAll(async () => {
  under = await socialUnderTest();
});
afterAll(() => under.close());

type Place = 'feed' | 'microblog';
const publish = async (userId: string, place: Place, text: string, visibleTo?: unknown) => {
  const said = await under.ask(userId, 'POST', `/v1/${place}`, { text, visibleTo });
  expect([said.status, said.json.code]).toEqual([201, undefined]);
  return said.json;
};
const texts = async (userId: string, place: Place, limit?: number): Promise<string[]> =>
  (await under.all(userId, `/v1/${place}`, limit)).map(({ text }) => text);

test('a post is for friends unless it says more, and is made once per key', async () => {
  await under.befriend('ann', 'bob');
  await under.ask('ann', 'PUT', '/v1/me', { name: 'Ann' });
  const headers = { 'idempotency-key': 'p1' };
  for (const place of ['feed', 'microblog'] as const) {
    const body = { text: '过年好 🧧\n<b>' };
    const send = () => under.ask('ann', 'POST', `/v1/${place}`, body, { headers });
    headers['idempotency-key'] = place;
    const said = await send();
    const post = {
      id: said.json.id,
      authorId: 'ann',
      authorName: 'Ann',
      kind: 'text',
      text: body.text,
      visibility: 'friends',
      createdAt: '2023-11-14T22:13:20.000Z',
    };
    expect([said.status, said.json]).toEqual([201, post]);
    expect((await send()).json).toEqual(post);
    expect((await under.ask('ann', 'GET', `/v1/${place}`)).json).toEqual({ items: [post] });
    expect((await under.ask('bob', 'GET', `/v1/${place}`)).json).toEqual({ items: [post] });
    expect((await under.ask('eve', 'GET', `/v1/${place}`)).json).toEqual({ items: [] });
  }
});

describe('who sees what', () => {
  test('friends: as of reading', async () => {
    await publish('cem', 'feed', 'before');
    await under.ask('cem', 'POST', '/v1/contacts', { userId: 'dee' });
    expect(await texts('dee', 'feed')).toEqual([]);
    await under.ask('dee', 'POST', '/v1/contacts/cem/accept');
    expect(await texts('dee', 'feed')).toEqual(['before']);
    await under.ask('dee', 'DELETE', '/v1/contacts/cem');
    expect(await texts('dee', 'feed')).toEqual([]);
  });

  test('chosen: as of posting, as long as they are friends', async () => {
    await under.befriend('eli', 'fay', 'gus', 'hal');
    const post = await publish('eli', 'feed', 'for two', ['fay', 'gus', 'fay']);
    expect(post.visibility).toBe('chosen');
    expect(await texts('hal', 'feed')).toEqual([]);
    for (const who of ['fay', 'gus']) expect(await texts(who, 'feed')).toEqual(['for two']);
    await under.ask('eli', 'DELETE', '/v1/contacts/fay');
    await under.ask('gus', 'PUT', '/v1/contacts/eli/block');
    for (const who of ['fay', 'gus']) expect(await texts(who, 'feed')).toEqual([]);
    await under.befriend('eli', 'fay');
    expect(await texts('fay', 'feed')).toEqual(['for two']);
    expect(await texts('eli', 'feed')).toEqual(['for two']);
  });

  test('public: everybody, in the microblog only, but not across a block', async () => {
    await publish('ida', 'microblog', 'to all', 'public');
    expect((await texts('passer-by', 'microblog'))[0]).toBe('to all');
    expect(await texts('passer-by', 'feed')).toEqual([]);
    await under.ask('ida', 'PUT', '/v1/contacts/jan/block');
    await under.ask('kai', 'PUT', '/v1/contacts/ida/block');
    expect(await texts('jan', 'microblog')).not.toContain('to all');
    expect(await texts('kai', 'microblog')).not.toContain('to all');
    const said = await under.ask('ida', 'POST', '/v1/feed', { text: 'a', visibleTo: 'public' });
    expect([said.status, fieldsOf(said)]).toEqual([400, ['visibleTo']]);
  });

  test('chosen ones must be contacts: all or none', async () => {
    for (const place of ['feed', 'microblog'] as const) {
      const body = { text: 'lost', visibleTo: ['bob', 'stranger', 'ann'] };
      const said = await under.ask('ann', 'POST', `/v1/${place}`, body);
      expect([said.status, said.json.code]).toEqual([403, 'not_contacts']);
      expect(said.json.errors).toEqual(
        ['stranger', 'ann'].map((userId) => ({
          field: 'visibleTo',
          message: `${userId} is not a contact`,
        })),
      );
      expect(await texts('ann', place)).not.toContain('lost');
    }
  });
});

describe('a body', () => {
  test.each([
    [{}, ['text']],
    [{ text: ' ' }, ['text']],
    [{ text: 'x'.repeat(4_001), visibleTo: 'all' }, ['text', 'visibleTo']],
    [{ text: 'a', visibleTo: [] }, ['visibleTo']],
    [{ text: 'a', visibleTo: ['bob', 'a b', 1] }, ['visibleTo[1]', 'visibleTo[2]']],
    [{ text: 'a', visibleTo: { userId: 'bob' }, link: 'x' }, ['link', 'visibleTo']],
    [{ text: 'a', visibleTo: null }, ['visibleTo']],
  ])('%# is refused by field', async (body, fields) => {
    for (const place of ['feed', 'microblog']) {
      const said = await under.ask('ann', 'POST', `/v1/${place}`, body);
      expect([said.status, fieldsOf(said)]).toEqual([400, fields]);
    }
  });

  test('bad cursors', async () => {
    for (const place of ['feed', 'microblog']) {
      const said = await under.ask('ann', 'GET', `/v1/${place}?cursor=abc`);
      expect([said.status, fieldsOf(said)]).toEqual([400, ['cursor']]);
    }
  });
});

test('one post of each of many friends, page by page', async () => {
  const others = Array.from({ length: 9 }, (_, i) => `each${i}`);
  await under.befriend('reads', ...others);
  for (const userId of others) await publish(userId, 'feed', `of ${userId}`);
  const newestFirst = others.map((userId) => `of ${userId}`).toReversed();
  for (const limit of [1, 2, 5]) expect(await texts('reads', 'feed', limit)).toEqual(newestFirst);
});

test('timelines show exactly what the rules say, whatever the page size', async () => {
  // Friendships, blocks and posts of a small crowd, drawn from a fixed sequence, against the rules in plain words.
  let seed = 7;
  const draw = (n: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * n);
  };
  const crowd = Array.from({ length: 9 }, (_, i) => `n${i}`);
  const friends = new Set<string>();
  const blocked = new Set<string>();
  for (const [i, a] of crowd.entries()) {
    for (const b of crowd.slice(i + 1)) {
      const kind = draw(10);
      if (kind < 6) {
        await under.befriend(a, b);
        friends.add(`${a} ${b}`).add(`${b} ${a}`);
      } else if (kind === 6) {
        await under.ask(a, 'PUT', `/v1/contacts/${b}/block`);
        blocked.add(`${a} ${b}`).add(`${b} ${a}`);
      }
    }
  }
  interface Known {
    readonly author: string;
    readonly text: string;
    readonly visibleTo: 'friends' | 'public' | string[];
  }
  const made: Known[] = [];
  for (let n = 0; n < 120; n += 1) {
    // A few write nearly everything.
    const author = crowd[draw(3) === 0 ? draw(crowd.length) : draw(2)]!;
    const known = crowd.filter((other) => friends.has(`${author} ${other}`));
    const kind = draw(3);
    const chosen = known.filter(() => draw(2) === 0);
    const visibleTo = kind === 0 ? 'public' : kind === 1 && chosen.length > 0 ? chosen : 'friends';
    made.unshift({ author, text: `post ${n}`, visibleTo });
    await publish(author, 'microblog', `post ${n}`, visibleTo);
  }
  // One friendship ends and one begins after all was said.
  const [ended] = [...friends];
  const [left, right] = ended!.split(' ') as [string, string];
  await under.ask(left, 'DELETE', `/v1/contacts/${right}`);
  friends.delete(ended!);
  friends.delete(`${right} ${left}`);

  for (const reader of crowd) {
    const expected = made.filter(({ author, visibleTo }) => {
      if (author === reader) return true;
      if (blocked.has(`${author} ${reader}`)) return false;
      if (visibleTo === 'public') return true;
      if (!friends.has(`${author} ${reader}`)) return false;
      return visibleTo === 'friends' || visibleTo.includes(reader);
    });
    for (const limit of [1 + draw(7), 50]) {
      const seen = (await texts(reader, 'microblog', limit)).filter((text) =>
        text.startsWith('post '),
      );
      expect(seen).toEqual(expected.map(({ text }) => text));
    }
  }
});
