/** One account of a member's settings: what is to become of its row, and doing so. (T5, ¶80) */
import { assert } from '../core/assert.ts';
import { VaultError } from '../payment/vault.ts';
import type { Connection } from '../store/statements.ts';
import type { TradePath } from '../trade-http/config.ts';
import { type AccountRow, insertAccount, replaceSecret } from './accounts.ts';
import type { TradeContext } from './context.ts';
import type { Mapped } from './mappings.ts';
import { pathOf } from './paths.ts';
import { openSecret, sealSecret, type SecretColumns } from './secrets.ts';
import type { GivenAccount, WrongSetting } from './types.ts';

/** What is to become of an account's row, and how its trades will come. */
export interface Plan {
  readonly row: Mapped;
  readonly known: AccountRow | undefined;
  /** `keep`: as it is. */
  readonly secret: 'keep' | 'none' | { readonly text: string };
  readonly path: TradePath;
}

/** @param i its place in the request */
export function planned(
  { platforms, vault }: TradeContext,
  userId: string,
  { platform, account, secret }: GivenAccount,
  known: AccountRow | undefined,
  i: number,
): Plan | { readonly wrong: WrongSetting } {
  const wrong = (field: string, message: string) => ({
    wrong: { field: `accounts[${i}].${field}`, message },
  });
  const info = platforms.info(platform);
  if (info === undefined) return wrong('platform', 'is no platform of this server');
  const isPolled = info.paths.includes('poll');
  if (secret !== undefined && !isPolled) {
    return wrong('secret', 'is not used by this platform: give the account alone');
  }
  const keeps = secret === undefined && isPolled && known !== undefined && known.secret !== null;
  const hasSecret = secret !== undefined || keeps;
  const path = pathOf(info, userId, account, hasSecret);
  if (path === undefined) {
    return isPolled
      ? wrong('secret', 'is needed by this platform')
      : wrong('account', 'must be the own user id on this platform');
  }
  const row = { user_id: userId, platform, account };
  // The secret that is there already changes nothing, unless the platform has refused it: then it is tried again.
  const isSame = secret !== undefined && known?.stopped === null && opensTo(vault, known, secret);
  const kept = keeps || isSame ? 'keep' : undefined;
  return { row, known, path, secret: kept ?? (secret === undefined ? 'none' : { text: secret }) };
}

function opensTo(vault: TradeContext['vault'], known: AccountRow, secret: string): boolean {
  if (vault === undefined || known.secret === null) return false;
  try {
    return openSecret(vault, known) === secret;
  } catch (error) {
    if (error instanceof VaultError) return false;
    throw error;
  }
}

/** @returns the id of the row */
export async function carryOut(
  { vault }: TradeContext,
  connection: Connection,
  { row, known, secret }: Plan,
  at: number,
): Promise<number> {
  const isNone = secret === 'none' && known?.secret === null;
  if (known !== undefined && (secret === 'keep' || isNone)) return known.id;
  let sealed: SecretColumns | undefined;
  if (typeof secret === 'object') {
    assert(vault !== undefined, 'secrets are refused where there are no keys');
    sealed = sealSecret(vault, row, secret.text);
  }
  return known === undefined
    ? insertAccount(connection, row, sealed, at)
    : replaceSecret(connection, known.id, sealed);
}
