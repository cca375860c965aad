/** `POST /v1/batches/{id}/share`: what each of the five channels takes; anything else is refused by name. (E7) */
import { z } from 'zod';
import { audienceRequestMax, shareToMax } from '../../engine/limits.ts';
import type { BodySpec } from '../validate.ts';
import { userId } from './fields.ts';
import { chosenReaders, conversationId, messageText, postText } from './social-fields.ts';

const list = (max: number) =>
  z
    .array(userId, 'must be a list of user ids')
    .min(1, 'must name at least one user')
    .max(max, `must name at most ${max} users`);
const ofGreeting = { description: 'Shown beside the link; default: the greeting.' };
const said = messageText.optional().meta(ofGreeting);
const posted = postText.optional().meta(ofGreeting);
const chosen = chosenReaders.meta({ description: 'Contacts of the sender.' });
const friends = (words: string) => z.literal('friends', `must be ${words}`).default('friends');
const anyone = (message: string) => z.literal(true, message);

const im = z.strictObject({
  channel: z.literal('im'),
  to: list(shareToMax).meta({ description: 'Contacts; each gets a message of its own.' }),
  text: said,
});
const group = z.strictObject({
  channel: z.literal('group'),
  groupId: conversationId.meta({ description: 'A group of the sender.' }),
  text: said,
});
const feedForFriends = z.strictObject({
  channel: z.literal('feed'),
  visibleTo: friends('friends or a list of user ids'),
  text: posted,
});
const feedForChosen = feedForFriends.extend({ visibleTo: chosen });
const blogForFriends = z.strictObject({
  channel: z.literal('microblog'),
  visibleTo: friends('friends, public or a list of user ids'),
  text: posted,
});
const blogForChosen = blogForFriends.extend({ visibleTo: chosen });
const blogForAll = z.strictObject({
  channel: z.literal('microblog'),
  visibleTo: z
    .literal('public', 'must be public when anyone may claim')
    .default('public')
    .meta({ description: 'Everybody sees the link, so anyone may claim with its key.' }),
  anyone: anyone('must be true for a public post: everybody sees the link'),
  text: posted,
});
const qrForNamed = z.strictObject({
  channel: z.literal('qr'),
  to: list(audienceRequestMax).meta({ description: 'Who may claim; need not be contacts.' }),
});
const qrForAll = z.strictObject({
  channel: z.literal('qr'),
  anyone: anyone('must be true when given'),
});
const names = ['im', 'group', 'feed', 'microblog', 'qr'] as const;
/** Nothing passes it: the channel is another one. */
const unknownChannel = z.looseObject({
  channel: z.enum(names, `must be one of ${names.join(', ')}`),
});

const share = z.union([
  im,
  group,
  feedForFriends,
  feedForChosen,
  blogForFriends,
  blogForChosen,
  blogForAll,
  qrForNamed,
  qrForAll,
]);
export type ShareBody = z.output<typeof share>;

type Raw = Readonly<Record<string, unknown>>;

function pick(raw: Raw): z.ZodType<ShareBody> {
  const isChosen = Array.isArray(raw['visibleTo']);
  switch (raw['channel']) {
    case 'im':
      return im;
    case 'group':
      return group;
    case 'feed':
      return isChosen ? feedForChosen : feedForFriends;
    case 'microblog':
      if (Object.hasOwn(raw, 'anyone') || raw['visibleTo'] === 'public') return blogForAll;
      return isChosen ? blogForChosen : blogForFriends;
    case 'qr':
      return Object.hasOwn(raw, 'anyone') ? qrForAll : qrForNamed;
    default:
      return unknownChannel as unknown as z.ZodType<ShareBody>;
  }
}

export const shareBody: BodySpec<ShareBody> = { schema: share, pick, required: true };
