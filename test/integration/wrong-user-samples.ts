/** For each route that names an object, the request that only the right user may make of it. */
import { mall, type Objects } from './wrong-user-objects.ts';
import type { Samples } from './wrong-user-support.ts';

/** They name no object of a user, or are how one comes in. */
export const withoutToken = [
  'postV1DevTokens',
  'getRId',
  'getV1TradesIdLink',
  'postV1TradePlatformsPlatformWebhook',
  'getLivez',
  'getReadyz',
  'getMetrics',
  'getOpenapiJson',
];

const ownRelation = 'it is about how the caller stands to that user, not about anything of theirs';

/** In an order in which the entitled can make them one after the other. */
export function samplesOf(objects: Objects): Samples {
  const { batch, packet, open, waiting, group, groupMessage, direct, directMessage, withdrawal } =
    objects;
  const ofBatch = { path: { id: batch } };
  const ofGroup = { path: { id: group } };
  const notClaimed = {
    why: 'API.md: 409 not_claimed; it tells of the caller alone, and not whether others hold packets',
    status: 409,
  };
  return {
    getV1BatchesId: [
      { ...ofBatch, entitled: 'bob' },
      { path: { id: waiting }, entitled: 'cat' },
      { path: { id: open.id }, query: '?k=wrong', entitled: 'sam' },
    ],
    getV1BatchesIdClaims: [{ ...ofBatch, entitled: 'cat' }],
    getV1BatchesIdQrSvg: [
      { ...ofBatch, entitled: 'sam' },
      { ...ofBatch, entitled: 'sam', wrong: 'bob' },
    ],
    getV1BatchesIdQrPng: [
      { ...ofBatch, entitled: 'sam' },
      { ...ofBatch, entitled: 'sam', wrong: 'bob' },
    ],
    postV1BatchesIdConfirm: [
      { path: { id: waiting }, body: {}, entitled: 'sam' },
      { path: { id: waiting }, body: {}, entitled: 'sam', wrong: 'bob' },
    ],
    postV1BatchesIdAudience: [
      { ...ofBatch, body: { channel: 'im', receivers: ['mallory'] }, entitled: 'sam' },
      { ...ofBatch, body: { channel: 'qr', anyone: true }, entitled: 'sam', wrong: 'bob' },
      {
        path: { id: waiting },
        body: { channel: 'im', receivers: ['mallory'] },
        entitled: 'sam',
      },
    ],
    postV1BatchesIdShare: [
      { ...ofBatch, body: { channel: 'qr', to: ['mallory'] }, entitled: 'sam' },
      { ...ofBatch, body: { channel: 'group', groupId: group }, entitled: 'sam', wrong: 'bob' },
    ],
    postV1BatchesIdClaims: [
      { ...ofBatch, body: {}, entitled: 'cat' },
      {
        path: { id: open.id },
        body: { key: 'wrong' },
        entitled: 'cat',
        entitledBody: { key: open.key },
      },
      { path: { id: open.id }, body: {}, entitled: 'cat', entitledBody: { key: open.key } },
    ],
    postV1BatchesIdOpen: [
      { ...ofBatch, body: {}, entitled: 'bob', exception: notClaimed },
      { ...ofBatch, body: { packetId: packet }, entitled: 'bob', exception: notClaimed },
    ],
    getV1AccountsAssetEntries: [
      {
        path: { asset: 'CNY' },
        entitled: 'sam',
        exception: {
          why: 'an asset is nobody’s; the entries are the caller’s own',
          status: 200,
          body: { items: [] },
        },
      },
    ],
    getV1GroupsId: [{ ...ofGroup, entitled: 'cat' }],
    getV1ConversationsIdMessages: [
      { ...ofGroup, entitled: 'cat' },
      { path: { id: direct }, entitled: 'sam' },
      { path: { id: direct }, entitled: 'sam', wrong: 'cat' },
    ],
    putV1ConversationsIdRead: [
      { ...ofGroup, body: { messageId: groupMessage }, entitled: 'cat' },
      { path: { id: direct }, body: { messageId: directMessage }, entitled: 'sam', wrong: 'cat' },
    ],
    getV1WithdrawalsId: [{ path: { id: withdrawal.id }, entitled: 'sam' }],
    postV1WithdrawalsIdVerification: [
      { path: { id: withdrawal.id }, body: { code: withdrawal.code }, entitled: 'sam' },
    ],
    postV1Messages: [
      { body: { to: { groupId: group }, text: 'x' }, entitled: 'cat' },
      { body: { to: { userId: 'sam' }, text: 'x' }, entitled: 'cat' },
      {
        body: { to: { groupId: group }, text: 'x', replyTo: groupMessage },
        entitled: 'cat',
      },
    ],
    postV1Groups: [{ body: { name: 'mine', members: ['sam'] }, entitled: 'bob' }],
    postV1Feed: [{ body: { text: 'x', visibleTo: ['sam'] }, entitled: 'bob' }],
    postV1Microblog: [{ body: { text: 'x', visibleTo: ['sam'] }, entitled: 'bob' }],
    postV1GroupsIdMembers: [{ ...ofGroup, body: { members: ['cat'] }, entitled: 'sam' }],
    deleteV1GroupsIdMembers: [
      { ...ofGroup, body: { members: ['cat'] }, entitled: 'sam' },
      { ...ofGroup, body: { members: ['cat'] }, entitled: 'sam', wrong: 'bob' },
      { ...ofGroup, body: { members: ['mallory'] }, entitled: 'sam' },
    ],
    ...tradeSamples(objects.trade),
    postV1ContactsUserIdAccept: [
      { path: { userId: 'dee' }, body: {}, entitled: 'sam' },
      // Who asked does not accept.
      { path: { userId: 'sam' }, body: {}, entitled: 'bob', wrong: 'dee' },
    ],
    deleteV1ContactsUserId: [
      {
        path: { userId: 'sam' },
        entitled: 'bob',
        exception: { why: ownRelation, status: 200, body: { userId: 'sam', state: 'none' } },
      },
    ],
    putV1ContactsUserIdBlock: [
      {
        path: { userId: 'sam' },
        entitled: 'bob',
        exception: {
          why: ownRelation,
          status: 200,
          body: { userId: 'sam', state: 'blocked' },
          own: { table: 'public.contact', column: 'user_id' },
        },
      },
    ],
    deleteV1ContactsUserIdBlock: [
      {
        path: { userId: 'sam' },
        entitled: 'bob',
        exception: {
          why: ownRelation,
          status: 200,
          body: { userId: 'sam', state: 'none' },
          own: { table: 'public.contact', column: 'user_id' },
        },
      },
    ],
    getRId: [
      {
        path: { id: batch },
        entitled: 'sam',
        exception: {
          why: 'the link leads there; whether the batch exists is not told',
          status: 200,
        },
      },
    ],
    postV1OperatorDeposits: [
      {
        body: { userId: 'mallory', asset: 'CNY', amount: 1, reference: 'own' },
        entitled: 'operator',
      },
    ],
    getV1OperatorAudit: [{ entitled: 'operator' }],
  };
}

