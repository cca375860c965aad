/** Contacts: asked for, accepted, ended, blocked; every change of a pair is made under the pair's lock. (E7, E10) */
import type { Tx } from '../books/types.ts';
import { connectionOf } from '../books/context.ts';
import type { Connection } from '../store/statements.ts';
import { type SocialContext, write } from './context.ts';
import type { AcceptContactResult, ContactState, RequestContactResult, Standing } from './types.ts';

/** As stored; see the table. */
export const contactCode = { requested: 1, asked: 2, accepted: 3, blocked: 4 } as const;
export const contactStateOf: readonly (ContactState | undefined)[] = [
  undefined,
  'requested',
  'asked',
  'accepted',
  'blocked',
];

interface Pair {
  readonly mine: ContactState | undefined;
  readonly theirs: ContactState | undefined;
}

/**
 * Both directions, locked until the transaction ends: rows that do not exist yet cannot be locked, and two requests
 * that cross must see each other. A transaction takes one pair only, so these locks cannot deadlock.
 */
async function lockPair(connection: Connection, userId: string, otherId: string): Promise<Pair> {
  const ordered = userId < otherId ? [userId, otherId] : [otherId, userId];
  await connection.query({
    name: 'contact-lock',
    text: "SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 10))",
    values: ordered,
  });
  const { rows } = await connection.query<{ user_id: string; state: number }>({
    name: 'contact-pair',
    text: `SELECT user_id, state FROM contact
      WHERE (user_id, other) = ($1, $2) OR (user_id, other) = ($2, $1)`,
    values: [userId, otherId],
  });
  const of = (id: string) => contactStateOf[rows.find((row) => row.user_id === id)?.state ?? 0];
  return { mine: of(userId), theirs: of(otherId) };
}

async function put(
  connection: Connection,
  userId: string,
  otherId: string,
  state: ContactState,
  at: number,
): Promise<void> {
  await connection.query({
    name: 'contact-put',
    text: `INSERT INTO contact (user_id, other, state, since) VALUES ($1, $2, $3, $4)
      ON CONFLICT (user_id, other) DO UPDATE SET state = excluded.state, since = excluded.since`,
    values: [userId, otherId, contactCode[state], at],
  });
}

const stands = (userId: string, state: Standing['state']) =>
  ({ code: 'stands', standing: { userId, state } }) as const;

async function befriend(
  connection: Connection,
  userId: string,
  otherId: string,
  at: number,
): Promise<void> {
  await put(connection, userId, otherId, 'accepted', at);
  await put(connection, otherId, userId, 'accepted', at);
}

/** See `Social.requestContact`. */
export async function requestContact(
  { now }: SocialContext,
  tx: Tx,
  userId: string,
  otherId: string,
): Promise<RequestContactResult> {
  const connection = connectionOf(tx);
  const { mine, theirs } = await lockPair(connection, userId, otherId);
  if (mine === 'blocked') return { code: 'contact_blocked' };
  if (theirs === 'blocked') return { code: 'contact_refused' };
  if (mine === 'accepted' || mine === 'requested') return stands(otherId, mine);
  if (mine === 'asked') {
    await befriend(connection, userId, otherId, now());
    return stands(otherId, 'accepted');
  }
  const at = now();
  await put(connection, userId, otherId, 'requested', at);
  await put(connection, otherId, userId, 'asked', at);
  return stands(otherId, 'requested');
}

/** See `Social.acceptContact`. */
export function acceptContact(
  context: SocialContext,
  userId: string,
  otherId: string,
): Promise<AcceptContactResult> {
  return write(context, async (connection) => {
    const { mine } = await lockPair(connection, userId, otherId);
    if (mine === 'asked') await befriend(connection, userId, otherId, context.now());
    else if (mine !== 'accepted') return { code: 'contact_not_found' };
    return stands(otherId, 'accepted');
  });
}

/** Deletes one direction, unless it is a block. */
async function forget(connection: Connection, userId: string, otherId: string): Promise<void> {
  await connection.query({
    name: 'contact-forget',
    text: `DELETE FROM contact WHERE (user_id, other) = ($1, $2) AND state <> ${contactCode.blocked}`,
    values: [userId, otherId],
  });
}

/** See `Social.removeContact`. */
export function removeContact(
  context: SocialContext,
  userId: string,
  otherId: string,
): Promise<Standing> {
  return write(context, async (connection) => {
    const { mine } = await lockPair(connection, userId, otherId);
    await forget(connection, userId, otherId);
    await forget(connection, otherId, userId);
    return { userId: otherId, state: mine === 'blocked' ? 'blocked' : 'none' };
  });
}

/** See `Social.blockContact`. */
export function blockContact(
  context: SocialContext,
  userId: string,
  otherId: string,
): Promise<Standing> {
  return write(context, async (connection) => {
    const { mine } = await lockPair(connection, userId, otherId);
    if (mine !== 'blocked') {
      await forget(connection, otherId, userId);
      await put(connection, userId, otherId, 'blocked', context.now());
    }
    return { userId: otherId, state: 'blocked' };
  });
}

/** See `Social.unblockContact`. */
export function unblockContact(
  context: SocialContext,
  userId: string,
  otherId: string,
): Promise<Standing> {
  return write(context, async (connection) => {
    const { mine } = await lockPair(connection, userId, otherId);
    if (mine !== 'blocked') return { userId: otherId, state: mine ?? 'none' };
    await connection.query('DELETE FROM contact WHERE (user_id, other) = ($1, $2)', [
      userId,
      otherId,
    ]);
    return { userId: otherId, state: 'none' };
  });
}
