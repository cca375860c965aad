/**
 * The document's embodiment, paragraphs 74 to 93, over HTTP and pushes alone: Linking makes a trade-sharing group, Mary and
 * Tom are invited, Joy asks to be let in; their trades on two platforms come by all three paths, are shown to the group
 * with their links, are commented on, and stand in the information bar. (T1–T14)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { deliver } from '../../workers/sandbox/platform-push.ts';
import { secretOf } from '../contract/trade-platform-support.ts';
import { freshDatabase } from '../setup/database.ts';
import { type Client, clientOf, freePort, startServer, testSecret } from '../setup/server.ts';
import { StreamReader } from '../setup/stream-reader.ts';
import { createTokenSigner } from '../../gateway/auth.ts';
import { systemClock } from '../../engine/adapters/clock.ts';
import { audience } from '../gateway/harness.ts';
import { sandboxPlatform } from './trade-worker-support.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- the shape is what is tested
type Json = any;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});
const soon = { timeout: 30_000, interval: 50 };
const people = ['linking', 'mary', 'tom', 'joy'] as const;
type Person = (typeof people)[number];

async function world() {
  // One platform that pushes, and knows user ids as accounts; one that is polled.
  const mall = await sandboxPlatform('generic', { paths: ['push', 'same'], title: '淘宝商城' });
  closers.push(() => mall.close());
  const shop = await sandboxPlatform('shop', { paths: ['poll'], pollIntervalSeconds: 1 });
  closers.push(() => shop.close());
  const database = await freshDatabase();
  closers.push(() => database.drop());
  const port = String(await freePort());
  const env = {
    DATABASE_URL: database.url,
    PORT: port,
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    THREADS: '1',
    CARD_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    TRADE_PLATFORMS: JSON.stringify([mall.config, shop.config]),
  };
  const server = await startServer(env);
  closers.push(() => server.end('SIGTERM'));

  const clients = new Map<string, Client>();
  const readers = new Map<string, StreamReader>();
  const sign = createTokenSigner({ audience, secret: testSecret }, systemClock);
  for (const person of [...people, 'eve']) {
    clients.set(person, await clientOf(server.url, person));
    const reader = new StreamReader(server.url, await sign({ userId: person, scopes: [] }));
    closers.push(() => reader.stop());
    readers.set(person, reader);
    await reader.opened();
  }
  const call = (person: string, method: string, path: string, body?: unknown) =>
    clients.get(person)!.call(method, path, body);
  const done = async (person: string, method: string, path: string, body?: unknown) => {
    const answer = await call(person, method, path, body);
    expect([method, path, answer.body['code']]).toEqual([method, path, undefined]);
    return answer.body as Json;
  };
  const refused = async (person: string, method: string, path: string, body?: unknown) => {
    const answer = await call(person, method, path, body);
    return [answer.status, answer.body['code']];
  };
  const pushes = (person: string, type?: string) =>
    readers.get(person)!.pushes.filter((push) => type === undefined || push.type === type);
  return { mall, shop, server, call, done, refused, pushes };
}

test(
  'T1–T14: ¶74–¶93 with four members, two platforms and all three paths',
  { timeout: 120_000 },
  async () => {
    const { mall, shop, server, done, refused, pushes } = await world();
    for (const friend of ['mary', 'tom', 'joy']) {
      await done('linking', 'POST', '/v1/contacts', { userId: friend });
      await done(friend, 'POST', '/v1/contacts/linking/accept');
    }

    // ¶76 (T1): a request is validated, a unique id comes back. ¶77 (T2): Mary is invited on the way.
    expect(
      await refused('linking', 'POST', '/v1/trade-groups', { name: '共享一族', invite: [] }),
    ).toEqual([400, 'invalid_request']);
    expect(
      await refused('linking', 'POST', '/v1/trade-groups', { name: '共享一族', invite: ['eve'] }),
    ).toEqual([403, 'not_contacts']);
    const group = await done('linking', 'POST', '/v1/trade-groups', {
      name: '共享一族',
      invite: ['mary'],
    });
    const groupPath = `/v1/trade-groups/${group.id}`;
    await expect.poll(() => pushes('mary', 'invitation.created').length, soon).toBe(1);
    const invitation = pushes('mary', 'invitation.created')[0]!.data as Json;
    expect(invitation).toMatchObject({
      groupId: group.id,
      groupName: '共享一族',
      inviterId: 'linking',
    });
    await done('mary', 'POST', `/v1/invitations/${invitation.id}/accept`);

    // ¶77 (T2): Tom is chosen from the creator's contacts afterwards.
    const candidates = await done('linking', 'GET', `${groupPath}/candidates`);
    expect(candidates.items.map(({ userId }: Json) => userId)).toEqual(['joy', 'tom']);
    const invited = await done('linking', 'POST', `${groupPath}/invitations`, { userIds: ['tom'] });
    await done('tom', 'POST', `/v1/invitations/${invited.items[0].id}/accept`);

    // ¶78 (T3): new members stand under the group's id.
    const members = async (person: Person) =>
      (await done(person, 'GET', groupPath)).members.map(({ userId }: Json) => userId);
    expect(await members('tom')).toEqual(['linking', 'mary', 'tom']);

    // ¶79 (T4): beside Linking, Joy sees the prompt; it asks for her, and once she is in it opens the group.
    const prompt = async () => {
      const { items } = await done('joy', 'GET', '/v1/contacts');
      return items.find(({ userId }: Json) => userId === 'linking').tradeGroups[0];
    };
    expect(await prompt()).toEqual({ id: group.id, name: '共享一族', member: false });
    expect(await refused('joy', 'GET', groupPath)).toEqual([404, 'group_not_found']);
    const asked = await done('joy', 'POST', `${groupPath}/join-requests`);
    await expect.poll(() => pushes('linking', 'join_request.created').length, soon).toBe(1);
    await done('linking', 'POST', `${groupPath}/join-requests/${asked.id}/approve`);
    expect(await prompt()).toMatchObject({ member: true });
    expect(await members('joy')).toEqual(['joy', 'linking', 'mary', 'tom']);

    // ¶80–81 (T5, T6): platforms, accounts with and without secrets, system types and own ones.
    const choice = await done('linking', 'GET', '/v1/trade-platforms');
    expect(choice.items.map(({ title }: Json) => title)).toEqual(['淘宝商城', 'Sandbox']);
    expect(choice.types.map(({ name }: Json) => name)).toContain('electronics');
    for (const account of ['linking-tb', 'mary'])
      mall.sandbox.books.addAccount(account, 'unknown to us');
    shop.sandbox.books.addAccount('17', secretOf('17'));
    const settings = `${groupPath}/settings`;
    const [mallName, shopName] = [mall.config.name, shop.config.name];
    const electronics = [{ name: 'electronics' }];
    await done('linking', 'PUT', settings, {
      accounts: [{ platform: mallName, account: 'linking-tb' }],
      types: electronics,
    });
    await done('mary', 'PUT', settings, {
      accounts: [{ platform: mallName, account: 'mary' }],
      types: [],
    });
    const kept = await done('tom', 'PUT', settings, {
      accounts: [{ platform: shopName, account: '17', secret: secretOf('17') }],
      types: [
        {
          name: '食品',
          criteria: { keywords: ['面包', 'tea'], price: { max: 10_000, currency: 'CNY' } },
        },
      ],
    });
    expect(JSON.stringify(kept)).not.toContain('cs_secret');

    // ¶86 (T8), path A: the mapping reaches the trade server, which pushes with the member's account.
    const webhookUrl = `${server.url}/v1/trade-platforms/${mallName}/webhook`;
    await expect
      .poll(() => mall.sandbox.books.mappings.get('linking-tb'), soon)
      .toEqual({ userId: 'linking', webhookUrl });
    mall.sandbox.books.addTrade('linking-tb', { title: 'Smart TV', price: 399_900 });
    expect(await mall.sandbox.push('generic', 'linking-tb')).toBe(200);
    // ¶82–83 (T7): food is none of the types Linking chose.
    mall.sandbox.books.addTrade('linking-tb', { title: '月饼', categories: ['食品'] });
    expect(await mall.sandbox.push('generic', 'linking-tb')).toBe(200);

    // ¶88 (T10), path C: Mary's account is the same in both systems; no mapping, no name in the push.
    expect(mall.sandbox.books.mappings.has('mary')).toBe(false);
    mall.sandbox.books.addTrade('mary', { title: 'Picture book', categories: ['books'] });
    expect(await deliver(webhookUrl, mall.sandbox.pushOf('generic', 'mary'))).toBe(200);

    // ¶87 (T9), path B: we log in to Tom's shop and ask at the preset frequency. What was bought before is not shown.
    const buy = (title: string, more: object = {}) =>
      shop.sandbox.books.addTrade('17', { title, categories: [], price: 2_500, ...more });
    const titles = async (person: Person) => {
      const { items } = await done(person, 'GET', `${groupPath}/messages`);
      return items.map(({ text }: Json) => text).toReversed();
    };
    await expect.poll(() => shop.sandbox.shop.ordersAsked, soon).toBeGreaterThan(2);
    buy('Green Tea');
    buy('Golden Tea', { price: 10_001 });
    buy('Lamp');
    const shown = ['Smart TV', 'Picture book', 'Green Tea'];
    for (const person of people) await expect.poll(() => titles(person), soon).toEqual(shown);

    // ¶90 (T11): as group messages, pushed to every member, each once.
    for (const person of people) {
      await expect.poll(() => pushes(person, 'trade.shared').length, soon).toBe(3);
      const created = pushes(person, 'message.created').map(({ data }) => (data as Json).text);
      expect(created).toEqual(shown);
      const shared = pushes(person, 'trade.shared').map(({ data }) => data as Json);
      expect(shared.map(({ senderId, types }) => [senderId, types])).toEqual([
        ['linking', ['electronics']],
        ['mary', []],
        ['tom', ['食品']],
      ]);
      expect(shared[0]).toMatchObject({
        groupId: group.id,
        trade: { title: 'Smart TV', price: 399_900, currency: 'CNY', platform: mallName },
      });
    }
    expect(pushes('eve')).toEqual([]);

    // ¶90–91 (T12): the message carries the link; a browser that follows it is led to the trade's page.
    const { items } = await done('joy', 'GET', `${groupPath}/messages`);
    const tv = items.find(({ text }: Json) => text === 'Smart TV');
    expect(tv).toMatchObject({ kind: 'trade', senderId: 'linking', trade: { platform: mallName } });
    const follow = async (url: string) => {
      const answer = await fetch(url, { redirect: 'manual' });
      return [answer.status, answer.headers.get('location')];
    };
    const [status, location] = await follow(tv.link.url);
    expect([status, location]).toEqual([
      302,
      expect.stringMatching(/^https:\/\/shop\.example\/trades\/\d+$/),
    ]);
    expect((await follow(tv.link.url.replace(/\?.*$/, '')))[0]).toBe(404);
    expect(await refused('eve', 'GET', `/v1/trades/${tv.link.tradeId}/link`)).toEqual([
      404,
      'trade_not_found',
    ]);

    // ¶91 (T14): Joy asks about it, in reply.
    const comment = { to: { groupId: group.id }, text: 'Is it any good?', replyTo: tv.id };
    await done('joy', 'POST', '/v1/messages', comment);
    await expect
      .poll(() => (pushes('linking', 'message.created').at(-1)!.data as Json).text, soon)
      .toBe(comment.text);
    expect(pushes('linking', 'message.created').at(-1)!.data).toMatchObject({
      replyTo: tv.id,
      kind: 'text',
    });

    // ¶92 (T13): in the chat with Linking, Mary's information bar shows Linking's trades; strangers see none.
    const bar = async (person: Person, other: Person) => {
      const page = await done(person, 'GET', `/v1/contacts/${other}/trades`);
      return page.items.map(({ trade }: Json) => trade.title);
    };
    expect(await bar('mary', 'linking')).toEqual(['Smart TV']);
    expect(await bar('linking', 'mary')).toEqual(['Picture book']);
    expect(await bar('joy', 'tom')).toEqual(['Green Tea']);
    expect(await refused('eve', 'GET', '/v1/contacts/linking/trades')).toEqual([
      404,
      'contact_not_found',
    ]);

    // ¶93, T5: who leaves shares no more; the platform is told, the secret is gone.
    await done('linking', 'PUT', settings, { accounts: [], types: electronics });
    await done('tom', 'DELETE', `${groupPath}/members`, { members: ['tom'] });
    await expect.poll(() => mall.sandbox.books.mappings.size, soon).toBe(0);
    mall.sandbox.books.addTrade('linking-tb', { title: 'Laptop' });
    const late = mall.sandbox.pushOf('generic', 'linking-tb', { userId: 'linking' });
    expect(await deliver(webhookUrl, late)).toBe(200);
    buy('More tea');
    await sleep(2_500);
    expect(await titles('joy')).toEqual([...shown, comment.text]);
    expect(await refused('tom', 'GET', `${groupPath}/messages`)).toEqual([404, 'group_not_found']);

    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const counted = (name: string, ...labels: string[]) =>
      metrics
        .split('\n')
        .some((line) => line.startsWith(name) && labels.every((label) => line.includes(label)));
    expect(counted('hongbao_trade_polls_total', `platform="${shopName}"`, 'result="polled"')).toBe(
      true,
    );
    expect(counted('hongbao_trade_poll_lag_seconds_count', `platform="${shopName}"`)).toBe(true);
    expect(counted('hongbao_trades_total', 'path="poll"', 'result="shared"')).toBe(true);
    expect(counted('hongbao_trades_total', 'path="same"', 'result="shared"')).toBe(true);
    expect(counted('hongbao_trades_total', 'path="push"', 'result="unmatched"')).toBe(true);
  },
);
