/** Fields of people, groups, messages and posts. (E7, E10) */
import { z } from 'zod';
import {
  aboutLengthMax,
  chosenReadersMax,
  conversationIdPattern,
  groupMembersMax,
  groupNameLengthMax,
  messageIdPattern,
  messageLengthMax,
  personNameLengthMax,
  postLengthMax,
} from '../../engine/limits.ts';
import { userId } from './fields.ts';

/** Names stand within other people's sentences: one line that cannot turn round what is written beside it. */
const forbiddenInName = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;
/** Texts have lines; no other control characters. NUL could not even be stored. */
// oxlint-disable-next-line no-control-regex -- that is what it is for
const forbiddenInText = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]/;

/** Something to be seen: neither space nor characters without a shape. U+2800 is a Braille cell without dots. */
const visible = /[^\s\p{Default_Ignorable_Code_Point}\u2800]/u;
const notBlank = [(text: string) => visible.test(text), { message: 'must not be blank' }] as const;

/** In code points, counted only where the cheap count leaves it open. */
const fits = (text: string, max: number): boolean =>
  text.length <= max || (text.length <= 2 * max && [...text].length <= max);

function kept(max: number, forbidden: RegExp, what: string) {
  return z
    .string('must be a string')
    .refine((text) => fits(text, max), { message: `must be at most ${max} characters` })
    .refine((text) => text.isWellFormed() && !forbidden.test(text), {
      message: `must not hold ${what}`,
    })
    .meta({ maxLength: max, description: 'Plain text, kept exactly as sent.' });
}

/** A name of at most so many characters. */
export const name = (max: number) =>
  kept(max, forbiddenInName, 'control or direction-changing characters').refine(...notBlank);
const lines = (max: number) => kept(max, forbiddenInText, 'control characters');
const said = (max: number) => lines(max).refine(...notBlank);

export const personName = name(personNameLengthMax);
export const groupName = name(groupNameLengthMax);
export const about = lines(aboutLengthMax);
export const messageText = said(messageLengthMax);
export const postText = said(postLengthMax);

const userIds = (max: number) =>
  z.array(userId, 'must be a list of user ids').max(max, `must name at most ${max} users`);
/** Of a new group: its owner need not be named. */
export const newMembers = userIds(groupMembersMax);
export const members = userIds(groupMembersMax).min(1, 'must name at least one user');
export const chosenReaders = userIds(chosenReadersMax).min(1, 'must name at least one user');

/** Groups and conversations share their ids. */
export const conversationId = z
  .string('must be a string')
  .regex(conversationIdPattern, 'is not an id of a conversation or group');
export const messageId = z
  .string('must be a string')
  .regex(messageIdPattern, 'is not a message id')
  .meta({ description: '`<conversation id>-<number>`; numbers rise by one.' });
export const contactState = z.enum(
  ['requested', 'asked', 'accepted', 'blocked'],
  'must be requested, asked, accepted or blocked',
);
