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

/** How two users stand to each other, locked: nobody else changes it until the transaction ends. */
interface Pair {
  readonly connection: Connection;
  readonly userId: string;
  readonly otherId: string;
  readonly mine: ContactState | undefined;
  readonly theirs: ContactState | undefined;
  readonly at: number;
}

/**
 * Locks both directions: rows that do not exist yet cannot be locked, and two requests that cross must see each other.
 * A transaction takes one pair only, so these locks cannot deadlock.
 */
async function lockPair(
  connection: Connection,
  { now }: SocialContext,
  userId: string,
  otherId: string,
): Promise<Pair> {
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
  return { connection, userId, otherId, mine: of(userId), theirs: of(otherId), at: now() };
}

/** Both directions as they stand afterwards, the user's own first; undefined: no row. */
type After = readonly [ContactState | undefined, ContactState | undefined];

/** Writes what differs; a direction that stays keeps its time. */
async function put(pair: Pair, [mine, theirs]: After): Promise<void> {
  const { userId, otherId } = pair;
  if (mine !== pair.mine) await putOne(pair, [userId, otherId], mine);
  if (theirs !== pair.theirs) await putOne(pair, [otherId, userId], theirs);
}

async function putOne(
  { connection, at }: Pair,
  direction: readonly [string, string],
  state: ContactState | undefined,
): Promise<void> {
  await connection.query(
    state === undefined
      ? {
          name: 'contact-forget',
          text: 'DELETE FROM contact WHERE (user_id, other) = ($1, $2)',
          values: [...direction],
        }
      : {
          name: 'contact-put',
          text: `INSERT INTO contact (user_id, other, state, since) VALUES ($1, $2, $3, $4)
            ON CONFLICT (user_id, other) DO UPDATE SET state = excluded.state, since = excluded.since`,
          values: [...direction, contactCode[state], at],
        },
  );
}

const stands = (userId: string, state: Standing['state']) =>
  ({ code: 'stands', standing: { userId, state } }) as const;

/** What becomes of a direction whose other side goes away: a block stays. */
const unlessBlock = (state: ContactState | undefined): ContactState | undefined =>
  state === 'blocked' ? state : undefined;

/** See `Social.requestContact`. */
export async function requestContact(
  context: SocialContext,
  tx: Tx,
  userId: string,
  otherId: string,
): Promise<RequestContactResult> {
  const pair = await lockPair(connectionOf(tx), context, userId, otherId);
  const { mine, theirs } = pair;
  if (theirs === 'blocked' && mine !== 'blocked') return { code: 'contact_refused' };
  switch (mine) {
    case 'blocked':
      return { code: 'contact_blocked' };
    case 'accepted':
    case 'requested':
      return stands(otherId, mine);
    case 'asked':
      await put(pair, ['accepted', 'accepted']);
      return stands(otherId, 'accepted');
    case undefined:
      await put(pair, ['requested', 'asked']);
      return stands(otherId, 'requested');
    default:
      return mine satisfies never;
  }
}

/** See `Social.acceptContact`. */
export function acceptContact(
  context: SocialContext,
  userId: string,
  otherId: string,
): Promise<AcceptContactResult> {
  return write(context, async (connection) => {
    const pair = await lockPair(connection, context, userId, otherId);
    if (pair.mine !== 'asked' && pair.mine !== 'accepted') return { code: 'contact_not_found' };
    await put(pair, ['accepted', 'accepted']);
    return stands(otherId, 'accepted');
  });
}

/** A change that the user makes alone; gives how the user stands to the other one afterwards. */
function change(decide: (pair: Pair) => After) {
  return (context: SocialContext, userId: string, otherId: string): Promise<Standing> =>
    write(context, async (connection) => {
      const pair = await lockPair(connection, context, userId, otherId);
      const after = decide(pair);
      await put(pair, after);
      return { userId: otherId, state: after[0] ?? 'none' };
    });
}

/** See `Social.removeContact`. */
export const removeContact = change(({ mine, theirs }) => [unlessBlock(mine), unlessBlock(theirs)]);

/** See `Social.blockContact`. */
export const blockContact = change(({ theirs }) => ['blocked', unlessBlock(theirs)]);

/** See `Social.unblockContact`. */
export const unblockContact = change(({ mine, theirs }) => [
  mine === 'blocked' ? undefined : mine,
  theirs,
]);
