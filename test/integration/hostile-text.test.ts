/** What people write is stored as it is and rendered inert; what cannot be stored is a 400. (E6, E7) */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshDatabase, type TestDatabase } from '../setup/database.ts';
import {
  activeBatch,
  clientOf,
  startServer,
  type Client,
  type TestServer,
} from '../setup/server.ts';

let database: TestDatabase;
let server: TestServer;
let ann: Client;
let bob: Client;
let groupId: string;
beforeAll(async () => {
  database = await freshDatabase();
  server = await startServer({ DATABASE_URL: database.url, THREADS: '1' });
  ann = await clientOf(server.url, 'ann');
  bob = await clientOf(server.url, 'bob');
  await ann.post('/v1/contacts', { userId: 'bob' });
  await bob.post('/v1/contacts/ann/accept');
  const group = await ann.post('/v1/groups', { name: 'g', members: ['bob'] });
  groupId = group.body['id'] as string;
});
afterAll(async () => {
  await server.end('SIGTERM');
  await database.drop();
});

const oneLine: [string, string][] = [
  ['markup', '<script>alert(1)</script><img src=x onerror=alert(1)>'],
  ['quotes that end strings', `"'\`\\"}],</p>-->]]>`],
  ['SQL', `'; DROP TABLE batch; -- $1 %s`],
  ['escapes that must stay text', '\\u0000 \\x00 %00 &lt;b&gt; &#0; \\uD83D'],
  ['templates', '${7*7} {{constructor}} %{x} #{x}'],
  ['family with joiners, flags, skin', '👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🧧🏽'],
  ['right-to-left with marks', '\u200Fשלום\u200E, مرحبا\u061C!'],
  ['decomposed and composed', 'e\u0301 is not é'],
  ['stacked marks', 'z\u0335\u0321\u0327\u0322a\u0336\u0328l\u0337g\u0338o'],
  ['byte order mark and non-characters', '\uFEFFx\uFFFE\uFFFF\u{10FFFF}'],
  ['spaces at the ends', '  \u00A0\u3000x  '],
  ['prototype names', '__proto__ constructor toString'],
];
const manyLines: [string, string][] = [
  ...oneLine,
  ['line breaks of all kinds', 'a\nb\r\nc\rd\te\u2028f\u2029g'],
  ['direction overrides', 'pay \u202E001\u202C \u2066x\u2069'],
];
const unstorable: [string, string][] = [
  ['NUL', 'a\u0000b'],
  ['a lone high surrogate', 'a\uD83D'],
  ['a lone low surrogate', '\uDE00a'],
  ['escape', '\u001B[2J'],
  ['C1', 'a\u0085b'],
];

/** Items of a page, after a look at how it is served. */
async function items(client: Client, path: string) {
  const { status, headers, body } = await client.get(path);
  expect([path, status]).toEqual([path, 200]);
  expect(headers.get('content-type')).toBe('application/json');
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  return body['items'] as Record<string, unknown>[];
}

describe('greetings', () => {
  test.each(oneLine)('%s', async (_name, greeting) => {
    const batch = { mode: 'fixed', count: 2, each: 1, greeting };
    const id = await activeBatch(server.url, ann, 'ann', batch, ['bob']);
    expect((await bob.get(`/v1/batches/${id}`)).body['greeting']).toBe(greeting);
    expect((await bob.post(`/v1/batches/${id}/claims`)).status).toBe(201);
    expect((await items(bob, '/v1/me/received'))[0]?.['greeting']).toBe(greeting);
    expect((await items(ann, '/v1/me/sent'))[0]?.['greeting']).toBe(greeting);
  });

  test.each([...unstorable, ...manyLines.slice(oneLine.length)])(
    '%s is refused, for it would change what stands beside it',
    async (_name, greeting) => {
      const refused = await ann.post('/v1/batches', { mode: 'fixed', count: 2, each: 1, greeting });
      expect([refused.status, refused.body['code']]).toEqual([400, 'invalid_request']);
      expect(refused.body['errors']).toMatchObject([{ field: 'greeting' }]);
    },
  );
});

