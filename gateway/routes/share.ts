/** The link through the five channels. (E7 ¶106–120, E8 ¶121–127) */
import type { Tx } from '../../engine/books/types.ts';
import type { Visibility } from '../../engine/social/types.ts';
import type { AppDeps } from '../deps.ts';
import { assertNever } from '../http.ts';
import { tagOf } from '../idempotency.ts';
import { route, type Route } from '../route.ts';
import * as fields from '../schemas/fields.ts';
import { shared } from '../schemas/share-answers.ts';
import { shareBody, type ShareBody } from '../schemas/share-requests.ts';
import type { RollingQuota } from '../rolling-quota.ts';
import { Share, type Posted, type Sharing, type Shown } from '../share.ts';
import { ShareGate } from '../share-gate.ts';
import { strangersRefusal } from './groups.ts';

type Of<C extends ShareBody['channel']> = Extract<ShareBody, { readonly channel: C }>;

const nobody = {
  to: undefined,
  field: 'to',
  named: [],
  anyone: false,
  readBySettled: false,
} as const;

/** A message of its own for each contact: in the order of their ids, so that no two shares wait for each other. */
function toContacts({ social }: AppDeps, senderId: string, body: Of<'im'>): Sharing {
  const { channel, text } = body;
  const userIds = [...new Set(body.to)];
  const post = async (tx: Tx, { link, greeting }: Shown): Promise<Posted> => {
    const ids = new Map<string, string>();
    for (const userId of userIds.toSorted()) {
      const message = { senderId, to: { userId }, text: text ?? greeting, link };
      const result = await social.postMessage(tx, message);
      if (result.code !== 'posted') {
        // No contact any more.
        return { refusal: strangersRefusal({ code: 'not_contacts', userIds: [userId] }, 'to') };
      }
      ids.set(userId, result.message.id);
    }
    const messageIds = userIds.map((userId) => ids.get(userId));
    const several = messageIds.length > 1 ? { messageIds } : {};
    return { body: { messageId: messageIds[0], ...several } };
  };
  return { ...nobody, channel, to: { kind: 'contacts', userIds }, post };
}

function toGroup({ social }: AppDeps, senderId: string, body: Of<'group'>): Sharing {
  const { channel, groupId, text } = body;
  const post = async (tx: Tx, { link, greeting }: Shown): Promise<Posted> => {
    const message = { senderId, to: { groupId }, text: text ?? greeting, link };
    const result = await social.postMessage(tx, message);
    return result.code === 'posted'
      ? { body: { messageId: result.message.id } }
      : { refusal: { code: 'group_not_found' } };
  };
  return { ...nobody, channel, to: { kind: 'group', groupId }, post };
}

/** Friends of this moment; chosen ones; or, in the microblog, everybody. */
function toReaders(
  { social }: AppDeps,
  authorId: string,
  body: Of<'feed'> | Of<'microblog'>,
): Sharing {
  const { channel: place, text } = body;
  const visibleTo: Visibility = body.visibleTo;
  const post = async (tx: Tx, { link, greeting }: Shown): Promise<Posted> => {
    const said = { place, authorId, visibleTo, text: text ?? greeting, link };
    const result = await social.publish(tx, said);
    return result.code === 'published'
      ? { body: { postId: result.post.id } }
      : { refusal: strangersRefusal(result, 'visibleTo') };
  };
  const common = { ...nobody, channel: place, field: 'visibleTo', post } as const;
  if (visibleTo === 'public') return { ...common, anyone: true };
  if (visibleTo === 'friends') return { ...common, to: { kind: 'friends' }, readBySettled: true };
  return { ...common, to: { kind: 'contacts', userIds: visibleTo } };
}

/** Nothing is posted: the sender shows the code. Who scans it may be no friend. */
function toScanners({ options }: AppDeps, batchId: string, body: Of<'qr'>): Sharing {
  const qr = `${options.publicUrl}/v1/batches/${batchId}/qr.svg`;
  const post = () => Promise.resolve({ body: { qr } });
  const named = 'to' in body ? body.to : [];
  return { ...nobody, channel: body.channel, named, anyone: 'anyone' in body, post };
}

function sharingOf(deps: AppDeps, senderId: string, batchId: string, body: ShareBody): Sharing {
  switch (body.channel) {
    case 'im':
      return toContacts(deps, senderId, body);
    case 'group':
      return toGroup(deps, senderId, body);
    case 'feed':
    case 'microblog':
      return toReaders(deps, senderId, body);
    case 'qr':
      return toScanners(deps, batchId, body);
    default:
      return assertNever(body);
  }
}

/**
 * `POST /v1/batches/{id}/share`
 *
 * @param quota of messages
 */
export function shareRoutes(deps: AppDeps, quota: RollingQuota | undefined): Route[] {
  const gate = new ShareGate(deps.social, quota);
  return [
    route({
      method: 'POST',
      path: '/v1/batches/:id/share',
      tag: 'Batches',
      summary: 'Send the link through a channel; who gets it may claim (E7, E8)',
      auth: 'user',
      idempotent: true,
      params: { id: fields.batchId },
      pathRefusal: 'batch_not_found',
      atOwner: true,
      body: shareBody,
      answers: { 201: { description: 'Sent, and the association is stored.', schema: shared } },
      problems: [
        'batch_not_found',
        'not_sender',
        'not_active',
        'expired',
        'exhausted',
        'audience_full',
        'not_contacts',
        'group_not_found',
        'idempotency_key_reused',
        'idempotency_in_progress',
        'rate_limited',
        'overloaded',
        'unknown',
        'quarantined',
      ],
      handle({ caller, requestId, path, body, idempotencyKey }) {
        const { userId } = caller;
        const scope = `POST /v1/batches/${path.id}/share`;
        const once = { userId, requestId, scope, tag: tagOf(idempotencyKey, body) };
        const sharing = sharingOf(deps, userId, path.id, body);
        const share = () => new Share(deps, path.id, once, sharing).run();
        return gate.pass(once, body.channel !== 'qr', share);
      },
    }),
  ];
}
