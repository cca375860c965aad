/**
 * Rows of members' accounts: each is there once, in however many groups it is shared, and goes with the last of them, its
 * secret with it. Locks are taken in one order: the group's row, then the member, then accounts by id; so polls, pushes,
 * settings and leaving never wait for each other in a circle. (T5, ¶80)
 */
import { assert } from '../core/assert.ts';
import { integers, texts } from '../store/arrays.ts';
import type { Connection } from '../store/statements.ts';
import { endMappings, type Mapped } from './mappings.ts';
import type { SecretColumns } from './secrets.ts';

type MaybeSecret = SecretColumns | { readonly [Column in keyof SecretColumns]: null };
export type AccountRow = Mapped & {
  readonly id: number;
  readonly stopped: string | null;
} & MaybeSecret;

/** Settings of one member change one after the other, whatever group they are of: accounts are shared by them. */
export async function lockMembers(
  connection: Connection,
  userIds: readonly string[],
): Promise<void> {
  await connection.query({
    name: 'trade-member-lock',
    text: `SELECT pg_advisory_xact_lock(hashtextextended(user_id, 12))
      FROM (SELECT user_id FROM unnest($1::text[]) AS given (user_id) ORDER BY user_id) AS sorted`,
    values: [texts(userIds)],
  });
}

/** All of a member, locked. */
export async function accountsOf(
  connection: Connection,
  userId: string,
): Promise<readonly AccountRow[]> {
  const { rows } = await connection.query<AccountRow>(
    `SELECT id, user_id, platform, account, stopped, secret_key, secret_nonce, secret FROM trade_account
     WHERE user_id = $1 ORDER BY id FOR UPDATE`,
    [userId],
  );
  return rows;
}

const secretValues = (secret: SecretColumns | undefined) =>
  secret === undefined
    ? [null, null, null]
    : [secret.secret_key, secret.secret_nonce, secret.secret];

const idIn = ({ rows }: { readonly rows: readonly { readonly id: number }[] }): number => {
  assert(rows[0] !== undefined, 'the row was written under its lock');
  return rows[0].id;
};

/** @returns its id */
export async function insertAccount(
  connection: Connection,
  { platform, account, user_id }: Mapped,
  secret: SecretColumns | undefined,
  at: number,
): Promise<number> {
  const added = await connection.query<{ id: number }>(
    `INSERT INTO trade_account (created_at, user_id, platform, account, secret_key, secret_nonce, secret)
     VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
    [at, user_id, platform, account, ...secretValues(secret)],
  );
  return idIn(added);
}

/**
 * Another secret, or none any more: a new id, so that what was begun with the old one comes to nothing; the cursor stays.
 *
 * @returns the new id
 */
export async function replaceSecret(
  connection: Connection,
  id: number,
  secret: SecretColumns | undefined,
): Promise<number> {
  const replaced = await connection.query<{ id: number }>(
    `UPDATE trade_account SET id = DEFAULT, stopped = NULL, polled_at = NULL,
       secret_key = $2, secret_nonce = $3, secret = $4 WHERE id = $1 RETURNING id`,
    [id, ...secretValues(secret)],
  );
  return idIn(replaced);
}

/** Accounts of these members that no settings name any more, and what platforms were told of them. */
export async function dropUnused(
  connection: Connection,
  userIds: readonly string[],
  at: number,
): Promise<void> {
  const unused = await connection.query<Mapped & { readonly id: number }>(
    `SELECT id, user_id, platform, account FROM trade_account
     WHERE user_id = ANY ($1::text[])
       AND NOT EXISTS (SELECT FROM trade_settings_account WHERE trade_settings_account.trade_account = trade_account.id)
     ORDER BY id FOR UPDATE`,
    [texts(userIds)],
  );
  if (unused.rows.length === 0) return;
  await connection.query('DELETE FROM trade_account WHERE id = ANY ($1::bigint[])', [
    integers(unused.rows.map(({ id }) => id)),
  ]);
  await endMappings(connection, unused.rows, at);
}