/** Bob is a member, Cat is invited, Fay and Gus ask, Hal only sees the prompt. */
function tradeSamples(trade: Objects['trade']): Samples {
  const path = { id: trade.group };
  const settings = { accounts: [], types: [{ name: 'home' }] };
  const [fay, gus] = [trade.fayAsks, trade.gusAsks].map((requestId) => ({ ...path, requestId }));
  return {
    getV1TradeGroupsId: [{ path, entitled: 'bob' }],
    getV1TradesIdLink: [
      { path: { id: trade.shown }, entitled: 'bob' },
      { path: { id: trade.shown }, query: '?k=wrong', entitled: 'sam' },
      { path: { id: trade.shown }, entitled: 'sam', wrong: 'cat' },
    ],
    getV1ContactsUserIdTrades: [{ path: { userId: 'sam' }, entitled: 'bob' }],
    postV1TradePlatformsPlatformWebhook: [
      {
        path: { platform: mall.name },
        body: JSON.parse(trade.push.body),
        entitled: 'the-mall',
        entitledHeaders: trade.push.headers,
      },
    ],
    getV1TradeGroupsIdMessages: [{ path, entitled: 'bob' }],
    getV1TradeGroupsIdCandidates: [
      { path, entitled: 'sam' },
      { path, entitled: 'sam', wrong: 'bob' },
    ],
    getV1TradeGroupsIdJoinRequests: [
      { path, entitled: 'sam' },
      { path, entitled: 'sam', wrong: 'bob' },
      { path, entitled: 'sam', wrong: 'fay' },
    ],
    getV1TradeGroupsIdSettings: [
      { path, entitled: 'bob' },
      { path, entitled: 'bob', wrong: 'cat' },
    ],
    putV1TradeGroupsIdSettings: [
      { path, body: settings, entitled: 'bob' },
      { path, body: settings, entitled: 'bob', wrong: 'cat' },
    ],
    postV1TradeGroups: [{ body: { name: 'mine', invite: ['sam'] }, entitled: 'bob' }],
    postV1TradeGroupsIdInvitations: [
      { path, body: { userIds: ['hal'] }, entitled: 'sam' },
      { path, body: { userIds: ['hal'] }, entitled: 'sam', wrong: 'bob' },
    ],
    postV1InvitationsIdAccept: [
      { path: { id: trade.invitation }, body: {}, entitled: 'cat' },
      { path: { id: trade.invitation }, body: {}, entitled: 'cat', wrong: 'bob' },
    ],
    postV1InvitationsIdDecline: [
      { path: { id: trade.otherInvitation }, body: {}, entitled: 'cat' },
      { path: { id: trade.otherInvitation }, body: {}, entitled: 'cat', wrong: 'sam' },
    ],
    postV1TradeGroupsIdJoinRequests: [{ path, body: {}, entitled: 'hal' }],
    postV1TradeGroupsIdJoinRequestsRequestIdApprove: [
      { path: fay!, body: {}, entitled: 'sam' },
      { path: fay!, body: {}, entitled: 'sam', wrong: 'bob' },
      { path: fay!, body: {}, entitled: 'sam', wrong: 'fay' },
    ],
    postV1TradeGroupsIdJoinRequestsRequestIdDecline: [
      { path: gus!, body: {}, entitled: 'sam' },
      { path: gus!, body: {}, entitled: 'sam', wrong: 'bob' },
    ],
    deleteV1TradeGroupsIdMembers: [
      { path, body: { members: ['bob'] }, entitled: 'sam' },
      { path, body: { members: ['mallory'] }, entitled: 'sam' },
      { path, body: { members: ['sam'] }, entitled: 'sam', wrong: 'bob' },
    ],
  };
}
