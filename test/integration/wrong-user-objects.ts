/** Objects of users who are not Mallory, made over HTTP: what the wrong user is sent at. */
import assert from 'node:assert/strict';
import { type CardKey, Vault } from '../../engine/payment/vault.ts';
import type { PlatformConfig } from '../../engine/trade-http/config.ts';
import { genericPush, type Push } from '../../workers/sandbox/platform-push.ts';
import { platformConfig } from './trade-support.ts';
import type { Call, Said } from './wrong-user-support.ts';

/** What a code follows from: the right user knows it. */
export const cardKey: CardKey = { id: 'k1', key: new Uint8Array(32).fill(7) };
/** Its accounts are user ids. */
export const mall: PlatformConfig = platformConfig({ paths: ['same'] });

export interface Objects {
  /** Confirmed; Sam's, for Bob, who claimed, and Cat, who did not. */
  readonly batch: string;
  readonly packet: string;
  /** Confirmed, for anyone with the key. */
  readonly open: { readonly id: string; readonly key: string };
  /** Not confirmed. */
  readonly waiting: string;
  /** Sam's group with Bob and Cat. */
  readonly group: string;
  readonly groupMessage: string;
  /** Of Sam and Bob. */
  readonly direct: string;
  readonly directMessage: string;
  /** Sam's, awaiting verification. */
  readonly withdrawal: { readonly id: string; readonly code: string };
  /** Sam's, with Bob; Fay and Gus asked to be let in. */
  readonly trade: {
    readonly group: string;
    /** Cat's, open; the other one into another group of Sam's. */
    readonly invitation: string;
    readonly otherInvitation: string;
    readonly fayAsks: string;
    readonly gusAsks: string;
    /** Sam's, shown there. */
    readonly shown: string;
    /** As the platform signs it, of the same again. */
    readonly push: Push;
  };
}

type Made = (
  ...asked: [userId: string, method: string, path: string, body?: unknown]
) => Promise<Said['json']>;

async function makeTradeGroup(made: Made, call: Call, at: number): Promise<Objects['trade']> {
  const invite = async (name: string, ...userIds: string[]) => {
    const group = await made('sam', 'POST', '/v1/trade-groups', { name, invite: userIds });
    const idOf = (userId: string): string =>
      group.invitations.find((one: { inviteeId: string }) => one.inviteeId === userId).id;
    return { id: group.id as string, idOf };
  };
  const trade = await invite('trades', 'bob', 'cat');
  const other = await invite('others', 'cat');
  await made('bob', 'POST', `/v1/invitations/${trade.idOf('bob')}/accept`);
  const ask = async (userId: string): Promise<string> =>
    (await made(userId, 'POST', `/v1/trade-groups/${trade.id}/join-requests`)).id;
  const accounts = [{ platform: mall.name, account: 'sam' }];
  await made('sam', 'PUT', `/v1/trade-groups/${trade.id}/settings`, { accounts, types: [] });
  const push = pushOf('first', at);
  const path = `/v1/trade-platforms/${mall.name}/webhook`;
  const pushed = await call(undefined, 'POST', path, JSON.parse(push.body), push.headers);
  assert.deepEqual(pushed, { status: 200, json: { status: 'taken' } });
  const { items } = await made('bob', 'GET', `/v1/trade-groups/${trade.id}/messages`);
  const [message] = items;
  return {
    group: trade.id,
    invitation: trade.idOf('cat'),
    otherInvitation: other.idOf('cat'),
    fayAsks: await ask('fay'),
    gusAsks: await ask('gus'),
    shown: message.link.tradeId,
    push: pushOf('again', at),
  };
}

/** Of one trade of Sam's. */
function pushOf(delivery: string, at: number): Push {
  const [title, categories] = ['Kettle', ['home']];
  const trade = { id: '1', account: 'sam', title, categories, price: 1, currency: 'CNY', at };
  const wire = { ...trade, url: 'https://item.example/1', at: new Date(at).toISOString() };
  const secret = mall.webhookSecret ?? '';
  return genericPush([{ ...trade, raw: wire }], { secret, at, delivery });
}

/** @param at the server's time */
export async function makeObjects(call: Call, at: number): Promise<Objects> {
  const made: Made = async (userId, method, path, body) => {
    const { status, json } = await call(userId, method, path, body);
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  };
  const credit = { userId: 'sam', asset: 'CNY', amount: 10_000, reference: 'till' };
  await made('operator', 'POST', '/v1/operator/deposits', credit);

  for (const friend of ['bob', 'cat', 'fay', 'gus', 'hal']) {
    await made('sam', 'POST', '/v1/contacts', { userId: friend });
    await made(friend, 'POST', '/v1/contacts/sam/accept');
  }
  await made('dee', 'POST', '/v1/contacts', { userId: 'sam' });
  const group = await made('sam', 'POST', '/v1/groups', { name: 'g', members: ['bob', 'cat'] });
  const said = await made('bob', 'POST', '/v1/messages', {
    to: { groupId: group.id },
    text: 'to the group',
  });
  const direct = await made('bob', 'POST', '/v1/messages', { to: { userId: 'sam' }, text: 'hi' });

  const batch = async (audience: object, isConfirmed: boolean) => {
    const lucky = { mode: 'lucky', count: 3, total: 300, greeting: 'for friends' };
    const { id } = await made('sam', 'POST', '/v1/batches', lucky);
    await made('sam', 'POST', `/v1/batches/${id}/audience`, audience);
    if (!isConfirmed) return { id, key: '' };
    const { link } = await made('sam', 'POST', `/v1/batches/${id}/confirm`);
    return { id, key: new URL(link).searchParams.get('k') ?? '' };
  };
  const listed = { channel: 'im', receivers: ['bob', 'cat'] };
  const active = await batch(listed, true);
  const open = await batch({ channel: 'qr', anyone: true }, true);
  const waiting = await batch(listed, false);
  const claimed = await made('bob', 'POST', `/v1/batches/${active.id}/claims`);
  const card = { holderName: 'Sam Li', cardNumber: '6222021234567890128', bank: 'Bank of Tests' };
  await made('sam', 'PUT', '/v1/payment/registration', card);
  const held = { asset: 'CNY', amount: 1_000 };
  const { id: withdrawalId } = await made('sam', 'POST', '/v1/withdrawals', held);
  const code = new Vault([cardKey]).code(cardKey.id, withdrawalId);
  const trade = await makeTradeGroup(made, call, at);
  return {
    trade,
    batch: active.id,
    packet: claimed.packetId,
    open,
    waiting: waiting.id,
    group: group.id,
    groupMessage: said.id,
    direct: direct.conversationId,
    directMessage: direct.id,
    withdrawal: { id: withdrawalId, code },
  };
}