describe('messages and posts', () => {
  test.each(manyLines)('%s', async (_name, text) => {
    const said = await ann.post('/v1/messages', { to: { groupId }, text });
    expect([said.status, said.body['text']]).toEqual([201, text]);
    expect((await items(bob, `/v1/conversations/${groupId}/messages?limit=1`))[0]).toEqual(
      said.body,
    );
    const [first] = await items(bob, '/v1/conversations');
    expect(first?.['lastMessage']).toEqual(said.body);
    for (const place of ['/v1/feed', '/v1/microblog']) {
      const posted = await ann.post(place, { text });
      expect([posted.status, posted.body['text']]).toEqual([201, text]);
      expect((await items(bob, place))[0]).toEqual(posted.body);
    }
  });

  test.each(unstorable)('%s is refused and leaves nothing', async (_name, text) => {
    const before = [await items(bob, '/v1/conversations'), await items(bob, '/v1/feed')];
    for (const [path, body] of [
      ['/v1/messages', { to: { groupId }, text }],
      ['/v1/feed', { text }],
      ['/v1/microblog', { text }],
    ] as const) {
      const refused = await ann.post(path, body);
      expect([path, refused.status]).toEqual([path, 400]);
      expect(refused.body['errors']).toMatchObject([{ field: 'text' }]);
      expect(refused.headers.get('x-content-type-options')).toBe('nosniff');
    }
    expect([await items(bob, '/v1/conversations'), await items(bob, '/v1/feed')]).toEqual(before);
  });
});

describe('names', () => {
  test.each(oneLine)('%s', async (_name, text) => {
    const name = [...text].slice(0, 60).join('');
    const { body } = await ann.call('PUT', '/v1/me', { name, about: text });
    expect([body['name'], body['about']]).toEqual([name, text]);
    expect((await items(bob, '/v1/contacts'))[0]?.['name']).toBe(name);
    const group = await ann.post('/v1/groups', { name, members: ['bob'] });
    expect((await bob.get(`/v1/groups/${group.body['id'] as string}`)).body['name']).toBe(name);
  });
});

describe('trade groups', () => {
  test.each(oneLine)('%s', async (_name, text) => {
    const name = [...text].slice(0, 60).join('');
    const made = await ann.post('/v1/trade-groups', { name, invite: ['bob'] });
    expect([made.status, made.body['name']]).toEqual([201, name]);
    expect((await items(bob, '/v1/invitations'))[0]?.['groupName']).toBe(name);
    const types = [{ name, criteria: { categories: [text], keywords: [text] } }];
    const path = `/v1/trade-groups/${String(made.body['id'])}/settings`;
    const put = await ann.call('PUT', path, { accounts: [], types });
    expect([put.status, put.body]).toEqual([200, { accounts: [], types }]);
    expect((await ann.get(path)).body).toEqual({ accounts: [], types });
  });

  test.each(unstorable)('%s is refused by field', async (_name, text) => {
    const refused = await ann.post('/v1/trade-groups', { name: text, invite: ['bob'] });
    expect([refused.status, refused.body['errors']]).toMatchObject([400, [{ field: 'name' }]]);
  });
});

describe('where text is not asked for', () => {
  test.each([
    ['GET', '/v1/batches/1%00'],
    ['GET', '/v1/batches/424242?k=%00'],
    ['GET', '/v1/batches/1/claims?cursor=%00'],
    ['GET', '/v1/accounts/%00/entries'],
    ['GET', `/v1/groups/1'--`],
    ['GET', '/v1/conversations/%ED%A0%BD/messages'],
    ['POST', '/v1/contacts/a%00b/accept'],
    ['DELETE', '/v1/contacts/%3Cscript%3E'],
    ['GET', '/r/%3Cscript%3Ealert(1)%3C/script%3E'],
    ['GET', '/<script>'],
  ])('%s %s is the client’s fault, said in JSON', async (method, path) => {
    const { status, headers, body } = await ann.call(method, path);
    expect([path, status >= 400 && status < 500]).toEqual([path, true]);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(JSON.stringify(body)).not.toContain('script>');
  });

  test('a NUL in the key of a link is a wrong key', async () => {
    const id = await activeBatch(server.url, ann, 'ann', { mode: 'fixed', count: 2, each: 1 }, []);
    await ann.post(`/v1/batches/${id}/audience`, { channel: 'qr', anyone: true });
    const claim = await bob.post(`/v1/batches/${id}/claims`, { key: 'a\u0000b' });
    expect([claim.status, claim.body['code']]).toEqual([403, 'bad_key']);
  });

  test('the landing page shows the id and nothing else of the link', async () => {
    const answer = await fetch(`${server.url}/r/7?k="><script>alert(1)</script>&greeting=<b>x`);
    expect(answer.status).toBe(200);
    const html = await answer.text();
    expect(html).toContain('<h1>Red packet 7</h1>');
    expect(html.toLowerCase()).not.toMatch(/<script|alert|<b>|greeting/);
    expect(answer.headers.get('content-security-policy')).toMatch(/^default-src 'none';/);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    const greeting = oneLine[0]![1];
    const batch = { mode: 'fixed', count: 2, each: 1, greeting };
    const id = await activeBatch(server.url, ann, 'ann', batch, []);
    const page = await (await fetch(`${server.url}/r/${id}`)).text();
    expect(page.replaceAll(id, '7')).toBe(html);
  });
});
