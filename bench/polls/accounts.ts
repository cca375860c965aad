/** Members with an account each, shared in groups of ten, written straight into the tables. */
import type { Pool } from 'pg';
import { type CardKey, Vault } from '../../engine/payment/vault.ts';
import { sealSecret } from '../../engine/trade/secrets.ts';
import { accountName, ownerName, platformName, secretOf } from './names.ts';

const groupMembers = 10;
const rowsAtATime = 1_000;

export async function makeAccounts(pool: Pool, accounts: number, key: CardKey): Promise<void> {
  const groups = Math.ceil(accounts / groupMembers);
  await pool.query(
    `INSERT INTO conversation (kind, name, owner, members, created_at, last_at)
     SELECT 3, 'group', 'member-' || i * $2, $2, 0, 0 FROM generate_series(0, $1 - 1) AS i`,
    [groups, groupMembers],
  );
  const vault = new Vault([key]);
  for (let start = 0; start < accounts; start += rowsAtATime) {
    const rows = Array.from({ length: Math.min(rowsAtATime, accounts - start) }, (_, n) => {
      const i = start + n;
      const owner = { user_id: ownerName(i), platform: platformName, account: accountName(i) };
      return { ...owner, ...sealSecret(vault, owner, secretOf(i)) };
    });
    await pool.query(
      `INSERT INTO trade_account (created_at, user_id, platform, account, secret_key, secret_nonce, secret)
       SELECT 0, user_id, $1, account, $2, nonce, secret
       FROM unnest($3::text[], $4::text[], $5::bytea[], $6::bytea[]) AS t (user_id, account, nonce, secret)`,
      [
        platformName,
        key.id,
        rows.map((row) => row.user_id),
        rows.map((row) => row.account),
        rows.map((row) => row.secret_nonce),
        rows.map((row) => row.secret),
      ],
    );
  }
  await pool.query(
    `INSERT INTO trade_settings_account (conversation, trade_account, user_id)
     SELECT 1 + (id - 1) / $1, id, user_id FROM trade_account`,
    [groupMembers],
  );
  await pool.query(
    `INSERT INTO member (conversation, user_id, joined_no, read_no, joined_at)
     SELECT conversation, user_id, 0, 0, 0 FROM trade_settings_account`,
  );
  await pool.query('VACUUM ANALYZE conversation, member, trade_account, trade_settings_account');
}
