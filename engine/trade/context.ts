/** What the statements of trade groups share: pool, clock, platforms, vault, and their transactions. */
import type { Tx } from '../books/types.ts';
import { inTx, retried } from '../books/context.ts';
import type { Vault } from '../payment/vault.ts';
import type { SocialContext } from '../social/context.ts';
import type { Connection } from '../store/statements.ts';
import type { TradePlatforms } from '../trade-http/platforms.ts';

export interface TradeContext extends SocialContext {
  readonly platforms: Pick<TradePlatforms, 'info'>;
  /** Undefined: there are no keys, so no secret is taken. */
  readonly vault: Vault | undefined;
}

/** A transaction that stays only when its work comes to one of these codes. */
export function decide<Result extends { readonly code: string }>(
  { pool }: Pick<TradeContext, 'pool'>,
  good: Result['code'],
  work: (tx: Tx, connection: Connection) => Promise<Result>,
): Promise<Result> {
  return retried(() =>
    inTx(pool, async (tx, connection) => {
      const value = await work(tx, connection);
      return { commit: value.code === good, value };
    }),
  );
}
