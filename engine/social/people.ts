/** Profiles; a user comes into being at first use, because who exists is the token issuer's to say. (E16) */
import { assert } from '../core/assert.ts';
import type { Connection } from '../store/statements.ts';
import type { SocialContext } from './context.ts';
import type { Profile } from './types.ts';

interface PersonRow {
  readonly user_id: string;
  readonly name: string;
  readonly about: string;
  readonly created_at: number;
}

function profile(row: PersonRow | undefined): Profile {
  assert(row !== undefined, 'a person that was just written');
  return { userId: row.user_id, name: row.name, about: row.about, createdAt: row.created_at };
}

/** Writes the user's row unless it stands; named by its id until the user chooses. */
export async function comeIntoBeing(
  connection: Connection,
  userId: string,
  at: number,
): Promise<void> {
  await connection.query({
    name: 'person-come',
    text: `INSERT INTO person (user_id, name, created_at) VALUES ($1, $1, $2) ON CONFLICT DO NOTHING`,
    values: [userId, at],
  });
}

/** See `Social.me`. */
export async function me({ pool, now }: SocialContext, userId: string): Promise<Profile> {
  const select = () =>
    pool.query<PersonRow>({
      name: 'person',
      text: 'SELECT user_id, name, about, created_at FROM person WHERE user_id = $1',
      values: [userId],
    });
  const { rows } = await select();
  if (rows[0] !== undefined) return profile(rows[0]);
  await comeIntoBeing(pool, userId, now());
  return profile((await select()).rows[0]);
}

/** See `Social.setProfile`. */
export async function setProfile(
  { pool, now }: SocialContext,
  userId: string,
  name: string,
  about: string,
): Promise<Profile> {
  const { rows } = await pool.query<PersonRow>(
    `INSERT INTO person (user_id, name, about, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, about = excluded.about
     RETURNING user_id, name, about, created_at`,
    [userId, name, about, now()],
  );
  return profile(rows[0]);
}
