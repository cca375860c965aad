/**
 * Secrets of members' accounts on trade platforms, sealed as cards are; only polling opens them. The words they are
 * sealed for name user, platform and account: one that is copied into another row does not open. (T5, T9)
 */
import type { Sealed, Vault } from '../payment/vault.ts';

/** Of `trade_account`; ids of users and platforms hold no space, so no two rows have the same words. */
interface Owner {
  readonly user_id: string;
  readonly platform: string;
  readonly account: string;
}
export interface SecretColumns {
  readonly secret_key: string;
  readonly secret_nonce: Buffer;
  readonly secret: Buffer;
}

export const secretRow = ({ user_id, platform, account }: Owner): string =>
  `trade account ${user_id} ${platform} ${account}`;

export function sealSecret(vault: Vault, owner: Owner, secret: string): SecretColumns {
  const { keyId, nonce, text } = vault.seal(secret, secretRow(owner));
  return { secret_key: keyId, secret_nonce: Buffer.from(nonce), secret: Buffer.from(text) };
}

/** @throws VaultError */
export function openSecret(vault: Vault, row: Owner & SecretColumns): string {
  const sealed: Sealed = { keyId: row.secret_key, nonce: row.secret_nonce, text: row.secret };
  return vault.open(sealed, secretRow(row));
}
